// Transposition in blocks that stay in the first-level cache.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tilewright {

// Rows of the target in one block: long runs of each source row, and still work for all threads.
constexpr int64_t transpose_rows(int64_t rows) {
  return std::clamp<int64_t>(rows / 4 / 64 * 64, 64, 512);
}

// Elements in a cache line, and at least a tile.
template <class T>
constexpr int64_t kTransposeSide = sizeof(T) >= 8 ? 8 : int64_t(64 / sizeof(T));

// target[r * target_stride + c] = source[c * source_stride + r]
template <class T>
void transpose_simple(T* target, int64_t target_stride, const T* source, int64_t source_stride,
                      int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c)
      target[r * target_stride + c] = source[c * source_stride + r];
}

// Sixteen bytes of elements, in the vector types that GCC and Clang have on every machine.
template <class T>
struct Vector {
  static constexpr int kLanes = 16 / sizeof(T);
  typedef T type __attribute__((vector_size(16)));
};

#if defined(__clang__)
#define TILEWRIGHT_SHUFFLE(a, b, type, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define TILEWRIGHT_SHUFFLE(a, b, type, ...) __builtin_shuffle(a, b, type{__VA_ARGS__})
#endif

// a0 b0 a1 b1 ... : the lower halves of two vectors, then their upper halves.
template <class V, int lanes>
void interleave(V a, V b, V* out) {
  if constexpr (lanes == 2) {
    out[0] = TILEWRIGHT_SHUFFLE(a, b, V, 0, 2);
    out[1] = TILEWRIGHT_SHUFFLE(a, b, V, 1, 3);
  } else if constexpr (lanes == 4) {
    out[0] = TILEWRIGHT_SHUFFLE(a, b, V, 0, 4, 1, 5);
    out[1] = TILEWRIGHT_SHUFFLE(a, b, V, 2, 6, 3, 7);
  } else if constexpr (lanes == 8) {
    out[0] = TILEWRIGHT_SHUFFLE(a, b, V, 0, 8, 1, 9, 2, 10, 3, 11);
    out[1] = TILEWRIGHT_SHUFFLE(a, b, V, 4, 12, 5, 13, 6, 14, 7, 15);
  } else {
    out[0] = TILEWRIGHT_SHUFFLE(a, b, V, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    out[1] = TILEWRIGHT_SHUFFLE(a, b, V, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                31);
  }
}

#undef TILEWRIGHT_SHUFFLE

// An 8 x 8 tile. Interleaving the first half of the 64 elements with the second rotates the six
// bits of each element's position by one; three times exchanges its row with its column.
template <class T>
void transpose_tile(T* target, int64_t target_stride, const T* source, int64_t source_stride) {
  using V = typename Vector<T>::type;
  constexpr int count = 64 / Vector<T>::kLanes;
  V a[count], b[count];
  char* bytes = reinterpret_cast<char*>(a);
  for (int c = 0; c < 8; ++c)
    std::memcpy(bytes + size_t(c) * 8 * sizeof(T), source + c * source_stride, 8 * sizeof(T));
  for (int i = 0; i < count / 2; ++i)
    interleave<V, Vector<T>::kLanes>(a[i], a[i + count / 2], b + 2 * i);
  for (int i = 0; i < count / 2; ++i)
    interleave<V, Vector<T>::kLanes>(b[i], b[i + count / 2], a + 2 * i);
  for (int i = 0; i < count / 2; ++i)
    interleave<V, Vector<T>::kLanes>(a[i], a[i + count / 2], b + 2 * i);
  bytes = reinterpret_cast<char*>(b);
  for (int r = 0; r < 8; ++r)
    std::memcpy(target + r * target_stride, bytes + size_t(r) * 8 * sizeof(T), 8 * sizeof(T));
}

#if defined(__x86_64__)
#define TILEWRIGHT_AVX2 __attribute__((target("avx2")))

inline bool has_avx2() {
  static const bool found = __builtin_cpu_supports("avx2");
  return found;
}

// 8 x 8 elements of four bytes, in registers: pairs of rows are interleaved by elements, then by
// pairs of elements, then by halves.
TILEWRIGHT_AVX2 inline void transpose_words(uint32_t* target, int64_t target_stride,
                                            const uint32_t* source, int64_t source_stride) {
  __m256 a[8], b[8];
  for (int i = 0; i < 8; ++i)
    a[i] = _mm256_loadu_ps(reinterpret_cast<const float*>(source + i * source_stride));
  for (int i = 0; i < 8; i += 2) {
    b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
    b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    a[i] = _mm256_shuffle_ps(b[i], b[i + 2], 0x44);
    a[i + 1] = _mm256_shuffle_ps(b[i], b[i + 2], 0xee);
    a[i + 2] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0x44);
    a[i + 3] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0xee);
  }
  for (int i = 0; i < 4; ++i) {
    b[i] = _mm256_permute2f128_ps(a[i], a[i + 4], 0x20);
    b[i + 4] = _mm256_permute2f128_ps(a[i], a[i + 4], 0x31);
  }
  for (int i = 0; i < 8; ++i)
    _mm256_storeu_ps(reinterpret_cast<float*>(target + i * target_stride), b[i]);
}

// 4 x 4 elements of eight bytes, likewise.
TILEWRIGHT_AVX2 inline void transpose_longs(uint64_t* target, int64_t target_stride,
                                            const uint64_t* source, int64_t source_stride) {
  __m256d a[4], b[4];
  for (int i = 0; i < 4; ++i)
    a[i] = _mm256_loadu_pd(reinterpret_cast<const double*>(source + i * source_stride));
  for (int i = 0; i < 4; i += 2) {
    b[i] = _mm256_unpacklo_pd(a[i], a[i + 1]);
    b[i + 1] = _mm256_unpackhi_pd(a[i], a[i + 1]);
  }
  for (int i = 0; i < 2; ++i) {
    a[i] = _mm256_permute2f128_pd(b[i], b[i + 2], 0x20);
    a[i + 2] = _mm256_permute2f128_pd(b[i], b[i + 2], 0x31);
  }
  for (int i = 0; i < 4; ++i)
    _mm256_storeu_pd(reinterpret_cast<double*>(target + i * target_stride), a[i]);
}

// Squares of a cache line, tile by tile, straight from source to target.
TILEWRIGHT_AVX2 inline void transpose_near(uint32_t* target, int64_t target_stride,
                                           const uint32_t* source, int64_t source_stride,
                                           int64_t rows, int64_t columns) {
  for (int64_t c = 0; c < columns; c += 8)
    for (int64_t r = 0; r < rows; r += 8)
      transpose_words(target + r * target_stride + c, target_stride,
                      source + c * source_stride + r, source_stride);
}

TILEWRIGHT_AVX2 inline void transpose_near(uint64_t* target, int64_t target_stride,
                                           const uint64_t* source, int64_t source_stride,
                                           int64_t rows, int64_t columns) {
  for (int64_t c = 0; c < columns; c += 8)
    for (int64_t r = 0; r < rows; r += 4)
      for (int64_t half = c; half < c + 8; half += 4)
        transpose_longs(target + r * target_stride + half, target_stride,
                        source + half * source_stride + r, source_stride);
}

#undef TILEWRIGHT_AVX2
#endif

// An area of whole 8 x 8 tiles, each from its source straight to its target.
template <class T>
void transpose_tiles(T* target, int64_t target_stride, const T* source, int64_t source_stride,
                     int64_t rows, int64_t columns) {
  if constexpr (sizeof(T) > 8) {  // a vector holds one element: nothing can be interleaved
    transpose_simple(target, target_stride, source, source_stride, rows, columns);
    return;
  } else {
#if defined(__x86_64__)
    if constexpr (sizeof(T) >= 4)
      if (has_avx2())
        return transpose_near(target, target_stride, source, source_stride, rows, columns);
#endif
    for (int64_t c = 0; c < columns; c += 8)
      for (int64_t r = 0; r < rows; r += 8)
        transpose_tile(target + r * target_stride + c, target_stride,
                       source + c * source_stride + r, source_stride);
  }
}

// A square of whole cache lines, by way of local copies, for steps that put all lines of a column
// in one set of the cache, so that each line is to be touched only once.
template <class T>
void transpose_square(T* target, int64_t target_stride, const T* source, int64_t source_stride) {
  constexpr int64_t side = kTransposeSide<T>;
  if constexpr (sizeof(T) > 8) {
    transpose_simple(target, target_stride, source, source_stride, side, side);
  } else {
    alignas(64) T in[side * side], out[side * side];
    for (int64_t c = 0; c < side; ++c)
      std::memcpy(in + c * side, source + c * source_stride, sizeof(T) * side);
    transpose_tiles(out, side, in, side, side, side);
    for (int64_t r = 0; r < side; ++r)
      std::memcpy(target + r * target_stride, out + r * side, sizeof(T) * side);
  }
}

// Whether lines so many elements apart share few sets of a cache.
template <class T>
bool collides(int64_t stride) {
  return stride * int64_t(sizeof(T)) % 1024 == 0;
}

// target[r * target_stride + c] = source[c * source_stride + r]
template <class T>
void transpose_block(T* target, int64_t target_stride, const T* source, int64_t source_stride,
                     int64_t rows, int64_t columns) {
  const bool apart = collides<T>(target_stride) || collides<T>(source_stride);
  const int64_t side = apart ? kTransposeSide<T> : 8;
  const int64_t full_rows = rows / side * side, full_columns = columns / side * side;
  if (apart) {
    for (int64_t c = 0; c < full_columns; c += side)
      for (int64_t r = 0; r < full_rows; r += side)
        transpose_square(target + r * target_stride + c, target_stride,
                         source + c * source_stride + r, source_stride);
  } else {
    transpose_tiles(target, target_stride, source, source_stride, full_rows, full_columns);
  }
  transpose_simple(target + full_columns, target_stride, source + full_columns * source_stride,
                   source_stride, full_rows, columns - full_columns);
  transpose_simple(target + full_rows * target_stride, target_stride, source + full_rows,
                   source_stride, rows - full_rows, columns);
}

}  // namespace tilewright
