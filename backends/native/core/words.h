// Reads little-endian int64 words with bounds checks; what is damaged gives Error(Value).
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "error.h"

namespace tilewright {

class WordReader {
 public:
  WordReader(const char* what, const void* data, size_t bytes) : what_(what) {
    if (bytes % 8) damaged("its length is not a multiple of 8 bytes");
    words_.resize(bytes / 8);
    if (bytes) std::memcpy(words_.data(), data, bytes);
  }

  int64_t next() {
    if (at_ >= words_.size()) damaged("it ends too early");
    return words_[at_++];
  }

  // A word that must lie in [low, high].
  int64_t next(const char* field, int64_t low, int64_t high) {
    const int64_t value = next();
    if (value < low || value > high)
      fail(ErrorKind::Value, "%s: word %zu (%s) is %lld; it must be %lld to %lld", what_, at_ - 1,
           field, static_cast<long long>(value), static_cast<long long>(low),
           static_cast<long long>(high));
    return value;
  }

  void magic(int64_t wanted) {
    if (next() != wanted) damaged("it does not start with the magic number");
  }

  std::string text(const char* field, int64_t max_length, int64_t min_length = 1) {
    const int64_t length = next(field, min_length, max_length);
    const size_t padded = size_t(length + 7) / 8;
    if (padded > words_.size() - at_) damaged("it ends within a name");
    std::string result(reinterpret_cast<const char*>(words_.data() + at_), size_t(length));
    at_ += padded;
    return result;
  }

  // Words with their number before them.
  std::vector<int64_t> some(const char* field) {
    const int64_t count = next(field, 0, int64_t(words_.size()));
    if (size_t(count) > words_.size() - at_) damaged("it ends within a program");
    const auto first = words_.begin() + std::ptrdiff_t(at_);
    at_ += size_t(count);
    return std::vector<int64_t>(first, first + std::ptrdiff_t(count));
  }

  void finish() const {
    if (at_ != words_.size()) damaged("it has words left over");
  }

  [[noreturn]] void damaged(const char* why) const {
    fail(ErrorKind::Value, "%s: the description is damaged: %s", what_, why);
  }

  const char* what() const { return what_; }

 private:
  const char* what_;
  std::vector<int64_t> words_;
  size_t at_ = 0;
};

}  // namespace tilewright
