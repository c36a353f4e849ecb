// Reads the table of a safetensors file (https://github.com/huggingface/safetensors).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "dtype.h"
#include "layout.h"

namespace tilewright {

struct Tensor {
  std::string name;
  DType type;
  Shape shape;
  const char* data;
  int64_t bytes;
};

// Throws Error(Damaged) unless the tensors lie one behind the other and fill the file.
std::vector<Tensor> read_safetensors(const char* data, size_t size);

}  // namespace tilewright
