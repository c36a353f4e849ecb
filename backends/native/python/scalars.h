// Single elements to and from Python's scalars.
#pragma once

#include <pybind11/pybind11.h>

#include "../core/dtype.h"

namespace tilewright {

// A new reference to a bool, int or float.
PyObject* load_scalar(DType type, const char* element);

enum class Store { Done, OutOfRange, Failed };

// Writes a bool, int, float or what converts to one. OutOfRange: an integer that the type does
// not hold (no Python error is set). Failed: a Python error is set.
Store store_scalar(DType type, PyObject* value, char* element);

// The same with the error that NumPy would raise, thrown.
void store_scalar_or_throw(const char* operation, DType type, PyObject* value, char* element);

}  // namespace tilewright
