// The table of LAPACK's functions.
#include "lapack.h"

#include "dtype.h"
#include "layout.h"

namespace tilewright {
namespace {

constexpr const char* kNames[kLapackCount] = {"potrf", "gesv",  "getrf", "getri", "gelqf",
                                              "orglq", "syevd", "gesdd", "geev"};
constexpr const char* kComplexNames[kLapackCount] = {"potrf", "gesv",  "getrf", "getri", "gelqf",
                                                     "unglq", "heevd", "gesdd", "geev"};
constexpr char kLetters[kPrecisions] = {'s', 'd', 'c', 'z'};
std::atomic<void*> functions[kPrecisions][kLapackCount];

std::string full_name(int precision, int function) {
  const auto& names = precision < int(Precision::ComplexSingle) ? kNames : kComplexNames;
  return kLetters[precision] + std::string(names[function]);
}

}  // namespace

std::vector<std::string> lapack_names() {
  std::vector<std::string> names;
  for (int precision = 0; precision < kPrecisions; ++precision)
    for (int i = 0; i < kLapackCount; ++i) names.push_back(full_name(precision, i));
  return names;
}

void set_lapack(const std::string& name, void* function) {
  if (!function) fail(ErrorKind::Value, "lapack: got a null pointer for %.50s", name.c_str());
  for (int precision = 0; precision < kPrecisions; ++precision)
    for (int i = 0; i < kLapackCount; ++i)
      if (name == full_name(precision, i)) {
        functions[precision][i].store(function);
        return;
      }
  fail(ErrorKind::Value, "lapack: got %.50s, which no routine calls", name.c_str());
}

void* require_lapack(const char* routine, Lapack function, Precision precision) {
  void* found = functions[int(precision)][int(function)].load();
  if (!found)
    fail(ErrorKind::Value, "%s: it needs LAPACK's %s, which nobody has handed over", routine,
         full_name(int(precision), int(function)).c_str());
  return found;
}

int lapack_size(const char* routine, int64_t size) {
  if (size < 0 || size > INT32_MAX)
    fail(ErrorKind::Shape, "%s: got a size of %lld; LAPACK takes 0 to 2**31 - 1", routine,
         static_cast<long long>(size));
  return int(size);
}

Precision precision_of(const Routine& self, const RoutinePlan& plan) {
  switch (plan.sizes[0]) {
    case int64_t(DType::Float32): return Precision::Single;
    case int64_t(DType::Float64): return Precision::Double;
    case int64_t(DType::Complex64): return Precision::ComplexSingle;
    case int64_t(DType::Complex128): return Precision::ComplexDouble;
    default:
      fail(ErrorKind::Value, "%s: got dtype number %lld; it takes float32, float64, complex64 and "
           "complex128", self.name, static_cast<long long>(plan.sizes[0]));
  }
}

int number_size(const Routine& self, const RoutinePlan& plan) {
  precision_of(self, plan);
  return itemsize(DType(plan.sizes[0]));
}

}  // namespace tilewright
