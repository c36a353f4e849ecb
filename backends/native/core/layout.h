// Shapes and windows: plain fixed-size records, so that no hot path allocates.
#pragma once

#include <cstdint>
#include <string>

#include "error.h"

namespace tilewright {

constexpr int kMaxRank = 32;

struct Shape {
  int ndim = 0;
  int64_t dims[kMaxRank];
};

inline bool same_shape(const Shape& a, const Shape& b) {
  if (a.ndim != b.ndim) return false;
  for (int i = 0; i < a.ndim; ++i)
    if (a.dims[i] != b.dims[i]) return false;
  return true;
}

inline bool multiply(int64_t a, int64_t b, int64_t* result) {
  return !__builtin_mul_overflow(a, b, result);
}

// The number of elements; checks the sizes so that bytes cannot overflow either.
inline int64_t checked_size(const char* operation, int ndim, const int64_t* dims, int itemsize) {
  int64_t size = 1, positive = 1;
  for (int i = 0; i < ndim; ++i) {
    if (dims[i] < 0)
      fail(ErrorKind::Shape, "%s: got size %lld on axis %d; sizes must not be negative", operation,
           static_cast<long long>(dims[i]), i);
    // Zero sizes must not hide an overflow: strides are computed from the other axes.
    if (!multiply(positive, dims[i] ? dims[i] : 1, &positive))
      fail(ErrorKind::Shape, "%s: the number of elements is over 2**63", operation);
    size *= dims[i];
  }
  int64_t bytes;
  if (!multiply(positive, itemsize, &bytes))
    fail(ErrorKind::Shape, "%s: an array of %lld elements has over 2**63 bytes", operation,
         static_cast<long long>(positive));
  if (bytes > (int64_t{1} << 46))
    fail(ErrorKind::Memory, "%s: an array of %lld elements is over the limit of 2**46 bytes",
         operation, static_cast<long long>(positive));
  return size;
}

inline int64_t product(int ndim, const int64_t* dims) {
  int64_t size = 1;
  for (int i = 0; i < ndim; ++i) size *= dims[i];
  return size;
}

inline void contiguous_strides(int ndim, const int64_t* dims, int64_t* strides) {
  int64_t step = 1;
  for (int i = ndim - 1; i >= 0; --i) {
    strides[i] = step;
    step *= dims[i] ? dims[i] : 1;
  }
}

inline bool is_contiguous(int ndim, const int64_t* dims, const int64_t* strides) {
  int64_t step = 1;
  for (int i = 0; i < ndim; ++i)
    if (dims[i] == 0) return true;
  for (int i = ndim - 1; i >= 0; --i) {
    if (dims[i] != 1 && strides[i] != step) return false;
    step *= dims[i];
  }
  return true;
}

// "(3, 4)", as Python prints a tuple.
inline std::string shape_text(int ndim, const int64_t* dims) {
  std::string text = "(";
  for (int i = 0; i < ndim; ++i) text += (i ? ", " : "") + std::to_string(dims[i]);
  return text + (ndim == 1 ? ",)" : ")");
}

// The strides with which `from` reads as an array of shape `to`; false if they do not broadcast.
inline bool broadcast_strides(int from_ndim, const int64_t* from, const int64_t* strides,
                              int to_ndim, const int64_t* to, int64_t* result) {
  const int lead = to_ndim - from_ndim;
  if (lead < 0) return false;
  for (int i = 0; i < to_ndim; ++i) {
    const bool stretched = i < lead || (from[i - lead] == 1 && to[i] != 1);
    if (!stretched && from[i - lead] != to[i]) return false;
    result[i] = stretched ? 0 : strides[i - lead];
  }
  return true;
}

}  // namespace tilewright
