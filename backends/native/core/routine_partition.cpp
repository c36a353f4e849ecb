// Partitions along an axis: some places hold what sorting would put there, what is smaller lies
// before them and what is larger behind.
#include "radix_sort.h"
#include "routines.h"
#include "sort_keys.h"
#include "sort_lines.h"

namespace tilewright {
namespace {

// Sizes: those of the sorts, then the first and the last place that must be in order.
void plan_places(const Routine& self, RoutinePlan& plan, int output_size) {
  plan_lines(self, plan, output_size);
  const int64_t n = plan.sizes[2], first = plan.sizes[5], last = plan.sizes[6];
  if (plan.bytes[0] && (first < 0 || last < first || last >= n))
    fail(ErrorKind::Value, "%s: got places %lld to %lld of %lld", self.name,
         static_cast<long long>(first), static_cast<long long>(last), static_cast<long long>(n));
  plan.cost /= 3;
}

void plan_partition(const Routine& self, RoutinePlan& plan) { plan_places(self, plan, 0); }
void plan_argpartition(const Routine& self, RoutinePlan& plan) { plan_places(self, plan, 8); }

template <class Order>
void partition_lines(const RoutinePlan& plan, const void* input, void* output) {
  using Bits = typename Order::Bits;
  using Key = typename Order::Key;
  using E = KeyElement<Key>;
  const Lines lines(plan);
  const Key flip = lines.reverse ? Key(~Key(0)) : Key(0);
  const int64_t n = lines.n, step = lines.inner;
  each_line<E>(lines, [&](int64_t line, E* data, E* spare, bool whole) {
    const Bits* from = static_cast<const Bits*>(input) + lines.start(line);
    Bits* to = static_cast<Bits*>(output) + lines.start(line);
    spread(n, whole, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) data[i].key = Order::key(from[i * step]) ^ flip;
    });
    RadixSort<E>::select(data, spare, n, plan.sizes[5], plan.sizes[6]);
    spread(n, whole, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i * step] = Order::bits(data[i].key ^ flip);
    });
  });
}

template <class Order, class Index>
void argpartition_lines(const RoutinePlan& plan, const void* input, int64_t* output) {
  using Bits = typename Order::Bits;
  using Key = typename Order::Key;
  using E = IndexedElement<Key, Index>;
  const Lines lines(plan);
  const Key flip = lines.reverse ? Key(~Key(0)) : Key(0);
  const int64_t n = lines.n, step = lines.inner;
  each_line<E>(lines, [&](int64_t line, E* data, E* spare, bool whole) {
    const Bits* from = static_cast<const Bits*>(input) + lines.start(line);
    int64_t* to = output + lines.start(line);
    spread(n, whole, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        data[i] = {Key(Order::equal_key(from[i * step]) ^ flip), Index(i)};
    });
    RadixSort<E>::select(data, spare, n, plan.sizes[5], plan.sizes[6]);
    spread(n, whole, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i * step] = int64_t(data[i].index);
    });
  });
}

void run_partition(const Routine&, const RoutinePlan& plan, void* const* buffers) {
  with_order(DType(plan.sizes[0]), [&](auto order) {
    partition_lines<decltype(order)>(plan, buffers[0], buffers[1]);
  });
}

void run_argpartition(const Routine&, const RoutinePlan& plan, void* const* buffers) {
  int64_t* output = static_cast<int64_t*>(buffers[1]);
  with_order_and_position(DType(plan.sizes[0]), plan.sizes[2], [&](auto order, auto position) {
    argpartition_lines<decltype(order), decltype(position)>(plan, buffers[0], output);
  });
}

constexpr Routine kRoutines[] = {
    {"partition", 2, 7, plan_partition, run_partition},
    {"argpartition", 2, 7, plan_argpartition, run_argpartition},
};

}  // namespace

RoutineTable partitioning_routines() { return {kRoutines, 2}; }

}  // namespace tilewright
