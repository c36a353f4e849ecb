#include "artifact_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "buffer.h"
#include "error.h"

namespace tilewright {
namespace {

constexpr char kMagic[8] = {'\x89', 'T', 'W', 'A', '\r', '\n', '\x1a', '\n'};
constexpr size_t kHeader = 64, kEntry = 64, kName = 16, kHashed = 32, kMaxSections = 16;

[[noreturn]] void damaged(const char* why) {
  fail(ErrorKind::Damaged, "artifact: the file is damaged: %s", why);
}

[[noreturn]] void refused(const char* path, const char* what) {
  fail(ErrorKind::System, "artifact: cannot %s %.400s: %s", what, path, std::strerror(errno));
}

struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) close(number);
  }
};

Bytes read_whole(const char* path, int file, size_t size) {
  Buffer* buffer = allocate(int64_t(size));
  Bytes bytes{buffer->data, size,
              std::shared_ptr<const void>(buffer, [](Buffer* b) { release(b); })};
  for (size_t done = 0; done < size;) {
    const ssize_t count = read(file, buffer->data + done, size - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) refused(path, "read");
    if (count == 0) damaged("it became shorter while it was read");
    done += size_t(count);
  }
  return bytes;
}

}  // namespace

Bytes open_file(const char* path, bool copy) {
  const Descriptor file{open(path, O_RDONLY | O_CLOEXEC)};
  if (file.number < 0) refused(path, "open");
  struct stat about;
  if (fstat(file.number, &about)) refused(path, "open");
  if (!S_ISREG(about.st_mode))
    fail(ErrorKind::System, "artifact: %.400s is not a regular file", path);
  const size_t size = size_t(about.st_size);
  if (size < kHeader) damaged("it is shorter than its header");
  if (copy) return read_whole(path, file.number, size);
  void* pages = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number, 0);
  if (pages == MAP_FAILED) refused(path, "map");
  return {static_cast<const char*>(pages), size,
          std::shared_ptr<const void>(pages, [size](void* p) { munmap(p, size); })};
}

ArtifactFile::ArtifactFile(Bytes bytes) : bytes_(std::move(bytes)) {
  check_header();
  read_table();
}

uint64_t ArtifactFile::number(size_t at, size_t size) const {
  uint64_t value = 0;
  std::memcpy(&value, bytes_.data + at, size);  // both kinds of machine are little-endian
  return value;
}

void ArtifactFile::check_header() const {
  if (bytes_.size < kHeader) damaged("it is shorter than its header");
  if (std::memcmp(bytes_.data, kMagic, sizeof kMagic) != 0)
    fail(ErrorKind::Damaged, "artifact: this is no artifact of tilewright: its first bytes differ");
  const uint64_t version = number(8, 4), count = number(12, 4), length = number(16, 8);
  if (version > kArtifactFormat)
    fail(ErrorKind::Foreign,
         "artifact: it has format version %llu; this library reads version %u. It comes from a "
         "newer tilewright, or is damaged",
         static_cast<unsigned long long>(version), kArtifactFormat);
  if (version != kArtifactFormat) damaged("its version is 0");
  if (length != bytes_.size)
    fail(ErrorKind::Damaged,
         "artifact: the file is damaged: it has %zu bytes; its header says %llu", bytes_.size,
         static_cast<unsigned long long>(length));
  if (count < 1 || count > kMaxSections || kHeader + count * kEntry > bytes_.size)
    damaged("its number of sections is wrong");
  if (number(24, 8) != 0) damaged("its header's reserved bytes are not zero");
  std::string hashed(bytes_.data, kHashed);
  hashed.append(bytes_.data + kHeader, count * kEntry);
  if (std::memcmp(sha256(hashed.data(), hashed.size()).data(), bytes_.data + kHashed, 32) != 0)
    damaged("its header and table do not have their checksum");
}

void ArtifactFile::read_table() {
  const size_t count = number(12, 4);
  size_t end = kHeader + count * kEntry;
  for (size_t i = 0; i < count; ++i) {
    const size_t entry = kHeader + i * kEntry;
    const char* name = bytes_.data + entry;
    const uint64_t offset = number(entry + kName, 8), size = number(entry + kName + 8, 8);
    const size_t start = size_t(round_up(int64_t(end), kAlignment));
    if (offset != start || start > bytes_.size || size > bytes_.size - start)
      damaged("a section does not lie where it must");
    for (size_t at = end; at < start; ++at)
      if (bytes_.data[at]) damaged("the bytes between two sections are not zero");
    Section section{{name, strnlen(name, kName)}, bytes_.data + start, size_t(size), {}};
    std::memcpy(section.digest.data(), bytes_.data + entry + kName + 16, 32);
    sections_.push_back(std::move(section));
    end = start + size_t(size);
  }
  if (end != bytes_.size) damaged("something follows the last section");
}

const ArtifactFile::Section& ArtifactFile::section(const char* name) const {
  for (const Section& section : sections_)
    if (section.name == name) return section;
  fail(ErrorKind::Damaged, "artifact: the file is damaged: it has no section %s", name);
}

void ArtifactFile::check(const Section& section) const {
  if (sha256(section.data, section.size) != section.digest)
    fail(ErrorKind::Damaged, "artifact: the file is damaged: section %s does not have its checksum",
         section.name.c_str());
}

}  // namespace tilewright
