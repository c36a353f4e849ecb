#include "cell.h"

#include <structmember.h>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "../core/copy.h"
#include "gil.h"
#include "index.h"

namespace tilewright {

Registry registry{};
thread_local ThreadFlags thread_flags;

namespace {

// Results are allocated here without being tracked: most hold no reference to collect.
Cell* new_cell(DType type, int ndim, const int64_t* dims) {
  PyTypeObject* type_object = registry.array_type ? registry.array_type : registry.cell_type;
  int64_t* far = nullptr;
  if (ndim > kNearRank && !(far = PyMem_New(int64_t, size_t(2 * ndim)))) throw std::bad_alloc();
  Cell* cell = PyObject_GC_New(Cell, type_object);
  if (!cell) {
    PyMem_Free(far);
    throw py::error_already_set();
  }
  cell->dims = far ? far : cell->near;
  cell->strides = cell->dims + (far ? ndim : kNearRank);
  cell->buffer = nullptr;
  cell->traced = cell->node = cell->grad = cell->base = cell->moves = cell->weak = nullptr;
  cell->version = cell->offset = 0;
  cell->type = type;
  cell->ndim = uint8_t(ndim);
  cell->has_window = cell->contiguous = true;
  cell->requires_grad = 0;
  std::copy_n(dims, ndim, cell->dims);
  cell->size = product(ndim, dims);
  contiguous_strides(ndim, dims, cell->strides);
  return cell;
}

int traverse(PyObject* self, visitproc visit, void* arg) {
  Cell* cell = reinterpret_cast<Cell*>(self);
  Py_VISIT(cell->traced);
  Py_VISIT(cell->node);
  Py_VISIT(cell->grad);
  Py_VISIT(cell->base);
  Py_VISIT(cell->moves);
  Py_VISIT(Py_TYPE(self));
  return 0;
}

// The base stays until the end: code that runs meanwhile may still ask for the window. No cycle
// is left by that, for bases never refer to their views but through the other fields.
int clear(PyObject* self) {
  Cell* cell = reinterpret_cast<Cell*>(self);
  Py_CLEAR(cell->traced);
  Py_CLEAR(cell->node);
  Py_CLEAR(cell->grad);
  Py_CLEAR(cell->moves);
  return 0;
}

void dealloc(PyObject* self) {
  Cell* cell = reinterpret_cast<Cell*>(self);
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  if (cell->weak) PyObject_ClearWeakRefs(self);
  clear(self);
  Py_CLEAR(cell->base);
  release(cell->buffer);
  if (cell->dims != cell->near) PyMem_Free(cell->dims);
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* no_new(PyTypeObject* type, PyObject*, PyObject*) {
  PyErr_Format(PyExc_TypeError, "%s: arrays are made by functions such as tilewright.array",
               type->tp_name);
  return nullptr;
}

Py_hash_t hash(PyObject* self) { return Py_hash_t(reinterpret_cast<uintptr_t>(self) >> 4); }

// A part of a device's buffer as a buffer of its own: copied there, or by kernels, if its elements
// do not lie together.
BufferRef value_on_device(Cell* cell) {
  if (!cell->contiguous) {
    py::object made = py::reinterpret_steal<py::object>(
        slow_path("contiguous", object_of(cell), nullptr));
    if (!made) throw py::error_already_set();
    Cell* root = require_concrete("contiguous", made.ptr());
    if (root->base || root->size != cell->size || device_of(root) != device_of(cell))
      fail(ErrorKind::Value, "contiguous: the slow path gave another array than was asked for");
    return BufferRef::share(root->buffer);
  }
  const int size = itemsize(cell->type);
  Device* device = device_of(cell);
  BufferRef held = BufferRef::share(root_of(cell)->buffer);
  BufferRef copy(device->allocate(cell->size * size));
  ReleaseGil release(kReleaseCost);
  device->copy(held.get(), cell->offset * size, copy.get(), 0, cell->size * size);
  return copy;
}

PyMemberDef members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Cell, weak), READONLY, nullptr},
    {"requires_grad", T_BOOL, offsetof(Cell, requires_grad), 0, "Gradients flow to this cell."},
    {nullptr, 0, 0, 0, nullptr},
};

}  // namespace

void track(Cell* cell) {
  if (!PyObject_GC_IsTracked(object_of(cell))) PyObject_GC_Track(object_of(cell));
}

Cell* require_cell(const char* operation, PyObject* object) {
  Cell* cell = as_cell(object);
  if (!cell)
    fail(ErrorKind::DType, "%s: got %.100s; wanted an array", operation,
         Py_TYPE(object)->tp_name);
  return cell;
}

Cell* require_concrete(const char* operation, PyObject* object) {
  Cell* cell = require_cell(operation, object);
  if (!is_concrete(cell))
    fail(ErrorKind::Value, "%s: got an array without a value (it is being traced)", operation);
  return cell;
}

Cell* require_host(const char* operation, PyObject* object) {
  Cell* cell = require_concrete(operation, object);
  if (const Device* device = device_of(cell))
    fail(ErrorKind::Device, "%s: got an array on %s; it must be in the host's memory", operation,
         device->name());
  return cell;
}

PyObject* slow_path(const char* name, PyObject* a, PyObject* b) {
  if (!registry.slow) {
    PyErr_Format(PyExc_RuntimeError, "%s: _native.setup has not been called", name);
    return nullptr;
  }
  py::object text = py::reinterpret_steal<py::object>(PyUnicode_InternFromString(name));
  if (!text) return nullptr;
  return PyObject_CallFunctionObjArgs(registry.slow, text.ptr(), a, b ? b : Py_None, nullptr);
}

Cell* new_root(DType type, int ndim, const int64_t* dims, BufferRef buffer) {
  Cell* cell = new_cell(type, ndim, dims);
  cell->buffer = buffer.take();
  return cell;
}

Cell* new_traced(DType type, int ndim, const int64_t* dims, PyObject* payload) {
  Cell* cell = new_cell(type, ndim, dims);
  Py_INCREF(payload);
  cell->traced = payload;
  track(cell);
  return cell;
}

Cell* new_view(Cell* base, DType type, int ndim, const int64_t* dims, PyObject* moves) {
  Cell* cell = new_cell(type, ndim, dims);
  Py_INCREF(object_of(base));
  cell->base = object_of(base);
  Py_INCREF(moves);
  cell->moves = moves;
  cell->has_window = false;
  track(cell);
  return cell;
}

Cell* new_empty(const char* operation, DType type, int ndim, const int64_t* dims,
                Device* device) {
  const int size = itemsize(type);
  const int64_t bytes = checked_size(operation, ndim, dims, size) * size;
  BufferRef buffer(device ? device->allocate(bytes) : allocate(bytes));
  return new_root(type, ndim, dims, std::move(buffer));
}

BufferRef contiguous_value(Cell* cell) {
  Cell* root = root_of(cell);
  // A reshape of the whole base is the same memory: shared, as a write copies first.
  const bool whole = cell->contiguous && cell->size * itemsize(cell->type) ==
                                             root->size * itemsize(root->type);
  if (root == cell || whole) return BufferRef::share(root->buffer);
  if (device_of(cell)) return value_on_device(cell);
  const int size = itemsize(cell->type);
  BufferRef copy(allocate(cell->size * size));
  ReleaseGil release(copy_cost(copy->bytes), [&](auto hold) { hold(root->buffer); });
  copy_to_contiguous(copy->data, data_of(cell), size, cell->ndim, cell->dims, cell->strides);
  return copy;
}

Shape shape_from(const char* operation, py::handle sequence) {
  py::object fast = py::reinterpret_steal<py::object>(
      PySequence_Fast(sequence.ptr(), "a shape must be a sequence of ints"));
  if (!fast) throw py::error_already_set();
  const Py_ssize_t count = PySequence_Fast_GET_SIZE(fast.ptr());
  if (count > kMaxRank)
    fail(ErrorKind::Shape, "%s: got %zd axes; at most %d are supported", operation, count,
         kMaxRank);
  Shape shape;
  shape.ndim = int(count);
  for (int i = 0; i < shape.ndim; ++i) {
    py::object index = py::reinterpret_steal<py::object>(
        PyNumber_Index(PySequence_Fast_GET_ITEM(fast.ptr(), i)));
    if (!index) throw py::error_already_set();
    shape.dims[i] = PyLong_AsLongLong(index.ptr());
    if (shape.dims[i] != -1 || !PyErr_Occurred()) continue;
    if (!PyErr_ExceptionMatches(PyExc_OverflowError)) throw py::error_already_set();
    PyErr_Clear();
    fail(ErrorKind::Shape, "%s: got a size of 2**63 or more on axis %d", operation, i);
  }
  return shape;
}

py::tuple shape_tuple(int ndim, const int64_t* dims) {
  py::tuple result(ndim);
  for (int i = 0; i < ndim; ++i) {
    PyObject* dim = PyLong_FromLongLong(dims[i]);
    if (!dim) throw py::error_already_set();
    PyTuple_SET_ITEM(result.ptr(), i, dim);
  }
  return result;
}

DType dtype_from(const char* operation, int64_t code) {
  if (!is_code(code))
    fail(ErrorKind::DType, "%s: got dtype code %lld; it must be 0 to %d", operation,
         static_cast<long long>(code), kDTypes - 1);
  return DType(code);
}

PyTypeObject* make_cell_type() {
  std::vector<PyType_Slot> slots = {
      {Py_tp_doc, const_cast<char*>("A cell that holds a value; the base class of Array.")},
      {Py_tp_new, reinterpret_cast<void*>(no_new)},
      {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
      {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
      {Py_tp_clear, reinterpret_cast<void*>(clear)},
      {Py_tp_hash, reinterpret_cast<void*>(hash)},
      {Py_tp_members, members},
      {Py_tp_getset, cell_attributes},
      {Py_tp_methods, cell_methods},
      {Py_mp_subscript, reinterpret_cast<void*>(cell_subscript)},
      {Py_mp_ass_subscript, reinterpret_cast<void*>(cell_set_subscript)},
      {Py_mp_length, reinterpret_cast<void*>(cell_length)},
      {Py_sq_item, reinterpret_cast<void*>(cell_item)},
      {Py_bf_getbuffer, reinterpret_cast<void*>(cell_get_buffer)},
      {Py_bf_releasebuffer, reinterpret_cast<void*>(cell_release_buffer)},
  };
  for (const PyType_Slot* slot = operator_slots; slot->slot; ++slot) slots.push_back(*slot);
  slots.push_back({0, nullptr});
  PyType_Spec spec = {"tilewright._native.Cell", int(sizeof(Cell)), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
                      slots.data()};
  PyObject* type = PyType_FromSpec(&spec);
  if (!type) throw py::error_already_set();
  return reinterpret_cast<PyTypeObject*>(type);
}

}  // namespace tilewright
