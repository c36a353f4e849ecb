// The hash of a key's bytes.
#pragma once

#include <cstdint>
#include <cstring>

namespace tilewright {

// Eight bytes a step, each mixed by a multiplication, as MurmurHash3's finaliser does (Appleby).
inline uint64_t hash_bytes(const char* bytes, int length) {
  uint64_t hash = 0x9E3779B97F4A7C15ull ^ uint64_t(length), word;
  int at = 0;
  for (; at + 8 <= length; at += 8) {
    std::memcpy(&word, bytes + at, 8);
    hash = (hash ^ word) * 0xFF51AFD7ED558CCDull;
    hash ^= hash >> 32;
  }
  word = 0;
  std::memcpy(&word, bytes + at, size_t(length - at));
  hash = (hash ^ word) * 0xC4CEB9FE1A85EC53ull;
  return hash ^ (hash >> 29);
}

}  // namespace tilewright
