// Memory behind handles: pages without any right, opened while work on them runs.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>

#include "records.h"

tw_memory::~tw_memory() {
  munmap(base, bytes + size_t(sysconf(_SC_PAGESIZE)));
  std::lock_guard<std::mutex> lock(device->mutex);
  device->used -= int64_t(bytes);
}

namespace tilewright::cuda_sim {

int failed(tw_error* error, int status, const char* text) {
  std::snprintf(error->text, sizeof error->text, "%s", text);
  return status;
}

int allocate(tw_device* device, int64_t bytes, tw_memory** memory, tw_error* error) {
  const size_t page = size_t(sysconf(_SC_PAGESIZE));
  if (bytes <= 0 || bytes > device->total)
    return failed(error, TW_OUT_OF_MEMORY, "cudaErrorMemoryAllocation: more than there is");
  const size_t whole = (size_t(bytes) + page - 1) / page * page;
  {
    std::lock_guard<std::mutex> lock(device->mutex);
    if (device->used + int64_t(whole) > device->total)
      return failed(error, TW_OUT_OF_MEMORY, "cudaErrorMemoryAllocation: the memory is full");
    device->used += int64_t(whole);
  }
  // One more page stays closed for ever: what runs over the end meets it.
  void* base = mmap(nullptr, whole + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) {
    std::lock_guard<std::mutex> lock(device->mutex);
    device->used -= int64_t(whole);
    return failed(error, TW_OUT_OF_MEMORY, "cudaErrorMemoryAllocation: the host has no more");
  }
  *memory = new tw_memory(device, static_cast<char*>(base), whole);
  return TW_OK;
}

void release(tw_device*, tw_memory* memory) { Held::let_go(memory); }

Opened::Opened(tw_memory* memory) : memory_(memory) {
  std::lock_guard<std::mutex> lock(memory_->mutex);
  if (memory_->open++ == 0) mprotect(memory_->base, memory_->bytes, PROT_READ | PROT_WRITE);
}

Opened::~Opened() {
  std::lock_guard<std::mutex> lock(memory_->mutex);
  if (--memory_->open == 0) mprotect(memory_->base, memory_->bytes, PROT_NONE);
}

}  // namespace tilewright::cuda_sim
