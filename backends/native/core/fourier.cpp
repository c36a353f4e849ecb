// Routines of Fourier transforms along one axis.
#include "fourier.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "buffer.h"
#include "dtype.h"
#include "error.h"
#include "layout.h"
#include "pool.h"
#include "routines.h"

namespace tilewright {
namespace {

enum Transform { kForward, kBackward, kRealEven, kRealOdd, kToReal, kTransforms };
constexpr const char* kNames[kTransforms] = {"fft", "ifft", "rfft_n_even", "rfft_n_odd", "irfft"};
constexpr const char* kSuffixes[2] = {"_float32", "_float64"};

struct HandedOver {
  std::atomic<FourierLoop> loop;
  std::atomic<void*> context;
};
HandedOver loops[kTransforms][2];

std::string full_name(int transform, int is_double) {
  return std::string(kNames[transform]) + kSuffixes[is_double];
}

// Lines along an axis: elements of line (b, a) lie `after` apart from b * n * after + a on.
struct Lines {
  int64_t before, n_in, n_out, after;
  int64_t size_in, size_out;  // bytes of an element
  bool is_double;
  double factor;
  FourierLoop loop;
  void* context;

  int64_t count() const { return before * after; }

  void call(const char* from, char* to, int64_t lines) const {
    const float single = float(factor);
    char* args[3] = {const_cast<char*>(from),
                     is_double ? reinterpret_cast<char*>(const_cast<double*>(&factor))
                               : reinterpret_cast<char*>(const_cast<float*>(&single)),
                     to};
    const intptr_t dims[3] = {intptr_t(lines), intptr_t(n_in), intptr_t(n_out)};
    const intptr_t steps[5] = {intptr_t(n_in * size_in), 0, intptr_t(n_out * size_out),
                               intptr_t(size_in), intptr_t(size_out)};
    loop(args, dims, steps, context);
  }
};

constexpr int64_t kTogether = 8;  // neighbouring lines that are copied together: whole cache lines

// Elements of `width` neighbouring lines, one line after the other; or back.
template <int kSize>
void turn(const char* from, int64_t from_step, char* to, int64_t to_step, int64_t rows,
          int64_t columns) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c)
      std::memcpy(to + c * to_step + r * kSize, from + r * from_step + c * kSize, kSize);
}

template <int kSize>
void turn_back(const char* from, int64_t from_step, char* to, int64_t to_step, int64_t rows,
               int64_t columns) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c)
      std::memcpy(to + r * to_step + c * kSize, from + c * from_step + r * kSize, kSize);
}

template <class Four, class Eight, class Sixteen>
void by_size(int64_t size, Four four, Eight eight, Sixteen sixteen) {
  if (size == 4)
    four();
  else if (size == 8)
    eight();
  else
    sixteen();
}

void transform_block(const Lines& s, const char* in, char* out, char* scratch, int64_t width) {
  char* to = scratch + round_up(kTogether * s.n_in * s.size_in, kAlignment);
  const int64_t step = s.after * s.size_in, line = s.n_in * s.size_in;
  by_size(
      s.size_in, [&] { turn<4>(in, step, scratch, line, s.n_in, width); },
      [&] { turn<8>(in, step, scratch, line, s.n_in, width); },
      [&] { turn<16>(in, step, scratch, line, s.n_in, width); });
  s.call(scratch, to, width);
  const int64_t out_step = s.after * s.size_out, out_line = s.n_out * s.size_out;
  by_size(
      s.size_out, [&] { turn_back<4>(to, out_line, out, out_step, s.n_out, width); },
      [&] { turn_back<8>(to, out_line, out, out_step, s.n_out, width); },
      [&] { turn_back<16>(to, out_line, out, out_step, s.n_out, width); });
}

void transform(const Lines& s, const char* in, char* out, int64_t cost) {
  const int64_t count = s.count();
  if (!count) return;
  const int threads = cost < 40'000'000 || count == 1 ? 1 : num_threads();
  const int64_t one = round_up(kTogether * s.n_in * s.size_in, kAlignment) +
                      round_up(kTogether * s.n_out * s.size_out, kAlignment);
  const BufferRef memory(allocate(s.after == 1 ? 1 : one * threads));
  auto range = [&](int thread, int64_t begin, int64_t end) {
    if (s.after == 1) {
      s.call(in + begin * s.n_in * s.size_in, out + begin * s.n_out * s.size_out, end - begin);
      return;
    }
    while (begin < end) {
      const int64_t b = begin / s.after, a = begin % s.after;
      const int64_t width = std::min({kTogether, s.after - a, end - begin});
      transform_block(s, in + (b * s.n_in * s.after + a) * s.size_in,
                      out + (b * s.n_out * s.after + a) * s.size_out,
                      memory->data + one * thread, width);
      begin += width;
    }
  };
  if (threads == 1)
    range(0, 0, count);
  else
    parallel(count, std::max<int64_t>(kTogether, count / (8 * threads) / kTogether * kTogether),
             threads, range);
}

// ------------------------------------------------------------------ routines

int real_size(const Routine& self, const RoutinePlan& plan) {
  if (plan.sizes[0] == int64_t(DType::Float32)) return 4;
  if (plan.sizes[0] == int64_t(DType::Float64)) return 8;
  fail(ErrorKind::Value, "%s: got dtype %lld; it takes float32 and float64", self.name,
       static_cast<long long>(plan.sizes[0]));
}

// Sizes of all: dtype of the parts, lines before, n, lines after, kind, norm. n is the length of
// the transform; the kind is 0 (forward) or 1 (backward) for fft, else 0; the norm says the factor:
// 0 none, 1 1 / n, 2 1 / sqrt(n).
void plan_lines(const Routine& self, RoutinePlan& plan, int64_t n_in, int64_t n_out, int parts_in,
                int parts_out) {
  const int size = real_size(self, plan);
  const int64_t n = plan.sizes[2];
  if (n < 1) fail(ErrorKind::Value, "%s: got %lld elements; it takes one or more", self.name,
                  static_cast<long long>(n));
  if (plan.sizes[4] < 0 || plan.sizes[4] > 1 || plan.sizes[5] < 0 || plan.sizes[5] > 2)
    fail(ErrorKind::Value, "%s: got kind %lld and norm %lld", self.name,
         static_cast<long long>(plan.sizes[4]), static_cast<long long>(plan.sizes[5]));
  plan.bytes[0] = routine_bytes(self, size * parts_in, {plan.sizes[1], n_in, plan.sizes[3]});
  plan.bytes[1] = routine_bytes(self, size * parts_out, {plan.sizes[1], n_out, plan.sizes[3]});
  const double work = double(plan.sizes[1]) * double(plan.sizes[3]) * double(n) *
                      (std::log2(double(n)) + 2) * 700;
  plan.cost = work < 1e18 ? int64_t(work) : int64_t(1e18);
}

void plan_fft(const Routine& self, RoutinePlan& plan) {
  plan_lines(self, plan, plan.sizes[2], plan.sizes[2], 2, 2);
}

void plan_rfft(const Routine& self, RoutinePlan& plan) {
  plan_lines(self, plan, plan.sizes[2], plan.sizes[2] / 2 + 1, 1, 2);
}

void plan_irfft(const Routine& self, RoutinePlan& plan) {
  plan_lines(self, plan, plan.sizes[2] / 2 + 1, plan.sizes[2], 2, 1);
}

void run_lines(const Routine& self, const RoutinePlan& plan, void* const* buffers, int kind,
               int64_t n_in, int64_t n_out, int parts_in, int parts_out) {
  const int size = real_size(self, plan);
  const HandedOver& found = loops[kind][size == 8];
  const double n = double(plan.sizes[2]);
  const double factors[3] = {1.0, 1.0 / n, 1.0 / std::sqrt(n)};
  const Lines lines{plan.sizes[1],    n_in,      n_out,
                    plan.sizes[3],    size * parts_in, size * parts_out,
                    size == 8,        factors[plan.sizes[5]],
                    found.loop.load(), found.context.load()};
  if (!lines.loop)
    fail(ErrorKind::Value, "%s: it needs %s, which nobody has handed over", self.name,
         full_name(kind, size == 8).c_str());
  transform(lines, static_cast<const char*>(buffers[0]), static_cast<char*>(buffers[1]),
            plan.cost);
}

void run_fft(const Routine& self, const RoutinePlan& plan, void* const* buffers) {
  const int64_t n = plan.sizes[2];
  run_lines(self, plan, buffers, plan.sizes[4] ? kBackward : kForward, n, n, 2, 2);
}

void run_rfft(const Routine& self, const RoutinePlan& plan, void* const* buffers) {
  const int64_t n = plan.sizes[2];
  run_lines(self, plan, buffers, n % 2 ? kRealOdd : kRealEven, n, n / 2 + 1, 1, 2);
}

void run_irfft(const Routine& self, const RoutinePlan& plan, void* const* buffers) {
  const int64_t n = plan.sizes[2];
  run_lines(self, plan, buffers, kToReal, n / 2 + 1, n, 2, 1);
}

constexpr Routine kRoutines[] = {
    {"fft", 2, 6, plan_fft, run_fft},
    {"rfft", 2, 6, plan_rfft, run_rfft},
    {"irfft", 2, 6, plan_irfft, run_irfft},
};

}  // namespace

std::vector<std::string> fourier_names() {
  std::vector<std::string> names;
  for (int transform = 0; transform < kTransforms; ++transform)
    for (int is_double : {0, 1}) names.push_back(full_name(transform, is_double));
  return names;
}

void set_fourier(const std::string& name, FourierLoop loop, void* context) {
  if (!loop) fail(ErrorKind::Value, "fourier: got a null pointer for %.50s", name.c_str());
  for (int transform = 0; transform < kTransforms; ++transform)
    for (int is_double : {0, 1})
      if (name == full_name(transform, is_double)) {
        loops[transform][is_double].context.store(context);
        loops[transform][is_double].loop.store(loop);
        return;
      }
  fail(ErrorKind::Value, "fourier: got %.50s, which no routine calls", name.c_str());
}

RoutineTable fourier_routines() { return {kRoutines, 3}; }

}  // namespace tilewright
