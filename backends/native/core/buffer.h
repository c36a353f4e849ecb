// Memory: 64-byte aligned blocks from a pool with size classes, shared by counting holders.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "size_class.h"

namespace tilewright {

class Device;

// The header of a block. Our own blocks carry it in front of their data, foreign ones apart, those
// of a device in a DeviceBuffer (devices.h).
struct alignas(kAlignment) Buffer {
  char* data;        // null on a device: the host must not touch its memory
  int64_t bytes;     // asked for
  int64_t capacity;  // of the size class; 0 for foreign memory
  std::atomic<int64_t> holders;
  void (*drop)(void* owner);  // foreign memory: called when the last holder leaves
  union {
    void* owner;   // of foreign memory
    Buffer* next;  // in the pool's list of free blocks
  };
  Device* device;  // where the memory is; null: the host's
  bool writable;
};

// A block with one holder. Throws Error(Memory).
Buffer* allocate(int64_t bytes);

// Foreign memory that `drop(owner)` gives back; never written.
Buffer* adopt(void* data, int64_t bytes, void (*drop)(void*), void* owner);

void destroy(Buffer* buffer);

inline void retain(Buffer* buffer) { buffer->holders.fetch_add(1, std::memory_order_relaxed); }

inline void release(Buffer* buffer) {
  if (buffer && buffer->holders.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy(buffer);
}

// Nobody else can see a change of the data.
inline bool exclusive(const Buffer* buffer) {
  return buffer->writable && buffer->holders.load(std::memory_order_acquire) == 1;
}

// Holds a buffer for a scope.
class BufferRef {
 public:
  BufferRef() = default;
  explicit BufferRef(Buffer* owned) : buffer_(owned) {}
  BufferRef(BufferRef&& other) noexcept : buffer_(other.take()) {}
  BufferRef& operator=(BufferRef&& other) noexcept {
    std::swap(buffer_, other.buffer_);
    return *this;
  }
  ~BufferRef() { release(buffer_); }
  static BufferRef share(Buffer* buffer) {
    retain(buffer);
    return BufferRef(buffer);
  }
  Buffer* get() const { return buffer_; }
  Buffer* operator->() const { return buffer_; }
  explicit operator bool() const { return buffer_ != nullptr; }
  Buffer* take() { return std::exchange(buffer_, nullptr); }

 private:
  Buffer* buffer_ = nullptr;
};

struct MemoryStats {
  int64_t in_use, peak, pooled, limit;
};

MemoryStats memory_stats();
void reset_peak();
void empty_cache();
void set_memory_limit(int64_t bytes);  // 0: none

// Reads TILEWRIGHT_MEMORY_LIMIT; throws Error(Value).
void configure_memory();

// The bytes that an environment variable says (a number, or one with K, M, G or T), 0 if it is not
// set; throws Error(Value).
int64_t bytes_from_environment(const char* variable);

// What an allocation counts for in the statistics.
constexpr int64_t counted(int64_t bytes) { return round_up(bytes, kAlignment); }

}  // namespace tilewright
