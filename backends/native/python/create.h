// Making cells, reading them, writing to them: the functions of the module.
#pragma once

#include "cell.h"

namespace tilewright {

py::object from_buffer(py::handle object, int64_t code, bool copy);
py::object from_scalar(py::handle value, int64_t code);
py::object alias(py::handle cell);
py::object make_view(py::handle base, py::handle shape, py::handle strides, int64_t offset,
                     py::handle moves, int64_t code);
py::object make_traced_view(py::handle base, py::handle shape, py::handle moves, int64_t code);
py::object contiguous(py::handle cell);
py::object raw(py::handle cell);
py::object reinterpret(py::handle cell, int64_t code, py::handle shape);
void assign(py::handle cell, py::handle value);
void write(py::handle cell, py::handle value);
// cell[key] = value at once, where the key is an array of int64 places that are all in range, and
// the value a single element or of the result's shape; false: nothing was done.
bool put_at(Cell* cell, PyObject* key, py::handle value);

// The same at places (int64) of the middle axis of a contiguous cell, seen as outer x n x inner.
void put(py::handle cell, py::handle places, py::handle value, int64_t outer, int64_t n,
         int64_t inner);
py::object tolist(py::handle cell);
py::object item(py::handle cell);

// Elements of foreign memory, at any byte strides. `buffer` holds the memory; its data pointer is
// that of the first element. Copied or, if `copy` is false, shared.
py::object from_foreign(const char* operation, BufferRef buffer, DType type, const Shape& shape,
                        const int64_t* byte_strides, bool copy);

// The root's buffer, ready to be written by us alone: the same, or a fresh one with the old
// elements unless all of them are about to be overwritten.
void make_exclusive(Cell* root, bool overwrites_all);

inline py::object object_from(Cell* cell) {
  return py::reinterpret_steal<py::object>(object_of(cell));
}

}  // namespace tilewright
