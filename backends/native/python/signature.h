// The key under which a staged function keeps its programs, for the common arguments.
#pragma once

#include <pybind11/pybind11.h>

namespace tilewright {

namespace py = pybind11;

constexpr size_t kMostCells = 16;

// Bytes that tell devices, dtypes, shapes and the gradient mode; None for arguments that are not
// all distinct concrete cells which no tape watches, or while a trace is open.
py::object signature(const py::tuple& arguments);

}  // namespace tilewright
