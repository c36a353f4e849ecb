// Machine code loaded from a relocatable ELF object, without a linker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

namespace tilewright {

// Mapped pages: first code (read, execute), then constants (read), then data (read, write). No
// page is ever writable and executable.
class ElfImage {
 public:
  // Throws Error(Value) if the object is damaged, of another machine, or needs a symbol that is
  // not on the list of those that kernels may call.
  ElfImage(const void* object, size_t bytes);
  ~ElfImage();
  ElfImage(const ElfImage&) = delete;
  ElfImage& operator=(const ElfImage&) = delete;

  // The address of a function; throws Error(Value) if there is none of that name.
  void* function(const std::string& name) const;

 private:
  friend class ElfLoader;
  void* pages_ = nullptr;
  size_t size_ = 0;
  std::unordered_map<std::string, void*> functions_;
};

// The address of a C library function that kernels may call, or null.
void* external_symbol(const std::string& name);

}  // namespace tilewright
