// The operators of cells, and the tables behind their fast path.
#pragma once

#include "map_kernel.h"

namespace tilewright {

// Operator `name` on operands of `type` runs `kernel` (None: the slow path).
void set_operator(const std::string& name, DType type, py::handle kernel);

// What an operator does where no kernel of the table will do; None: the slow path by name.
void set_operator_function(const std::string& op, py::object function);

// How an operand is converted when the other one's type wins.
void set_cast(DType source, DType target, py::handle kernel);

}  // namespace tilewright
