// The queue's thread, and copies on it.
#include <cstring>

#include "records.h"

tw_queue::tw_queue(tw_device* on, bool with_times) : device(on), timed(with_times) {
  thread = std::thread([this] { loop(); });
}

tw_queue::~tw_queue() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    ending = true;
  }
  changed.notify_all();
  thread.join();
}

void tw_queue::push(std::function<bool(std::string&)> job) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    work.push_back(std::move(job));
  }
  changed.notify_all();
}

std::string tw_queue::drain() {
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [this] { return work.empty() && !busy; });
  return failure;
}

void tw_queue::loop() {
  std::unique_lock<std::mutex> lock(mutex);
  for (;;) {
    changed.wait(lock, [this] { return ending || !work.empty(); });
    if (work.empty()) return;
    auto job = std::move(work.front());
    work.pop_front();
    busy = true;
    std::string found = failure;
    lock.unlock();
    job(found);
    job = nullptr;  // what it holds is released outside of the lock
    lock.lock();
    failure = found;
    busy = false;
    changed.notify_all();
  }
}

namespace tilewright::cuda_sim {
namespace {

bool is_inside(const tw_memory* memory, int64_t offset, int64_t bytes) {
  return offset >= 0 && bytes >= 0 && uint64_t(offset) <= memory->bytes &&
         uint64_t(bytes) <= memory->bytes - uint64_t(offset);
}

int outside(tw_error* error) {
  return failed(error, TW_FAILED, "cudaErrorInvalidValue: a copy beyond the memory's end");
}

}  // namespace

int queue_write(tw_queue* queue, tw_memory* to, int64_t offset, const void* host, int64_t bytes,
                tw_error* error) {
  if (!is_inside(to, offset, bytes)) return outside(error);
  const char* from = static_cast<const char*>(host);
  auto staged = std::make_shared<std::vector<char>>(from, from + bytes);
  queue->push([=, to = Held(to)](std::string& failure) {
    if (!failure.empty()) return false;
    const Opened opened(to.get());
    std::memcpy(to->base + offset, staged->data(), staged->size());
    return true;
  });
  return TW_OK;
}

int queue_read(tw_queue* queue, const tw_memory* from, int64_t offset, void* host, int64_t bytes,
               tw_error* error) {
  if (!is_inside(from, offset, bytes)) return outside(error);
  queue->push([=, from = Held(from)](std::string& failure) {
    if (!failure.empty()) return false;
    const Opened opened(from.get());
    std::memcpy(host, from->base + offset, size_t(bytes));
    return true;
  });
  const std::string failure = queue->drain();
  return failure.empty() ? TW_OK : failed(error, TW_LOST, failure.c_str());
}

int queue_copy(tw_queue* queue, const tw_memory* from, int64_t from_offset, tw_memory* to,
               int64_t to_offset, int64_t bytes, tw_error* error) {
  if (!is_inside(from, from_offset, bytes) || !is_inside(to, to_offset, bytes))
    return outside(error);
  queue->push([=, from = Held(from), to = Held(to)](std::string& failure) {
    if (!failure.empty()) return false;
    const Opened reads(from.get()), writes(to.get());
    std::memmove(to->base + to_offset, from->base + from_offset, size_t(bytes));
    return true;
  });
  return TW_OK;
}

}  // namespace tilewright::cuda_sim
