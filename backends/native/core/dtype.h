// Element types; the codes are those of dsl/dtypes.py.
#pragma once

#include <cstdint>

namespace tilewright {

enum class DType : uint8_t {
  Bool, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64, Float16, BFloat16, Float32,
  Float64, Complex64, Complex128
};

constexpr int kDTypes = 15;
constexpr uint8_t kItemsize[kDTypes] = {1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 2, 4, 8, 8, 16};
constexpr const char* kDTypeName[kDTypes] = {
    "bool",   "int8",   "int16",   "int32",    "int64",   "uint8",     "uint16",    "uint32",
    "uint64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128"};

enum class Kind : uint8_t { Bool, Integer, Float, Complex };

constexpr bool is_code(int64_t code) { return code >= 0 && code < kDTypes; }
constexpr int itemsize(DType type) { return kItemsize[static_cast<int>(type)]; }
constexpr const char* name(DType type) { return kDTypeName[static_cast<int>(type)]; }
constexpr Kind kind(DType type) {
  return type == DType::Bool        ? Kind::Bool
         : type < DType::Float16    ? Kind::Integer
         : type < DType::Complex64  ? Kind::Float
                                    : Kind::Complex;
}
// Complex numbers are pairs of floats, the real part first, and lie as these do.
constexpr DType part(DType type) {
  return type == DType::Complex64    ? DType::Float32
         : type == DType::Complex128 ? DType::Float64
                                     : type;
}
constexpr int alignment(DType type) { return itemsize(part(type)); }
constexpr bool is_signed(DType type) { return type >= DType::Int8 && type <= DType::Int64; }

}  // namespace tilewright
