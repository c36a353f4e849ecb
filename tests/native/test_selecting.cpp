// Native routines that select and scan, and writes at computed places.
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "dtype.h"
#include "harness.h"
#include "pool.h"
#include "put.h"
#include "routines.h"

using namespace tilewright;

namespace {

void call(const char* name, std::vector<int64_t> sizes, std::vector<void*> buffers) {
  const Routine& routine = find_routine(name);
  routine.run(routine, plan_routine(routine, sizes.data()), buffers.data());
}

constexpr int64_t kAdd = 0, kMultiply = 1;

std::vector<double> numbers(int64_t n) {
  std::mt19937_64 random(5);
  std::vector<double> values;
  for (int64_t i = 0; i < n; ++i) values.push_back(double(random() >> 11) * 0x1p-53);
  return values;
}

// The running sum of each line, within a few units in the last place of the exact one, and never
// falling, as the values are positive.
void check_running_sum(int64_t outer, int64_t n, int64_t inner) {
  std::vector<double> x = numbers(outer * n * inner), found(x.size());
  call("scan", {kAdd, int64_t(DType::Float64), outer, n, inner}, {x.data(), found.data()});
  bool close = true, rising = true;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t c = 0; c < inner; ++c) {
      long double exact = 0;
      for (int64_t i = 0; i < n; ++i) {
        const size_t at = size_t((o * n + i) * inner + c);
        exact += x[at];
        close = close && std::abs(found[at] - double(exact)) <= 4e-14 * double(exact);
        rising = rising && (i == 0 || found[at] >= found[at - size_t(inner)]);
      }
    }
  CHECK(close);
  CHECK(rising);
}

}  // namespace

TEST(running_sums_of_all_lengths) {
  for (int64_t n : {1, 2, 263, 264, 265, 2112, 2113, 5000, 40'000, 300'000})
    check_running_sum(1, n, 1);
  check_running_sum(7, 1000, 1);
  check_running_sum(2, 150'000, 1);
  check_running_sum(2, 300, 5);
  check_running_sum(1, 40, 1500);
}

TEST(running_sums_for_any_number_of_threads) {
  const int before = num_threads();
  std::vector<double> x = numbers(400'000), one(x.size()), many(x.size());
  set_num_threads(1);
  call("scan", {kAdd, int64_t(DType::Float64), 1, 400'000, 1}, {x.data(), one.data()});
  set_num_threads(3);
  call("scan", {kAdd, int64_t(DType::Float64), 1, 400'000, 1}, {x.data(), many.data()});
  set_num_threads(before);
  CHECK(one == many);
}

TEST(running_sums_of_infinities_and_zeros) {
  std::vector<float> x(1000, 1.0f), found(1000);
  x[300] = std::numeric_limits<float>::infinity();
  x[600] = -x[300];
  call("scan", {kAdd, int64_t(DType::Float32), 1, 1000, 1}, {x.data(), found.data()});
  CHECK(found[299] == 300.0f && found[300] == x[300] && found[599] == x[300]);
  CHECK(std::isnan(found[600]) && std::isnan(found[999]));
  std::vector<double> zeros(700, -0.0), sums(700);
  call("scan", {kAdd, int64_t(DType::Float64), 1, 700, 1}, {zeros.data(), sums.data()});
  CHECK(std::signbit(sums[0]) && std::signbit(sums[699]));
}

TEST(running_sums_and_products_wrap) {
  std::vector<int8_t> x(300, 1), found(300);
  call("scan", {kAdd, int64_t(DType::Int8), 1, 300, 1}, {x.data(), found.data()});
  CHECK(found[126] == 127 && found[127] == -128 && found[299] == 44);
  std::vector<int32_t> y = {3, -5, 1 << 30, 4}, products(4);
  call("scan", {kMultiply, int64_t(DType::Int32), 1, 4, 1}, {y.data(), products.data()});
  CHECK((products == std::vector<int32_t>{3, -15, 1 << 30, 0}));
}

TEST(a_scan_of_what_there_is_not) {
  CHECK_FAILS(call("scan", {9, int64_t(DType::Int8), 1, 1, 1}, {}), "operation 9");
  CHECK_FAILS(call("scan", {kAdd, 99, 1, 1, 1}, {}), "dtype 99");
  CHECK_FAILS(call("scan", {kAdd, int64_t(DType::Int8), 1, -1, 1}, {}), "negative");
  call("scan", {kAdd, int64_t(DType::Int8), 1, 0, 1}, {nullptr, nullptr});
}

TEST(rows_by_position) {
  std::vector<int32_t> x = {0, 1, 2, 3, 4, 5}, found(6);
  std::vector<int64_t> places = {2, -7, 9};
  call("gather", {4, 2, 3, 1, 3}, {x.data(), places.data(), found.data()});
  CHECK((found == std::vector<int32_t>{2, 0, 2, 5, 3, 5}));
  std::vector<int32_t> rows(9);
  call("gather", {4, 1, 2, 3, 3}, {x.data(), places.data(), rows.data()});
  CHECK((rows == std::vector<int32_t>{3, 4, 5, 0, 1, 2, 3, 4, 5}));
  CHECK_FAILS(call("gather", {4, 1, 0, 1, 3}, {}), "without");
  CHECK_FAILS(call("gather", {3, 1, 1, 1, 1}, {}), "3 bytes");
}

TEST(rows_that_must_exist) {
  std::vector<int32_t> x = {0, 1, 2, 3, 4, 5}, found(6, -1);
  std::vector<int64_t> places = {2, -3, -1};
  call("take", {4, 2, 3, 1, 3}, {x.data(), places.data(), found.data()});
  CHECK((found == std::vector<int32_t>{2, 0, 2, 5, 3, 5}));
  std::vector<int64_t> many(100'000, -6);
  std::vector<int32_t> taken(many.size(), 7);
  for (int64_t wrong : {int64_t{6}, int64_t{-7}, INT64_MIN, INT64_MAX}) {
    many[77'777] = wrong;
    CHECK_FAILS(call("take", {4, 1, 6, 1, 100'000}, {x.data(), many.data(), taken.data()}),
                "is out of range for an axis of size 6");
  }
  many[77'777] = 5;
  call("take", {4, 1, 6, 1, 100'000}, {x.data(), many.data(), taken.data()});
  CHECK(taken[0] == 0 && taken[77'777] == 5 && taken[99'999] == 0);
}

TEST(numbers_within_a_limit) {
  std::vector<int64_t> x(200'000, 5);
  auto within = [&](int64_t limit) {
    int64_t found = -1;
    call("within", {int64_t(x.size()), limit}, {x.data(), &found});
    return found == 1;
  };
  CHECK(within(6) && !within(5) && !within(0));
  for (int64_t wrong : {int64_t{-1}, int64_t{6}, INT64_MIN, INT64_MAX}) {
    x[177'777] = wrong;
    CHECK(!within(6));
  }
  x[177'777] = 0;
  CHECK(within(6));
  x.clear();
  CHECK(within(0));
}

TEST(elements_by_mask) {
  std::mt19937_64 random(3);
  for (int64_t n : {0, 1, 5, 40'000, 200'000}) {
    std::vector<uint8_t> mask;
    std::vector<int64_t> x, expected;
    for (int64_t i = 0; i < n; ++i) {
      mask.push_back(random() & 1);
      x.push_back(int64_t(random()));
      if (mask.back()) expected.push_back(x.back());
    }
    int64_t count = -1;
    call("count", {n}, {mask.data(), &count});
    CHECK(count == int64_t(expected.size()));
    std::vector<int64_t> found(expected.size() + 2, -1);
    expected.resize(expected.size() + 2);  // where there are fewer, the rest is zeros
    call("compress", {8, n, 1, count + 2}, {x.data(), mask.data(), found.data()});
    CHECK(found == expected);
  }
  std::vector<uint8_t> mask = {0, 1, 1};
  std::vector<int16_t> x = {1, 2, 3, 4, 5, 6, 7, 8, 9}, found(3);
  call("compress", {2, 3, 3, 1}, {x.data(), mask.data(), found.data()});
  CHECK((found == std::vector<int16_t>{4, 5, 6}));
}

TEST(the_last_of_several_writes_stays) {
  std::vector<int32_t> target(50'000, 0), updates;
  std::vector<int64_t> places;
  for (int32_t i = 0; i < 100'000; ++i) {
    places.push_back((int64_t(i) * 7919) % 50'000);
    updates.push_back(i);
  }
  places[5] = -1;  // out of range: left out
  places[6] = 50'000;
  std::vector<int32_t> expected = target;
  for (size_t i = 0; i < places.size(); ++i)
    if (places[i] >= 0 && places[i] < 50'000) expected[size_t(places[i])] = updates[i];
  put_elements({reinterpret_cast<char*>(target.data()),
                reinterpret_cast<const char*>(updates.data()), places.data(), 1, 50'000, 1,
                100'000, 4, false});
  CHECK(target == expected);
  std::vector<int16_t> rows(12, 0);
  const int16_t seven = 7;
  const std::vector<int64_t> two = {2, 0};
  put_elements({reinterpret_cast<char*>(rows.data()), reinterpret_cast<const char*>(&seven),
                two.data(), 2, 3, 2, 2, 2, true});
  CHECK((rows == std::vector<int16_t>{7, 7, 0, 0, 7, 7, 7, 7, 0, 0, 7, 7}));
}
