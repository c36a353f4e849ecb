#include "effect.h"

#include <cstdio>
#include <cstring>

#include "effect_text.h"
#include "error.h"

namespace tilewright {
namespace {

EffectHost host;

[[noreturn]] void refuse(const std::string& message) {
  fail(ErrorKind::Check, "%.1500s", message.c_str());
}

void print(const Effect& effect, const std::vector<EffectArray>& arrays) {
  const std::string line = filled(effect.text, arrays.data(), effect.n_values);
  if (host.write) return host.write(line);
  std::fputs((line + "\n").c_str(), stdout);
  std::fflush(stdout);
}

void check(const Effect& effect, const std::vector<EffectArray>& arrays) {
  const EffectArray& condition = arrays[0];
  const int64_t count = condition.size();
  int64_t first = -1, n_false = 0;
  for (int64_t i = 0; i < count; ++i)
    if (!condition.data[i]) {
      if (!n_false++) first = i;
    }
  if (!n_false) return;
  std::string message = "check at " + effect.where + ": " +
                        filled(effect.text, arrays.data() + 1, effect.n_values - 1);
  if (condition.ndim)
    message += " (the condition is false at " + place_text(condition, first) + ", for " +
               std::to_string(n_false) + " of " + std::to_string(count) + " elements)";
  refuse(message);
}

template <class Bits>
bool has_all_ones(const char* place, Bits mask) {
  Bits bits;
  std::memcpy(&bits, place, sizeof bits);
  return (bits & mask) == mask;
}

// Infinities and nans have an exponent of ones.
bool is_finite(DType type, const char* place) {
  switch (type) {
    case DType::Float16: return !has_all_ones<uint16_t>(place, 0x7c00);
    case DType::BFloat16: return !has_all_ones<uint16_t>(place, 0x7f80);
    case DType::Float32: return !has_all_ones<uint32_t>(place, 0x7f800000);
    default: return !has_all_ones<uint64_t>(place, 0x7ff0000000000000);
  }
}

void check_finite(const Effect& effect, const std::vector<EffectArray>& arrays) {
  const EffectArray& x = arrays[0];
  const DType type = part(x.type);
  if (kind(type) != Kind::Float) return;  // whole numbers are
  const int n_parts = itemsize(x.type) / itemsize(type);
  const int64_t count = x.size();
  int64_t first = -1, n_bad = 0;
  for (int64_t i = 0; i < count; ++i) {
    bool fine = true;
    for (int j = 0; j < n_parts; ++j)
      fine = fine && is_finite(type, x.data + (i * n_parts + j) * itemsize(type));
    if (!fine && !n_bad++) first = i;
  }
  if (!n_bad) return;
  std::string message = "check_finite at " + effect.where + ": " + effect.text + " is " +
                        element_text(x, first);
  if (x.ndim)
    message += " at " + place_text(x, first) + ", and is not finite for " +
               std::to_string(n_bad) + " of " + std::to_string(count) + " elements";
  refuse(message);
}

}  // namespace

void run_effect(const Effect& effect, std::vector<EffectArray>& arrays) {
  switch (effect.kind) {
    case Effect::Print: return print(effect, arrays);
    case Effect::Check: return check(effect, arrays);
    case Effect::CheckFinite: return check_finite(effect, arrays);
    case Effect::Callback: return host.call(effect, arrays);  // known when it was read
  }
}

void set_effect_host(const EffectHost& wanted) { host = wanted; }

bool host_takes_callbacks() { return host.call != nullptr; }

}  // namespace tilewright
