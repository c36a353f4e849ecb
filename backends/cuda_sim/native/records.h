// What stands behind the opaque types of device.h here.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "../emulation/abi.h"
#include "device.h"
#include "fibers.h"

struct tw_device {
  std::mutex mutex;
  int64_t used = 0, total = 0;
};

// Memory that nobody can touch, as if it were elsewhere, except while work on it runs. It lives as
// long as work on it is queued.
struct tw_memory {
  tw_device* device;
  char* base;
  size_t bytes;  // of whole pages
  std::mutex mutex;
  int open = 0;  // pieces of work that have it open
  std::atomic<int> holders{1};

  tw_memory(tw_device* on, char* at, size_t size) : device(on), base(at), bytes(size) {}
  ~tw_memory();
};

struct tw_function {
  const tw_sim_kernel* kernel;
  struct tw_module* module;
};

struct tw_module {
  void* library;
  const tw_sim_module_table* table;
  std::mutex mutex;  // its shared memory and its place serve one block at a time
  std::vector<std::unique_ptr<tw_function>> functions;
};

struct tw_event {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false, timed = false;
  int64_t time = 0;
  std::string failure;  // of the queue, at its time
};

// Work in order on a thread of its own. After a failure nothing more is done, as on the device
// that is emulated, and everything that waits gets the failure.
struct tw_queue {
  tw_device* device;
  bool timed;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<bool(std::string& failure)>> work;
  bool busy = false, ending = false;
  std::string failure;
  tilewright::cuda_sim::BlockRunner runner;
  std::thread thread;

  tw_queue(tw_device* on, bool with_times);
  ~tw_queue();
  void push(std::function<bool(std::string&)> job);
  std::string drain();  // the failure, or nothing

 private:
  void loop();
};

namespace tilewright::cuda_sim {

int failed(tw_error* error, int status, const char* text);

// Keeps memory alive for work that is queued.
class Held {
 public:
  explicit Held(const tw_memory* memory) : memory_(const_cast<tw_memory*>(memory)) { retain(); }
  Held(const Held& other) : memory_(other.memory_) { retain(); }
  Held& operator=(const Held&) = delete;
  ~Held() { let_go(memory_); }
  tw_memory* operator->() const { return memory_; }
  tw_memory* get() const { return memory_; }
  static void let_go(tw_memory* memory) {
    if (memory && --memory->holders == 0) delete memory;
  }

 private:
  void retain() {
    if (memory_) ++memory_->holders;
  }
  tw_memory* memory_;
};

// Makes memory accessible while it lives.
class Opened {
 public:
  explicit Opened(tw_memory* memory);
  ~Opened();
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;

 private:
  tw_memory* memory_;
};

int allocate(tw_device*, int64_t bytes, tw_memory** memory, tw_error* error);
void release(tw_device*, tw_memory* memory);
int load_module(tw_device*, const void* code, size_t bytes, tw_module** module, void** binary,
                size_t* binary_bytes, tw_error* error);
void unload_module(tw_module* module);
int find_function(tw_module* module, const char* symbol, tw_function** function, tw_error* error);
int queue_write(tw_queue*, tw_memory* to, int64_t offset, const void* host, int64_t bytes,
                tw_error* error);
int queue_read(tw_queue*, const tw_memory* from, int64_t offset, void* host, int64_t bytes,
               tw_error* error);
int queue_copy(tw_queue*, const tw_memory* from, int64_t from_offset, tw_memory* to,
               int64_t to_offset, int64_t bytes, tw_error* error);
int queue_launch(tw_queue*, tw_function* function, const tw_launch* launch, int32_t n_arguments,
                 const tw_argument* arguments, tw_error* error);

// Of the device that is emulated (compute capability 8.0).
constexpr int64_t kMaxGridX = INT32_MAX, kMaxGridYZ = 65535;
constexpr int32_t kMaxBlockXY = 1024, kMaxBlockZ = 64;
constexpr int64_t kMaxShared = 48 << 10;

}  // namespace tilewright::cuda_sim
