// Opened devices and their queues.
#include "devices.h"

#include <pthread.h>

#include <cstdlib>
#include <memory>

#include "error.h"
#include "timeline.h"

namespace tilewright {
namespace {

struct Opened {
  std::mutex mutex;
  std::vector<Device*> list;
};

// Leaked on purpose, as the devices are: buffers may be released after static destructors.
Opened& opened() {
  static Opened* instance = new Opened;
  return *instance;
}

const tw_device_api& table(const std::string& backend) {
  const tw_device_api* api = tw_find_device(backend.c_str());
  if (!api)
    fail(ErrorKind::Device, "device: this build has no run side for %.100s", backend.c_str());
  return *api;
}

}  // namespace

// fork() must not copy a locked mutex into the child.
void lock_devices() {
  opened().mutex.lock();
  for (Device* device : opened().list) {
    device->pool_mutex_.lock();  // in the order of release_pool
    device->queue_mutex_.lock();
  }
}

void unlock_devices(bool child) {
  for (Device* device : opened().list) {
    device->queue_mutex_.unlock();
    device->pool_mutex_.unlock();
    device->of_parent_ = device->of_parent_ || child;
  }
  opened().mutex.unlock();
}

int Device::count(const std::string& backend, std::string* why) {
  tw_error error{};
  const int found = table(backend).count(&error);
  if (found <= 0 && why) *why = error.text;
  return found < 0 ? 0 : found;
}

Device& Device::at(int index) {
  std::lock_guard<std::mutex> lock(opened().mutex);
  if (index < 1 || size_t(index) > opened().list.size())
    fail(ErrorKind::Device, "device: got number %d; %zu are open", index, opened().list.size());
  return *opened().list[size_t(index) - 1];
}

Device& Device::open(const std::string& backend, int number) {
  static const bool once = [] {
    // In this order: at a fork the queues' locks are taken before the timeline's, as in `tell`.
    timeline::at_stop(tell_all_times);
    pthread_atfork(lock_devices, [] { unlock_devices(false); }, [] { unlock_devices(true); });
    return true;
  }();
  (void)once;
  const std::string name = backend + ":" + std::to_string(number);
  std::lock_guard<std::mutex> lock(opened().mutex);
  for (Device* device : opened().list)
    if (device->name_ == name) return *device;
  std::unique_ptr<Device> made(new Device(&table(backend), name));
  tw_error error{};
  const int found = made->api_->count(&error);
  if (number < 0 || number >= found)
    fail(ErrorKind::Device, "%s: there is no such device: %s", name.c_str(),
         found > 0 ? (std::to_string(found) + " of them are there").c_str() : error.text);
  int status = made->api_->open(number, &made->device_, &error);
  if (!status) status = made->api_->properties(made->device_, &made->properties_, &error);
  if (!status) status = made->api_->make_queue(made->device_, 0, &made->queue_, &error);
  if (status) {
    if (made->device_) made->api_->close(made->device_);
    made->raise("open", status, error);
  }
  made->limit_ = bytes_from_environment("TILEWRIGHT_DEVICE_MEMORY_LIMIT");
  opened().list.push_back(made.get());
  made->index_ = int(opened().list.size());
  return *made.release();
}

Device::Device(const tw_device_api* api, std::string name)
    : api_(api), name_(std::move(name)), times_(api) {}

void Device::check_usable() const {
  if (of_parent_)
    fail(ErrorKind::Device,
         "%s: it was opened before fork(), and drivers do not work on in the child; open it there "
         "first, or start the process in another way",
         name());
}

void Device::raise(const char* operation, int status, const tw_error& error) {
  const char* hint = status == TW_LOST ? " (the device is lost)" : "";
  fail(status == TW_OUT_OF_MEMORY ? ErrorKind::Memory : ErrorKind::Device, "%s: %s failed: %s%s",
       name(), operation, error.text, hint);
}

// A call on the queue. Drivers may take memory only now: then the pool is given back and the call
// made once more.
template <class Call>
void Device::attempt(const char* operation, Call call) {
  check_usable();
  tw_error error{};
  int status;
  {
    std::lock_guard<std::mutex> lock(queue_mutex_);
    if (timeline::enabled() != times_.is_on()) follow_timeline();
    status = call(&error);
  }
  if (status == TW_OUT_OF_MEMORY) {
    empty_cache();
    std::lock_guard<std::mutex> lock(queue_mutex_);
    status = call(&error);
  }
  if (status) raise(operation, status, error);
}

void Device::write(Buffer* to, const void* host, int64_t bytes) {
  if (!bytes) return check_usable();
  static const int32_t label = timeline::intern("write");
  const timeline::Span span(timeline::Category::Copy, label, bytes);
  attempt("write", [&](tw_error* error) {
    const int status = api_->write(queue_, memory_of(to), 0, host, bytes, error);
    if (!status) times_.mark(timeline::Category::Copy, label, bytes, 0);
    return status;
  });
}

void Device::read(const Buffer* from, int64_t offset, void* host, int64_t bytes) {
  if (!bytes) return check_usable();
  static const int32_t label = timeline::intern("read");
  const timeline::Span span(timeline::Category::Copy, label, bytes);
  attempt("read", [&](tw_error* error) {
    return api_->read(queue_, memory_of(from), offset, host, bytes, error);
  });
}

void Device::copy(const Buffer* from, int64_t from_offset, Buffer* to, int64_t to_offset,
                  int64_t bytes) {
  if (!bytes) return check_usable();
  static const int32_t label = timeline::intern("copy");
  const timeline::Span span(timeline::Category::Copy, label, bytes);
  attempt("copy", [&](tw_error* error) {
    const int status = api_->copy(queue_, memory_of(from), from_offset, memory_of(to), to_offset,
                                  bytes, error);
    if (!status) times_.mark(timeline::Category::Copy, label, bytes, 0);
    return status;
  });
}

void Device::launch(tw_function* function, const tw_launch& launch, int n_arguments,
                    const tw_argument* arguments, int32_t label, int64_t number) {
  attempt("launch", [&](tw_error* error) {
    const int status = api_->launch(queue_, function, &launch, n_arguments, arguments, error);
    if (!status) {
      const int64_t blocks = launch.grid[0] * launch.grid[1] * launch.grid[2];
      times_.mark(timeline::Category::Kernel, label, blocks, number);
    }
    return status;
  });
}

void Device::synchronise() {
  attempt("synchronise", [&](tw_error* error) { return api_->synchronise(queue_, error); });
}

void Device::set_timed(bool timed) {
  attempt("set_timed", [&](tw_error* error) {
    is_timed_ = timed;
    return times_.is_on() ? int(TW_OK) : change_queue(timed, error);  // then it has times already
  });
}

int Device::change_queue(bool timed, tw_error* error) {
  int status = api_->synchronise(queue_, error);
  tw_queue* made = nullptr;
  if (!status) status = api_->make_queue(device_, timed, &made, error);
  if (status) return status;
  api_->drop_queue(queue_);
  queue_ = made;
  return status;
}

// Events carry times while somebody records. A driver that cannot do that keeps its queue.
void Device::follow_timeline() {
  tw_error ignored{};
  if (times_.is_on()) {
    times_.end();
    if (!is_timed_) change_queue(false, &ignored);
  } else {
    if (!is_timed_) change_queue(true, &ignored);
    times_.begin(queue_, name_ + " queue");
  }
}

void Device::tell_times() {
  if (of_parent_) return;
  std::lock_guard<std::mutex> lock(queue_mutex_);
  times_.tell();
}

void tell_all_times() {
  std::lock_guard<std::mutex> lock(opened().mutex);
  for (Device* device : opened().list) device->tell_times();
}

int64_t Device::time() {
  int64_t nanoseconds = 0;
  attempt("time", [&](tw_error* error) {
    tw_event* event = nullptr;
    int status = api_->record(queue_, &event, error);
    if (!status) status = api_->wait(event, error);
    if (!status) status = api_->time(event, &nanoseconds, error);
    if (event) api_->drop_event(event);
    return status;
  });
  return nanoseconds;
}

tw_module* Device::load(const void* code, size_t bytes, std::string* binary) {
  check_usable();
  tw_module* module = nullptr;
  tw_error error{};
  void* made = nullptr;
  size_t made_bytes = 0;
  const int status = api_->load(device_, code, bytes, &module, binary ? &made : nullptr,
                                binary ? &made_bytes : nullptr, &error);
  if (made) {
    binary->assign(static_cast<char*>(made), made_bytes);
    std::free(made);
  }
  if (status) raise("load", status, error);
  return module;
}

tw_function* Device::function(tw_module* module, const char* symbol) {
  tw_function* found = nullptr;
  tw_error error{};
  const int status = api_->function(module, symbol, &found, &error);
  if (status) raise(symbol, status, error);
  return found;
}

void Device::unload(tw_module* module) {
  if (of_parent_) return;
  drain();  // its kernels may still be queued
  api_->unload(module);
}

// Waits, whatever has failed.
void Device::drain() {
  tw_error ignored{};
  std::lock_guard<std::mutex> lock(queue_mutex_);
  api_->synchronise(queue_, &ignored);
}

}  // namespace tilewright
