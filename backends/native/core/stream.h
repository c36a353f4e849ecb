// Copies past the caches: what is larger than them would only drive out what they hold, and a
// line that is to be overwritten whole need not be read first.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif
#include <unistd.h>

namespace tilewright {

// Copies from so many bytes on go past the caches: half of the last one, where the system tells.
inline int64_t stream_bytes() {
  static const int64_t bytes = [] {
#ifdef _SC_LEVEL3_CACHE_SIZE
    const int64_t cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
#else
    const int64_t cache = 0;
#endif
    return cache > 0 ? cache / 2 : int64_t{16} << 20;
  }();
  return bytes;
}

inline void stream_copy(void* target, const void* source, size_t bytes) {
#if defined(__SSE2__)
  char* to = static_cast<char*>(target);
  const char* from = static_cast<const char*>(source);
  const size_t head = size_t(-reinterpret_cast<uintptr_t>(to)) & 63;
  if (bytes < 256 + head) {
    std::memcpy(target, source, bytes);
    return;
  }
  std::memcpy(to, from, head);
  to += head, from += head, bytes -= head;
  for (; bytes >= 64; to += 64, from += 64, bytes -= 64) {
    __m128i line[4];
    for (int i = 0; i < 4; ++i) {
      line[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from) + i);
    }
    for (int i = 0; i < 4; ++i) _mm_stream_si128(reinterpret_cast<__m128i*>(to) + i, line[i]);
  }
  std::memcpy(to, from, bytes);
  _mm_sfence();
#else
  std::memcpy(target, source, bytes);
#endif
}

}  // namespace tilewright
