// The parts of the ELF format that relocatable objects need (System V ABI; processor supplements
// for x86-64 and AArch64). Own definitions, so that <elf.h> is not needed.
#pragma once

#include <cstdint>

namespace tilewright::elf {

struct Header {
  uint8_t ident[16];
  uint16_t type, machine;
  uint32_t version;
  uint64_t entry, program_offset, section_offset;
  uint32_t flags;
  uint16_t header_size, program_size, program_count, section_size, section_count, names_index;
};

struct Section {
  uint32_t name, type;
  uint64_t flags, address, offset, size;
  uint32_t link, info;
  uint64_t alignment, entry_size;
};

struct Symbol {
  uint32_t name;
  uint8_t info, other;
  uint16_t section;
  uint64_t value, size;
};

struct Relocation {
  uint64_t offset, info;
  int64_t addend;
};

static_assert(sizeof(Header) == 64 && sizeof(Section) == 64 && sizeof(Symbol) == 24 &&
              sizeof(Relocation) == 24);

constexpr uint16_t kRelocatable = 1, kX86 = 62, kAArch64 = 183;
constexpr uint32_t kSymbolTable = 2, kStringTable = 3, kRela = 4, kNoBits = 8, kRel = 9;
constexpr uint32_t kX86Unwind = 0x70000001;
constexpr uint64_t kWrite = 1, kAlloc = 2, kExecute = 4, kTls = 0x400;
constexpr uint16_t kUndefined = 0, kReserved = 0xff00, kAbsolute = 0xfff1;

}  // namespace tilewright::elf
