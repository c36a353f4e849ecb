#include "copy.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "pool.h"
#include "stream.h"
#include "timeline.h"
#include "transpose.h"

namespace tilewright {
namespace {

constexpr int64_t kParallelBytes = 512 << 10;
constexpr int64_t kBlockBytes = 64 << 10;  // a long row is cut into blocks of this size

void drop_axis(CopyJob& job, int axis) {
  for (int i = axis; i + 1 < job.ndim; ++i) {
    job.dims[i] = job.dims[i + 1];
    job.target_strides[i] = job.target_strides[i + 1];
    job.source_strides[i] = job.source_strides[i + 1];
  }
  --job.ndim;
}

void swap_axes(CopyJob& job, int a, int b) {
  std::swap(job.dims[a], job.dims[b]);
  std::swap(job.target_strides[a], job.target_strides[b]);
  std::swap(job.source_strides[a], job.source_strides[b]);
}

// Axes in the order of the target's memory, then as few axes as possible.
void simplify(CopyJob& job) {
  for (int i = job.ndim - 1; i >= 0; --i)
    if (job.dims[i] == 1) drop_axis(job, i);
  auto before = [&](int a, int b) {
    const int64_t ta = std::llabs(job.target_strides[a]), tb = std::llabs(job.target_strides[b]);
    return ta != tb ? ta > tb
                    : std::llabs(job.source_strides[a]) > std::llabs(job.source_strides[b]);
  };
  for (int i = 1; i < job.ndim; ++i)
    for (int j = i; j > 0 && before(j, j - 1); --j) swap_axes(job, j, j - 1);
  for (int i = job.ndim - 2; i >= 0; --i) {
    const int64_t inner = job.dims[i + 1];
    if (job.target_strides[i] != job.target_strides[i + 1] * inner ||
        job.source_strides[i] != job.source_strides[i + 1] * inner)
      continue;
    job.dims[i] *= inner;
    job.target_strides[i] = job.target_strides[i + 1];
    job.source_strides[i] = job.source_strides[i + 1];
    drop_axis(job, i + 1);
  }
}

// An element of sixteen bytes, which need not lie at a multiple of them.
struct Wide {
  uint64_t first, second;
};

template <class T>
void copy_row(T* target, int64_t target_stride, const T* source, int64_t source_stride,
              int64_t count, bool streams) {
  if (target_stride == 1 && source_stride == 1) {
    if (streams)
      stream_copy(target, source, size_t(count) * sizeof(T));
    else
      std::memcpy(target, source, size_t(count) * sizeof(T));
  } else if (target_stride == 1 && source_stride == 0) {
    std::fill_n(target, count, *source);
  } else if (target_stride == 1) {
    for (int64_t i = 0; i < count; ++i) target[i] = source[i * source_stride];
  } else {
    for (int64_t i = 0; i < count; ++i) target[i * target_stride] = source[i * source_stride];
  }
}

constexpr int64_t kShortRow = 8;  // elements up to which a row is a case of its own

// Rows of a few elements, whose number the compiler knows.
template <int length, class T>
void copy_short_rows(const CopyJob& job, T* target, const T* source, int64_t rows) {
  const int last = job.ndim - 1;
  const int64_t target_step = job.target_strides[last - 1];
  const int64_t target_stride = job.target_strides[last];
  const int64_t source_step = job.source_strides[last - 1];
  const int64_t source_stride = job.source_strides[last];
  for (int64_t row = 0; row < rows; ++row, target += target_step, source += source_step)
    for (int i = 0; i < length; ++i) target[i * target_stride] = source[i * source_stride];
}

template <class T, int... lengths>
void copy_rows_of(const CopyJob& job, T* target, const T* source, int64_t rows,
                  std::integer_sequence<int, lengths...>) {
  const int64_t length = job.dims[job.ndim - 1];
  ((length == lengths + 1 ? copy_short_rows<lengths + 1>(job, target, source, rows) : void()),
   ...);
}

// Steps through the outer axes in order, starting anywhere.
struct Odometer {
  const CopyJob& job;
  int axes;
  int64_t index[kMaxRank];
  int64_t target = 0, source = 0;

  Odometer(const CopyJob& job, int axes, int64_t start) : job(job), axes(axes) {
    for (int i = axes - 1; i >= 0; --i) {
      index[i] = start % job.dims[i];
      start /= job.dims[i];
      target += index[i] * job.target_strides[i];
      source += index[i] * job.source_strides[i];
    }
  }

  void step() {
    for (int i = axes - 1; i >= 0; --i) {
      target += job.target_strides[i];
      source += job.source_strides[i];
      if (++index[i] < job.dims[i]) return;
      target -= job.dims[i] * job.target_strides[i];
      source -= job.dims[i] * job.source_strides[i];
      index[i] = 0;
    }
  }
};

// The outer axes by steps, and within each the last `inner_axes` axes cut into blocks along
// `dims[cut]`; `copy(target, source, count)` copies one block of `count` along that axis.
template <class T, class Copy>
void run_blocks(const CopyJob& job, int inner_axes, int64_t block, Copy copy) {
  const int outer_axes = job.ndim - inner_axes, cut = outer_axes;
  const int64_t length = job.dims[cut], blocks = (length + block - 1) / block;
  const int64_t units = product(outer_axes, job.dims) * blocks;
  const int64_t bytes = product(job.ndim, job.dims) * int64_t(sizeof(T));
  auto body = [&](int, int64_t begin, int64_t end) {
    Odometer outer(job, outer_axes, begin / blocks);
    int64_t b = begin % blocks;
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t start = b * block, count = std::min(block, length - start);
      copy(reinterpret_cast<T*>(job.target) + outer.target + start * job.target_strides[cut],
           reinterpret_cast<const T*>(job.source) + outer.source + start * job.source_strides[cut],
           count);
      if (++b == blocks) b = 0, outer.step();
    }
  };
  if (bytes < kParallelBytes) return body(0, 0, units);
  const int64_t unit_bytes = std::max<int64_t>(1, bytes / units);
  parallel(units, std::max<int64_t>(1, kBlockBytes / unit_bytes), kMaxThreads, body);
}

// The axis along which the source is contiguous while the target is so along the last one.
int transposed_axis(const CopyJob& job) {
  const int last = job.ndim - 1;
  if (job.ndim < 2 || job.target_strides[last] != 1 || job.source_strides[last] == 1 ||
      job.source_strides[last] == 0)
    return -1;
  for (int i = 0; i < last; ++i)
    if (job.source_strides[i] == 1) return i;
  return -1;
}

template <class T>
void copy_typed(CopyJob& job) {
  const int last = job.ndim - 1, other = transposed_axis(job);
  if (other >= 0) {
    swap_axes(job, other, last - 1);
    const int64_t rows_stride = job.target_strides[last - 1], columns = job.dims[last];
    const int64_t columns_stride = job.source_strides[last];
    run_blocks<T>(job, 2, transpose_rows(job.dims[last - 1]),
                  [=](T* target, const T* source, int64_t rows) {
                    transpose_block(target, rows_stride, source, columns_stride, rows, columns);
                  });
    return;
  }
  if (job.ndim > 1 && job.dims[last] <= kShortRow) {
    const int64_t block = kBlockBytes / int64_t(sizeof(T)) / job.dims[last];
    run_blocks<T>(job, 2, block, [&](T* target, const T* source, int64_t rows) {
      copy_rows_of(job, target, source, rows, std::make_integer_sequence<int, kShortRow>());
    });
    return;
  }
  const int64_t target_stride = job.target_strides[last], source_stride = job.source_strides[last];
  const bool streams = product(job.ndim, job.dims) * int64_t(sizeof(T)) >= stream_bytes();
  run_blocks<T>(job, 1, kBlockBytes / int64_t(sizeof(T)),
                [=](T* target, const T* source, int64_t count) {
                  copy_row(target, target_stride, source, source_stride, count, streams);
                });
}

}  // namespace

void copy_elements(CopyJob job) {
  for (int i = 0; i < job.ndim; ++i)
    if (job.dims[i] == 0) return;
  static const int32_t label = timeline::intern("copy");
  const int64_t bytes = timeline::enabled() ? product(job.ndim, job.dims) * job.itemsize : 0;
  const timeline::Span span(timeline::Category::Copy, label, bytes);
  simplify(job);
  if (job.ndim == 0) {
    std::memcpy(job.target, job.source, size_t(job.itemsize));
    return;
  }
  switch (job.itemsize) {
    case 1: return copy_typed<uint8_t>(job);
    case 2: return copy_typed<uint16_t>(job);
    case 4: return copy_typed<uint32_t>(job);
    case 8: return copy_typed<uint64_t>(job);
    default: return copy_typed<Wide>(job);
  }
}

void copy_to_contiguous(char* target, const char* source, int itemsize, int ndim,
                        const int64_t* dims, const int64_t* source_strides) {
  CopyJob job;
  job.target = target;
  job.source = source;
  job.itemsize = itemsize;
  job.ndim = ndim;
  std::copy_n(dims, ndim, job.dims);
  std::copy_n(source_strides, ndim, job.source_strides);
  contiguous_strides(ndim, dims, job.target_strides);
  copy_elements(job);
}

}  // namespace tilewright
