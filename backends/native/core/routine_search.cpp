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

// The number of leading elements of the table that `is_before(element)` holds for, for up to kSide
// values. All searches take the same steps: the place is in [base, base + length].
template <class Table, class T, class IsBefore>
void insertion_places(Table table, int64_t n, const T* values, int64_t count, int64_t* places,
                      IsBefore is_before) {
  int64_t base[kSide] = {};
  int64_t length = n;
  for (; length > 1; length -= length / 2) {
    const int64_t half = length / 2;
    for (int64_t i = 0; i < count; ++i)
      base[i] += is_before(table(base[i] + half - 1), values[i]) ? half : 0;
  }
  for (int64_t i = 0; i < count; ++i)
    places[i] = base[i] + (length && is_before(table(base[i]), values[i]) ? 1 : 0);
}

// How elements of a dtype are compared: as numbers of the machine where it has them. NaN, which
// comes last, is before nothing and nothing but itself is not before it.
template <class T>
struct NumberOrder {
  using Stored = T;
  using Value = T;
  static Value value(Stored x) { return x; }
  static bool is_last(Value x) { return x != x; }
};

template <class Order>
struct KeyOrder {
  using Stored = typename Order::Bits;
  using Value = typename Order::Key;
  static Value value(Stored x) { return Order::equal_key(x); }
  static bool is_last(Value) { return false; }
};

template <class Compared>
void search_range(const RoutinePlan& plan, void* const* buffers, int64_t begin, int64_t end) {
  using Stored = typename Compared::Stored;
  using Value = typename Compared::Value;
  const Stored* sorted = static_cast<const Stored*>(buffers[0]);
  const Stored* given = static_cast<const Stored*>(buffers[1]) + begin;
  int64_t* places = static_cast<int64_t*>(buffers[2]) + begin;
  const int64_t n = plan.sizes[1];
  const bool after = plan.sizes[3];
  auto table = [=](int64_t i) { return Compared::value(sorted[i]); };
  for (int64_t left = end - begin; left > 0; left -= kSide) {
    const int64_t count = std::min(kSide, left);
    Value values[kSide];
    for (int64_t i = 0; i < count; ++i) values[i] = Compared::value(given[i]);
    if (after)
      insertion_places(table, n, values, count, places, [](Value a, Value b) { return a <= b; });
    else
      insertion_places(table, n, values, count, places, [](Value a, Value b) { return a < b; });
    for (int64_t i = 0; i < count; ++i)
      if (Compared::is_last(values[i]))
        insertion_places(table, n, values + i, 1, places + i, [=](Value a, Value) {
          return after || !Compared::is_last(a);
        });
    given += count;
    places += count;
  }
}

template <class Body>
void with_compared(DType type, Body&& body) {
  switch (type) {
    case DType::Int8: return body(NumberOrder<int8_t>());
    case DType::Int16: return body(NumberOrder<int16_t>());
    case DType::Int32: return body(NumberOrder<int32_t>());
    case DType::Int64: return body(NumberOrder<int64_t>());
    case DType::Float32: return body(NumberOrder<float>());
    case DType::Float64: return body(NumberOrder<double>());
    default: return with_order(type, [&](auto order) { body(KeyOrder<decltype(order)>()); });
  }
}

void run_searchsorted(const Routine&, const RoutinePlan& plan, void* const* buffers) {
  const int64_t count = plan.sizes[2];
  with_compared(DType(plan.sizes[0]), [&](auto compared) {
    auto range = [&](int, int64_t begin, int64_t end) {
      search_range<decltype(compared)>(plan, buffers, begin, end);
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
