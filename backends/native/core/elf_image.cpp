#include "elf_image.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "buffer.h"
#include "elf_object.h"
#include "error.h"
#include "relocate.h"

namespace tilewright {
namespace {

constexpr uint64_t kNowhere = ~uint64_t{0};
constexpr uint64_t kMaxImage = uint64_t{1} << 30;

enum Group { Code, Constants, Data, kGroups };

Group group_of(const elf::Section& section) {
  return section.flags & elf::kExecute ? Code : section.flags & elf::kWrite ? Data : Constants;
}

// Where a symbol's helpers lie in the image; counted from 1, 0 for none.
struct Helpers {
  uint32_t slot = 0, stub = 0;
  bool used = false;  // compilers name symbols that nothing refers to
};

}  // namespace

class ElfLoader {
 public:
  ElfLoader(ElfImage& image, const void* bytes, size_t size)
      : image_(image), object_(bytes, size), x86_(object_.machine() == elf::kX86) {}

  void load() {
    count_helpers();
    lay_out();
    map();
    copy_sections();
    resolve_symbols();
    write_helpers();
    relocate();
    find_functions();
    protect();
  }

 private:
  const elf::Section* target_of(const elf::Section& section) const {
    if (section.type != elf::kRela && section.type != elf::kRel) return nullptr;
    const auto& all = object_.sections();
    if (section.info >= all.size()) ElfObject::damaged("relocations of no section");
    const elf::Section& target = all[section.info];
    if (!object_.is_loaded(target)) return nullptr;
    if (section.type == elf::kRel) ElfObject::damaged("relocations have no addends");
    if (target.type == elf::kNoBits) ElfObject::damaged("relocations in a section without bytes");
    return &target;
  }

  void count_helpers() {
    const auto& symbols = object_.symbols();
    helpers_.resize(symbols.size());
    for (const elf::Section& section : object_.sections()) {
      if (!target_of(section)) continue;
      for (const elf::Relocation& entry : object_.relocations(section)) {
        const uint64_t index = entry.info >> 32;
        if (index >= symbols.size()) ElfObject::damaged("a relocation names no symbol");
        const uint32_t type = uint32_t(entry.info);
        const Needs needs = x86_ ? x86_needs(type) : aarch64_needs(type);
        Helpers& mine = helpers_[index];
        mine.used = true;
        const bool external = symbols[index].section == elf::kUndefined;
        if (needs == Needs::Stub && external && !mine.stub) mine.stub = ++stubs_;
        // The x86-64 stub jumps through the slot.
        const bool slot = needs == Needs::Slot || mine.stub;
        if (slot && !mine.slot) mine.slot = ++slots_;
      }
    }
  }

  void lay_out() {
    const uint64_t page = uint64_t(sysconf(_SC_PAGESIZE));
    const auto& sections = object_.sections();
    starts_.assign(sections.size(), kNowhere);
    uint64_t at = 0;
    for (int group = Code; group < kGroups; ++group) {
      for (size_t i = 0; i < sections.size(); ++i) {
        const elf::Section& section = sections[i];
        if (!object_.is_loaded(section) || group_of(section) != group) continue;
        if (section.flags & elf::kTls) ElfObject::damaged("it has thread-local data");
        if (section.alignment > page) ElfObject::damaged("a section is aligned to over a page");
        starts_[i] = uint64_t(round_up(int64_t(at), int64_t(section.alignment)));
        at = starts_[i] + section.size;
        if (at > kMaxImage) ElfObject::damaged("it is too large");
      }
      at = uint64_t(round_up(int64_t(at), kStubBytes));
      if (group == Code) stubs_start_ = at, at += uint64_t(stubs_) * kStubBytes;
      if (group == Constants) slots_start_ = at, at += uint64_t(slots_) * 8;
      at = uint64_t(round_up(int64_t(at), int64_t(page)));
      ends_[group] = at;
    }
    if (ends_[Data] == 0) ElfObject::damaged("it has no code");
  }

  void map() {
    void* pages = mmap(nullptr, ends_[Data], PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                       -1, 0);
    if (pages == MAP_FAILED)
      fail(ErrorKind::Memory, "kernel: could not map %llu bytes for code",
           static_cast<unsigned long long>(ends_[Data]));
    image_.pages_ = pages;
    image_.size_ = ends_[Data];
    base_ = static_cast<char*>(pages);
  }

  void copy_sections() {
    const auto& sections = object_.sections();
    for (size_t i = 0; i < sections.size(); ++i)
      if (starts_[i] != kNowhere && sections[i].type != elf::kNoBits && sections[i].size)
        std::memcpy(base_ + starts_[i], object_.content(sections[i]), sections[i].size);
  }

  uint64_t address_of(const elf::Symbol& symbol) const {
    if (symbol.section == elf::kAbsolute) return symbol.value;
    if (symbol.section >= object_.sections().size())
      ElfObject::damaged("a symbol lies in no section");
    if (starts_[symbol.section] == kNowhere) return kNowhere;  // an error only if it is used
    if (symbol.value > object_.sections()[symbol.section].size)
      ElfObject::damaged("a symbol lies outside its section");
    return reinterpret_cast<uint64_t>(base_) + starts_[symbol.section] + symbol.value;
  }

  uint64_t external_address(const elf::Symbol& symbol) const {
    const std::string name = object_.symbol_name(symbol);
    void* found = external_symbol(name);
    if (!found)
      fail(ErrorKind::Value, "kernel: the object calls %.200s, which kernels may not call",
           name.c_str());
    return reinterpret_cast<uint64_t>(found);
  }

  void resolve_symbols() {
    const auto& symbols = object_.symbols();
    addresses_.assign(symbols.size(), kNowhere);
    for (size_t i = 1; i < symbols.size(); ++i)
      if (symbols[i].section != elf::kUndefined)
        addresses_[i] = address_of(symbols[i]);
      else if (helpers_[i].used)
        addresses_[i] = external_address(symbols[i]);
    if (!addresses_.empty()) addresses_[0] = 0;  // "no symbol" means address 0
  }

  uint64_t slot_address(uint32_t slot) const {
    return slot ? reinterpret_cast<uint64_t>(base_) + slots_start_ + (slot - 1) * 8 : 0;
  }

  char* stub_place(uint32_t stub) const {
    return stub ? base_ + stubs_start_ + uint64_t(stub - 1) * kStubBytes : nullptr;
  }

  void write_helpers() {
    for (size_t i = 0; i < helpers_.size(); ++i) {
      const Helpers& mine = helpers_[i];
      if (!mine.slot) continue;
      std::memcpy(reinterpret_cast<char*>(slot_address(mine.slot)), &addresses_[i], 8);
      if (!mine.stub) continue;
      if (x86_)
        x86_write_stub(stub_place(mine.stub), slot_address(mine.slot));
      else
        aarch64_write_stub(stub_place(mine.stub), addresses_[i]);
    }
  }

  void relocate() {
    const auto& sections = object_.sections();
    for (const elf::Section& section : sections) {
      const elf::Section* target = target_of(section);
      if (!target) continue;
      char* start = base_ + starts_[size_t(target - sections.data())];
      for (const elf::Relocation& entry : object_.relocations(section)) {
        if (entry.offset >= target->size) ElfObject::damaged("a relocation lies outside");
        const size_t symbol = entry.info >> 32;
        const Site site{start + entry.offset, target->size - entry.offset, uint32_t(entry.info),
                        entry.addend};
        if (addresses_[symbol] == kNowhere)
          ElfObject::damaged("a relocation to what is not loaded");
        const Helpers& mine = helpers_[symbol];
        const Target where{addresses_[symbol], reinterpret_cast<uint64_t>(stub_place(mine.stub)),
                           slot_address(mine.slot)};
        x86_ ? x86_relocate(site, where) : aarch64_relocate(site, where);
      }
    }
  }

  void find_functions() {
    const auto& symbols = object_.symbols();
    for (size_t i = 1; i < symbols.size(); ++i) {
      const uint16_t section = symbols[i].section;
      if (section == elf::kUndefined || section >= object_.sections().size()) continue;
      const elf::Section& home = object_.sections()[section];
      if (starts_[section] == kNowhere || group_of(home) != Code || symbols[i].value >= home.size)
        continue;
      const std::string name = object_.symbol_name(symbols[i]);
      if (!name.empty()) image_.functions_[name] = reinterpret_cast<void*>(addresses_[i]);
    }
  }

  void protect_group(Group group, int rights) {
    const uint64_t start = group == Code ? 0 : ends_[group - 1];
    if (ends_[group] > start && mprotect(base_ + start, ends_[group] - start, rights))
      fail(ErrorKind::Memory, "kernel: the system refuses to make pages executable");
  }

  void protect() {
    __builtin___clear_cache(base_, base_ + ends_[Code]);
    protect_group(Code, PROT_READ | PROT_EXEC);
    protect_group(Constants, PROT_READ);
  }

  ElfImage& image_;
  ElfObject object_;
  bool x86_;
  char* base_ = nullptr;
  std::vector<Helpers> helpers_;      // by symbol
  std::vector<uint64_t> starts_;      // by section: offset in the image
  std::vector<uint64_t> addresses_;   // by symbol
  uint32_t slots_ = 0, stubs_ = 0;
  uint64_t stubs_start_ = 0, slots_start_ = 0, ends_[kGroups] = {};
};

ElfImage::ElfImage(const void* object, size_t bytes) {
  try {
    ElfLoader(*this, object, bytes).load();
  } catch (...) {
    if (pages_) munmap(pages_, size_);  // the destructor of a half-made object does not run
    throw;
  }
}

ElfImage::~ElfImage() { munmap(pages_, size_); }

void* ElfImage::function(const std::string& name) const {
  const auto found = functions_.find(name);
  if (found == functions_.end())
    fail(ErrorKind::Value, "kernel: the object has no function %.200s", name.c_str());
  return found->second;
}

}  // namespace tilewright
