// Effects: what a program does beside computing: it prints, checks, and calls back to its host.
//
// They run on the host, in the order of the instructions; what they look at is copied there first.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dtype.h"
#include "layout.h"
#include "sizes.h"

namespace tilewright {

// An array that an effect looks at, or (of a callback) fills in; contiguous.
struct EffectArray {
  char* data;
  DType type;
  int ndim;
  const int64_t* dims;

  int64_t size() const { return product(ndim, dims); }
  int64_t bytes() const { return size() * itemsize(type); }
};

struct EffectType {
  DType type;
  std::vector<SizeExpr> dims;
};

struct Effect {
  // Print: all values. Check: the condition, then values for the text. CheckFinite: one value.
  // Callback: an int64 that the host knows its function by, then values; it alone has results.
  enum Kind { Print, Check, CheckFinite, Callback } kind;
  std::string text;   // a template (effect_text.h); of a callback the function's name
  std::string where;  // the user's line
  int n_values;
  std::vector<EffectType> types;  // of the values, then of the results
};

// What follows from the sizes, in the order of `types`.
struct EffectPlan {
  std::vector<Shape> shapes;
};

// Throws Error(Check) where a check does not hold, and what the host's function throws. `arrays`
// are the values, then the results.
void run_effect(const Effect& effect, std::vector<EffectArray>& arrays);

// What the process around the core does for effects. Without `call`, programs with callbacks are
// refused when they are read; without `write`, lines go to the standard output.
struct EffectHost {
  void (*write)(const std::string& line) = nullptr;
  void (*call)(const Effect& effect, std::vector<EffectArray>& arrays) = nullptr;
};
// The arrays of an effect, without their data.
std::vector<EffectArray> arrays_of(const Effect& effect, const EffectPlan& plan);

void set_effect_host(const EffectHost& host);
bool host_takes_callbacks();

}  // namespace tilewright
