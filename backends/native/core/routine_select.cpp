// Elements chosen by positions or by a mask, and whether positions are in range.
#include "select.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "layout.h"
#include "pool.h"
#include "put.h"
#include "routines.h"

namespace tilewright {
namespace {

constexpr int64_t kPart = 1 << 15;  // elements of a mask that a thread looks at together

struct Pair {
  uint64_t first, second;
};

// Calls body(element) with a type of so many bytes; false where there is none.
template <class Body>
bool with_bytes(int64_t bytes, Body&& body) {
  switch (bytes) {
    case 1: return body(uint8_t()), true;
    case 2: return body(uint16_t()), true;
    case 4: return body(uint32_t()), true;
    case 8: return body(uint64_t()), true;
    case 16: return body(Pair()), true;
    default: return false;
  }
}

void check_itemsize(const Routine& self, int64_t size) {
  if (size != 1 && size != 2 && size != 4 && size != 8 && size != 16)
    fail(ErrorKind::Value, "%s: got elements of %lld bytes", self.name,
         static_cast<long long>(size));
}

// ------------------------------------------------------------------ by positions

// Sizes: bytes of an element, outer, n, inner, number of positions.
void plan_gather(const Routine& self, RoutinePlan& plan) {
  const int64_t* s = plan.sizes;
  check_itemsize(self, s[0]);
  plan.bytes[0] = routine_bytes(self, int(s[0]), {s[1], s[2], s[3]});
  plan.bytes[1] = routine_bytes(self, 8, {s[4]});
  plan.bytes[2] = routine_bytes(self, int(s[0]), {s[1], s[4], s[3]});
  if (plan.bytes[2] && !s[2])
    fail(ErrorKind::Value, "%s: got positions in an axis without elements", self.name);
  plan.cost = plan.bytes[2] / s[0] * 1500;
}

// Rows of the source to the rows of the result, where `place` makes a row's number of a position.
template <class Place>
void gather_rows(const RoutinePlan& plan, void* const* buffers, Place place) {
  const int64_t outer = plan.sizes[1], n = plan.sizes[2], count = plan.sizes[4];
  const int64_t bytes = plan.sizes[0] * plan.sizes[3];  // of a row
  if (!plan.bytes[2]) return;
  const int64_t* positions = static_cast<const int64_t*>(buffers[1]);
  // body(row of the source, row of the target) for rows [begin, end) of the result.
  auto each = [=](int64_t begin, int64_t end, auto body) {
    for (int64_t row = begin; row < end;) {
      const int64_t line = row / count, first = row - line * count;
      const int64_t stop = std::min(count, first + (end - row));
      for (int64_t i = first; i < stop; ++i) body(line * n + place(positions[i]), line * count + i);
      row += stop - first;
    }
  };
  auto range = [&](int, int64_t begin, int64_t end) {
    const bool typed = with_bytes(bytes, [&](auto zero) {
      const auto* x = static_cast<const decltype(zero)*>(buffers[0]);
      auto* out = static_cast<decltype(zero)*>(buffers[2]);
      each(begin, end, [=](int64_t from, int64_t to) { out[to] = x[from]; });
    });
    if (typed) return;
    const char* x = static_cast<const char*>(buffers[0]);
    char* out = static_cast<char*>(buffers[2]);
    each(begin, end, [=](int64_t from, int64_t to) {
      std::memcpy(out + to * bytes, x + from * bytes, size_t(bytes));
    });
  };
  if (plan.cost < 20'000'000)
    range(0, 0, outer * count);
  else
    parallel(outer * count, 1 + kPart / bytes, kMaxThreads, range);
}

// A position out of range is brought to the nearest end.
void run_gather(const Routine&, const RoutinePlan& plan, void* const* buffers) {
  const int64_t last = plan.sizes[2] - 1;
  gather_rows(plan, buffers, [=](int64_t given) {
    return __builtin_expect(uint64_t(given) <= uint64_t(last), 1) ? given : given < 0 ? 0 : last;
  });
}

// What is to be known of some positions: the sign of `outside` says that one of them is none in an
// axis of n, that of `negative` that one counts from its end. By sums alone, as vectors of old
// machines compare no int64.
struct Signs {
  uint64_t outside = 0, negative = 0;
};

__attribute__((always_inline)) inline Signs signs_of(const int64_t* positions, int64_t count,
                                                     int64_t n) {
  const uint64_t size = uint64_t(n), last = size - 1;
  Signs found;
  for (int64_t i = 0; i < count; ++i) {
    const uint64_t given = uint64_t(positions[i]);
    found.outside |= (given + size) | (last - given);
    found.negative |= given;
  }
  return found;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) Signs signs_by_avx2(const int64_t* positions, int64_t count,
                                                    int64_t n) {
  return signs_of(positions, count, n);
}
#endif

Signs look_at(const int64_t* positions, int64_t count, int64_t n) {
#if defined(__x86_64__)
  static const bool avx2 = __builtin_cpu_supports("avx2");
  if (avx2) return signs_by_avx2(positions, count, n);
#endif
  return signs_of(positions, count, n);
}

[[noreturn]] void refuse(const Routine& self, const RoutinePlan& plan, const int64_t* positions) {
  const int64_t n = plan.sizes[2];
  int64_t i = 0;
  while (i + 1 < plan.sizes[4] && positions[i] >= -n && positions[i] < n) ++i;
  fail(ErrorKind::Bounds, "%s: index %lld is out of range for an axis of size %lld", self.name,
       static_cast<long long>(positions[i]), static_cast<long long>(n));
}

// Positions that have been looked at to single elements.
template <class T>
void take_elements(const T* x, const int64_t* positions, T* __restrict out, int64_t count,
                   int64_t n, bool from_end) {
  if (from_end)
    for (int64_t i = 0; i < count; ++i) out[i] = x[positions[i] + (positions[i] >> 63 & n)];
  else
    for (int64_t i = 0; i < count; ++i) out[i] = x[positions[i]];
}

// One line of single elements: positions are looked at some thousand at a time, while they are in
// the nearest cache anyway. False if one is out of range.
template <class T>
bool take_line(const RoutinePlan& plan, void* const* buffers) {
  constexpr int64_t kChunk = 1024;
  const int64_t n = plan.sizes[2], count = plan.sizes[4];
  const T* x = static_cast<const T*>(buffers[0]);
  const int64_t* positions = static_cast<const int64_t*>(buffers[1]);
  T* out = static_cast<T*>(buffers[2]);
  std::atomic<bool> outside{false};
  auto range = [&](int, int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; at += kChunk) {
      const int64_t length = std::min(kChunk, end - at);
      const Signs signs = look_at(positions + at, length, n);
      if (signs.outside >> 63) return outside.store(true, std::memory_order_relaxed);
      take_elements(x, positions + at, out + at, length, n, signs.negative >> 63);
    }
  };
  if (plan.cost < 20'000'000)
    range(0, 0, count);
  else
    parallel(count, 4 * kChunk, kMaxThreads, range);
  return !outside.load();
}

// The result is fresh, and nobody's if this fails.
void run_take(const Routine& self, const RoutinePlan& plan, void* const* buffers) {
  const int64_t n = plan.sizes[2], count = plan.sizes[4];
  const int64_t* positions = static_cast<const int64_t*>(buffers[1]);
  if (plan.sizes[1] == 1 && plan.sizes[3] == 1 && n) {
    bool fits = true;
    with_bytes(plan.sizes[0], [&](auto zero) { fits = take_line<decltype(zero)>(plan, buffers); });
    if (!fits) refuse(self, plan, positions);
    return;
  }
  if (look_at(positions, count, n).outside >> 63) refuse(self, plan, positions);
  gather_rows(plan, buffers, [=](int64_t given) { return given + (given >> 63 & n); });
}

// Whether int64 numbers are all from 0 to a limit, less than it. Sizes: how many, the limit.
void plan_within(const Routine& self, RoutinePlan& plan) {
  plan.bytes[0] = routine_bytes(self, 8, {plan.sizes[0]});
  plan.bytes[1] = 8;
  plan.cost = plan.sizes[0] * 200;
}

void run_within(const Routine&, const RoutinePlan& plan, void* const* buffers) {
  const auto* x = static_cast<const int64_t*>(buffers[0]);
  *static_cast<int64_t*>(buffers[1]) = places_fit(x, plan.sizes[0], plan.sizes[1]);
}

// ------------------------------------------------------------------ by a mask

// Bytes that are not zero, eight at a time.
int64_t count_true(const uint8_t* mask, int64_t n) {
  constexpr uint64_t kLow = 0x7f7f7f7f7f7f7f7full, kOnes = 0x0101010101010101ull;
  int64_t found = 0, i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t word;
    std::memcpy(&word, mask + i, 8);
    const uint64_t set = (((word & kLow) + kLow) | word) >> 7 & kOnes;
    found += int64_t(set * kOnes >> 56);
  }
  for (; i < n; ++i) found += mask[i] != 0;
  return found;
}

}  // namespace

std::vector<int64_t> selected_before(const uint8_t* mask, int64_t n) {
  const int64_t parts = (n + kPart - 1) / kPart;
  std::vector<int64_t> starts(size_t(parts) + 1);
  auto count = [&](int, int64_t first, int64_t last) {
    for (int64_t p = first; p < last; ++p)
      starts[size_t(p) + 1] = count_true(mask + p * kPart, std::min(kPart, n - p * kPart));
  };
  parallel(parts, 8, kMaxThreads, count);
  for (size_t p = 0; p < size_t(parts); ++p) starts[p + 1] += starts[p];
  return starts;
}

namespace {

// Calls put(place, i) for each part until its places are filled, where i is the first element
// from the last one on that may belong there: the place counts only if the mask has i. Without
// branches, as those on random masks are wrong half of the time.
template <class Put>
void fill_places(const uint8_t* mask, const std::vector<int64_t>& starts, int64_t wanted,
                 Put put) {
  auto fill = [&](int, int64_t first, int64_t last) {
    for (int64_t p = first; p < last; ++p) {
      int64_t place = starts[size_t(p)];
      const int64_t end = std::min(wanted, starts[size_t(p) + 1]);
      for (int64_t i = p * kPart; place < end; ++i) {
        put(place, i);
        place += mask[i] != 0;
      }
    }
  };
  parallel(int64_t(starts.size()) - 1, 1, kMaxThreads, fill);
}

}  // namespace

void select_rows(const uint8_t* mask, const std::vector<int64_t>& starts, int64_t wanted,
                 const void* source, void* target, int64_t bytes) {
  const bool typed = with_bytes(bytes, [&](auto zero) {
    const auto* x = static_cast<const decltype(zero)*>(source);
    auto* rows = static_cast<decltype(zero)*>(target);
    fill_places(mask, starts, wanted, [=](int64_t place, int64_t i) { rows[place] = x[i]; });
  });
  if (typed) return;
  const char* x = static_cast<const char*>(source);
  char* out = static_cast<char*>(target);
  fill_places(mask, starts, wanted, [=](int64_t place, int64_t i) {
    if (mask[i]) std::memcpy(out + place * bytes, x + i * bytes, size_t(bytes));
  });
}

namespace {

// How many elements of a bool array are true. Sizes: its length.
void plan_count(const Routine& self, RoutinePlan& plan) {
  plan.bytes[0] = routine_bytes(self, 1, {plan.sizes[0]});
  plan.bytes[1] = 8;
  plan.cost = plan.sizes[0] * 100;
}

void run_count(const Routine&, const RoutinePlan& plan, void* const* buffers) {
  *static_cast<int64_t*>(buffers[1]) =
      selected_before(static_cast<const uint8_t*>(buffers[0]), plan.sizes[0]).back();
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
  int64_t* places = static_cast<int64_t*>(buffers[1]);
  const uint8_t* mask = static_cast<const uint8_t*>(buffers[0]);
  const std::vector<int64_t> starts = selected_before(mask, n);
  std::fill(places + std::min(wanted, starts.back()), places + wanted, n);
  fill_places(mask, starts, wanted,
              [=](int64_t place, int64_t i) { places[place] = i; });
}

// Sizes: bytes of an element, n, inner, number of rows wanted. Where there are fewer, the rest is
// zeros.
void plan_compress(const Routine& self, RoutinePlan& plan) {
  const int64_t* s = plan.sizes;
  check_itemsize(self, s[0]);
  plan.bytes[0] = routine_bytes(self, int(s[0]), {s[1], s[2]});
  plan.bytes[1] = routine_bytes(self, 1, {s[1]});
  plan.bytes[2] = routine_bytes(self, int(s[0]), {s[3], s[2]});
  plan.cost = s[1] * 800 + plan.bytes[2] * 100;
}

void run_compress(const Routine&, const RoutinePlan& plan, void* const* buffers) {
  const int64_t n = plan.sizes[1], wanted = plan.sizes[3];
  const int64_t bytes = plan.sizes[0] * plan.sizes[2];
  const uint8_t* mask = static_cast<const uint8_t*>(buffers[1]);
  if (!plan.bytes[2]) return;
  char* out = static_cast<char*>(buffers[2]);
  const std::vector<int64_t> starts = selected_before(mask, n);
  const int64_t held = std::min(wanted, starts.back());
  std::memset(out + held * bytes, 0, size_t((wanted - held) * bytes));
  select_rows(mask, starts, wanted, buffers[0], out, bytes);
}

constexpr Routine kRoutines[] = {
    {"gather", 3, 5, plan_gather, run_gather},
    {"within", 2, 2, plan_within, run_within},
    {"take", 3, 5, plan_gather, run_take},
    {"count", 2, 1, plan_count, run_count},
    {"nonzero", 2, 2, plan_nonzero, run_nonzero},
    {"compress", 3, 4, plan_compress, run_compress},
};

}  // namespace

RoutineTable selecting_routines() { return {kRoutines, 6}; }

}  // namespace tilewright
