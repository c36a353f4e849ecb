// The one exception of the core; the Python side maps kinds to exception classes.
#pragma once

#include <cstdarg>
#include <cstdio>
#include <stdexcept>
#include <string>

namespace tilewright {

// Damaged and Foreign are of artifacts: what was read is not what was written, or is not for here.
// Check: what the user wanted to be so is not.
enum class ErrorKind {
  Value, Shape, DType, Overflow, Memory, Damaged, Foreign, System, Device, LinAlg, Check,
  Bounds
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind(kind) {}
  ErrorKind kind;
};

[[noreturn]] __attribute__((format(printf, 2, 3))) inline void fail(ErrorKind kind,
                                                                    const char* format, ...) {
  char text[1536];  // a build log may be in it
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  throw Error(kind, text);
}

}  // namespace tilewright
