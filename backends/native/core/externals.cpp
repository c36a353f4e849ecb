// The C functions that kernels may call.
#include <math.h>

#include <cstring>
#include <string>
#include <unordered_map>

#include "elf_image.h"
#include "half.h"
#include "stream.h"

namespace tilewright {
namespace {

using Table = std::unordered_map<std::string, void*>;

template <class Result, class... Arguments>
void* address(Result (*function)(Arguments...)) {
  return reinterpret_cast<void*>(function);
}

#if defined(__x86_64__)
// Conversions of half types that LLVM calls on machines without the instructions. A half travels
// in the low bits of a vector register, as a float does, so a float carries it here.
float carry(uint16_t bits) { return float_from_bits(bits); }
float extend_half(float half) { return half_to_float(uint16_t(float_bits(half))); }
float truncate_to_half(float value) { return carry(half_from_double(value)); }
float truncate_double_to_half(double value) { return carry(half_from_double(value)); }
float truncate_to_bfloat16(float value) { return carry(bfloat16_from_float(value)); }
float truncate_double_to_bfloat16(double value) { return carry(bfloat16_from_double(value)); }

void add_half_conversions(Table& table) {
  table["__extendhfsf2"] = address(extend_half);
  table["__truncsfhf2"] = address(truncate_to_half);
  table["__truncdfhf2"] = address(truncate_double_to_half);
  table["__truncsfbf2"] = address(truncate_to_bfloat16);
  table["__truncdfbf2"] = address(truncate_double_to_bfloat16);
}
#else
void add_half_conversions(Table&) {}
#endif

// Kernels write what is larger than the caches by these (lowering/schedules/streaming.py).
int stream_block(void* target, const void* source, int64_t bytes) {
  stream_part(target, source, size_t(bytes));
  return 0;
}
int end_stream() {
  stream_end();
  return 0;
}

Table make_table() {
  Table table;
  table["memcpy"] = address<void*, void*, const void*, size_t>(std::memcpy);
  table["memmove"] = address<void*, void*, const void*, size_t>(std::memmove);
  table["memset"] = address<void*, void*, int, size_t>(std::memset);
#define ONE(fn)                                  \
  table[#fn] = address<double, double>(::fn);    \
  table[#fn "f"] = address<float, float>(::fn##f);
  ONE(exp) ONE(exp2) ONE(expm1) ONE(log) ONE(log2) ONE(log10) ONE(log1p) ONE(sqrt) ONE(cbrt)
  ONE(sin) ONE(cos) ONE(tan) ONE(asin) ONE(acos) ONE(atan) ONE(sinh) ONE(cosh) ONE(tanh)
  ONE(asinh) ONE(acosh) ONE(atanh) ONE(erf) ONE(erfc) ONE(tgamma) ONE(lgamma) ONE(floor)
  ONE(ceil) ONE(trunc) ONE(round) ONE(rint) ONE(nearbyint) ONE(fabs)
#undef ONE
#define TWO(fn)                                          \
  table[#fn] = address<double, double, double>(::fn);    \
  table[#fn "f"] = address<float, float, float>(::fn##f);
  TWO(pow) TWO(atan2) TWO(fmod) TWO(remainder) TWO(hypot) TWO(copysign) TWO(fmax) TWO(fmin)
  TWO(nextafter)
#undef TWO
  table["fma"] = address<double, double, double, double>(::fma);
  table["fmaf"] = address<float, float, float, float>(::fmaf);
  table["ldexp"] = address<double, double, int>(::ldexp);
  table["ldexpf"] = address<float, float, int>(::ldexpf);
  // LLVM joins a sine and a cosine of the same number into one call.
  table["sincos"] = address<void, double, double*, double*>(::sincos);
  table["sincosf"] = address<void, float, float*, float*>(::sincosf);
  table["tw_stream_block"] = address(stream_block);
  table["tw_stream_end"] = address(end_stream);
  add_half_conversions(table);
  return table;
}

}  // namespace

void* external_symbol(const std::string& name) {
  static const Table* table = new Table(make_table());
  const auto found = table->find(name);
  return found == table->end() ? nullptr : found->second;
}

}  // namespace tilewright
