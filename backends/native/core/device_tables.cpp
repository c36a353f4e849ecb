// The tables of device.h by name.
#include <dlfcn.h>

#include <cstring>
#include <mutex>
#include <vector>

#include "devices.h"
#include "error.h"

namespace {

struct Tables {
  std::mutex mutex;
  std::vector<const tw_device_api*> list;
};

// Made at the first registration, which may be before other static objects exist; never destroyed.
Tables& tables() {
  static Tables* instance = new Tables;
  return *instance;
}

}  // namespace

void tw_register_device(const tw_device_api* api) {
  std::lock_guard<std::mutex> lock(tables().mutex);
  tables().list.push_back(api);
}

const tw_device_api* tw_find_device(const char* name) {
  std::lock_guard<std::mutex> lock(tables().mutex);
  for (const tw_device_api* api : tables().list)
    if (std::strcmp(api->name, name) == 0) return api;
  return nullptr;
}

namespace tilewright {

std::string load_device_table(const char* path) {
  // Never closed: buffers and kernels point into it.
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) fail(ErrorKind::Device, "device table: %s", dlerror());
  using Get = const tw_device_api* (*)();
  const Get get = reinterpret_cast<Get>(dlsym(library, "tw_device_table"));
  const tw_device_api* api = get ? get() : nullptr;
  if (!api) fail(ErrorKind::Device, "device table: %s exports no tw_device_table", path);
  if (api->version != TW_DEVICE_VERSION)
    fail(ErrorKind::Device, "device table: %s has version %d; this is version %d", path,
         api->version, TW_DEVICE_VERSION);
  if (tw_find_device(api->name))
    fail(ErrorKind::Device, "device table: there is already one with the name %s", api->name);
  tw_register_device(api);
  return api->name;
}

}  // namespace tilewright
