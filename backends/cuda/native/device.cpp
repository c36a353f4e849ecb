// The table of device.h for CUDA: it counts no devices yet, and says so. The compile side is whole.
#include "device.h"

#include <dlfcn.h>

#include <cstdio>

namespace {

int32_t count(tw_error* error) {
  void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  const char* reason =
      driver ? "a CUDA driver is there, but running kernels on it is not built yet; tilewright "
               "compiles them (sm_80, sm_90)"
             : "no CUDA driver (libcuda.so.1), and running kernels on one is not built yet";
  if (driver) dlclose(driver);
  std::snprintf(error->text, sizeof error->text, "%s", reason);
  return 0;
}

// Without devices nothing but `count` is ever called.
const tw_device_api kTable = [] {
  tw_device_api table{};
  table.version = TW_DEVICE_VERSION;
  table.name = "cuda";
  table.count = count;
  return table;
}();

[[maybe_unused]] const bool registered = (tw_register_device(&kTable), true);

}  // namespace
