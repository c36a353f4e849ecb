// The table of device.h for the emulated device.
#include "device.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "dtype.h"
#include "records.h"

namespace {

using namespace tilewright::cuda_sim;

bool is_program(const std::string& path) {
  struct stat found{};
  const char* name = path.c_str();
  return stat(name, &found) == 0 && S_ISREG(found.st_mode) && access(name, X_OK) == 0;
}

bool is_on_path(const char* name) {
  if (!name || !*name) return false;
  if (std::string(name).find('/') != std::string::npos) return is_program(name);
  const char* variable = std::getenv("PATH");
  const std::string path = variable ? variable : "";
  for (size_t at = 0; at <= path.size();) {
    const size_t end = std::min(path.find(':', at), path.size());
    if (is_program(path.substr(at, end - at) + "/" + name)) return true;
    at = end + 1;
  }
  return false;
}

// The compile side looks for the same names (compiler.py).
int32_t count(tw_error* error) {
  for (const char* name : {static_cast<const char*>(std::getenv("CXX")), "c++", "g++", "clang++"})
    if (is_on_path(name)) return 1;
  failed(error, TW_FAILED,
         "there is no C++ compiler (c++, g++ or clang++) on the path, which kernels need");
  return 0;
}

int open_device(int32_t, tw_device** device, tw_error*) {
  *device = new tw_device;
  (*device)->total = int64_t(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  return TW_OK;
}

void close_device(tw_device* device) { delete device; }

int properties_of(tw_device* device, tw_properties* properties, tw_error*) {
  std::snprintf(properties->name, sizeof properties->name, "emulated, compute capability 8.0");
  std::snprintf(properties->driver, sizeof properties->driver, "cuda_sim %d", TW_SIM_VERSION);
  properties->memory = properties->largest = device->total;
  properties->shared = kMaxShared;
  properties->units = 1;
  properties->threads = kMaxThreads;
  properties->warp = TW_SIM_WARP;
  properties->dtypes = (1u << tilewright::kDTypes) - 1;
  return TW_OK;
}

int make_queue(tw_device* device, int32_t timed, tw_queue** queue, tw_error* error) {
  try {
    *queue = new tw_queue(device, timed != 0);
  } catch (const std::exception& reason) {
    return failed(error, TW_FAILED, reason.what());
  }
  return TW_OK;
}

void drop_queue(tw_queue* queue) { delete queue; }

int64_t now() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
}

// The event is shared with the queue, as it may be dropped before its time.
struct SharedEvent {
  std::shared_ptr<tw_event> event;
};

int record(tw_queue* queue, tw_event** event, tw_error*) {
  auto* shared = new SharedEvent{std::make_shared<tw_event>()};
  shared->event->timed = queue->timed;
  queue->push([event = shared->event](std::string& failure) {
    {
      std::lock_guard<std::mutex> lock(event->mutex);
      event->done = true;
      event->time = now();
      event->failure = failure;
    }
    event->changed.notify_all();
    return true;
  });
  *event = reinterpret_cast<tw_event*>(shared);
  return TW_OK;
}

tw_event& event_of(tw_event* event) { return *reinterpret_cast<SharedEvent*>(event)->event; }

int wait(tw_event* event, tw_error* error) {
  tw_event& waited = event_of(event);
  std::unique_lock<std::mutex> lock(waited.mutex);
  waited.changed.wait(lock, [&] { return waited.done; });
  return waited.failure.empty() ? TW_OK : failed(error, TW_LOST, waited.failure.c_str());
}

int time_of(tw_event* event, int64_t* nanoseconds, tw_error* error) {
  tw_event& asked = event_of(event);
  std::lock_guard<std::mutex> lock(asked.mutex);
  if (!asked.timed) return failed(error, TW_UNSUPPORTED, "the queue was made without times");
  *nanoseconds = asked.time;
  return TW_OK;
}

void drop_event(tw_event* event) { delete reinterpret_cast<SharedEvent*>(event); }

int synchronise(tw_queue* queue, tw_error* error) {
  const std::string failure = queue->drain();
  return failure.empty() ? TW_OK : failed(error, TW_LOST, failure.c_str());
}

const tw_device_api kTable = {
    TW_DEVICE_VERSION, "cuda_sim", count, open_device, close_device, properties_of, allocate,
    release, make_queue, drop_queue, queue_write, queue_read, queue_copy, load_module,
    unload_module, find_function, queue_launch, record, wait, time_of, drop_event, synchronise};

[[maybe_unused]] const bool registered = (tw_register_device(&kTable), true);

}  // namespace
