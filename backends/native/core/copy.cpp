#include "copy.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "pool.h"
#include "stream.h"
#include "timeline.h"
#include "transpose.h"

namespace tilewright {
namespace {

constexpr int64_t kParallelBytes = 256 << 10;
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

// A copy as a number of units, of which any range may be copied by itself.
struct Plan {
  CopyJob job;
  int inner_axes;          // the last axes, which are copied together; the others are stepped over
  int64_t block, blocks;   // of the first of the inner axes
  int64_t units, bytes;
  bool streams = false;
  void (*run)(const Plan& plan, int64_t begin, int64_t end) = nullptr;

  void cut(int axes, int64_t length) {
    inner_axes = axes;
    block = length;
    blocks = (job.dims[job.ndim - axes] + block - 1) / block;
    units = product(job.ndim - axes, job.dims) * blocks;
  }
};

// The outer axes by steps, and within each the blocks of the inner ones; `copy(target, source,
// count)` copies one block of `count` along the axis that is cut.
template <class T, class Copy>
void run_units(const Plan& plan, int64_t begin, int64_t end, Copy copy) {
  const CopyJob& job = plan.job;
  const int cut = job.ndim - plan.inner_axes;
  Odometer outer(job, cut, begin / plan.blocks);
  int64_t b = begin % plan.blocks;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t start = b * plan.block, count = std::min(plan.block, job.dims[cut] - start);
    copy(reinterpret_cast<T*>(job.target) + outer.target + start * job.target_strides[cut],
         reinterpret_cast<const T*>(job.source) + outer.source + start * job.source_strides[cut],
         count);
    if (++b == plan.blocks) b = 0, outer.step();
  }
}

template <class T>
void run_transposed(const Plan& plan, int64_t begin, int64_t end) {
  const int last = plan.job.ndim - 1;
  const int64_t rows_stride = plan.job.target_strides[last - 1], columns = plan.job.dims[last];
  const int64_t columns_stride = plan.job.source_strides[last];
  run_units<T>(plan, begin, end, [=](T* target, const T* source, int64_t rows) {
    transpose_block(target, rows_stride, source, columns_stride, rows, columns);
  });
}

template <class T>
void run_short_rows(const Plan& plan, int64_t begin, int64_t end) {
  run_units<T>(plan, begin, end, [&](T* target, const T* source, int64_t rows) {
    copy_rows_of(plan.job, target, source, rows, std::make_integer_sequence<int, kShortRow>());
  });
}

template <class T>
void run_rows(const Plan& plan, int64_t begin, int64_t end) {
  const int last = plan.job.ndim - 1;
  const int64_t target_stride = plan.job.target_strides[last];
  const int64_t source_stride = plan.job.source_strides[last];
  const bool streams = plan.streams;
  run_units<T>(plan, begin, end, [=](T* target, const T* source, int64_t count) {
    copy_row(target, target_stride, source, source_stride, count, streams);
  });
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
void choose(Plan& plan) {
  CopyJob& job = plan.job;
  const int last = job.ndim - 1, other = transposed_axis(job);
  if (other >= 0) {
    swap_axes(job, other, last - 1);
    plan.run = run_transposed<T>;
    plan.cut(2, transpose_rows(job.dims[last - 1]));
  } else if (job.ndim > 1 && job.dims[last] <= kShortRow) {
    plan.run = run_short_rows<T>;
    plan.cut(2, kBlockBytes / int64_t(sizeof(T)) / job.dims[last]);
  } else {
    plan.run = run_rows<T>;
    plan.cut(1, kBlockBytes / int64_t(sizeof(T)));
  }
}

void prepare(Plan& plan) {
  CopyJob& job = plan.job;
  plan.bytes = product(job.ndim, job.dims) * job.itemsize;
  plan.units = 0;
  if (plan.bytes == 0) return;
  simplify(job);
  if (job.ndim == 0) {  // one element, which is a row, too
    job.ndim = 1;
    job.dims[0] = job.target_strides[0] = job.source_strides[0] = 1;
  }
  switch (job.itemsize) {
    case 1: return choose<uint8_t>(plan);
    case 2: return choose<uint16_t>(plan);
    case 4: return choose<uint32_t>(plan);
    case 8: return choose<uint64_t>(plan);
    default: return choose<Wide>(plan);
  }
}

// In how many shares threads take a copy: each is some units, and of a block's bytes where it can.
int64_t shares_of(const Plan& plan) {
  return std::min(plan.units, (plan.bytes + kBlockBytes - 1) / kBlockBytes);
}

// The shares of all the copies, one after the other.
void run_shared(const Plan* plans, int count) {
  int64_t total = 0;
  for (int i = 0; i < count; ++i) total += shares_of(plans[i]);
  auto range = [=](int, int64_t begin, int64_t end) {
    int64_t first = 0;
    for (int i = 0; i < count && first < end; ++i) {
      const int64_t shares = shares_of(plans[i]), units = plans[i].units;
      const int64_t from = std::max(begin - first, int64_t{0}), to = std::min(end - first, shares);
      if (from < to) plans[i].run(plans[i], from * units / shares, to * units / shares);
      first += shares;
    }
  };
  parallel(total, 1, kMaxThreads, range);
}

// The copies of these plans, whose jobs are given.
void run_all(Plan* plans, int count) {
  int64_t bytes = 0;
  for (int i = 0; i < count; ++i) {
    prepare(plans[i]);
    bytes += plans[i].bytes;
  }
  static const int32_t label = timeline::intern("copy");
  const timeline::Span span(timeline::Category::Copy, label, timeline::enabled() ? bytes : 0);
  for (int i = 0; i < count; ++i) plans[i].streams = bytes >= stream_bytes();
  if (bytes >= kParallelBytes) return run_shared(plans, count);
  for (int i = 0; i < count; ++i)
    if (plans[i].units) plans[i].run(plans[i], 0, plans[i].units);
}

}  // namespace

void copy_elements(const CopyJob& job) { copy_all(&job, 1); }

void copy_all(const CopyJob* jobs, int count) {
  constexpr int kFew = 4;
  Plan few[kFew];
  std::unique_ptr<Plan[]> many(count > kFew ? new Plan[size_t(count)] : nullptr);
  Plan* plans = many ? many.get() : few;
  for (int i = 0; i < count; ++i) plans[i].job = jobs[i];
  run_all(plans, count);
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
