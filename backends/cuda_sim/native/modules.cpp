// Modules: shared objects for this processor, loaded from memory.
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <string>

#include "records.h"

namespace tilewright::cuda_sim {
namespace {

bool write_all(int file, const void* code, size_t bytes) {
  const char* at = static_cast<const char*>(code);
  while (bytes) {
    const ssize_t written = write(file, at, bytes);
    if (written <= 0) return false;
    at += written;
    bytes -= size_t(written);
  }
  return true;
}

// A path to an open file that was never used before: the loader takes equal paths for one library,
// and numbers of files come again. The count is written in ways of saying nothing ("/." and "/").
std::string fresh_path(int file) {
  static std::atomic<uint32_t> count{0};
  std::string path = "/proc/self/fd";
  for (uint32_t left = ++count; left; left >>= 1) path += left & 1 ? "/." : "/";
  return path + "/" + std::to_string(file);
}

void* open_library(const void* code, size_t bytes, tw_error* error) {
  const int file = memfd_create("tilewright-module", MFD_CLOEXEC);
  if (file < 0 || !write_all(file, code, bytes)) {
    if (file >= 0) close(file);
    failed(error, TW_FAILED, "cudaErrorInvalidImage: no file in memory could be written");
    return nullptr;
  }
  void* library = dlopen(fresh_path(file).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* reason = dlerror();
    std::snprintf(error->text, sizeof error->text, "cudaErrorInvalidImage: %s", reason);
  }
  close(file);
  return library;
}

}  // namespace

int load_module(tw_device*, const void* code, size_t bytes, tw_module** module, void**, size_t*,
                tw_error* error) {
  static constexpr char kElf[] = "\177ELF";
  if (bytes < 64 || std::memcmp(code, kElf, 4) != 0)
    return failed(error, TW_FAILED, "cudaErrorInvalidImage: not a shared object");
  void* library = open_library(code, bytes, error);
  if (!library) return TW_FAILED;
  auto* table = static_cast<const tw_sim_module_table*>(dlsym(library, "tw_sim_module"));
  if (!table || table->version != TW_SIM_VERSION) {
    dlclose(library);
    return failed(error, TW_FAILED, "cudaErrorInvalidImage: a module of another version");
  }
  *table->host = &BlockRunner::host();
  tw_module* made = new tw_module;
  made->library = library;
  made->table = table;
  *module = made;
  return TW_OK;
}

void unload_module(tw_module* module) {
  dlclose(module->library);
  delete module;
}

int find_function(tw_module* module, const char* symbol, tw_function** function,
                  tw_error* error) {
  for (int32_t i = 0; i < module->table->count; ++i) {
    const tw_sim_kernel& kernel = module->table->kernels[i];
    if (std::strcmp(kernel.name, symbol) != 0) continue;
    module->functions.push_back(std::make_unique<tw_function>(tw_function{&kernel, module}));
    *function = module->functions.back().get();
    return TW_OK;
  }
  return failed(error, TW_FAILED, "cudaErrorSymbolNotFound");
}

}  // namespace tilewright::cuda_sim
