// The pool of a device.
#include <new>

#include "devices.h"
#include "error.h"

namespace tilewright {

void give_back(Buffer* buffer) { buffer->device->give_back(static_cast<DeviceBuffer*>(buffer)); }

Buffer* Device::allocate(int64_t bytes) {
  check_usable();
  if (bytes < 0 || bytes > kMaxBytes)
    fail(ErrorKind::Memory, "memory of %s: got a request for %lld bytes; 0 to 2**46 can be given",
         name(), static_cast<long long>(bytes));
  int64_t capacity;
  const int index = size_class(bytes, &capacity);
  std::lock_guard<std::mutex> lock(pool_mutex_);
  Buffer* buffer = free_[index];
  if (buffer) {
    free_[index] = buffer->next;
    pooled_ -= capacity;
  } else {
    buffer = new_block(capacity);
  }
  buffer->owner = nullptr;
  buffer->bytes = bytes;
  buffer->holders.store(1, std::memory_order_relaxed);
  in_use_ += counted(bytes);
  if (in_use_ > peak_) peak_ = in_use_;
  return buffer;
}

DeviceBuffer* Device::new_block(int64_t capacity) {
  if (over_limit(capacity) || pooled_ > in_use_ + kIdleBytes) release_pool();
  tw_error error{};
  tw_memory* memory = nullptr;
  int status = TW_OUT_OF_MEMORY;
  if (!over_limit(capacity)) status = api_->allocate(device_, capacity, &memory, &error);
  if (status == TW_OUT_OF_MEMORY && pooled_) {
    release_pool();
    if (!over_limit(capacity)) status = api_->allocate(device_, capacity, &memory, &error);
  }
  if (status == TW_OUT_OF_MEMORY)
    fail(ErrorKind::Memory,
         "memory of %s: could not allocate %lld bytes; %lld bytes are in use, the limit is %lld "
         "(0: none)%s%s",
         name(), static_cast<long long>(capacity), static_cast<long long>(in_use_),
         static_cast<long long>(limit_), *error.text ? "; " : "", error.text);
  if (status) raise("allocate", status, error);
  DeviceBuffer* buffer = new (std::nothrow) DeviceBuffer;
  if (!buffer) {
    api_->release(device_, memory);
    fail(ErrorKind::Memory, "memory of %s: no room for a header", name());
  }
  buffer->data = nullptr;
  buffer->capacity = capacity;
  buffer->drop = nullptr;
  buffer->device = this;
  buffer->writable = true;
  buffer->memory = memory;
  held_ += capacity;
  return buffer;
}

void Device::give_back(DeviceBuffer* buffer) {
  if (of_parent_) return;  // the memory is the parent's
  int64_t capacity;
  const int index = size_class(buffer->capacity, &capacity);
  std::lock_guard<std::mutex> lock(pool_mutex_);
  in_use_ -= counted(buffer->bytes);
  pooled_ += capacity;
  buffer->next = free_[index];
  free_[index] = buffer;
}

void Device::release_pool() {
  if (!pooled_) return;
  drain();  // kernels that are queued may still use the blocks
  for (Buffer*& list : free_)
    while (Buffer* block = list) {
      list = block->next;
      held_ -= block->capacity;
      api_->release(device_, memory_of(block));
      delete static_cast<DeviceBuffer*>(block);
    }
  pooled_ = 0;
}

MemoryStats Device::memory_stats() {
  std::lock_guard<std::mutex> lock(pool_mutex_);
  return {in_use_, peak_, pooled_, limit_};
}

void Device::reset_peak() {
  std::lock_guard<std::mutex> lock(pool_mutex_);
  peak_ = in_use_;
}

void Device::empty_cache() {
  check_usable();
  std::lock_guard<std::mutex> lock(pool_mutex_);
  release_pool();
}

void Device::set_memory_limit(int64_t bytes) {
  std::lock_guard<std::mutex> lock(pool_mutex_);
  limit_ = bytes;
}

}  // namespace tilewright
