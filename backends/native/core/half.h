// Conversions of the two half types, for single elements (kernels convert whole arrays).
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace tilewright {

inline uint32_t float_bits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}

inline float float_from_bits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

inline float half_to_float(uint16_t half) {
  const uint32_t sign = uint32_t(half & 0x8000) << 16;
  const uint32_t exponent = (half >> 10) & 31, fraction = half & 1023;
  if (exponent == 31) return float_from_bits(sign | 0x7f800000 | (fraction << 13));
  if (exponent == 0) {  // zero and subnormals: an exact product
    const float magnitude = float(fraction) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  return float_from_bits(sign | ((exponent + 112) << 23) | (fraction << 13));
}

// Rounds to nearest even, straight from double, so that nothing is rounded twice.
inline uint16_t half_from_double(double value) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const double magnitude = std::fabs(value);
  if (std::isnan(value)) return sign | 0x7e00;
  if (magnitude >= 65520.0) return sign | 0x7c00;
  if (magnitude < 0x1p-14) return sign | uint16_t(std::nearbyint(magnitude * 0x1p24));
  const int exponent = std::ilogb(magnitude);
  const double fraction = std::nearbyint(std::scalbn(magnitude, 10 - exponent));  // 1024..2048
  return sign | uint16_t(((exponent + 14) << 10) + int(fraction));
}

inline float bfloat16_to_float(uint16_t bits) { return float_from_bits(uint32_t(bits) << 16); }

inline uint16_t bfloat16_from_float(float value) {
  const uint32_t bits = float_bits(value);
  if (std::isnan(value)) return uint16_t(bits >> 16) | 0x40;
  return uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// Rounding to odd in between makes the second rounding right.
inline uint16_t bfloat16_from_double(double value) {
  float rounded = float(value);
  if (std::isfinite(rounded) && double(rounded) != value) {
    const bool away = std::fabs(double(rounded)) > std::fabs(value);
    uint32_t bits = float_bits(rounded) - (away ? 1 : 0);
    rounded = float_from_bits(bits | 1);
  } else if (std::isinf(rounded) && std::isfinite(value)) {
    rounded = std::copysign(3.4028234663852886e38f, rounded);
  }
  return bfloat16_from_float(rounded);
}

}  // namespace tilewright
