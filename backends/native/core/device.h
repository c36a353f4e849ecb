// The run side of a device, as a table of C functions: what a program or an artifact needs to run
// there without Python. A backend's folder fills one in and registers it under its name.
//
// Memory is a handle that the host must not touch; places in it are (handle, offset in bytes). Work
// goes to a queue and is done in order, later; only reading to the host, `wait` and `synchronise`
// block. Every function that can fail returns 0, or a code of tw_status with a message in `error`.
// Functions may be called from any thread, those of one queue from one thread at a time.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TW_DEVICE_VERSION 1

enum tw_status { TW_OK = 0, TW_FAILED = 1, TW_OUT_OF_MEMORY = 2, TW_UNSUPPORTED = 3, TW_LOST = 4 };

typedef struct tw_error {
  char text[1024];
} tw_error;

// Opaque: each backend defines its own.
typedef struct tw_device tw_device;
typedef struct tw_memory tw_memory;
typedef struct tw_queue tw_queue;
typedef struct tw_module tw_module;
typedef struct tw_function tw_function;
typedef struct tw_event tw_event;

typedef struct tw_properties {
  char name[128];    // of the processor
  char driver[128];  // name and version
  int64_t memory;    // bytes in all; 0: not known
  int64_t largest;   // most bytes of one allocation
  int64_t shared;    // most bytes of shared memory of a block
  int32_t units;     // multiprocessors, compute units
  int32_t threads;   // most threads of a block
  int32_t warp;      // threads that run in step; 1: none
  uint32_t dtypes;   // bit i: kernels may compute with dtype code i (dtype.h)
} tw_properties;

// How one phase of a kernel is launched.
typedef struct tw_launch {
  int64_t grid[3];   // blocks
  int32_t block[3];  // threads of a block
  int64_t shared;    // bytes of dynamic shared memory
} tw_launch;

// One argument of a kernel: memory (from an offset), or an int64 by value.
typedef struct tw_argument {
  tw_memory* memory;  // NULL: `value` is passed
  int64_t value;      // of memory: the offset in bytes, a multiple of 64
} tw_argument;

typedef struct tw_device_api {
  int32_t version;   // TW_DEVICE_VERSION
  const char* name;  // of the backend: "opencl"

  // How many devices there are; if none, `error` says why (no driver, none found).
  int32_t (*count)(tw_error* error);
  int (*open)(int32_t number, tw_device** device, tw_error* error);
  void (*close)(tw_device* device);
  int (*properties)(tw_device* device, tw_properties* properties, tw_error* error);

  int (*allocate)(tw_device* device, int64_t bytes, tw_memory** memory, tw_error* error);
  void (*release)(tw_device* device, tw_memory* memory);

  // `timed`: events of the queue carry times, at some cost; else `time` is TW_UNSUPPORTED.
  int (*make_queue)(tw_device* device, int32_t timed, tw_queue** queue, tw_error* error);
  void (*drop_queue)(tw_queue* queue);
  // `host` may be reused when `write` returns, and holds the bytes when `read` returns.
  int (*write)(tw_queue* queue, tw_memory* to, int64_t offset, const void* host, int64_t bytes,
               tw_error* error);
  int (*read)(tw_queue* queue, const tw_memory* from, int64_t offset, void* host, int64_t bytes,
              tw_error* error);
  int (*copy)(tw_queue* queue, const tw_memory* from, int64_t from_offset, tw_memory* to,
              int64_t to_offset, int64_t bytes, tw_error* error);

  // `code` is what the backend's compile side made. `binary` (may be NULL) receives what `load`
  // takes faster next time, to be kept on disk under the device's name and driver: allocated with
  // malloc, the caller frees it; NULL if there is no such form.
  int (*load)(tw_device* device, const void* code, size_t bytes, tw_module** module,
              void** binary, size_t* binary_bytes, tw_error* error);
  void (*unload)(tw_module* module);
  int (*function)(tw_module* module, const char* symbol, tw_function** function, tw_error* error);
  int (*launch)(tw_queue* queue, tw_function* function, const tw_launch* launch,
                int32_t n_arguments, const tw_argument* arguments, tw_error* error);

  // An event is done when all that was queued before it is. Times are nanoseconds of a clock of
  // the device's own: differences between events of one queue.
  int (*record)(tw_queue* queue, tw_event** event, tw_error* error);
  int (*wait)(tw_event* event, tw_error* error);
  int (*time)(tw_event* event, int64_t* nanoseconds, tw_error* error);
  void (*drop_event)(tw_event* event);
  int (*synchronise)(tw_queue* queue, tw_error* error);
} tw_device_api;

// Called once by each backend before main (a static initialiser); `api` lives for ever.
void tw_register_device(const tw_device_api* api);

// The table of that name, or NULL.
const tw_device_api* tw_find_device(const char* name);

#ifdef __cplusplus
}
#endif
