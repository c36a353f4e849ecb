// A strict reader of JSON (RFC 8259) for the manifests of artifacts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tilewright {

class Json {
 public:
  enum class Kind { Null, Bool, Integer, Number, Text, List, Object };

  // Throws Error(Damaged), which starts with `what`: for anything that is not one whole value, for
  // text that is not UTF-8, keys that occur twice, and nesting deeper than kMaxDepth.
  static Json parse(const char* what, const char* data, size_t bytes);

  static constexpr int kMaxDepth = 64;

  Kind kind = Kind::Null;
  int64_t integer = 0;  // of Bool and Integer
  std::string text;     // of Text; of Number as it is written
  std::vector<Json> items;
  std::vector<std::string> keys;  // of Object: one for each item

  // The member of that name, or null.
  const Json* find(const char* key) const;
};

}  // namespace tilewright
