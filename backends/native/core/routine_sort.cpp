// Sorting along an axis: arrays are outer x n x inner, and each line of n is sorted by itself.
#include "radix_sort.h"
#include "routines.h"
#include "sort_keys.h"
#include "sort_lines.h"

namespace tilewright {
namespace {

void plan_sort(const Routine& self, RoutinePlan& plan) { plan_lines(self, plan, 0); }
void plan_argsort(const Routine& self, RoutinePlan& plan) { plan_lines(self, plan, 8); }

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
  with_order_and_position(DType(plan.sizes[0]), lines.n, [&](auto order, auto position) {
    argsort_lines<decltype(order), decltype(position)>(lines, buffers[0], output);
  });
}

constexpr Routine kRoutines[] = {
    {"sort", 2, 5, plan_sort, run_sort},
    {"argsort", 2, 5, plan_argsort, run_argsort},
};

}  // namespace

RoutineTable sorting_routines() { return {kRoutines, 2}; }

}  // namespace tilewright
