// How elements of each dtype are summed: in which state, and what lies before a block.
#pragma once

#include <cmath>
#include <cstdint>

#include "dtype.h"
#include "half.h"

namespace tilewright {

// Whole numbers are summed in 64 bits, whose lower bits are those of any narrower sum.
template <class S>
struct WholeElement {
  using Stored = S;
  using State = uint64_t;
  static constexpr State kZero = 0;
  static constexpr bool kExact = true;  // no rounding adds up
  static State load(Stored x) { return State(x); }
  static Stored store(State x) { return Stored(x); }
};

// float32 and the half types are summed in double, and rounded once an element. The zero is -0,
// which leaves a sum of -0 what it is.
struct FloatElement {
  using Stored = float;
  using State = double;
  static constexpr double kZero = -0.0;
  static constexpr bool kExact = true;  // as good as: 29 bits more than what is stored
  static double load(float x) { return double(x); }
  static float store(double x) { return float(x); }
};

struct DoubleElement {
  using Stored = double;
  using State = double;
  static constexpr double kZero = -0.0;
  static constexpr bool kExact = false;
  static double load(double x) { return x; }
  static double store(double x) { return x; }
};

struct HalfElement : FloatElement {
  using Stored = uint16_t;
  static double load(uint16_t x) { return double(half_to_float(x)); }
  static uint16_t store(double x) { return half_from_double(x); }
};

struct BFloat16Element : FloatElement {
  using Stored = uint16_t;
  static double load(uint16_t x) { return double(bfloat16_to_float(x)); }
  static uint16_t store(double x) { return bfloat16_from_double(x); }
};

// The sum of all blocks before one.
template <class State>
class Carry {
 public:
  void add(State total) { sum_ += total; }
  State with(State sum) const { return sum_ + sum; }
  State high() const { return sum_; }
  State low() const { return 0; }

 private:
  State sum_ = 0;
};

// As two numbers that do not overlap (D. Knuth, TAOCP 2, 4.2.2: the error of a sum is a number).
template <>
class Carry<double> {
 public:
  void add(double total) {
    const double term = low_ + total, sum = high_ + term, back = sum - high_;
    const double error = (high_ - (sum - back)) + (term - back);
    high_ = sum;
    low_ = sum - sum == 0 && error != 0 ? error : -0.0;  // an infinite sum has no error
  }
  double with(double sum) const { return high_ + (low_ + sum); }
  double high() const { return high_; }
  double low() const { return low_; }

 private:
  double high_ = -0.0, low_ = -0.0;
};

// The same as the state of one column.
struct CarriedSum {
  struct State {
    Carry<double> carry;
    double begin(double x) { return carry = Carry<double>(), take(x); }
    double take(double x) { return carry.add(x), carry.high(); }
  };
};

template <class Body>
void with_float(DType type, Body&& body) {
  switch (type) {
    case DType::Float16: return body(HalfElement());
    case DType::BFloat16: return body(BFloat16Element());
    case DType::Float32: return body(FloatElement());
    default: return body(DoubleElement());
  }
}

// Calls body(element) with a dtype's element; whole numbers go without signs, as these may wrap.
template <class Body>
void with_element(DType type, Body&& body) {
  switch (itemsize(type) | (kind(type) == Kind::Float ? 16 : 0)) {
    case 1: return body(WholeElement<uint8_t>());
    case 2: return body(WholeElement<uint16_t>());
    case 4: return body(WholeElement<uint32_t>());
    case 8: return body(WholeElement<uint64_t>());
    default: return with_float(type, body);
  }
}

}  // namespace tilewright
