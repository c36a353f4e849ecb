#include "npy_header.h"

#include <cstring>
#include <stdexcept>

#include "../api/tilewright.h"

namespace runner {
namespace {

constexpr int kTypes = 15;
constexpr const char* kDescr[kTypes] = {"|b1", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2",
                                        "<u4", "<u8", "<f2", "<V2", "<f4", "<f8", "<c8", "<c16"};

class Parser {
 public:
  explicit Parser(const std::string& text) : text_(text) {}

  NpyHeader header() {
    NpyHeader result;
    bool seen[3] = {};
    take('{');
    while (!found('}')) {
      const std::string key = quoted();
      const int item = key == "descr" ? 0 : key == "fortran_order" ? 1 : key == "shape" ? 2 : -1;
      if (item < 0 || seen[item]) refuse("an item that is not known, or twice");
      seen[item] = true;
      take(':');
      if (item == 0) result.descr = quoted();
      if (item == 1) result.fortran_order = boolean();
      if (item == 2) result.shape = tuple();
      if (!found(',')) {
        take('}');
        break;
      }
    }
    skip();
    if (at_ != text_.size()) refuse("something behind the dictionary");
    if (!seen[0] || !seen[1] || !seen[2]) refuse("an item is missing");
    return result;
  }

 private:
  [[noreturn]] static void refuse(const char* why) {
    throw std::runtime_error(std::string("its header is damaged: ") + why);
  }

  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }

  bool found(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void take(char c) {
    if (!found(c)) refuse("it is no dictionary as NumPy writes it");
  }

  std::string quoted() {
    const char quote = found('\'') ? '\'' : '"';
    if (quote == '"') take('"');
    const size_t end = text_.find(quote, at_);
    if (end == std::string::npos) refuse("a text has no end");
    const std::string result = text_.substr(at_, end - at_);
    at_ = end + 1;
    return result;
  }

  bool boolean() {
    skip();
    for (const char* word : {"True", "False"})
      if (text_.compare(at_, std::strlen(word), word) == 0) {
        at_ += std::strlen(word);
        return word[0] == 'T';
      }
    refuse("fortran_order is neither True nor False");
  }

  std::vector<int64_t> tuple() {
    std::vector<int64_t> sizes;
    take('(');
    while (!found(')')) {
      sizes.push_back(number());
      if (sizes.size() > TILEWRIGHT_MAX_RANK) refuse("the shape has over 32 axes");
      const bool comma = found(',');
      if (!comma && (sizes.size() == 1 || !found(')'))) refuse("the shape is no tuple");
      if (!comma) break;
    }
    return sizes;
  }

  int64_t number() {
    skip();
    int64_t value = 0;
    const size_t first = at_;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
      if (__builtin_mul_overflow(value, 10, &value) ||
          __builtin_add_overflow(value, text_[at_] - '0', &value))
        refuse("a size is over 2**63");
    if (at_ == first) refuse("a size is no number");
    return value;
  }

  const std::string& text_;
  size_t at_ = 0;
};

}  // namespace

NpyHeader parse_npy_header(const std::string& text) { return Parser(text).header(); }

int32_t dtype_of_descr(const std::string& descr) {
  for (int32_t i = 0; i < kTypes; ++i)
    if (descr == kDescr[i]) return i;
  // What ml_dtypes writes for bfloat16, and bytes with a needless mark of their order.
  if (descr == "|V2") return TILEWRIGHT_BFLOAT16;
  if (descr == "<i1" || descr == "<u1" || descr == "<b1")
    return dtype_of_descr("|" + descr.substr(1));
  return -1;
}

const char* descr_of_dtype(int32_t dtype) { return kDescr[dtype]; }

}  // namespace runner
