// Running sums and products along an axis: arrays are outer x n x inner.
//
// A sum is cut into blocks whose length never depends on the number of threads. First come the
// totals of the blocks, then what lies before each of them, then all blocks again, eight side by
// side, as eight chains of additions hide each other's latency. What lies before a block is kept
// as two numbers, so that an element's error comes from its own block alone; and it is added up
// of the blocks' last elements, so that running sums of positive numbers never fall.
#include <algorithm>
#include <cstring>

#include "buffer.h"
#include "pool.h"
#include "routines.h"
#include "scan_elements.h"
#include "sort_keys.h"

namespace tilewright {
namespace {

enum Operation : int64_t { kSum, kProduct, kOperations };

// Sizes: operation, dtype, outer, n, inner.
struct Lines {
  explicit Lines(const RoutinePlan& plan)
      : outer(plan.sizes[2]), n(plan.sizes[3]), inner(plan.sizes[4]) {}
  int64_t outer, n, inner;
};

constexpr int64_t kElementCost = 1'500;  // picoseconds
constexpr int64_t kLongLine = 1 << 17;   // elements from which a line has all threads
constexpr int64_t kGrain = 1 << 15;      // elements that a thread takes at once, at least

void plan_scan(const Routine& self, RoutinePlan& plan) {
  if (plan.sizes[0] < 0 || plan.sizes[0] >= kOperations)
    fail(ErrorKind::Value, "%s: there is no operation %lld", self.name,
         static_cast<long long>(plan.sizes[0]));
  const int size = itemsize(dtype_of_size(self.name, plan.sizes[1]));
  const Lines lines(plan);
  plan.bytes[0] = plan.bytes[1] = routine_bytes(self, size, {lines.outer, lines.n, lines.inner});
  plan.cost = plan.bytes[0] / size * kElementCost;
}

// ------------------------------------------------------------------ sums of contiguous lines

// No power of two: eight streams so far apart would meet in the same sets of the cache.
constexpr int64_t kBlock = 264;
constexpr int64_t kSide = 8;  // blocks side by side

template <class E>
class SumLine {
  using Stored = typename E::Stored;
  using State = typename E::State;
  typedef State Side __attribute__((vector_size(kSide * sizeof(State))));

 public:
  static int64_t blocks(int64_t n) { return (n + kBlock - 1) / kBlock; }
  static int64_t scratch_bytes(int64_t n) {
    return blocks(n) * int64_t(sizeof(State) + sizeof(Carry<State>));
  }

  SumLine(const Stored* x, Stored* out, int64_t n, char* scratch)
      : x_(x), out_(out), n_(n), before_(reinterpret_cast<Carry<State>*>(scratch)),
        totals_(reinterpret_cast<State*>(scratch + blocks(n) * int64_t(sizeof(Carry<State>)))) {}

  void run(bool on_all_threads) {
    auto totals = [this](int, int64_t begin, int64_t end) { find_totals(begin, end); };
    auto scan = [this](int, int64_t begin, int64_t end) { scan_blocks(begin, end); };
    if (on_all_threads) {
      parallel(blocks(n_), kGrain / kBlock / kSide * kSide, kMaxThreads, totals);
      find_carries();
      parallel(blocks(n_), kGrain / kBlock / kSide * kSide, kMaxThreads, scan);
    } else {
      if (n_ > kBlock) find_totals(0, blocks(n_));
      find_carries();
      scan_blocks(0, blocks(n_));
    }
  }

 private:
  int64_t length(int64_t block) const { return std::min(kBlock, n_ - block * kBlock); }

  static Side side_of(const Stored* x) {
    return Side{E::load(x[0]),          E::load(x[kBlock]),     E::load(x[2 * kBlock]),
                E::load(x[3 * kBlock]), E::load(x[4 * kBlock]), E::load(x[5 * kBlock]),
                E::load(x[6 * kBlock]), E::load(x[7 * kBlock])};
  }

  static Side filled(State value) {
    return Side{value, value, value, value, value, value, value, value};
  }

  // Whether eight whole blocks start at this one.
  bool is_side(int64_t block, int64_t end) const {
    return block + kSide <= end && (block + kSide) * kBlock <= n_;
  }

  void find_totals(int64_t begin, int64_t end) {
    int64_t b = begin;
    for (; is_side(b, end); b += kSide) {
      const Stored* x = x_ + b * kBlock;
      Side sum = filled(E::kZero);
      for (int64_t i = 0; i < kBlock; ++i) sum += side_of(x + i);
      for (int64_t j = 0; j < kSide; ++j) totals_[b + j] = sum[j];
    }
    for (; b < end; ++b) {
      State sum = E::kZero;
      for (int64_t i = 0; i < length(b); ++i) sum += E::load(x_[b * kBlock + i]);
      totals_[b] = sum;
    }
  }

  void find_carries() {
    Carry<State> carry;
    for (int64_t b = 0; b < blocks(n_); ++b) {
      before_[b] = carry;
      if (n_ > kBlock) carry.add(totals_[b]);
    }
  }

  void scan_blocks(int64_t begin, int64_t end) {
    int64_t b = begin;
    for (; is_side(b, end); b += kSide) scan_side(b);
    for (; b < end; ++b) {
      State sum = E::kZero;
      const Carry<State> carry = before_[b];
      for (int64_t i = b * kBlock; i < b * kBlock + length(b); ++i) {
        sum += E::load(x_[i]);
        out_[i] = E::store(carry.with(sum));
      }
    }
  }

  void scan_side(int64_t block) {
    Side high = filled(0), low = filled(0), sum = filled(E::kZero);
    for (int64_t j = 0; j < kSide; ++j) {
      high[j] = before_[block + j].high();
      low[j] = before_[block + j].low();
    }
    const Stored* x = x_ + block * kBlock;
    Stored* out = out_ + block * kBlock;
    for (int64_t i = 0; i < kBlock; ++i) {
      sum += side_of(x + i);
      const Side value = high + (low + sum);
      for (int64_t j = 0; j < kSide; ++j) out[j * kBlock + i] = E::store(value[j]);
    }
  }

  const Stored* x_;
  Stored* out_;
  int64_t n_;
  Carry<State>* before_;
  State* totals_;
};

template <class E>
void sum_lines(const Lines& lines, const void* input, void* output) {
  using Stored = typename E::Stored;
  const Stored* x = static_cast<const Stored*>(input);
  Stored* out = static_cast<Stored*>(output);
  const int64_t n = lines.n, bytes = SumLine<E>::scratch_bytes(n);
  const bool whole = n >= kLongLine || lines.outer < num_threads();
  const BufferRef memory(allocate(bytes * (whole ? 1 : num_threads())));
  auto range = [&](int thread, int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line)
      SumLine<E>(x + line * n, out + line * n, n, memory->data + thread * bytes)
          .run(whole && n >= kLongLine);
  };
  if (whole)
    range(0, 0, lines.outer);
  else
    parallel(lines.outer, 1 + kGrain / n, num_threads(), range);
}

// ------------------------------------------------------------------ columns, and other operations

constexpr int64_t kStrip = 512;  // columns whose states stay in the first-level cache

// Row by row, a strip of columns at a time.
template <class E, class Join>
void scan_columns(const Lines& lines, const void* input, void* output, Join) {
  using Stored = typename E::Stored;
  const int64_t n = lines.n, inner = lines.inner, strips = (inner + kStrip - 1) / kStrip;
  auto range = [&](int, int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t first = unit % strips * kStrip, count = std::min(kStrip, inner - first);
      const int64_t start = unit / strips * n * inner + first;
      const Stored* x = static_cast<const Stored*>(input) + start;
      Stored* out = static_cast<Stored*>(output) + start;
      typename Join::State states[kStrip];
      for (int64_t c = 0; c < count; ++c) out[c] = E::store(states[c].begin(E::load(x[c])));
      for (int64_t row = 1; row < n; ++row) {
        x += inner;
        out += inner;
        for (int64_t c = 0; c < count; ++c) out[c] = E::store(states[c].take(E::load(x[c])));
      }
    }
  };
  parallel(lines.outer * strips, 1 + kGrain / (n * std::min(inner, kStrip)), kMaxThreads, range);
}

// The state of a column: what `Function` makes of it and the next element.
template <class T, class Function>
struct Running {
  struct State {
    T value;
    T begin(T x) { return value = x; }
    T take(T x) { return value = Function::join(value, x); }
  };
};

struct Add {
  template <class T> static T join(T a, T b) { return a + b; }
};
struct Multiply {
  template <class T> static T join(T a, T b) { return a * b; }
};

template <class E>
void run_sum(const Lines& lines, const void* input, void* output) {
  using State = typename E::State;
  if (lines.inner == 1) return sum_lines<E>(lines, input, output);
  if constexpr (E::kExact)
    scan_columns<E>(lines, input, output, Running<State, Add>());
  else
    scan_columns<E>(lines, input, output, CarriedSum());
}

void run_scan(const Routine&, const RoutinePlan& plan, void* const* buffers) {
  const Lines lines(plan);
  if (!lines.outer || !lines.n || !lines.inner) return;
  with_element(DType(plan.sizes[1]), [&](auto element) {
    using E = decltype(element);
    if (plan.sizes[0] == kSum)
      run_sum<E>(lines, buffers[0], buffers[1]);
    else
      scan_columns<E>(lines, buffers[0], buffers[1], Running<typename E::State, Multiply>());
  });
}

constexpr Routine kRoutines[] = {{"scan", 2, 5, plan_scan, run_scan}};

}  // namespace

RoutineTable scanning_routines() { return {kRoutines, 1}; }

}  // namespace tilewright
