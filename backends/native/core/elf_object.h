// A checked reading of a relocatable ELF object: every offset is proved to lie inside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "elf_format.h"

namespace tilewright {

class ElfObject {
 public:
  // Throws Error(Value) unless this is an object of this machine's kind.
  ElfObject(const void* bytes, size_t size);

  const std::vector<elf::Section>& sections() const { return sections_; }
  const std::vector<elf::Symbol>& symbols() const { return symbols_; }
  std::string symbol_name(const elf::Symbol& symbol) const;
  std::vector<elf::Relocation> relocations(const elf::Section& section) const;
  // The section's bytes (not for kNoBits).
  const char* content(const elf::Section& section) const { return bytes_ + section.offset; }
  // Takes memory when loaded. Unwind tables do not: nothing ever throws through a kernel.
  bool is_loaded(const elf::Section& section) const;
  uint16_t machine() const { return machine_; }

  [[noreturn]] static void damaged(const char* why);

 private:
  void read_sections(const elf::Header& header);
  void read_symbols();
  template <class Record>
  std::vector<Record> records(const elf::Section& section) const;
  std::string name_at(const elf::Section& strings, uint32_t offset) const;

  const char* bytes_;
  size_t size_;
  uint16_t machine_ = 0;
  std::vector<elf::Section> sections_;
  std::vector<elf::Symbol> symbols_;
  elf::Section symbol_names_{}, section_names_{};
};

}  // namespace tilewright
