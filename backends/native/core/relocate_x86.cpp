// x86-64 relocations (System V ABI, AMD64 supplement, table 4.9).
#include <cstring>

#include "error.h"
#include "relocate.h"

namespace tilewright {
namespace {

enum Type : uint32_t {
  None = 0, Abs64 = 1, Pc32 = 2, Plt32 = 4, GotPcRel = 9, Abs32 = 10, Abs32S = 11, Pc64 = 24,
  GotPcRelX = 41, RexGotPcRelX = 42
};

template <class Value>
void put(const Site& site, Value value) {
  if (site.room < sizeof value)
    fail(ErrorKind::Value, "kernel: the object is damaged: a relocation lies outside its section");
  std::memcpy(site.place, &value, sizeof value);
}

void put_signed32(const Site& site, int64_t value) {
  if (value != int32_t(value))
    fail(ErrorKind::Value, "kernel: relocation %u reaches over 2 GiB", site.type);
  put(site, int32_t(value));
}

}  // namespace

Needs x86_needs(uint32_t type) {
  switch (type) {
    case GotPcRel: case GotPcRelX: case RexGotPcRelX: return Needs::Slot;
    case Pc32: case Plt32: return Needs::Stub;
    default: return Needs::Nothing;
  }
}

void x86_relocate(const Site& site, const Target& target) {
  const uint64_t place = reinterpret_cast<uint64_t>(site.place);
  const uint64_t near = target.stub ? target.stub : target.symbol;
  const uint64_t addend = uint64_t(site.addend);  // unsigned: wraps, where signed would overflow
  switch (site.type) {
    case None: return;
    case Abs64: return put(site, target.symbol + addend);
    case Pc64: return put(site, target.symbol + addend - place);
    case Pc32: case Plt32: return put_signed32(site, int64_t(near + addend - place));
    case GotPcRel: case GotPcRelX: case RexGotPcRelX:
      return put_signed32(site, int64_t(target.slot + addend - place));
    case Abs32S: return put_signed32(site, int64_t(target.symbol + addend));
    case Abs32: {
      const uint64_t value = target.symbol + addend;
      if (value != uint32_t(value))
        fail(ErrorKind::Value, "kernel: relocation %u reaches over 4 GiB", site.type);
      return put(site, uint32_t(value));
    }
    default:
      fail(ErrorKind::Value, "kernel: relocation type %u of x86-64 is not supported", site.type);
  }
}

void x86_write_stub(char* stub, uint64_t slot) {
  // jmp *displacement(%rip); the rest is int3.
  std::memset(stub, 0xcc, kStubBytes);
  stub[0] = char(0xff);
  stub[1] = 0x25;
  const int32_t displacement = int32_t(int64_t(slot - (reinterpret_cast<uint64_t>(stub) + 6)));
  std::memcpy(stub + 2, &displacement, 4);
}

}  // namespace tilewright
