// What a processor's relocations need from the loader, and the function that each provides.
#pragma once

#include <cstdint>

namespace tilewright {

// Where a reference goes: the address, and, where there are any, a `stub` near the code that jumps
// there (external functions are too far away for short jumps) and a `slot` that holds the address.
struct Target {
  uint64_t symbol;
  uint64_t stub;
  uint64_t slot;
};

struct Site {
  char* place;          // the bytes to patch
  uint64_t room;        // how many there are up to the section's end
  uint32_t type;
  int64_t addend;
};

enum class Needs { Nothing, Slot, Stub };

// What references of this type need for an external target. Unknown types need nothing here and
// fail in `relocate`.
Needs x86_needs(uint32_t type);
Needs aarch64_needs(uint32_t type);

// Patches one site; throws Error(Value) for unknown types and distances out of range.
void x86_relocate(const Site& site, const Target& target);
void aarch64_relocate(const Site& site, const Target& target);

constexpr int kStubBytes = 16;

// A jump through `slot` (x86-64) or to the address in the stub itself (AArch64).
void x86_write_stub(char* stub, uint64_t slot);
void aarch64_write_stub(char* stub, uint64_t address);

}  // namespace tilewright
