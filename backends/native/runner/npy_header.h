// The header of a .npy file: a Python dictionary of three items, read without Python.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace runner {

struct NpyHeader {
  std::string descr;
  bool fortran_order = false;
  std::vector<int64_t> shape;
};

// Throws std::runtime_error with a reason for anything else than the three items.
NpyHeader parse_npy_header(const std::string& text);

// "<f4" -> the code; -1 if arrays of this type cannot be read.
int32_t dtype_of_descr(const std::string& descr);

// The code -> "<f4".
const char* descr_of_dtype(int32_t dtype);

}  // namespace runner
