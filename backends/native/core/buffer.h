// Memory: 64-byte aligned blocks from a pool with size classes, shared by counting holders.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace tilewright {

constexpr int64_t kAlignment = 64;

// The header of a block. Our own blocks carry it in front of their data, foreign ones apart.
struct alignas(kAlignment) Buffer {
  char* data;
  int64_t bytes;     // asked for
  int64_t capacity;  // of the size class; 0 for foreign memory
  std::atomic<int64_t> holders;
  void (*drop)(void* owner);  // foreign memory: called when the last holder leaves
  union {
    void* owner;   // of foreign memory
    Buffer* next;  // in the pool's list of free blocks
  };
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

// Reads TILEWRIGHT_MEMORY_LIMIT (bytes, or a number with K, M, G or T); throws Error(Value).
void configure_memory();

constexpr int64_t round_up(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace tilewright
