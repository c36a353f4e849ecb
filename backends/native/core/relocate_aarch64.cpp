// AArch64 relocations (ELF for the Arm 64-bit Architecture, section 5.7).
#include <cstring>

#include "error.h"
#include "relocate.h"

namespace tilewright {
namespace {

enum Type : uint32_t {
  None = 0, Abs64 = 257, Abs32 = 258, Prel64 = 260, Prel32 = 261, LoadPrelLo19 = 273,
  AdrPrelLo21 = 274, AdrPrelPage = 275, AdrPrelPageNc = 276, AddLo12 = 277, Load8 = 278,
  TestBranch14 = 279, CondBranch19 = 280, Jump26 = 282, Call26 = 283, Load16 = 284, Load32 = 285,
  Load64 = 286, Load128 = 299, GotPage = 311, GotLoad64 = 312
};

void check_room(const Site& site, uint64_t bytes) {
  if (site.room < bytes)
    fail(ErrorKind::Value, "kernel: the object is damaged: a relocation lies outside its section");
}

template <class Value>
void put(const Site& site, Value value) {
  check_room(site, sizeof value);
  std::memcpy(site.place, &value, sizeof value);
}

// Replaces `bits` bits of the instruction from bit `low` up.
void patch(const Site& site, int low, int bits, uint64_t value) {
  check_room(site, 4);
  uint32_t word;
  std::memcpy(&word, site.place, 4);
  const uint32_t mask = ((uint32_t{1} << bits) - 1) << low;
  word = (word & ~mask) | (uint32_t(value << low) & mask);
  std::memcpy(site.place, &word, 4);
}

void check_range(const Site& site, int64_t value, int bits) {
  const int64_t limit = int64_t{1} << (bits - 1);
  if (value < -limit || value >= limit)
    fail(ErrorKind::Value, "kernel: relocation %u is out of its range", site.type);
}

// A branch or load whose distance is counted in instructions.
void patch_words(const Site& site, int low, int bits, uint64_t distance) {
  check_range(site, int64_t(distance), bits + 2);
  if (distance % 4) fail(ErrorKind::Value, "kernel: relocation %u is misaligned", site.type);
  patch(site, low, bits, distance >> 2);
}

void patch_adr(const Site& site, int64_t value) {
  check_range(site, value, 21);
  patch(site, 29, 2, uint64_t(value) & 3);
  patch(site, 5, 19, uint64_t(value) >> 2);
}

int64_t page_distance(uint64_t to, uint64_t from) {
  return (int64_t(to & ~uint64_t{4095}) - int64_t(from & ~uint64_t{4095})) / 4096;
}

// The low 12 bits of an address, in units of the size that the instruction loads.
void patch_low12(const Site& site, uint64_t address, int shift) {
  const uint64_t low = address & 4095;
  if (low & ((uint64_t{1} << shift) - 1))
    fail(ErrorKind::Value, "kernel: relocation %u is misaligned", site.type);
  patch(site, 10, 12, low >> shift);
}

void put_signed32(const Site& site, int64_t value) {
  check_range(site, value, 32);
  put(site, int32_t(value));
}

}  // namespace

Needs aarch64_needs(uint32_t type) {
  switch (type) {
    case GotPage: case GotLoad64: return Needs::Slot;
    case Jump26: case Call26: return Needs::Stub;
    default: return Needs::Nothing;
  }
}

void aarch64_relocate(const Site& site, const Target& target) {
  const uint64_t place = reinterpret_cast<uint64_t>(site.place);
  const uint64_t symbol = target.symbol + uint64_t(site.addend);
  const uint64_t near = (target.stub ? target.stub : target.symbol) + uint64_t(site.addend);
  const uint64_t slot = target.slot + uint64_t(site.addend);
  switch (site.type) {
    case None: return;
    case Abs64: return put(site, symbol);
    case Prel64: return put(site, symbol - place);
    case Abs32: return put_signed32(site, int64_t(symbol));
    case Prel32: return put_signed32(site, int64_t(symbol - place));
    case Jump26: case Call26: return patch_words(site, 0, 26, near - place);
    case CondBranch19: case LoadPrelLo19: return patch_words(site, 5, 19, symbol - place);
    case TestBranch14: return patch_words(site, 5, 14, symbol - place);
    case AdrPrelLo21: return patch_adr(site, int64_t(symbol - place));
    case AdrPrelPage: case AdrPrelPageNc: return patch_adr(site, page_distance(symbol, place));
    case GotPage: return patch_adr(site, page_distance(slot, place));
    case AddLo12: case Load8: return patch_low12(site, symbol, 0);
    case Load16: return patch_low12(site, symbol, 1);
    case Load32: return patch_low12(site, symbol, 2);
    case Load64: return patch_low12(site, symbol, 3);
    case Load128: return patch_low12(site, symbol, 4);
    case GotLoad64: return patch_low12(site, slot, 3);
    default:
      fail(ErrorKind::Value, "kernel: relocation type %u of AArch64 is not supported", site.type);
  }
}

void aarch64_write_stub(char* stub, uint64_t address) {
  const uint32_t code[2] = {0x58000050, 0xd61f0200};  // ldr x16, .+8; br x16
  std::memcpy(stub, code, 8);
  std::memcpy(stub + 8, &address, 8);
}

}  // namespace tilewright
