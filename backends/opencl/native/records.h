// The opaque records of device.h, as OpenCL fills them.
#pragma once

#include <vector>

#include "driver.h"

using namespace tilewright::opencl;

struct tw_device {
  DeviceId id;
  Context context;
};

struct tw_memory;  // a Memory itself, by another name

struct tw_queue {
  Queue queue;
  tw_device* device;
  bool timed;
};

struct tw_module {
  ClProgram program;
  std::vector<ClKernel> kernels;  // asked for by `function`; they live as long as the module
};

struct tw_function;  // a ClKernel itself, by another name
struct tw_event;     // an Event itself, by another name

namespace tilewright::opencl {

inline Memory memory_of(const tw_memory* memory) {
  return reinterpret_cast<Memory>(const_cast<tw_memory*>(memory));
}
inline ClKernel kernel_of(tw_function* function) { return reinterpret_cast<ClKernel>(function); }
inline Event event_of(tw_event* event) { return reinterpret_cast<Event>(event); }

int load_module(tw_device* device, const void* code, size_t bytes, tw_module** module,
                void** binary, size_t* binary_bytes, tw_error* error);
void unload_module(tw_module* module);
int find_function(tw_module* module, const char* symbol, tw_function** function, tw_error* error);

int queue_write(tw_queue* queue, tw_memory* to, int64_t offset, const void* host, int64_t bytes,
                tw_error* error);
int queue_read(tw_queue* queue, const tw_memory* from, int64_t offset, void* host, int64_t bytes,
               tw_error* error);
int queue_copy(tw_queue* queue, const tw_memory* from, int64_t from_offset, tw_memory* to,
               int64_t to_offset, int64_t bytes, tw_error* error);
int queue_launch(tw_queue* queue, tw_function* function, const tw_launch* launch,
                 int32_t n_arguments, const tw_argument* arguments, tw_error* error);

}  // namespace tilewright::opencl
