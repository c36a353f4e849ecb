// Indexing of cells, as slots of their type.
#pragma once

#include "cell.h"

namespace tilewright {

PyObject* cell_subscript(PyObject* self, PyObject* key);
int cell_set_subscript(PyObject* self, PyObject* key, PyObject* value);
PyObject* cell_item(PyObject* self, Py_ssize_t index);
Py_ssize_t cell_length(PyObject* self);

void bind_indexing(py::module_& module);

}  // namespace tilewright
