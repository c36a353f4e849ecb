// The operators of cells, and the tables behind their fast path.
#pragma once

#include "map_kernel.h"

namespace tilewright {

// Operator `name` on operands of `type` runs `kernel` (None: the slow path).
void set_operator(const std::string& name, DType type, py::handle kernel);

// How an operand is converted when the other one's type wins.
void set_cast(DType source, DType target, py::handle kernel);

}  // namespace tilewright
