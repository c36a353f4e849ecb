// `x[mask]`, without Python.
#pragma once

#include "cell.h"

namespace tilewright {

// The rows of x at which a bool array of x's first sizes is true, in order. Nothing where that is
// for Python to say or to refuse: the key is none, a gradient has to pass, or a device has one.
py::object selected_by_mask(Cell* x, PyObject* key);

}  // namespace tilewright
