// CUDA C++ as far as generated kernels use it, for a C++17 compiler: read before the prelude. The
// threads of a block run one at a time, each on a stack of its own, and change at barriers.
#pragma once

#include <math.h>
#include <string.h>

#include <tuple>
#include <utility>

#define TW_EMULATED
#define __device__
#define __host__
#define __global__
#define __forceinline__ inline
#define __launch_bounds__(...)
// A section for each kernel, so that the run side can poison and measure its shared memory.
// TW_SECTION is defined anew before each kernel.
#define __shared__ static __attribute__((section(TW_SECTION)))

typedef unsigned int uint;
typedef unsigned char uchar;
typedef unsigned short ushort;

extern "C" {
__attribute__((visibility("hidden"))) tw_sim_place tw_place;
__attribute__((visibility("hidden"))) const tw_sim_host* tw_host;
}

#define threadIdx (tw_place.thread)
#define blockIdx (tw_place.block)
#define blockDim (tw_place.block_dim)
#define gridDim (tw_place.grid_dim)
#define warpSize TW_SIM_WARP
#define __syncthreads() tw_host->block_barrier(__LINE__)
#define __syncwarp(...) tw_host->warp_barrier(__LINE__)
static inline void __threadfence() {}
static inline void __threadfence_block() {}

template <class T>
static inline T min(T a, T b) { return b < a ? b : a; }
template <class T>
static inline T max(T a, T b) { return a < b ? b : a; }

// ---------------------------------------------------------------- atomics: threads take turns

template <class T>
static inline T atomicAdd(T* at, T value) { T old = *at; *at = old + value; return old; }
template <class T>
static inline T atomicMax(T* at, T value) { T old = *at; *at = max(old, value); return old; }
template <class T>
static inline T atomicMin(T* at, T value) { T old = *at; *at = min(old, value); return old; }
template <class T>
static inline T atomicExch(T* at, T value) { T old = *at; *at = value; return old; }
template <class T>
static inline T atomicCAS(T* at, T compare, T value) {
  T old = *at;
  if (old == compare) *at = value;
  return old;
}

static inline int __popc(uint32_t x) { return __builtin_popcount(x); }
static inline int __popcll(uint64_t x) { return __builtin_popcountll(x); }

// ---------------------------------------------------------------- shuffles

template <class T>
static inline T tw_from_lane(T value, int lane, int line) {
  static_assert(sizeof(T) <= TW_SIM_SLOT, "too large for a shuffle");
  unsigned char* slots = tw_host->warp_slots();
  memcpy(slots + tw_place.lane * TW_SIM_SLOT, &value, sizeof value);
  tw_host->warp_barrier(line);
  if (lane >= 0 && lane < TW_SIM_WARP) memcpy(&value, slots + lane * TW_SIM_SLOT, sizeof value);
  tw_host->warp_barrier(line);
  return value;
}

// The lane that a shuffle within segments of `width` lanes reads; its own beyond the segment.
static inline int tw_lane_up(int by, int width) {
  int own = int(tw_place.lane);
  return own % width >= by ? own - by : own;
}
static inline int tw_lane_down(int by, int width) {
  int own = int(tw_place.lane);
  return own % width + by < width ? own + by : own;
}
static inline int tw_lane_xor(int mask, int width) {
  int own = int(tw_place.lane), other = own ^ mask;
  return other / width <= own / width ? other : own;
}
static inline int tw_lane_at(int lane, int width) {
  int own = int(tw_place.lane);
  return own / width * width + ((lane % width) + width) % width;
}

template <class T>
static inline T __shfl_sync(unsigned, T value, int lane, int width = TW_SIM_WARP) {
  return tw_from_lane(value, tw_lane_at(lane, width), __LINE__);
}
template <class T>
static inline T __shfl_up_sync(unsigned, T value, unsigned by, int width = TW_SIM_WARP) {
  return tw_from_lane(value, tw_lane_up(int(by), width), __LINE__);
}
template <class T>
static inline T __shfl_down_sync(unsigned, T value, unsigned by, int width = TW_SIM_WARP) {
  return tw_from_lane(value, tw_lane_down(int(by), width), __LINE__);
}
template <class T>
static inline T __shfl_xor_sync(unsigned, T value, int mask, int width = TW_SIM_WARP) {
  return tw_from_lane(value, tw_lane_xor(mask, width), __LINE__);
}

// ---------------------------------------------------------------- half types

static inline uint32_t tw_word(float x) {
  uint32_t word;
  memcpy(&word, &x, sizeof word);
  return word;
}
static inline float tw_number(uint32_t word) {
  float x;
  memcpy(&x, &word, sizeof x);
  return x;
}

// A float rounded to half, nearest even. 2**112 and 2**-112 move between the exponents' biases.
static inline ushort tw_half_bits(float x) {
  uint32_t sign = tw_word(x) >> 16 & 0x8000, word = tw_word(x) & 0x7fffffff;
  if (word > 0x7f800000) return ushort(sign | 0x7e00);
  if (word >= 0x477ff000) return ushort(sign | 0x7c00);
  if (word < 0x38800000)  // subnormal: the sum has its last place where the result has
    return ushort(sign | (tw_word(tw_number(word) + 0.5f) - tw_word(0.5f)));
  return ushort(sign | (word - 0x38000000 + 0xfff + (word >> 13 & 1)) >> 13);
}
static inline float tw_half_number(ushort bits) {
  uint32_t sign = uint32_t(bits & 0x8000) << 16, rest = bits & 0x7fff;
  if (rest >= 0x7c00) return tw_number(sign | 0x7f800000 | rest << 13);
  float magnitude = tw_number(rest << 13) * 0x1p112f;
  return tw_number(sign | tw_word(magnitude));
}

struct half {
  ushort bits;
  half() = default;
  explicit half(float x) : bits(tw_half_bits(x)) {}
  operator float() const { return tw_half_number(bits); }
};
struct nv_bfloat16 {
  ushort bits;
  nv_bfloat16() = default;
  explicit nv_bfloat16(float x) {
    uint32_t word = tw_word(x);
    bits = x != x ? ushort(word >> 16 | 0x40) : ushort((word + 0x7fff + (word >> 16 & 1)) >> 16);
  }
  operator float() const { return tw_number(uint32_t(bits) << 16); }
};
typedef half __half;
typedef nv_bfloat16 __nv_bfloat16;
static inline half __float2half_rn(float x) { return half(x); }
static inline float __half2float(half x) { return x; }
static inline half __ushort_as_half(ushort bits) {
  half made;
  made.bits = bits;
  return made;
}
static inline ushort __half_as_ushort(half x) { return x.bits; }
static inline nv_bfloat16 __float2bfloat16_rn(float x) { return nv_bfloat16(x); }
static inline float __bfloat162float(nv_bfloat16 x) { return x; }

// ---------------------------------------------------------------- vectors

#define TW_VECTORS(name, type)                                                        \
  struct name##2 { type x, y; };                                                      \
  struct alignas(4 * sizeof(type)) name##4 { type x, y, z, w; };                      \
  static inline name##2 make_##name##2(type x, type y) { return {x, y}; }             \
  static inline name##4 make_##name##4(type x, type y, type z, type w) { return {x, y, z, w}; }
TW_VECTORS(float, float);
TW_VECTORS(double, double);
TW_VECTORS(int, int);
TW_VECTORS(uint, uint);
TW_VECTORS(ushort, ushort);

// ---------------------------------------------------------------- matrix fragments

// The first thread of a warp holds and computes all of a fragment; which thread of a device holds
// which element is not for kernels to know.
namespace nvcuda::wmma {

struct matrix_a {};
struct matrix_b {};
struct accumulator {};
struct row_major {};
struct col_major {};
enum layout_t { mem_row_major, mem_col_major };

template <class Use, int M, int N, int K, class T, class Layout = void>
struct fragment {
  static_assert(M == 16 && N == 16 && K == 16, "emulated are fragments of 16 x 16 x 16");
  T of[16][16];
};

static inline bool tw_is_first(int line) {
  tw_host->warp_barrier(line);
  return tw_place.lane == 0;
}

template <class Use, class T, class Layout, class Value>
static inline void fill_fragment(fragment<Use, 16, 16, 16, T, Layout>& into, Value value) {
  if (!tw_is_first(__LINE__)) return;
  for (auto& row : into.of)
    for (T& one : row) one = T(value);
}

template <class Use, class T, class Layout>
static inline void load_matrix_sync(fragment<Use, 16, 16, 16, T, Layout>& into, const T* from,
                                    unsigned stride) {
  if (!tw_is_first(__LINE__)) return;
  constexpr bool by_column = std::is_same_v<Layout, col_major>;
  for (int i = 0; i < 16; ++i)
    for (int j = 0; j < 16; ++j) into.of[i][j] = from[by_column ? j * stride + i : i * stride + j];
}

template <class T>
static inline void store_matrix_sync(T* to, const fragment<accumulator, 16, 16, 16, T>& from,
                                     unsigned stride, layout_t layout) {
  if (!tw_is_first(__LINE__)) return;
  for (int i = 0; i < 16; ++i)
    for (int j = 0; j < 16; ++j)
      to[layout == mem_col_major ? j * stride + i : i * stride + j] = from.of[i][j];
}

template <class A, class B, class T, class LayoutA, class LayoutB>
static inline void mma_sync(fragment<accumulator, 16, 16, 16, T>& into,
                            const fragment<matrix_a, 16, 16, 16, A, LayoutA>& a,
                            const fragment<matrix_b, 16, 16, 16, B, LayoutB>& b,
                            const fragment<accumulator, 16, 16, 16, T>& c) {
  if (!tw_is_first(__LINE__)) return;
  for (int i = 0; i < 16; ++i)
    for (int j = 0; j < 16; ++j) {
      T total = c.of[i][j];
      for (int k = 0; k < 16; ++k) total += T(a.of[i][k]) * T(b.of[k][j]);
      into.of[i][j] = total;
    }
}

}  // namespace nvcuda::wmma

// ---------------------------------------------------------------- entries of the module

template <class... Args, size_t... I>
static inline void tw_call(void (*kernel)(Args...), const void* const* arguments,
                           std::index_sequence<I...>) {
  kernel(*static_cast<const std::remove_reference_t<Args>*>(arguments[I])...);
}
template <class... Args>
static inline void tw_call(void (*kernel)(Args...), const void* const* arguments) {
  tw_call(kernel, arguments, std::index_sequence_for<Args...>());
}

// The section's ends are the linker's; they are missing where a kernel shares nothing.
#define TW_ENTRY(name)                                                               \
  extern "C" __attribute__((weak, visibility("hidden"))) char __start_tw_##name[];   \
  extern "C" __attribute__((weak, visibility("hidden"))) char __stop_tw_##name[];    \
  static void tw_run_##name(const void* const* arguments) { tw_call(name, arguments); }
#define TW_ROW(name) {#name, tw_run_##name, __start_tw_##name, __stop_tw_##name},

// ---------------------------------------------------------------- visible accesses

// Compiled with -fsanitize=thread and linked without its runtime, every access of global and shared
// memory that a kernel makes calls one of these.
#ifdef TW_VISIBLE_ACCESSES
#define TW_UNSEEN __attribute__((no_sanitize("thread")))  // or each call would call itself
#define TW_TELL(at, bytes, write) if (tw_host->access) tw_host->access(at, int(bytes), write)
#define TW_ACCESS(bytes)                                                                  \
  TW_UNSEEN void __tsan_read##bytes(void* at) { TW_TELL(at, bytes, 0); }                  \
  TW_UNSEEN void __tsan_write##bytes(void* at) { TW_TELL(at, bytes, 1); }                 \
  TW_UNSEEN void __tsan_unaligned_read##bytes(void* at) { TW_TELL(at, bytes, 0); }        \
  TW_UNSEEN void __tsan_unaligned_write##bytes(void* at) { TW_TELL(at, bytes, 1); }
extern "C" {
TW_ACCESS(1)
TW_ACCESS(2)
TW_ACCESS(4)
TW_ACCESS(8)
TW_ACCESS(16)
TW_UNSEEN void __tsan_read_range(void* at, unsigned long bytes) { TW_TELL(at, bytes, 0); }
TW_UNSEEN void __tsan_write_range(void* at, unsigned long bytes) { TW_TELL(at, bytes, 1); }
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
}
#endif

// `__shared__ alignas(64) float x[n]`: the standard's attribute may not stand there.
#define alignas(bytes) __attribute__((aligned(bytes)))
