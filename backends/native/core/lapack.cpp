// The table of LAPACK's functions.
#include "lapack.h"

#include "dtype.h"
#include "layout.h"

namespace tilewright {
namespace {

constexpr const char* kNames[kLapackCount] = {"potrf", "gesv",  "getrf", "getri", "gelqf",
                                              "orglq", "syevd", "gesdd", "geev"};
std::atomic<void*> functions[2][kLapackCount];

}  // namespace

std::vector<std::string> lapack_names() {
  std::vector<std::string> names;
  for (const char* precision : {"s", "d"})
    for (const char* name : kNames) names.push_back(std::string(precision) + name);
  return names;
}

void set_lapack(const std::string& name, void* function) {
  if (!function) fail(ErrorKind::Value, "lapack: got a null pointer for %.50s", name.c_str());
  for (int precision = 0; precision < 2; ++precision)
    for (int i = 0; i < kLapackCount; ++i)
      if (name == std::string(precision ? "d" : "s") + kNames[i]) {
        functions[precision][i].store(function);
        return;
      }
  fail(ErrorKind::Value, "lapack: got %.50s, which no routine calls", name.c_str());
}

void* require_lapack(const char* routine, Lapack function, bool is_double) {
  void* found = functions[is_double ? 1 : 0][int(function)].load();
  if (!found)
    fail(ErrorKind::Value, "%s: it needs LAPACK's %c%s, which nobody has handed over", routine,
         is_double ? 'd' : 's', kNames[int(function)]);
  return found;
}

int lapack_size(const char* routine, int64_t size) {
  if (size < 0 || size > INT32_MAX)
    fail(ErrorKind::Shape, "%s: got a size of %lld; LAPACK takes 0 to 2**31 - 1", routine,
         static_cast<long long>(size));
  return int(size);
}

bool is_double(const Routine& self, const RoutinePlan& plan) {
  const int64_t code = plan.sizes[0];
  if (code != int64_t(DType::Float32) && code != int64_t(DType::Float64))
    fail(ErrorKind::Value, "%s: got dtype number %lld; it takes float32 and float64", self.name,
         static_cast<long long>(code));
  return code == int64_t(DType::Float64);
}

}  // namespace tilewright
