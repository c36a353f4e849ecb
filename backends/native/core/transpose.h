// Transposition in blocks that stay in the first-level cache.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

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

// A square of whole cache lines, by way of local copies: strides that are large powers of two put
// all lines of a column in one set of the cache, so each line is to be touched only once.
template <class T>
void transpose_square(T* target, int64_t target_stride, const T* source, int64_t source_stride) {
  constexpr int64_t side = kTransposeSide<T>;
  if constexpr (sizeof(T) > 8) {  // a vector holds one element: nothing can be interleaved
    transpose_simple(target, target_stride, source, source_stride, side, side);
  } else {
    alignas(64) T in[side * side], out[side * side];
    for (int64_t c = 0; c < side; ++c)
      std::memcpy(in + c * side, source + c * source_stride, sizeof(T) * side);
    for (int64_t r = 0; r < side; r += 8)
      for (int64_t c = 0; c < side; c += 8)
        transpose_tile(out + r * side + c, side, in + c * side + r, side);
    for (int64_t r = 0; r < side; ++r)
      std::memcpy(target + r * target_stride, out + r * side, sizeof(T) * side);
  }
}

template <class T>
void transpose_block(T* target, int64_t target_stride, const T* source, int64_t source_stride,
                     int64_t rows, int64_t columns) {
  constexpr int64_t side = kTransposeSide<T>;
  const int64_t full_rows = rows / side * side, full_columns = columns / side * side;
  for (int64_t c = 0; c < full_columns; c += side)
    for (int64_t r = 0; r < full_rows; r += side)
      transpose_square(target + r * target_stride + c, target_stride,
                       source + c * source_stride + r, source_stride);
  transpose_simple(target + full_columns, target_stride, source + full_columns * source_stride,
                   source_stride, full_rows, columns - full_columns);
  transpose_simple(target + full_rows * target_stride, target_stride, source + full_rows,
                   source_stride, rows - full_rows, columns);
}

}  // namespace tilewright
