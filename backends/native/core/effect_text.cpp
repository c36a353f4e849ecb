#include "effect_text.h"

#include <clocale>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "error.h"
#include "half.h"

namespace tilewright {
namespace {

constexpr int64_t kMostElements = 1000;  // of an array that is printed in full
constexpr int64_t kEdge = 3;             // elements at the ends of an axis of a larger one
constexpr int kMostDigits = 99;          // of a width or a precision

struct Spec {
  bool plus = false, zero = false;
  int width = 0, precision = -1;
  char type = 0;

  bool is_default() const { return !plus && !width && precision < 0 && !type; }
};

[[noreturn]] void damaged(const std::string& text) {
  fail(ErrorKind::Value, "effect: the template %.200s is damaged", text.c_str());
}

template <class T>
T load(const char* place) {
  T value;
  std::memcpy(&value, place, sizeof value);
  return value;
}

// The C library writes and reads the decimal point of the process's locale.
std::string with_point(std::string text) {
  const char* point = std::localeconv()->decimal_point;
  const size_t at = point && *point ? text.find(point) : std::string::npos;
  return at == std::string::npos ? text : text.replace(at, std::strlen(point), ".");
}

std::string printed(const char* format, int width, int precision, double value) {
  char text[512];
  const int length = precision < 0 ? std::snprintf(text, sizeof text, format, width, value)
                                   : std::snprintf(text, sizeof text, format, width, precision,
                                                   value);
  return with_point(std::string(text, size_t(length < 511 ? length : 511)));
}

// Whether digits give an element of the type back.
bool gives_back(DType type, double value, const char* text) {
  if (type == DType::Float32) return std::strtof(text, nullptr) == float(value);
  const double back = std::strtod(text, nullptr);
  if (type == DType::Float16) return half_from_double(back) == half_from_double(value);
  if (type == DType::BFloat16) return bfloat16_from_double(back) == bfloat16_from_double(value);
  return back == value;
}

// The fewest digits that give the value back: "d.ddde+xx", in the C library's form.
std::string shortest(DType type, double value) {
  char text[64];
  for (int digits = 1; digits <= 17; ++digits) {
    std::snprintf(text, sizeof text, "%.*e", digits - 1, value);
    if (gives_back(type, value, text)) break;
  }
  return with_point(text);
}

// As Python's repr: positional for exponents from -4 to 15.
std::string float_text(DType type, double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  const std::string text = shortest(type, value);
  const size_t e = text.find('e');
  const int exponent = std::atoi(text.c_str() + e + 1);
  std::string digits, sign = std::signbit(value) ? "-" : "";
  for (char c : text.substr(0, e))
    if (c >= '0' && c <= '9') digits += c;
  const int n = int(digits.size());
  if (exponent < -4 || exponent > 15) {
    char tail[16];
    std::snprintf(tail, sizeof tail, "e%c%02d", exponent < 0 ? '-' : '+', std::abs(exponent));
    return sign + digits[0] + (n > 1 ? "." + digits.substr(1) : "") + tail;
  }
  if (exponent < 0) return sign + "0." + std::string(size_t(-exponent - 1), '0') + digits;
  if (n <= exponent + 1) return sign + digits + std::string(size_t(exponent + 1 - n), '0') + ".0";
  return sign + digits.substr(0, size_t(exponent) + 1) + "." + digits.substr(size_t(exponent) + 1);
}

double as_double(DType type, const char* place) {
  switch (type) {
    case DType::Float16: return half_to_float(load<uint16_t>(place));
    case DType::BFloat16: return bfloat16_to_float(load<uint16_t>(place));
    case DType::Float32: return load<float>(place);
    default: return load<double>(place);
  }
}

bool is_float(DType type) { return kind(type) == Kind::Float; }

std::string plain_float(DType type, const char* place) {
  return float_text(type, as_double(type, place));
}

// Python writes the parts of complex numbers so.
std::string without_point(const std::string& text) {
  const size_t n = text.size();
  return n > 2 && text.compare(n - 2, 2, ".0") == 0 ? text.substr(0, n - 2) : text;
}

int64_t as_int(DType type, const char* place) {
  switch (type) {
    case DType::Bool: return *place != 0;
    case DType::Int8: return load<int8_t>(place);
    case DType::Int16: return load<int16_t>(place);
    case DType::Int32: return load<int32_t>(place);
    case DType::UInt8: return load<uint8_t>(place);
    case DType::UInt16: return load<uint16_t>(place);
    case DType::UInt32: return load<uint32_t>(place);
    default: return load<int64_t>(place);
  }
}

std::string plain(DType type, const char* place) {
  if (type == DType::Bool) return *place ? "True" : "False";
  if (type == DType::Complex64 || type == DType::Complex128) {
    const DType part = type == DType::Complex64 ? DType::Float32 : DType::Float64;
    const std::string real = without_point(plain_float(part, place));
    const std::string imag = without_point(plain_float(part, place + itemsize(part)));
    return "(" + real + (imag[0] == '-' ? "" : "+") + imag + "j)";
  }
  if (is_float(type)) return plain_float(type, place);
  if (type == DType::UInt64) return std::to_string(load<uint64_t>(place));
  return std::to_string(as_int(type, place));
}

std::string by_spec(const Spec& spec, DType type, const char* place) {
  if (spec.is_default()) return plain(type, place);
  if (type == DType::Complex64 || type == DType::Complex128)
    fail(ErrorKind::DType, "effect: a complex number takes no format");
  std::string flags = std::string(spec.plus ? "+" : "") + (spec.zero ? "0" : "");
  const bool whole = !is_float(type) && (!spec.type || spec.type == 'd' || spec.type == 'x');
  if (whole) {
    char text[160];
    const std::string format = "%" + flags + "*" + (spec.type == 'x' ? "llx" : "lld");
    const bool is_big = type == DType::UInt64 && spec.type != 'x';
    if (is_big) return std::to_string(load<uint64_t>(place));
    std::snprintf(text, sizeof text, format.c_str(), spec.width,
                  static_cast<long long>(as_int(type, place)));
    return text;
  }
  if (spec.type == 'd' || spec.type == 'x')
    fail(ErrorKind::DType, "effect: the format %c is for whole numbers", spec.type);
  const double value = is_float(type)            ? as_double(type, place)
                       : type == DType::UInt64 ? double(load<uint64_t>(place))
                                               : double(as_int(type, place));
  const char form = spec.type ? spec.type : 'g';
  const std::string format = "%" + flags + (spec.precision < 0 ? "*" : "*.*") + form;
  return printed(format.c_str(), spec.width, spec.precision, value);
}

// An array from axis `axis` on, whose first element is number `first`.
void append(std::string& out, const EffectArray& array, const Spec& spec, int axis,
            int64_t first) {
  if (axis == array.ndim) {
    out += by_spec(spec, array.type, array.data + first * itemsize(array.type));
    return;
  }
  int64_t step = 1;
  for (int i = axis + 1; i < array.ndim; ++i) step *= array.dims[i];
  const int64_t count = array.dims[axis];
  const bool in_full = array.size() <= kMostElements || count <= 2 * kEdge;
  const bool is_last = axis + 1 == array.ndim;
  out += '[';
  for (int64_t i = 0; i < count; ++i) {
    if (i) out += is_last ? " " : "\n" + std::string(size_t(axis) + 1, ' ');
    if (!in_full && i == kEdge) {
      out += "...";
      i = count - kEdge - 1;
      continue;
    }
    append(out, array, spec, axis + 1, first + i * step);
  }
  out += ']';
}

int read_number(const std::string& text, size_t& at) {
  int number = 0;
  const size_t first = at;
  while (at < text.size() && text[at] >= '0' && text[at] <= '9' && at - first < 5)
    number = number * 10 + (text[at++] - '0');
  if (at == first) damaged(text);
  return number;
}

Spec read_spec(const std::string& text, size_t& at) {
  Spec spec;
  const auto is_digit = [&] { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
  if (at < text.size() && (text[at] == '+' || text[at] == '-')) spec.plus = text[at++] == '+';
  if (at < text.size() && text[at] == '0') spec.zero = true, ++at;
  if (is_digit()) spec.width = read_number(text, at);
  if (at < text.size() && text[at] == '.') ++at, spec.precision = read_number(text, at);
  if (at < text.size() && std::strchr("defgx", text[at])) spec.type = text[at++];
  if (spec.width > kMostDigits || spec.precision > kMostDigits) damaged(text);
  return spec;
}

}  // namespace

std::string element_text(const EffectArray& array, int64_t index) {
  return plain(array.type, array.data + index * itemsize(array.type));
}

std::string place_text(const EffectArray& array, int64_t index) {
  std::string text;
  for (int axis = array.ndim - 1; axis >= 0; --axis) {
    const std::string part = std::to_string(index % array.dims[axis]);
    text = axis == array.ndim - 1 ? part : part + ", " + text;
    index /= array.dims[axis];
  }
  return "[" + text + "]";
}

std::string filled(const std::string& text, const EffectArray* values, int n_values) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at++];
    const bool is_doubled = at < text.size() && text[at] == c;
    if (c != '{' && c != '}') {
      out += c;
    } else if (is_doubled) {
      out += c;
      ++at;
    } else {
      if (c == '}') damaged(text);
      const int number = read_number(text, at);
      Spec spec;
      if (at < text.size() && text[at] == ':') spec = read_spec(text, ++at);
      if (at >= text.size() || text[at++] != '}' || number >= n_values) damaged(text);
      append(out, values[number], spec, 0, 0);
    }
  }
  return out;
}

}  // namespace tilewright
