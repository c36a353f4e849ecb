#include "elf_object.h"

#include <cstring>

#include "error.h"

namespace tilewright {
namespace {

#if defined(__x86_64__)
constexpr uint16_t kHost = elf::kX86;
#elif defined(__aarch64__)
constexpr uint16_t kHost = elf::kAArch64;
#else
#error "tilewright supports x86-64 and AArch64"
#endif

constexpr uint64_t kMaxSection = uint64_t{1} << 30;  // far below where 32-bit distances end

}  // namespace

void ElfObject::damaged(const char* why) {
  fail(ErrorKind::Value, "kernel: the object is damaged: %s", why);
}

ElfObject::ElfObject(const void* bytes, size_t size)
    : bytes_(static_cast<const char*>(bytes)), size_(size) {
  elf::Header header;
  if (size < sizeof header) damaged("it is shorter than an ELF header");
  std::memcpy(&header, bytes, sizeof header);
  if (std::memcmp(header.ident, "\177ELF\2\1", 6))
    damaged("it is no 64-bit little-endian ELF file");
  if (header.type != elf::kRelocatable) damaged("it is not relocatable");
  if (header.machine != kHost)
    fail(ErrorKind::Value, "kernel: the object is for machine %u; this machine is %u (ELF numbers)",
         header.machine, kHost);
  machine_ = header.machine;
  read_sections(header);
  read_symbols();
}

void ElfObject::read_sections(const elf::Header& header) {
  const size_t count = header.section_count;
  if (header.section_size != sizeof(elf::Section) || count == 0 || count >= elf::kReserved)
    damaged("it has no proper section table");
  if (header.section_offset > size_ || count * sizeof(elf::Section) > size_ - header.section_offset)
    damaged("the section table lies outside");
  sections_.resize(count);
  std::memcpy(sections_.data(), bytes_ + header.section_offset, count * sizeof(elf::Section));
  for (elf::Section& section : sections_) {
    if (section.size > kMaxSection) damaged("a section is too large");
    const bool inside = section.offset <= size_ && section.size <= size_ - section.offset;
    if (section.type != elf::kNoBits && section.type != 0 && !inside)
      damaged("a section lies outside");
    if (section.alignment == 0) section.alignment = 1;
    if (section.alignment & (section.alignment - 1)) damaged("an alignment is no power of two");
  }
  if (header.names_index < count) section_names_ = sections_[header.names_index];
}

template <class Record>
std::vector<Record> ElfObject::records(const elf::Section& section) const {
  if (section.size % sizeof(Record) || section.type == elf::kNoBits)
    damaged("a table has a broken length");
  std::vector<Record> result(section.size / sizeof(Record));
  if (!result.empty()) std::memcpy(result.data(), content(section), section.size);
  return result;
}

void ElfObject::read_symbols() {
  for (const elf::Section& section : sections_) {
    if (section.type != elf::kSymbolTable) continue;
    if (section.link >= sections_.size() || sections_[section.link].type != elf::kStringTable)
      damaged("the symbol table has no names");
    symbol_names_ = sections_[section.link];
    symbols_ = records<elf::Symbol>(section);
    return;
  }
  damaged("it has no symbol table");
}

std::string ElfObject::name_at(const elf::Section& strings, uint32_t offset) const {
  if (offset >= strings.size) damaged("a name lies outside");
  const char* start = content(strings) + offset;
  const size_t room = strings.size - offset;
  const size_t length = strnlen(start, room);
  if (length == room) damaged("a name has no end");
  return std::string(start, length);
}

std::string ElfObject::symbol_name(const elf::Symbol& symbol) const {
  return name_at(symbol_names_, symbol.name);
}

std::vector<elf::Relocation> ElfObject::relocations(const elf::Section& section) const {
  return records<elf::Relocation>(section);
}

bool ElfObject::is_loaded(const elf::Section& section) const {
  if (!(section.flags & elf::kAlloc) || section.type == elf::kX86Unwind) return false;
  return section_names_.type != elf::kStringTable ||
         name_at(section_names_, section.name) != ".eh_frame";
}

}  // namespace tilewright
