// Size classes of pools: up to 1 KiB in steps of 64 bytes, then eight classes for each doubling (at
// most 12.5 % waste).
#pragma once

#include <cstdint>

namespace tilewright {

constexpr int64_t kAlignment = 64;
constexpr int64_t kMaxBytes = int64_t{1} << 46;
constexpr int kSizeClasses = 16 + 45 * 8;

// Freed blocks beyond this and beyond what is in use are given back when a new one is needed, so
// that programs whose sizes change all the time do not pile up blocks that nobody asks for again.
constexpr int64_t kIdleBytes = int64_t{256} << 20;

constexpr int64_t round_up(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// The number of the class, and the bytes of its blocks.
inline int size_class(int64_t bytes, int64_t* capacity) {
  const int64_t units = bytes <= 0 ? 1 : (bytes + kAlignment - 1) / kAlignment;
  if (units <= 16) {
    *capacity = units * kAlignment;
    return int(units - 1);
  }
  const int exponent = 63 - __builtin_clzll(uint64_t(units));
  const int64_t step = int64_t{1} << (exponent - 3);
  const int64_t steps = (units + step - 1) / step;  // 8 to 16
  *capacity = steps * step * kAlignment;
  return 16 + (exponent - 4) * 8 + int(steps - 8);
}

}  // namespace tilewright
