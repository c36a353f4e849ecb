// The container of an artifact (docs/artifact.md): a header, a table and named sections.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sha256.h"

namespace tilewright {

constexpr uint32_t kArtifactFormat = 1;

// Bytes that something keeps alive.
struct Bytes {
  const char* data = nullptr;
  size_t size = 0;
  std::shared_ptr<const void> owner;
};

// A file mapped into memory, or read into memory of our own (`copy`). Throws Error(System).
Bytes open_file(const char* path, bool copy);

class ArtifactFile {
 public:
  struct Section {
    std::string name;
    const char* data;
    size_t size;
    Digest digest;
  };

  // Checks all of the file but what lies in the sections: throws Error(Damaged), or Error(Foreign)
  // for a format that is newer than this library.
  explicit ArtifactFile(Bytes bytes);

  // The section of that name; throws Error(Damaged) if it is not there.
  const Section& section(const char* name) const;

  // Throws Error(Damaged) if the section's content does not have its checksum.
  void check(const Section& section) const;

  const std::shared_ptr<const void>& owner() const { return bytes_.owner; }

 private:
  uint64_t number(size_t at, size_t size) const;
  void check_header() const;
  void read_table();

  Bytes bytes_;
  std::vector<Section> sections_;
};

}  // namespace tilewright
