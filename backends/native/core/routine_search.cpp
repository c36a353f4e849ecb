// Where values would be inserted into a sorted array.
#include <algorithm>

#include "pool.h"
#include "routines.h"
#include "sort_keys.h"

namespace tilewright {
namespace {

// Sizes: dtype, length of the sorted array, number of values, whether to insert after equals.
void plan_searchsorted(const Routine& self, RoutinePlan& plan) {
  const int size = itemsize(dtype_of_size(self.name, plan.sizes[0]));
  const int64_t n = plan.sizes[1], count = plan.sizes[2];
  plan.bytes[0] = routine_bytes(self, size, {n});
  plan.bytes[1] = routine_bytes(self, size, {count});
  plan.bytes[2] = routine_bytes(self, 8, {count});
  plan.cost = count * (1 + (n ? 64 - __builtin_clzll(uint64_t(n)) : 0)) * 2000;
}

constexpr int64_t kSide = 16;  // searches that go on together, so that their misses overlap

// The places of up to kSide values. All of them take the same number of steps: the place is in
// [base, base + length].
template <class Order>
void insertion_places(const typename Order::Bits* sorted, int64_t n,
                      const typename Order::Bits* values, int64_t count, bool after,
                      int64_t* places) {
  typename Order::Key wanted[kSide];
  int64_t base[kSide] = {};
  for (int64_t i = 0; i < count; ++i) wanted[i] = Order::equal_key(values[i]);
  auto is_before = [&](int64_t i, int64_t place) {
    const auto key = Order::equal_key(sorted[place]);
    return key < wanted[i] || (after && key == wanted[i]);
  };
  int64_t length = n;
  for (; length > 1; length -= length / 2)
    for (int64_t i = 0; i < count; ++i)
      base[i] += is_before(i, base[i] + length / 2 - 1) ? length / 2 : 0;
  for (int64_t i = 0; i < count; ++i)
    places[i] = base[i] + (length && is_before(i, base[i]) ? 1 : 0);
}

void run_searchsorted(const Routine&, const RoutinePlan& plan, void* const* buffers) {
  const int64_t n = plan.sizes[1], count = plan.sizes[2];
  const bool after = plan.sizes[3];
  int64_t* places = static_cast<int64_t*>(buffers[2]);
  with_order(DType(plan.sizes[0]), [&](auto order) {
    using Order = decltype(order);
    using Bits = typename Order::Bits;
    const Bits* sorted = static_cast<const Bits*>(buffers[0]);
    const Bits* values = static_cast<const Bits*>(buffers[1]);
    auto range = [&](int, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i += kSide)
        insertion_places<Order>(sorted, n, values + i, std::min(kSide, end - i), after,
                                places + i);
    };
    if (plan.cost < 20'000'000)
      range(0, 0, count);
    else
      parallel(count, 1 << 10, kMaxThreads, range);
  });
}

constexpr Routine kRoutines[] = {
    {"searchsorted", 3, 4, plan_searchsorted, run_searchsorted},
};

}  // namespace

RoutineTable searching_routines() { return {kRoutines, 1}; }

}  // namespace tilewright
