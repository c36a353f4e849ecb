// `x[key]` and `x[key] = value` for basic keys; the rest is Python's.
#include "index.h"

#include <algorithm>
#include <cstring>

#include "create.h"
#include "moves.h"
#include "scalars.h"
#include "select_mask.h"

namespace tilewright {
namespace {

PyObject *python_get = nullptr, *python_put = nullptr;
PyObject* python_get_at = nullptr;  // where the key is an array

// A basic key of integers, slices, `...` and None, read for an array.
struct BasicKey {
  SliceMove move;
  Window window;
  bool is_element = false;  // an integer for each axis, and no `...`
};

bool read_integer(PyObject* item, int64_t size, int64_t* start) {
  int overflow;
  const long long index = PyLong_AsLongLongAndOverflow(item, &overflow);
  if (overflow || index < -size || index >= size) return false;
  *start = index < 0 ? index + size : index;
  return true;
}

bool is_plain_end(PyObject* end) { return end == Py_None || PyLong_CheckExact(end); }

bool read_slice(PyObject* item, int64_t size, int64_t* start, int64_t* count, int64_t* step) {
  PySliceObject* slice = reinterpret_cast<PySliceObject*>(item);
  Py_ssize_t begin, end, by;
  if (!is_plain_end(slice->start) || !is_plain_end(slice->stop) || !is_plain_end(slice->step) ||
      PySlice_Unpack(item, &begin, &end, &by) < 0) {
    PyErr_Clear();
    return false;
  }
  *count = PySlice_AdjustIndices(size, &begin, &end, by);
  *start = *count ? begin : 0;
  *step = by;
  return true;
}

class KeyReader {
 public:
  KeyReader(const Cell* cell, BasicKey& key) : cell_(cell), key_(key) {
    key.move.ndim = cell->ndim;
    key.window.type = cell->type;
    key.window.offset = cell->offset;
  }

  bool read(PyObject* const* items, int count) {
    int used = 0;
    for (int i = 0; i < count; ++i) used += items[i] != Py_None && items[i] != Py_Ellipsis;
    if (used > cell_->ndim) return false;
    for (int i = 0; i < count; ++i)
      if (!item(items[i], cell_->ndim - used)) return false;
    while (axis_ < cell_->ndim)
      if (!whole_axis()) return false;
    key_.window.ndim = key_.move.new_ndim;
    std::copy_n(key_.window.dims, key_.window.ndim, key_.move.shape);
    key_.is_element = key_.window.ndim == 0 && !dots_;
    return true;
  }

 private:
  bool item(PyObject* item, int left_over) {
    if (item == Py_None) return result_axis(1, 1);
    if (item == Py_Ellipsis) {
      if (dots_) return false;
      dots_ = true;
      for (int i = 0; i < left_over; ++i)
        if (!whole_axis()) return false;
      return true;
    }
    const int64_t size = cell_->dims[axis_];
    int64_t start, count = 1, step = 1;
    if (PyLong_CheckExact(item))
      return read_integer(item, size, &start) && take(start, 1, 1, false);
    return PySlice_Check(item) && read_slice(item, size, &start, &count, &step) &&
           take(start, count, step, true);
  }

  bool whole_axis() { return take(0, cell_->dims[axis_], 1, true); }

  bool take(int64_t start, int64_t count, int64_t step, bool keep) {
    SliceMove& move = key_.move;
    const int64_t stride = cell_->strides[axis_];
    move.start[axis_] = start;
    move.sizes[axis_] = count;
    move.steps[axis_] = step;
    key_.window.offset += start * stride;
    ++axis_;
    // A step that no array can hold is never taken: there is one element, or none.
    return !keep || result_axis(count, count > 1 ? stride * step : 1);
  }

  bool result_axis(int64_t size, int64_t stride) {
    if (key_.move.new_ndim == kMaxRank) return false;
    key_.window.dims[key_.move.new_ndim] = size;
    key_.window.strides[key_.move.new_ndim++] = stride;
    return true;
  }

  const Cell* cell_;
  BasicKey& key_;
  int axis_ = 0;
  bool dots_ = false;
};

bool read_key(const Cell* cell, PyObject* key, BasicKey& found) {
  KeyReader reader(cell, found);
  if (!PyTuple_CheckExact(key)) return reader.read(&key, 1);
  const Py_ssize_t count = PyTuple_GET_SIZE(key);
  return count <= 2 * kMaxRank &&
         reader.read(reinterpret_cast<PyTupleObject*>(key)->ob_item, int(count));
}

bool on_host_now(Cell* cell) {
  return !thread_flags.tracing && is_concrete(cell) && !device_of(cell);
}

Cell* element_at(Cell* cell, int64_t offset) {
  Cell* element = new_empty("index", cell->type, 0, nullptr);
  const int size = itemsize(cell->type);
  std::memcpy(element->buffer->data, root_of(cell)->buffer->data + offset * size, size_t(size));
  return element;
}

bool is_all(const Cell* cell, const BasicKey& key) {
  const Window& window = key.window;
  return !key.is_element && window.ndim == cell->ndim && window.offset == cell->offset &&
         std::equal(window.dims, window.dims + window.ndim, cell->dims) &&
         std::all_of(key.move.steps, key.move.steps + cell->ndim, [](int64_t s) { return s == 1; });
}

Cell* view_at(Cell* cell, const BasicKey& key) {
  return new_window(cell, key.window, moves_after(cell, key.move));
}

// The value as a cell of the target's dtype, without a conversion that has rules: else null.
py::object plain_value(Cell* target, PyObject* value) {
  if (Cell* cell = as_cell(value)) {
    const bool fits = cell->type == target->type && on_host_now(cell) &&
                      !(thread_flags.grad && taped(cell));
    return fits ? py::reinterpret_borrow<py::object>(value) : py::object();
  }
  const bool is_bool = PyBool_Check(value), is_integer = PyLong_CheckExact(value);
  const Kind wanted = kind(target->type);
  const bool fits = is_bool || (is_integer && wanted >= Kind::Integer) ||
                    (PyFloat_CheckExact(value) && wanted >= Kind::Float) ||
                    (PyComplex_CheckExact(value) && wanted == Kind::Complex);
  if (!fits) return py::object();
  py::object made = object_from(new_empty("index", target->type, 0, nullptr));
  char* element = reinterpret_cast<Cell*>(made.ptr())->buffer->data;
  if (store_scalar(target->type, value, element) == Store::Done) return made;
  PyErr_Clear();
  return py::object();
}

bool put_fast(Cell* cell, PyObject* key, PyObject* value) {
  BasicKey found;
  if (!on_host_now(cell) || (thread_flags.grad && taped(cell))) return false;
  if (as_cell(key)) {
    const py::object plain = plain_value(cell, value);
    return plain && put_at(cell, key, plain);
  }
  if (!read_key(cell, key, found)) return false;
  const py::object plain = plain_value(cell, value);
  if (!plain || reinterpret_cast<Cell*>(plain.ptr())->ndim > found.window.ndim) return false;
  const py::object view = object_from(view_at(cell, found));
  write(view, plain);
  return true;
}

PyObject* require_python(PyObject* function, const char* name) {
  if (!function)
    PyErr_Format(PyExc_RuntimeError, "%s: _native.set_indexing has not been called", name);
  return function;
}

}  // namespace

PyObject* cell_subscript(PyObject* self, PyObject* key) {
  Cell* cell = reinterpret_cast<Cell*>(self);
  BasicKey found;
  if (on_host_now(cell) && read_key(cell, key, found)) {
    const bool seen_by_tape = thread_flags.grad && taped(cell);
    if (is_all(cell, found)) return Py_NewRef(self);
    if (!found.is_element)
      return guarded([&] { return object_of(view_at(cell, found)); });
    if (!seen_by_tape)
      return guarded([&] { return object_of(element_at(cell, found.window.offset)); });
  }
  if (as_cell(key)) {
    PyObject* rows = guarded([&] { return selected_by_mask(cell, key).release().ptr(); });
    if (rows || PyErr_Occurred()) return rows;
  }
  PyObject* function = as_cell(key) ? python_get_at : python_get;
  if (!require_python(function, "index")) return nullptr;
  PyObject* arguments[] = {self, key};
  return PyObject_Vectorcall(function, arguments, 2, nullptr);
}

int cell_set_subscript(PyObject* self, PyObject* key, PyObject* value) {
  Cell* cell = reinterpret_cast<Cell*>(self);
  try {
    if (!value)
      fail(ErrorKind::Value, "del: elements of an array cannot be taken out; see tw.delete");
    if (put_fast(cell, key, value)) return 0;
  } catch (...) {
    translate_exception();
    if (!value || !PyErr_ExceptionMatches(PyExc_Exception)) return -1;
    PyErr_Clear();  // Python's way says it in its own words
  }
  if (!require_python(python_put, "index")) return -1;
  PyObject* arguments[] = {self, key, value};
  PyObject* done = PyObject_Vectorcall(python_put, arguments, 3, nullptr);
  Py_XDECREF(done);
  return done ? 0 : -1;
}

PyObject* cell_item(PyObject* self, Py_ssize_t index) {
  py::object key = py::reinterpret_steal<py::object>(PyLong_FromSsize_t(index));
  return key ? cell_subscript(self, key.ptr()) : nullptr;
}

Py_ssize_t cell_length(PyObject* self) {
  Cell* cell = reinterpret_cast<Cell*>(self);
  if (cell->ndim && is_sized(cell)) {  // a plain number is wanted, which Python's `int` settles
    try {
      const py::object first = tracked_shape(cell)[0];
      if (!py::reinterpret_steal<py::object>(PyNumber_Long(first.ptr())))
        throw py::error_already_set();
    } catch (...) {
      translate_exception();
      return -1;
    }
  }
  if (cell->ndim) return Py_ssize_t(cell->dims[0]);
  PyErr_SetString(PyExc_TypeError, "len: got an array without axes");
  return -1;
}

void bind_indexing(py::module_& m) {
  m.def("set_indexing",
        [](py::object get, py::object put, py::object get_at) {
          Py_XSETREF(python_get, get.release().ptr());
          Py_XSETREF(python_put, put.release().ptr());
          Py_XSETREF(python_get_at, get_at.release().ptr());
        },
        py::arg("get"), py::arg("put"), py::arg("get_at"));
}

}  // namespace tilewright
