// Elements as unsigned keys whose order is NumPy's: numbers, then NaN.
#pragma once

#include <cstdint>

#include "dtype.h"
#include "error.h"

namespace tilewright {

template <class B, class K>
struct UnsignedOrder {
  using Bits = B;
  using Key = K;
  static constexpr bool kSignedZeros = false;
  static Key key(Bits bits) { return bits; }
  static Key equal_key(Bits bits) { return bits; }
  static Bits bits(Key key) { return Bits(key); }
};

template <class B, class K>
struct SignedOrder {
  using Bits = B;
  using Key = K;
  static constexpr bool kSignedZeros = false;
  static constexpr Bits kTop = Bits(Bits(1) << (8 * sizeof(B) - 1));
  static Key key(Bits bits) { return Key(Bits(bits ^ kTop)); }
  static Key equal_key(Bits bits) { return key(bits); }
  static Bits bits(Key key) { return Bits(Bits(key) ^ kTop); }
};

// Sign and magnitude to two's order; every NaN comes after infinity (its sign is lost).
template <class B, class K, uint64_t Infinity>
struct FloatOrder {
  using Bits = B;
  using Key = K;
  static constexpr bool kSignedZeros = true;
  static constexpr Bits kTop = Bits(Bits(1) << (8 * sizeof(B) - 1));
  // -0 before 0.
  static Key key(Bits bits) {
    if (Bits(bits & Bits(~kTop)) > Bits(Infinity)) bits = Bits(bits & Bits(~kTop));
    const Bits negative = Bits(Bits(0) - Bits(bits >> (8 * sizeof(B) - 1)));
    return Key(Bits(bits ^ Bits(negative | kTop)));
  }
  // Equal for -0 and 0, and for any two NaN.
  static Key equal_key(Bits bits) {
    const Bits magnitude = Bits(bits & Bits(~kTop));
    if (magnitude > Bits(Infinity)) return Key(Bits(~Bits(0)));
    return key(magnitude ? bits : Bits(0));
  }
  static Bits bits(Key key) {
    const Bits value = Bits(key);
    return value & kTop ? Bits(value ^ kTop) : Bits(~value);
  }
};

// Calls body(order) with the order of a dtype.
template <class Body>
void with_order(DType type, Body&& body) {
  switch (type) {
    case DType::Bool:
    case DType::UInt8: return body(UnsignedOrder<uint8_t, uint32_t>());
    case DType::UInt16: return body(UnsignedOrder<uint16_t, uint32_t>());
    case DType::UInt32: return body(UnsignedOrder<uint32_t, uint32_t>());
    case DType::UInt64: return body(UnsignedOrder<uint64_t, uint64_t>());
    case DType::Int8: return body(SignedOrder<uint8_t, uint32_t>());
    case DType::Int16: return body(SignedOrder<uint16_t, uint32_t>());
    case DType::Int32: return body(SignedOrder<uint32_t, uint32_t>());
    case DType::Int64: return body(SignedOrder<uint64_t, uint64_t>());
    case DType::Float16: return body(FloatOrder<uint16_t, uint32_t, 0x7c00>());
    case DType::BFloat16: return body(FloatOrder<uint16_t, uint32_t, 0x7f80>());
    case DType::Float32: return body(FloatOrder<uint32_t, uint32_t, 0x7f800000>());
    case DType::Float64:
      return body(FloatOrder<uint64_t, uint64_t, 0x7ff0000000000000>());
  }
}

// Calls body(order, position) with the order of a dtype and the narrowest unsigned integer that
// numbers the elements of a line of n.
template <class Body>
void with_order_and_position(DType type, int64_t n, Body&& body) {
  with_order(type, [&](auto order) {
    if (n <= int64_t(UINT32_MAX)) body(order, uint32_t());
    else body(order, uint64_t());
  });
}

// A dtype's code among the sizes of a routine.
inline DType dtype_of_size(const char* routine, int64_t code) {
  if (!is_code(code))
    fail(ErrorKind::Value, "%s: there is no dtype %lld", routine, static_cast<long long>(code));
  return DType(code);
}

}  // namespace tilewright
