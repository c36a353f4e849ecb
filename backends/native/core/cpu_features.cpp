#include "cpu_features.h"

#if defined(__x86_64__)
#include <cpuid.h>

#include <cstdint>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace tilewright {
namespace {

#if defined(__x86_64__)

enum Register { A, B, C, D };
// What the system must save of the processor's state for the feature to be of use.
enum State : uint64_t { None = 0, Ymm = 0x6, Zmm = 0xe6, Tiles = 0x60000 };

struct Feature {
  const char* name;
  uint32_t leaf, subleaf;
  Register where;
  int bit;
  State state;
};

constexpr uint32_t kMore = 0x80000001;

constexpr Feature kFeatures[] = {
    {"pni", 1, 0, C, 0, None},         {"pclmulqdq", 1, 0, C, 1, None},
    {"ssse3", 1, 0, C, 9, None},       {"fma", 1, 0, C, 12, Ymm},
    {"cx16", 1, 0, C, 13, None},       {"sse4_1", 1, 0, C, 19, None},
    {"sse4_2", 1, 0, C, 20, None},     {"movbe", 1, 0, C, 22, None},
    {"popcnt", 1, 0, C, 23, None},     {"aes", 1, 0, C, 25, None},
    {"xsave", 1, 0, C, 26, None},      {"avx", 1, 0, C, 28, Ymm},
    {"f16c", 1, 0, C, 29, Ymm},        {"bmi1", 7, 0, B, 3, None},
    {"avx2", 7, 0, B, 5, Ymm},         {"bmi2", 7, 0, B, 8, None},
    {"avx512f", 7, 0, B, 16, Zmm},     {"avx512dq", 7, 0, B, 17, Zmm},
    {"adx", 7, 0, B, 19, None},        {"avx512ifma", 7, 0, B, 21, Zmm},
    {"avx512cd", 7, 0, B, 28, Zmm},    {"sha_ni", 7, 0, B, 29, None},
    {"avx512bw", 7, 0, B, 30, Zmm},    {"avx512vl", 7, 0, B, 31, Zmm},
    {"avx512vbmi", 7, 0, C, 1, Zmm},   {"avx512_vbmi2", 7, 0, C, 6, Zmm},
    {"gfni", 7, 0, C, 8, None},        {"vaes", 7, 0, C, 9, Ymm},
    {"vpclmulqdq", 7, 0, C, 10, Ymm},  {"avx512_vnni", 7, 0, C, 11, Zmm},
    {"avx512_bitalg", 7, 0, C, 12, Zmm}, {"avx512_vpopcntdq", 7, 0, C, 14, Zmm},
    {"amx_bf16", 7, 0, D, 22, Tiles},  {"avx512_fp16", 7, 0, D, 23, Zmm},
    {"amx_tile", 7, 0, D, 24, Tiles},  {"amx_int8", 7, 0, D, 25, Tiles},
    {"avx_vnni", 7, 1, A, 4, Ymm},     {"avx512_bf16", 7, 1, A, 5, Zmm},
    {"lahf_lm", kMore, 0, C, 0, None}, {"abm", kMore, 0, C, 5, None},
    {"sse4a", kMore, 0, C, 6, None},   {"xop", kMore, 0, C, 11, Ymm},
    {"fma4", kMore, 0, C, 16, Ymm},    {"tbm", kMore, 0, C, 21, None},
};

uint64_t saved_state() {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return 0;
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

bool has(const Feature& feature) {
  unsigned found[4];
  if (!__get_cpuid_count(feature.leaf, feature.subleaf, &found[A], &found[B], &found[C],
                         &found[D]))
    return false;
  if (!(found[feature.where] >> feature.bit & 1)) return false;
  return (saved_state() & feature.state) == feature.state;
}

#elif defined(__aarch64__)

struct Feature {
  const char* name;
  unsigned long bit;  // of AT_HWCAP
};

constexpr Feature kFeatures[] = {
    {"fp", 1ul << 0},      {"asimd", 1ul << 1},    {"aes", 1ul << 3},     {"sha2", 1ul << 6},
    {"crc32", 1ul << 7},   {"atomics", 1ul << 8},  {"fphp", 1ul << 9},    {"asimdhp", 1ul << 10},
    {"asimdrdm", 1ul << 12}, {"fcma", 1ul << 14},  {"asimddp", 1ul << 20}, {"sve", 1ul << 22},
    {"asimdfhm", 1ul << 23},
};

bool has(const Feature& feature) { return (getauxval(AT_HWCAP) & feature.bit) != 0; }

#endif

}  // namespace

const char* architecture() {
#if defined(__x86_64__)
  return "x86_64";
#else
  return "aarch64";
#endif
}

bool has_cpu_feature(const std::string& name) {
  for (const Feature& feature : kFeatures)
    if (name == feature.name) return has(feature);
  return false;
}

}  // namespace tilewright
