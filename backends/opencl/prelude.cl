// What generated kernels call; see lowering/plain_c.py. Contraction is off: kernels say fma.
#pragma OPENCL FP_CONTRACT OFF
#ifdef cl_khr_fp64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#endif

#define tw_select(c, a, b) ((c) ? (a) : (b))
#define tw_float32(bits) as_float(bits)
#define tw_float64(bits) as_double(bits)
#define tw_as_float32(x) as_float(x)
#define tw_as_float64(x) as_double(x)
#define tw_as_int8(x) as_char(x)
#define tw_as_uint8(x) as_uchar(x)
#define tw_as_int16(x) as_short(x)
#define tw_as_uint16(x) as_ushort(x)
#define tw_as_int32(x) as_int(x)
#define tw_as_uint32(x) as_uint(x)
#define tw_as_int64(x) as_long(x)
#define tw_as_uint64(x) as_ulong(x)

#define tw_ceil ceil
#define tw_copysign copysign
#define tw_fabs fabs
#define tw_floor floor
#define tw_fma fma
#define tw_rint rint
#define tw_sqrt sqrt
#define tw_trunc trunc
#define fmodf fmod

#define tw_ctpop popcount
#define tw_cttz(x, of_zero) popcount(((x) & (0 - (x))) - 1)

// Products are summed with one rounding where that is fast.
#ifdef FP_FAST_FMAF
#define tw_multiply_add(a, b, c) fma(a, b, c)
#else
#define tw_multiply_add(a, b, c) ((a) * (b) + (c))
#endif

float tw_half_to_float(ushort bits) {
  return vload_half(0, (const __private half*)&bits);
}

ushort tw_float_to_half(float x) {
  ushort bits;
  vstore_half_rte(x, 0, (__private half*)&bits);
  return bits;
}
