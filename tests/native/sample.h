// Words and the sample object, for the tests of kernels and programs.
#pragma once

#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <string>
#include <vector>

#include "kernel.h"

namespace sample {

using Words = std::vector<int64_t>;

inline Words constant(int64_t value) { return {2, 0, value}; }
inline Words symbol(int64_t index) { return {2, 1, index}; }
inline Words times(int64_t factor, int64_t index) { return {6, 0, factor, 1, index, 3, 0}; }

inline Words join(std::initializer_list<Words> parts) {
  Words all;
  for (const Words& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

inline Words name(std::string text) {
  Words words{int64_t(text.size())};
  text.resize((text.size() + 7) / 8 * 8);
  for (size_t i = 0; i < text.size(); i += 8) {
    int64_t word;
    __builtin_memcpy(&word, text.data() + i, 8);
    words.push_back(word);
  }
  return words;
}

// Three buffers, one size, one phase over n units.
inline Words kernel_words(const std::string& function, int64_t cost) {
  return join({{0x544B31, 3, 1, 0, 0, 1, 1}, name(function), symbol(0), constant(1),
               constant(cost)});
}

inline const std::string& object() {
  static const std::string bytes = [] {
    std::string content;
    std::FILE* file = std::fopen(SAMPLE_OBJECT, "rb");
    for (int c; file && (c = std::fgetc(file)) != EOF;) content.push_back(char(c));
    if (file) std::fclose(file);
    return content;
  }();
  return bytes;
}

inline std::shared_ptr<const tilewright::Kernel> kernel(const std::string& function,
                                                        int64_t cost) {
  const Words words = kernel_words(function, cost);
  return std::make_shared<tilewright::Kernel>(
      object().data(), object().size(), words.data(), words.size() * 8,
      std::vector<std::pair<const void*, size_t>>{});
}

// Damage that reads the same on every machine.
class Chance {
 public:
  uint64_t next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return state_ >> 33;
  }
  uint64_t below(uint64_t limit) { return next() % limit; }

 private:
  uint64_t state_ = 1;
};

}  // namespace sample
