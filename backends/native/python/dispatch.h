// Public functions as native callables that remember what their calls come to.
#pragma once

#include <pybind11/pybind11.h>

namespace tilewright {

PyTypeObject* make_dispatch_type();
void bind_dispatch(pybind11::module_& module);

}  // namespace tilewright
