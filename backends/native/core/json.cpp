#include "json.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "error.h"

namespace tilewright {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The length of the UTF-8 character at `at`, 0 if there is none (overlong forms and surrogates).
size_t character_length(const unsigned char* at, size_t left) {
  const unsigned char first = at[0];
  if (first < 0x80) return 1;
  const size_t length = first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3
                        : first >= 0xf0 && first < 0xf5 ? 4 : 0;
  if (!length || length > left) return 0;
  for (size_t i = 1; i < length; ++i)
    if ((at[i] & 0xc0) != 0x80) return 0;
  const bool overlong = (first == 0xe0 && at[1] < 0xa0) || (first == 0xf0 && at[1] < 0x90);
  const bool outside = (first == 0xed && at[1] > 0x9f) || (first == 0xf4 && at[1] > 0x8f);
  return overlong || outside ? 0 : length;
}

void append_utf8(std::string& text, uint32_t code) {
  const auto rest = [&](int shift) { text += char(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) {
    text += char(code);
  } else if (code < 0x800) {
    text += char(0xc0 | code >> 6), rest(0);
  } else if (code < 0x10000) {
    text += char(0xe0 | code >> 12), rest(6), rest(0);
  } else {
    text += char(0xf0 | code >> 18), rest(12), rest(6), rest(0);
  }
}

class Reader {
 public:
  Reader(const char* what, const char* data, size_t bytes)
      : what_(what), start_(data), at_(data), end_(data + bytes) {}

  Json whole() {
    Json value = read(0);
    skip();
    if (at_ != end_) damaged("something follows the value");
    return value;
  }

 private:
  [[noreturn]] void damaged(const char* why) const {
    fail(ErrorKind::Damaged, "%s: its JSON is damaged at byte %zu: %s", what_,
         size_t(at_ - start_), why);
  }

  void skip() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
  }

  char peek() {
    if (at_ == end_) damaged("it ends too early");
    return *at_;
  }

  bool take(char c) {
    skip();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }

  void word(const char* wanted) {
    const size_t length = std::strlen(wanted);
    if (size_t(end_ - at_) < length || std::memcmp(at_, wanted, length) != 0)
      damaged("an unknown word");
    at_ += length;
  }

  Json read(int depth) {
    if (depth > Json::kMaxDepth) damaged("it is nested too deeply");
    skip();
    Json value;
    switch (peek()) {
      case '{': return object(depth);
      case '[': return list(depth);
      case '"': value.kind = Json::Kind::Text, value.text = text(); return value;
      case 't': word("true"), value.kind = Json::Kind::Bool, value.integer = 1; return value;
      case 'f': word("false"), value.kind = Json::Kind::Bool; return value;
      case 'n': word("null"); return value;
      default: return number();
    }
  }

  Json list(int depth) {
    Json value;
    value.kind = Json::Kind::List;
    ++at_;
    if (take(']')) return value;
    do value.items.push_back(read(depth + 1));
    while (take(','));
    if (!take(']')) damaged("a list has no end");
    return value;
  }

  Json object(int depth) {
    Json value;
    value.kind = Json::Kind::Object;
    ++at_;
    if (take('}')) return value;
    do {
      skip();
      if (peek() != '"') damaged("a member has no name");
      value.keys.push_back(text());
      if (!take(':')) damaged("a member has no value");
      value.items.push_back(read(depth + 1));
    } while (take(','));
    if (!take('}')) damaged("an object has no end");
    std::vector<std::string> sorted = value.keys;
    std::sort(sorted.begin(), sorted.end());
    if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
      damaged("a member occurs twice");
    return value;
  }

  Json number() {
    const char* const first = at_;
    if (*at_ == '-') ++at_;
    if (at_ == end_ || !is_digit(*at_)) damaged("not a value");
    if (*at_ == '0' && end_ - at_ > 1 && is_digit(at_[1])) damaged("a number starts with 0");
    digits();
    bool whole = true;
    if (at_ != end_ && *at_ == '.') whole = false, ++at_, digits();
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
      whole = false, ++at_;
      if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      digits();
    }
    Json value;
    value.text.assign(first, at_);
    errno = 0;
    value.integer = std::strtoll(value.text.c_str(), nullptr, 10);
    value.kind = whole && errno == 0 ? Json::Kind::Integer : Json::Kind::Number;
    return value;
  }

  void digits() {
    if (at_ == end_ || !is_digit(*at_)) damaged("a number has no digits");
    while (at_ != end_ && is_digit(*at_)) ++at_;
  }

  std::string text() {
    std::string result;
    for (++at_; peek() != '"';) {
      const unsigned char c = static_cast<unsigned char>(*at_);
      if (c < 0x20) damaged("a control character in a text");
      if (c == '\\') {
        escape(result);
        continue;
      }
      const size_t length =
          character_length(reinterpret_cast<const unsigned char*>(at_), size_t(end_ - at_));
      if (!length) damaged("a text is not UTF-8");
      result.append(at_, length);
      at_ += length;
    }
    ++at_;
    return result;
  }

  void escape(std::string& result) {
    ++at_;
    const char kind = peek();
    ++at_;
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (const char* found = kind ? std::strchr(from, kind) : nullptr) {
      result += to[found - from];
      return;
    }
    if (kind != 'u') damaged("an unknown escape");
    uint32_t code = four_digits();
    if (code >= 0xd800 && code < 0xdc00) {
      word("\\u");
      const uint32_t low = four_digits();
      if (low < 0xdc00 || low >= 0xe000) damaged("half a surrogate pair");
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code < 0xe000) {
      damaged("half a surrogate pair");
    }
    append_utf8(result, code);
  }

  uint32_t four_digits() {
    uint32_t code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = peek();
      const int digit = is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
      if (digit < 0) damaged("an escape has no four digits");
      code = code << 4 | uint32_t(digit);
    }
    return code;
  }

  const char* what_;
  const char *start_, *at_, *end_;
};

}  // namespace

Json Json::parse(const char* what, const char* data, size_t bytes) {
  return Reader(what, data, bytes).whole();
}

const Json* Json::find(const char* key) const {
  for (size_t i = 0; i < keys.size(); ++i)
    if (keys[i] == key) return &items[i];
  return nullptr;
}

}  // namespace tilewright
