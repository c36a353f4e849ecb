// Sorting along an axis: arrays are outer x n x inner, and each line of n is sorted by itself.
#include <atomic>

#include "buffer.h"
#include "radix_sort.h"
#include "routines.h"
#include "sort_keys.h"

namespace tilewright {
namespace {

// The sizes of both routines: dtype, outer, n, inner, whether the largest comes first.
struct Lines {
  explicit Lines(const RoutinePlan& plan)
      : outer(plan.sizes[1]), n(plan.sizes[2]), inner(plan.sizes[3]), reverse(plan.sizes[4]) {}
  int64_t count() const { return outer * inner; }
  int64_t start(int64_t line) const { return line / inner * n * inner + line % inner; }
  int64_t outer, n, inner;
  bool reverse;
};

constexpr int64_t kElementCost = 12'000;  // picoseconds

void plan_lines(const Routine& self, RoutinePlan& plan, int output_size) {
  const int size = itemsize(dtype_of_size(self.name, plan.sizes[0]));
  const Lines lines(plan);
  plan.bytes[0] = routine_bytes(self, size, {lines.outer, lines.n, lines.inner});
  plan.bytes[1] = routine_bytes(self, output_size ? output_size : size,
                                {lines.outer, lines.n, lines.inner});
  plan.cost = plan.bytes[0] / size * kElementCost;
}

void plan_sort(const Routine& self, RoutinePlan& plan) { plan_lines(self, plan, 0); }
void plan_argsort(const Routine& self, RoutinePlan& plan) { plan_lines(self, plan, 8); }

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

template <class E>
void sort_line(E* data, E* spare, int64_t n, bool whole) {
  if (whole)
    RadixSort<E>::parallel_sort(data, spare, n);
  else
    RadixSort<E>::serial(data, spare, n);
}

// -0 and 0 are equal, so a stable sort leaves them in the order in which they came.
template <class Order>
void restore_zeros(const typename Order::Bits* from, typename Order::Bits* to, int64_t n,
                   int64_t step, int64_t first, int64_t last) {
  using Bits = typename Order::Bits;
  constexpr Bits kTop = Bits(Bits(1) << (8 * sizeof(Bits) - 1));
  for (int64_t i = 0; i < n && first < last; ++i) {
    const Bits bits = from[i * step];
    if (!Bits(bits & Bits(~kTop))) to[step * first++] = bits;
  }
}

template <class Order>
void sort_lines(const Lines& lines, const void* input, void* output) {
  using Bits = typename Order::Bits;
  using Key = typename Order::Key;
  using E = KeyElement<Key>;
  const Key flip = lines.reverse ? Key(~Key(0)) : Key(0);
  const int64_t n = lines.n, step = lines.inner;
  each_line<E>(lines, [&](int64_t line, E* data, E* spare, bool whole) {
    const Bits* from = static_cast<const Bits*>(input) + lines.start(line);
    Bits* to = static_cast<Bits*>(output) + lines.start(line);
    spread(n, whole, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) data[i].key = Order::key(from[i * step]) ^ flip;
    });
    sort_line(data, spare, n, whole);
    spread(n, whole, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i * step] = Order::bits(data[i].key ^ flip);
    });
    if constexpr (Order::kSignedZeros) {
      const Key minus = Order::key(Bits(Bits(1) << (8 * sizeof(Bits) - 1))), plus = Order::key(0);
      auto place = [&](Key key) {
        return std::lower_bound(data, data + n, key,
                                [](const E& e, Key bound) { return e.key < bound; }) - data;
      };
      const Key low = lines.reverse ? Key(~plus) : minus, high = low + 1;
      const int64_t a = place(low), b = place(high), c = place(high + 1);
      if (a < b && b < c) restore_zeros<Order>(from, to, n, step, a, c);
    }
  });
}

template <class Order, class Index>
void argsort_lines(const Lines& lines, const void* input, int64_t* output) {
  using Bits = typename Order::Bits;
  using Key = typename Order::Key;
  using E = IndexedElement<Key, Index>;
  const Key flip = lines.reverse ? Key(~Key(0)) : Key(0);
  const int64_t n = lines.n, step = lines.inner;
  each_line<E>(lines, [&](int64_t line, E* data, E* spare, bool whole) {
    const Bits* from = static_cast<const Bits*>(input) + lines.start(line);
    int64_t* to = output + lines.start(line);
    spread(n, whole, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        data[i] = {Key(Order::equal_key(from[i * step]) ^ flip), Index(i)};
    });
    sort_line(data, spare, n, whole);
    spread(n, whole, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i * step] = int64_t(data[i].index);
    });
  });
}

void run_sort(const Routine&, const RoutinePlan& plan, void* const* buffers) {
  const Lines lines(plan);
  with_order(DType(plan.sizes[0]),
             [&](auto order) { sort_lines<decltype(order)>(lines, buffers[0], buffers[1]); });
}

void run_argsort(const Routine&, const RoutinePlan& plan, void* const* buffers) {
  const Lines lines(plan);
  int64_t* output = static_cast<int64_t*>(buffers[1]);
  with_order(DType(plan.sizes[0]), [&](auto order) {
    using Order = decltype(order);
    if (lines.n <= int64_t(UINT32_MAX))
      argsort_lines<Order, uint32_t>(lines, buffers[0], output);
    else
      argsort_lines<Order, uint64_t>(lines, buffers[0], output);
  });
}

constexpr Routine kRoutines[] = {
    {"sort", 2, 5, plan_sort, run_sort},
    {"argsort", 2, 5, plan_argsort, run_argsort},
};

}  // namespace

RoutineTable sorting_routines() { return {kRoutines, 2}; }

}  // namespace tilewright
