#include "buffer.h"

#include <pthread.h>
#include <sys/mman.h>

#include <cstdlib>
#include <mutex>
#include <new>

#include "devices.h"
#include "error.h"
#include "timeline.h"

namespace tilewright {
namespace {

constexpr int64_t kHugePage = int64_t{2} << 20;

struct Heap {
  std::mutex mutex;
  Buffer* free[kSizeClasses] = {};
  int64_t in_use = 0, peak = 0, pooled = 0, held = 0, limit = 0;
};

// Leaked on purpose: buffers may be released after static destructors have run.
Heap& heap() {
  static Heap* instance = [] {
    Heap* made = new Heap;
    // fork() must not copy a locked mutex into the child.
    pthread_atfork([] { heap().mutex.lock(); }, [] { heap().mutex.unlock(); },
                   [] { heap().mutex.unlock(); });
    return made;
  }();
  return *instance;
}

void release_all(Heap& h) {
  for (Buffer*& list : h.free)
    while (Buffer* block = list) {
      list = block->next;
      h.held -= block->capacity;
      std::free(block);
    }
  h.pooled = 0;
}

void* system_block(int64_t capacity) {
  const int64_t total = capacity + int64_t(sizeof(Buffer));
  const bool huge = total >= 2 * kHugePage;
  void* block = nullptr;
  if (posix_memalign(&block, size_t(huge ? kHugePage : kAlignment), size_t(total))) return nullptr;
#ifdef MADV_HUGEPAGE
  if (huge) madvise(block, size_t(total), MADV_HUGEPAGE);
#endif
  return block;
}

bool over_limit(const Heap& h, int64_t capacity) {
  return h.limit > 0 && h.held + capacity > h.limit;
}

Buffer* new_block(Heap& h, int64_t capacity) {
  if (over_limit(h, capacity) || h.pooled > h.in_use + kIdleBytes) release_all(h);
  void* block = over_limit(h, capacity) ? nullptr : system_block(capacity);
  if (!block && h.pooled) {
    release_all(h);
    block = over_limit(h, capacity) ? nullptr : system_block(capacity);
  }
  if (!block)
    fail(ErrorKind::Memory,
         "memory: could not allocate %lld bytes; %lld bytes are in use, the limit is %lld "
         "(0: none)",
         static_cast<long long>(capacity), static_cast<long long>(h.in_use),
         static_cast<long long>(h.limit));
  h.held += capacity;
  return new (block) Buffer;
}

// Tells the timeline how much is in use. Without the lock: the timeline has one of its own.
void tell_use(const Heap& h, std::unique_lock<std::mutex>& lock) {
  if (!timeline::enabled()) return;
  const int64_t in_use = h.in_use;
  lock.unlock();
  timeline::count(timeline::Category::Memory, in_use);
}

int64_t parse_bytes(const char* variable, const char* text) {
  char* end = nullptr;
  const double number = std::strtod(text, &end);
  int64_t unit = 1;
  if (end != text && *end) {
    switch (*end++) {
      case 'T': unit <<= 10; [[fallthrough]];
      case 'G': unit <<= 10; [[fallthrough]];
      case 'M': unit <<= 10; [[fallthrough]];
      case 'K': unit <<= 10; break;
      default: unit = 0;
    }
  }
  const double bytes = number * double(unit);
  if (end == text || *end || unit == 0 || !(bytes >= 0 && bytes < double(kMaxBytes)))
    fail(ErrorKind::Value,
         "%s: got \"%.100s\"; it must be a number of bytes such as 2000000000, 500M or 4G",
         variable, text);
  return int64_t(bytes);
}

}  // namespace

Buffer* allocate(int64_t bytes) {
  if (bytes < 0 || bytes > kMaxBytes)
    fail(ErrorKind::Memory, "memory: got a request for %lld bytes; 0 to 2**46 can be given",
         static_cast<long long>(bytes));
  int64_t capacity;
  const int index = size_class(bytes, &capacity);
  Heap& h = heap();
  std::unique_lock<std::mutex> lock(h.mutex);
  Buffer* buffer = h.free[index];
  if (buffer) {
    h.free[index] = buffer->next;
    h.pooled -= capacity;
  } else {
    buffer = new_block(h, capacity);
    buffer->data = reinterpret_cast<char*>(buffer + 1);
    buffer->capacity = capacity;
    buffer->drop = nullptr;
    buffer->device = nullptr;
    buffer->writable = true;
  }
  buffer->owner = nullptr;
  buffer->bytes = bytes;
  buffer->holders.store(1, std::memory_order_relaxed);
  h.in_use += counted(bytes);
  if (h.in_use > h.peak) h.peak = h.in_use;
  tell_use(h, lock);
  return buffer;
}

Buffer* adopt(void* data, int64_t bytes, void (*drop)(void*), void* owner) {
  void* block = nullptr;
  if (posix_memalign(&block, kAlignment, sizeof(Buffer)))
    fail(ErrorKind::Memory, "memory: could not allocate the header of a foreign buffer");
  Buffer* buffer = new (block) Buffer;
  buffer->data = static_cast<char*>(data);
  buffer->bytes = bytes;
  buffer->capacity = 0;
  buffer->drop = drop;
  buffer->owner = owner;
  buffer->device = nullptr;
  buffer->writable = false;
  buffer->holders.store(1, std::memory_order_relaxed);
  return buffer;
}

void destroy(Buffer* buffer) {
  if (buffer->device) return give_back(buffer);
  if (buffer->drop) {
    buffer->drop(buffer->owner);
    std::free(buffer);
    return;
  }
  int64_t capacity;
  const int index = size_class(buffer->capacity, &capacity);
  Heap& h = heap();
  std::unique_lock<std::mutex> lock(h.mutex);
  h.in_use -= counted(buffer->bytes);
  h.pooled += capacity;
  buffer->next = h.free[index];
  h.free[index] = buffer;
  tell_use(h, lock);
}

MemoryStats memory_stats() {
  Heap& h = heap();
  std::lock_guard<std::mutex> lock(h.mutex);
  return {h.in_use, h.peak, h.pooled, h.limit};
}

void reset_peak() {
  Heap& h = heap();
  std::lock_guard<std::mutex> lock(h.mutex);
  h.peak = h.in_use;
}

void empty_cache() {
  Heap& h = heap();
  std::lock_guard<std::mutex> lock(h.mutex);
  release_all(h);
}

void set_memory_limit(int64_t bytes) {
  Heap& h = heap();
  std::lock_guard<std::mutex> lock(h.mutex);
  h.limit = bytes;
}

int64_t bytes_from_environment(const char* variable) {
  const char* text = std::getenv(variable);
  return text && *text ? parse_bytes(variable, text) : 0;
}

void configure_memory() {
  if (const int64_t limit = bytes_from_environment("TILEWRIGHT_MEMORY_LIMIT"))
    set_memory_limit(limit);
}

}  // namespace tilewright
