// DLPack in and out.
#pragma once

#include "cell.h"

namespace tilewright {

// `cell.__dlpack__(*, stream, max_version, dl_device, copy)`; throws.
PyObject* export_dlpack(Cell* cell, PyObject* args, PyObject* kwargs);

py::object from_dlpack(py::handle object, bool copy);

}  // namespace tilewright
