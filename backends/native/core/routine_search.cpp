// Where values would be inserted into a sorted array, and where an array is not zero.
#include <algorithm>
#include <vector>

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

template <class Order>
int64_t insertion_place(const typename Order::Bits* sorted, int64_t n, typename Order::Bits value,
                        bool after) {
  const auto wanted = Order::equal_key(value);
  int64_t low = 0;
  while (n > 0) {  // the place is in [low, low + n]
    const int64_t half = n / 2;
    const auto key = Order::equal_key(sorted[low + half]);
    const bool right = key < wanted || (after && key == wanted);
    low = right ? low + half + 1 : low;
    n = right ? n - half - 1 : half;
  }
  return low;
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
      for (int64_t i = begin; i < end; ++i)
        places[i] = insertion_place<Order>(sorted, n, values[i], after);
    };
    if (plan.cost < 20'000'000)
      range(0, 0, count);
    else
      parallel(count, 1 << 10, kMaxThreads, range);
  });
}

// Sizes: length of the bool array, number of places wanted. Where there are fewer, the rest is
// the length.
void plan_nonzero(const Routine& self, RoutinePlan& plan) {
  plan.bytes[0] = routine_bytes(self, 1, {plan.sizes[0]});
  plan.bytes[1] = routine_bytes(self, 8, {plan.sizes[1]});
  plan.cost = plan.sizes[0] * 800 + plan.sizes[1] * 500;
}

void run_nonzero(const Routine&, const RoutinePlan& plan, void* const* buffers) {
  const int64_t n = plan.sizes[0], wanted = plan.sizes[1];
  const uint8_t* mask = static_cast<const uint8_t*>(buffers[0]);
  int64_t* places = static_cast<int64_t*>(buffers[1]);
  constexpr int64_t kPart = 1 << 15;
  const int64_t parts = (n + kPart - 1) / kPart;
  std::vector<int64_t> starts(size_t(parts) + 1);
  auto count = [&](int, int64_t first, int64_t last) {
    for (int64_t p = first; p < last; ++p) {
      int64_t found = 0;
      for (int64_t i = p * kPart; i < std::min(n, (p + 1) * kPart); ++i) found += mask[i] != 0;
      starts[size_t(p) + 1] = found;
    }
  };
  parallel(parts, 1, kMaxThreads, count);
  for (size_t p = 0; p < size_t(parts); ++p) starts[p + 1] += starts[p];
  auto fill = [&](int, int64_t first, int64_t last) {
    for (int64_t p = first; p < last; ++p) {
      int64_t place = starts[size_t(p)];
      const int64_t end = std::min(wanted, starts[size_t(p) + 1]);
      for (int64_t i = p * kPart; place < end; ++i)
        if (mask[i]) places[place++] = i;
    }
  };
  parallel(parts, 1, kMaxThreads, fill);
  for (int64_t i = starts[size_t(parts)]; i < wanted; ++i) places[i] = n;
}

constexpr Routine kRoutines[] = {
    {"searchsorted", 3, 4, plan_searchsorted, run_searchsorted},
    {"nonzero", 2, 2, plan_nonzero, run_nonzero},
};

}  // namespace

RoutineTable searching_routines() { return {kRoutines, 2}; }

}  // namespace tilewright
