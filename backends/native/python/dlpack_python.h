// DLPack in and out.
#pragma once

#include "cell.h"

namespace tilewright {

// `cell.__dlpack__(*, stream, max_version, dl_device, copy)`; throws.
PyObject* export_dlpack(Cell* cell, PyObject* args, PyObject* kwargs);

// The array of an object with `__dlpack__`. `to_host`: of one that is elsewhere, ask for a copy on
// the host; else that is Error(Value).
py::object from_dlpack(py::handle object, bool copy, bool to_host);

}  // namespace tilewright
