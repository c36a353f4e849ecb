// What the routines share that put the lines of an axis in order: arrays are outer x n x inner.
#pragma once

#include <cstdint>

#include "buffer.h"
#include "pool.h"
#include "routines.h"
#include "sort_keys.h"

namespace tilewright {

// The first sizes of these routines: dtype, outer, n, inner, whether the largest comes first.
struct Lines {
  explicit Lines(const RoutinePlan& plan)
      : outer(plan.sizes[1]), n(plan.sizes[2]), inner(plan.sizes[3]), reverse(plan.sizes[4]) {}
  int64_t count() const { return outer * inner; }
  int64_t start(int64_t line) const { return line / inner * n * inner + line % inner; }
  int64_t outer, n, inner;
  bool reverse;
};

constexpr int64_t kElementCost = 12'000;  // picoseconds

inline void plan_lines(const Routine& self, RoutinePlan& plan, int output_size) {
  const int size = itemsize(dtype_of_size(self.name, plan.sizes[0]));
  const Lines lines(plan);
  plan.bytes[0] = routine_bytes(self, size, {lines.outer, lines.n, lines.inner});
  plan.bytes[1] = routine_bytes(self, output_size ? output_size : size,
                                {lines.outer, lines.n, lines.inner});
  plan.cost = plan.bytes[0] / size * kElementCost;
}

// Calls body(line, data, spare, whole) for each line, where `whole` says that the line has the
// threads for itself; otherwise each line stays on one thread.
template <class E, class Body>
void each_line(const Lines& lines, Body body) {
  const int64_t count = lines.count(), n = lines.n;
  if (!count || !n) return;
  const bool whole = count < num_threads();
  const int threads = whole ? 1 : num_threads();
  const BufferRef memory(allocate(2 * n * int64_t(sizeof(E)) * threads));
  E* scratch = reinterpret_cast<E*>(memory->data);
  auto range = [&](int thread, int64_t begin, int64_t end) {
    E* data = scratch + 2 * n * thread;
    for (int64_t line = begin; line < end; ++line) body(line, data, data + n, whole);
  };
  if (whole || lines.count() * n * kElementCost < 20'000'000)
    range(0, 0, count);
  else
    parallel(count, 1 + (1 << 10) / n, threads, range);
}

// body(begin, end) over [0, n), on the pool if the line has it.
template <class Body>
void spread(int64_t n, bool whole, Body body) {
  auto range = [&](int, int64_t begin, int64_t end) { body(begin, end); };
  if (whole && n >= 1 << 16)
    parallel(n, 1 << 14, kMaxThreads, range);
  else
    range(0, 0, n);
}

}  // namespace tilewright
