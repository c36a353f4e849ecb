// What generated kernels call; see lowering/plain_c.py. Contraction is off: kernels say fma.
// Read by NVRTC, and by the emulation of cuda_sim, which defines TW_EMULATED and supplies the rest.
#pragma once

#ifndef TW_EMULATED
typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
typedef unsigned int uint;
typedef unsigned char uchar;
typedef unsigned short ushort;
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#ifdef TW_FRAGMENTS
#include <mma.h>
#endif
#endif

#define TW_DEVICE static __device__ __forceinline__

#define tw_select(c, a, b) ((c) ? (a) : (b))

template <class To, class From>
TW_DEVICE To tw_bits(From x) {
  static_assert(sizeof(To) == sizeof(From), "the bits of another width");
  To result;
  memcpy(&result, &x, sizeof result);
  return result;
}
#define tw_float32(x) tw_bits<float>((uint32_t)(x))
#define tw_float64(x) tw_bits<double>((uint64_t)(x))
#define tw_as_float32(x) tw_bits<float>(x)
#define tw_as_float64(x) tw_bits<double>(x)
#define tw_as_int8(x) tw_bits<int8_t>(x)
#define tw_as_uint8(x) tw_bits<uint8_t>(x)
#define tw_as_int16(x) tw_bits<int16_t>(x)
#define tw_as_uint16(x) tw_bits<uint16_t>(x)
#define tw_as_int32(x) tw_bits<int32_t>(x)
#define tw_as_uint32(x) tw_bits<uint32_t>(x)
#define tw_as_int64(x) tw_bits<int64_t>(x)
#define tw_as_uint64(x) tw_bits<uint64_t>(x)

#define TW_MATH_1(name)                                            \
  TW_DEVICE float tw_##name(float x) { return name##f(x); }        \
  TW_DEVICE double tw_##name(double x) { return name(x); }
#define TW_MATH_2(name)                                                           \
  TW_DEVICE float tw_##name(float x, float y) { return name##f(x, y); }           \
  TW_DEVICE double tw_##name(double x, double y) { return name(x, y); }
TW_MATH_1(ceil)
TW_MATH_1(fabs)
TW_MATH_1(floor)
TW_MATH_1(rint)
TW_MATH_1(sqrt)
TW_MATH_1(trunc)
TW_MATH_2(copysign)
TW_DEVICE float tw_fma(float a, float b, float c) { return fmaf(a, b, c); }
TW_DEVICE double tw_fma(double a, double b, double c) { return fma(a, b, c); }
TW_DEVICE uint32_t tw_ctpop(uint32_t x) { return __popc(x); }
TW_DEVICE uint64_t tw_ctpop(uint64_t x) { return __popcll(x); }
TW_DEVICE uint32_t tw_ctpop(uint16_t x) { return __popc(x); }
TW_DEVICE uint32_t tw_ctpop(uint8_t x) { return __popc(x); }
#define tw_cttz(x, of_zero) tw_ctpop(decltype(x)(((x) & (0 - (x))) - 1))
#define tw_multiply_add(a, b, c) tw_fma(a, b, c)

TW_DEVICE float tw_half_to_float(ushort bits) { return __half2float(__ushort_as_half(bits)); }
TW_DEVICE ushort tw_float_to_half(float x) { return __half_as_ushort(__float2half_rn(x)); }
