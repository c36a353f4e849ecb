// Native routines: sorting, searching, places, and what LAPACK's routines say without LAPACK.
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "dtype.h"
#include "fourier.h"
#include "harness.h"
#include "lapack.h"
#include "pool.h"
#include "routines.h"

using namespace tilewright;

namespace {

void call(const char* name, std::vector<int64_t> sizes, std::vector<void*> buffers) {
  const Routine& routine = find_routine(name);
  routine.run(routine, plan_routine(routine, sizes.data()), buffers.data());
}

template <class T>
void check_sort(DType type, std::vector<T> values) {
  const int64_t n = int64_t(values.size());
  std::vector<T> sorted(values.size()), expected = values;
  std::vector<int64_t> places(values.size());
  call("sort", {int64_t(type), 1, n, 1, 0}, {values.data(), sorted.data()});
  call("argsort", {int64_t(type), 1, n, 1, 0}, {values.data(), places.data()});
  std::stable_sort(expected.begin(), expected.end());
  CHECK(sorted == expected);
  bool stable = true;
  for (size_t i = 0; i < places.size(); ++i) {
    stable = stable && values[size_t(places[i])] == expected[i];
    if (i && expected[i] == expected[i - 1]) stable = stable && places[i - 1] < places[i];
  }
  CHECK(stable);
}

template <class T>
void check_sorts(DType type, T low, T high) {
  std::mt19937_64 random(7);
  for (int64_t n : {0, 1, 2, 23, 24, 25, 100, 1000, 40'000, 300'000}) {
    std::vector<T> values;
    for (int64_t i = 0; i < n; ++i) {
      const double part = double(random() >> 11) * 0x1p-53;
      values.push_back(T(double(low) * (1 - part) + double(high) * part));
    }
    check_sort(type, values);
  }
}

}  // namespace

TEST(sorts_of_all_lengths) {
  check_sorts<float>(DType::Float32, -1, 1);
  check_sorts<double>(DType::Float64, -1e300, 1e300);
  check_sorts<int64_t>(DType::Int64, INT64_MIN / 2, INT64_MAX / 2);
  check_sorts<int32_t>(DType::Int32, -100, 100);
  check_sorts<uint64_t>(DType::UInt64, 0, UINT64_MAX / 2);
  check_sorts<int8_t>(DType::Int8, -128, 127);
  check_sorts<uint16_t>(DType::UInt16, 0, 65535);
}

TEST(sorts_of_bad_distributions) {
  std::vector<int64_t> powers, equal(100'000, 5), falling;
  for (int64_t i = 0; i < 100'000; ++i) {
    powers.push_back(int64_t{1} << (i % 63));
    falling.push_back(-i);
  }
  check_sort(DType::Int64, powers);
  check_sort(DType::Int64, equal);
  check_sort(DType::Int64, falling);
}

TEST(lines_are_sorted_apart) {
  const int64_t outer = 3, n = 50, inner = 7;
  std::vector<int32_t> values, sorted(size_t(outer * n * inner));
  std::mt19937 random(1);
  for (size_t i = 0; i < sorted.size(); ++i) values.push_back(int32_t(random() % 100));
  call("sort", {int64_t(DType::Int32), outer, n, inner, 1}, {values.data(), sorted.data()});
  bool ordered = true;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 1; i < n; ++i)
      for (int64_t c = 0; c < inner; ++c) {
        const int64_t place = (o * n + i) * inner + c;
        ordered = ordered && sorted[size_t(place - inner)] >= sorted[size_t(place)];
      }
  CHECK(ordered);
}

TEST(zeros_keep_their_order_and_nan_is_last) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> values = {0.0f, nan, -0.0f, 1.0f, -0.0f, -nan, 0.0f, -1.0f}, sorted(8);
  call("sort", {int64_t(DType::Float32), 1, 8, 1, 0}, {values.data(), sorted.data()});
  CHECK(sorted[0] == -1 && sorted[5] == 1 && std::isnan(sorted[6]) && std::isnan(sorted[7]));
  CHECK(!std::signbit(sorted[1]) && std::signbit(sorted[2]) && std::signbit(sorted[3]));
  std::vector<int64_t> places(8);
  call("argsort", {int64_t(DType::Float32), 1, 8, 1, 0}, {values.data(), places.data()});
  CHECK((places == std::vector<int64_t>{7, 0, 2, 4, 6, 3, 1, 5}));
}

TEST(places_where_values_belong) {
  std::vector<double> table = {1, 3, 3, 5}, values = {0, 3, 9};
  std::vector<int64_t> places(3);
  call("searchsorted", {int64_t(DType::Float64), 4, 3, 0},
       {table.data(), values.data(), places.data()});
  CHECK((places == std::vector<int64_t>{0, 1, 4}));
  call("searchsorted", {int64_t(DType::Float64), 4, 3, 1},
       {table.data(), values.data(), places.data()});
  CHECK((places == std::vector<int64_t>{0, 3, 4}));
}

TEST(places_that_are_not_zero) {
  std::vector<uint8_t> mask(100'000);
  std::vector<int64_t> expected, found;
  for (size_t i = 0; i < mask.size(); ++i)
    if (i % 7 == 3) mask[i] = 1, expected.push_back(int64_t(i));
  found.resize(expected.size() + 2);
  call("nonzero", {int64_t(mask.size()), int64_t(found.size())}, {mask.data(), found.data()});
  expected.insert(expected.end(), 2, int64_t(mask.size()));
  CHECK(found == expected);
  found.resize(5);
  call("nonzero", {int64_t(mask.size()), 5}, {mask.data(), found.data()});
  CHECK((found == std::vector<int64_t>{3, 10, 17, 24, 31}));
}

TEST(damaged_sizes_of_routines) {
  const auto plan = [](const char* name, std::vector<int64_t> sizes) {
    return plan_routine(find_routine(name), sizes.data());
  };
  CHECK_FAILS(find_routine("sorted"), "no native routine sorted");
  CHECK_FAILS(plan("sort", {99, 1, 1, 1, 0}), "no dtype 99");
  CHECK_FAILS(plan("sort", {0, -1, 1, 1, 0}), "must not be negative");
  CHECK_FAILS(plan("argsort", {4, int64_t{1} << 40, 1 << 20, 1 << 20, 0}), "elements");
  CHECK_FAILS(plan("nonzero", {5, -3}), "must not be negative");
  CHECK_FAILS(plan("cholesky", {int64_t(DType::Int32), 1, 2}), "takes float32, float64");
  CHECK_FAILS(plan("inv", {int64_t(DType::Float32), 1, int64_t{1} << 33}), "2**31");
  CHECK_FAILS(plan("qr", {int64_t(DType::Float32), 1, 3, 2, 7}), "7 columns of Q");
  CHECK_FAILS(plan("svd", {int64_t(DType::Float32), 1, 3, 2, 3}), "mode 3");
}

// A loop that adds up each line, times the factor, so that the test sees which lines it got.
void add_up(char** args, const intptr_t* dims, const intptr_t* steps, void* context) {
  for (intptr_t line = 0; line < dims[0]; ++line) {
    double total[2] = {0, 0};
    for (intptr_t i = 0; i < dims[1]; ++i)
      for (int part = 0; part < 2; ++part)
        total[part] += reinterpret_cast<double*>(args[0] + line * steps[0] + i * steps[3])[part];
    for (intptr_t i = 0; i < dims[2]; ++i)
      for (int part = 0; part < 2; ++part)
        reinterpret_cast<double*>(args[2] + line * steps[2] + i * steps[4])[part] =
            total[part] * *reinterpret_cast<double*>(args[1]) * *static_cast<double*>(context);
  }
}

TEST(fourier_transforms_by_loops_that_are_handed_over) {
  const int64_t type = int64_t(DType::Float64);
  const int64_t before = 3, n = 5, after = 11;
  std::vector<double> in(size_t(before * n * after * 2)), out(in.size());
  for (size_t i = 0; i < in.size(); ++i) in[i] = double(i % 97);
  CHECK_FAILS(call("fft", {type, before, n, after, 0, 1}, {in.data(), out.data()}),
              "fft: it needs fft_float64");
  double context = 2;
  set_fourier("fft_float64", &add_up, &context);
  call("fft", {type, before, n, after, 0, 1}, {in.data(), out.data()});
  bool right = true;
  for (int64_t b = 0; b < before; ++b)
    for (int64_t a = 0; a < after * 2; ++a) {
      double total = 0;
      for (int64_t i = 0; i < n; ++i) total += in[size_t((b * n + i) * after * 2 + a)];
      for (int64_t i = 0; i < n; ++i)
        right = right && std::abs(out[size_t((b * n + i) * after * 2 + a)] - total * 2 / 5) < 1e-9;
    }
  CHECK(right);
  CHECK_FAILS(set_fourier("fft_float64", nullptr, nullptr), "null pointer");
  CHECK_FAILS(set_fourier("dct_float64", &add_up, nullptr), "no routine calls");
  const auto plan = [](const char* name, std::vector<int64_t> sizes) {
    return plan_routine(find_routine(name), sizes.data());
  };
  CHECK_FAILS(plan("fft", {type, 1, 0, 1, 0, 0}), "one or more");
  CHECK_FAILS(plan("rfft", {type, 1, 4, 1, 0, 3}), "norm 3");
  CHECK_FAILS(plan("irfft", {int64_t(DType::Complex64), 1, 4, 1, 0, 0}), "float32 and float64");
  CHECK_FAILS(plan("fft", {type, int64_t{1} << 40, 1 << 20, 1 << 20, 0, 0}), "elements");
}

TEST(routines_without_lapack_say_what_they_need) {
  std::vector<double> a(4), b(4);
  CHECK_FAILS(call("inv", {int64_t(DType::Float64), 1, 2}, {a.data(), b.data()}),
              "inv: it needs LAPACK's dgetrf");
  CHECK_FAILS(set_lapack("dgetrf", nullptr), "null pointer");
  CHECK_FAILS(set_lapack("zgesvx", a.data()), "zgesvx, which no routine calls");
}
