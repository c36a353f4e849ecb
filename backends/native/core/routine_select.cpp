// Elements chosen by positions or by a mask, and whether positions are in range.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <vector>

#include "layout.h"
#include "pool.h"
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

// Sizes: bytes of an element, outer, n, inner, number of positions. A position out of range is
// brought to the nearest end.
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

void run_gather(const Routine&, const RoutinePlan& plan, void* const* buffers) {
  const int64_t outer = plan.sizes[1], last = plan.sizes[2] - 1, count = plan.sizes[4];
  const int64_t bytes = plan.sizes[0] * plan.sizes[3];  // of a row
  if (!plan.bytes[2]) return;
  const int64_t* positions = static_cast<const int64_t*>(buffers[1]);
  auto place = [=](int64_t i) {
    const int64_t given = positions[i];
    return __builtin_expect(uint64_t(given) <= uint64_t(last), 1) ? given : given < 0 ? 0 : last;
  };
  // body(row of the source, row of the target) for rows [begin, end) of the result.
  auto each = [=](int64_t begin, int64_t end, auto body) {
    for (int64_t row = begin; row < end;) {
      const int64_t line = row / count, first = row - line * count;
      const int64_t stop = std::min(count, first + (end - row));
      for (int64_t i = first; i < stop; ++i) body(line * (last + 1) + place(i), line * count + i);
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

// Whether int64 numbers are all from 0 to a limit, less than it. Sizes: how many, the limit.
void plan_within(const Routine& self, RoutinePlan& plan) {
  plan.bytes[0] = routine_bytes(self, 8, {plan.sizes[0]});
  plan.bytes[1] = 8;
  plan.cost = plan.sizes[0] * 200;
}

void run_within(const Routine&, const RoutinePlan& plan, void* const* buffers) {
  const int64_t n = plan.sizes[0];
  const uint64_t last = uint64_t(plan.sizes[1]) - 1;
  const uint64_t* x = static_cast<const uint64_t*>(buffers[0]);
  std::atomic<uint64_t> outside{0};
  auto range = [&](int, int64_t begin, int64_t end) {
    // A sign says that one is out of range; by sums alone, as vectors of old machines compare
    // no int64.
    uint64_t signs = 0;
    for (int64_t i = begin; i < end; ++i) signs |= x[i] | (last - x[i]);
    if (signs >> 63) outside.store(1, std::memory_order_relaxed);
  };
  parallel(n, 2 * kPart, kMaxThreads, range);
  *static_cast<int64_t*>(buffers[1]) = !outside.load();
}

// ------------------------------------------------------------------ by a mask

// How many of a mask's elements lie before each part of it, and how many there are.
std::vector<int64_t> part_starts(const uint8_t* mask, int64_t n) {
  const int64_t parts = (n + kPart - 1) / kPart;
  std::vector<int64_t> starts(size_t(parts) + 1);
  auto count = [&](int, int64_t first, int64_t last) {
    for (int64_t p = first; p < last; ++p) {
      int64_t found = 0;
      for (int64_t i = p * kPart; i < std::min(n, (p + 1) * kPart); ++i) found += mask[i] != 0;
      starts[size_t(p) + 1] = found;
    }
  };
  parallel(parts, 8, kMaxThreads, count);
  for (size_t p = 0; p < size_t(parts); ++p) starts[p + 1] += starts[p];
  return starts;
}

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

// How many elements of a bool array are true. Sizes: its length.
void plan_count(const Routine& self, RoutinePlan& plan) {
  plan.bytes[0] = routine_bytes(self, 1, {plan.sizes[0]});
  plan.bytes[1] = 8;
  plan.cost = plan.sizes[0] * 100;
}

void run_count(const Routine&, const RoutinePlan& plan, void* const* buffers) {
  *static_cast<int64_t*>(buffers[1]) =
      part_starts(static_cast<const uint8_t*>(buffers[0]), plan.sizes[0]).back();
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
  const std::vector<int64_t> starts = part_starts(mask, n);
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
  const std::vector<int64_t> starts = part_starts(mask, n);
  const int64_t held = std::min(wanted, starts.back());
  std::memset(out + held * bytes, 0, size_t((wanted - held) * bytes));
  const bool typed = with_bytes(bytes, [&](auto zero) {
    const auto* x = static_cast<const decltype(zero)*>(buffers[0]);
    auto* rows = static_cast<decltype(zero)*>(buffers[2]);
    fill_places(mask, starts, wanted, [=](int64_t place, int64_t i) { rows[place] = x[i]; });
  });
  if (typed) return;
  const char* x = static_cast<const char*>(buffers[0]);
  fill_places(mask, starts, wanted, [=](int64_t place, int64_t i) {
    if (mask[i]) std::memcpy(out + place * bytes, x + i * bytes, size_t(bytes));
  });
}

constexpr Routine kRoutines[] = {
    {"gather", 3, 5, plan_gather, run_gather},
    {"within", 2, 2, plan_within, run_within},
    {"count", 2, 1, plan_count, run_count},
    {"nonzero", 2, 2, plan_nonzero, run_nonzero},
    {"compress", 3, 4, plan_compress, run_compress},
};

}  // namespace

RoutineTable selecting_routines() { return {kRoutines, 5}; }

}  // namespace tilewright
