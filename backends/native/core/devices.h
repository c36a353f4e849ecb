// Devices with memory and a queue of their own, over the tables of device.h: opened once, kept for
// ever. Their memory comes from a pool with size classes; a block that is freed is used again at
// once, because whoever gets it queues his work behind that of the one who gave it back.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "buffer.h"
#include "device.h"
#include "queue_times.h"

namespace tilewright {

struct DeviceBuffer : Buffer {
  tw_memory* memory;
};

inline tw_memory* memory_of(const Buffer* buffer) {
  return static_cast<const DeviceBuffer*>(buffer)->memory;
}

// Tells the timeline what has run on all queues; waits for it.
void tell_all_times();

class Device {
 public:
  // Device `number` of a backend. Throws Error(Device) that says why there is none.
  static Device& open(const std::string& backend, int number);

  // Of those that are open, by number: 1, 2, ...; 0 is the host. Throws Error(Device).
  static Device& at(int index);

  // How many devices a backend has; if none, `why` says the reason.
  static int count(const std::string& backend, std::string* why);

  const char* name() const { return name_.c_str(); }  // "backend:number"
  int index() const { return index_; }
  const tw_properties& properties() const { return properties_; }

  // A block with one holder. Throws Error(Memory).
  Buffer* allocate(int64_t bytes);
  void give_back(DeviceBuffer* buffer);

  MemoryStats memory_stats();
  void reset_peak();
  void empty_cache();
  void set_memory_limit(int64_t bytes);  // 0: none

  // In the order of the calls, whatever thread makes them; only `read` and `synchronise` wait.
  void write(Buffer* to, const void* host, int64_t bytes);
  void read(const Buffer* from, int64_t offset, void* host, int64_t bytes);
  void copy(const Buffer* from, int64_t from_offset, Buffer* to, int64_t to_offset, int64_t bytes);
  // For the timeline: `label` of the kernel, `number` of the launch.
  void launch(tw_function* function, const tw_launch& launch, int n_arguments,
              const tw_argument* arguments, int32_t label, int64_t number);
  void synchronise();

  // Whether events carry times from now on; waits for what is queued.
  void set_timed(bool timed);
  // The device's clock when all that is queued now is done, in nanoseconds; waits.
  int64_t time();

  // Code with its functions. `binary` receives the form for the disk cache, or stays empty.
  tw_module* load(const void* code, size_t bytes, std::string* binary);
  tw_function* function(tw_module* module, const char* symbol);
  void unload(tw_module* module);

 private:
  Device(const tw_device_api* api, std::string name);

  void check_usable() const;
  template <class Call>
  void attempt(const char* operation, Call call);
  int change_queue(bool timed, tw_error* error);  // the caller holds queue_mutex_
  void follow_timeline();                         // so here
  void tell_times();
  friend void tell_all_times();
  [[noreturn]] void raise(const char* operation, int status, const tw_error& error);
  DeviceBuffer* new_block(int64_t capacity);
  void release_pool();  // the caller holds pool_mutex_
  void drain();
  bool over_limit(int64_t capacity) const { return limit_ > 0 && held_ + capacity > limit_; }
  friend void lock_devices();
  friend void unlock_devices(bool child);

  const tw_device_api* api_;
  tw_device* device_ = nullptr;
  tw_queue* queue_ = nullptr;
  std::string name_;
  int index_ = 0;
  tw_properties properties_{};
  bool of_parent_ = false;  // opened before a fork(): drivers do not live on in the child

  std::mutex queue_mutex_;
  QueueTimes times_;
  bool is_timed_ = false;  // asked for by set_timed
  std::mutex pool_mutex_;
  Buffer* free_[kSizeClasses] = {};
  int64_t in_use_ = 0, peak_ = 0, pooled_ = 0, held_ = 0, limit_ = 0;
};

// The last holder of a device's block has left.
void give_back(Buffer* buffer);

// Registers the table of a shared library that exports `const tw_device_api* tw_device_table()`,
// and gives its name. Throws Error(Device).
std::string load_device_table(const char* path);

}  // namespace tilewright
