// Kernels as Python objects.
#pragma once

#include <pybind11/pybind11.h>

namespace tilewright {

void bind_kernel(pybind11::module_& module);

}  // namespace tilewright
