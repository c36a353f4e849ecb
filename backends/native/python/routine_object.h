// Native routines and the functions that they need, as the module's functions.
#pragma once

#include <pybind11/pybind11.h>

namespace tilewright {

PyTypeObject* make_routine_type();
void bind_routines(pybind11::module_& module);

}  // namespace tilewright
