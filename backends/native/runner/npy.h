// Arrays in NumPy's .npy files: https://numpy.org/doc/stable/reference/generated/
// numpy.lib.format.html, versions 1 to 3.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace runner {

// What the user must hear; the program ends with exit code `code`.
class Failure : public std::runtime_error {
 public:
  Failure(int code, const std::string& message) : std::runtime_error(message), code(code) {}
  int code;
};

constexpr int kWrongUsage = 2, kBadFile = 3, kBadModel = 4, kBadRun = 5;

struct Array {
  int32_t dtype = 0;  // tilewright_dtype
  std::vector<int64_t> shape;
  std::vector<char> bytes;  // in C order
};

// Throws Failure(kBadFile) unless the file is whole, of a known type, and nothing follows.
Array read_npy(const std::string& path);

// Writes version 1.0 (2.0 if the header is long) to a temporary file, then renames it.
void write_npy(const std::string& path, int32_t dtype, const int64_t* shape, int32_t rank,
               const void* data, int64_t bytes);

// "(3, 4)", as Python prints a tuple.
std::string shape_text(const int64_t* shape, int32_t rank);

}  // namespace runner
