// Effects in a process of Python: lines go to sys.stdout, callbacks to their functions.
#pragma once

#include <pybind11/pybind11.h>

namespace tilewright {

void bind_effects(pybind11::module_& m);

}  // namespace tilewright
