// The attributes of cells, and their conversions to Python's scalars.
#include "cell.h"
#include "dlpack.h"
#include "dlpack_python.h"
#include "moves.h"

namespace tilewright {
namespace {

Cell* self_of(PyObject* self) { return reinterpret_cast<Cell*>(self); }

PyObject* get_shape(PyObject* self, void*) {
  return guarded([&] {
    if (is_sized(self_of(self))) return tracked_shape(self_of(self)).release().ptr();
    return shape_tuple(self_of(self)->ndim, self_of(self)->dims).release().ptr();
  });
}

PyObject* get_steps(PyObject* self, void*) {
  return guarded([&] {
    return shape_tuple(self_of(self)->ndim, self_of(self)->strides).release().ptr();
  });
}

PyObject* get_strides(PyObject* self, void*) {
  return guarded([&] {
    const Cell* cell = self_of(self);
    int64_t bytes[kMaxRank];
    for (int i = 0; i < cell->ndim; ++i) bytes[i] = cell->strides[i] * itemsize(cell->type);
    return shape_tuple(cell->ndim, bytes).release().ptr();
  });
}

PyObject* get_ndim(PyObject* self, void*) { return PyLong_FromLong(self_of(self)->ndim); }
PyObject* get_size(PyObject* self, void*) {
  Cell* cell = self_of(self);
  if (!is_sized(cell)) return PyLong_FromLongLong(cell->size);
  return guarded([&] {
    py::object total = py::int_(1);
    for (py::handle size : tracked_shape(cell)) total = total * size;
    return total.release().ptr();
  });
}
PyObject* get_itemsize(PyObject* self, void*) {
  return PyLong_FromLong(itemsize(self_of(self)->type));
}
PyObject* get_nbytes(PyObject* self, void*) {
  Cell* cell = self_of(self);
  if (!is_sized(cell)) return PyLong_FromLongLong(cell->size * itemsize(cell->type));
  return guarded([&] {
    const auto size = py::reinterpret_steal<py::object>(get_size(self, nullptr));
    if (!size) throw py::error_already_set();
    return (size * py::int_(itemsize(cell->type))).release().ptr();
  });
}
PyObject* get_code(PyObject* self, void*) { return PyLong_FromLong(int(self_of(self)->type)); }
PyObject* get_offset(PyObject* self, void*) { return PyLong_FromLongLong(self_of(self)->offset); }

PyObject* get_dtype(PyObject* self, void*) {
  PyObject* dtype = registry.dtypes[int(self_of(self)->type)];
  if (dtype) return Py_NewRef(dtype);
  PyErr_SetString(PyExc_RuntimeError, "dtype: _native.setup has not been called");
  return nullptr;
}

PyObject* get_version(PyObject* self, void*) {
  return PyLong_FromLongLong(root_of(self_of(self))->version);
}
PyObject* get_is_view(PyObject* self, void*) {
  return PyBool_FromLong(self_of(self)->base != nullptr);
}
PyObject* get_is_concrete(PyObject* self, void*) {
  return PyBool_FromLong(is_concrete(self_of(self)));
}
PyObject* get_has_window(PyObject* self, void*) {
  return PyBool_FromLong(self_of(self)->has_window);
}
PyObject* get_contiguous(PyObject* self, void*) {
  return PyBool_FromLong(self_of(self)->contiguous);
}

PyObject* get_address(PyObject* self, void*) {
  return guarded([&] { return PyLong_FromVoidPtr(data_of(require_host("_address", self))); });
}

PyObject* get_holders(PyObject* self, void*) {
  return guarded([&] {
    Cell* root = root_of(require_concrete("_holders", self));
    return PyLong_FromLongLong(root->buffer->holders.load());
  });
}

PyObject* get_device(PyObject* self, void*) {
  const Device* device = device_of(self_of(self));
  return PyLong_FromLong(device ? device->index() : 0);
}

// Fields that hold an object; null reads as None. The closure is the field's offset.
PyObject** field(PyObject* self, void* offset) {
  return reinterpret_cast<PyObject**>(reinterpret_cast<char*>(self) +
                                      reinterpret_cast<size_t>(offset));
}

PyObject* get_object(PyObject* self, void* offset) {
  PyObject* value = *field(self, offset);
  return Py_NewRef(value ? value : Py_None);
}

PyObject* get_moves(PyObject* self, void*) { return Py_XNewRef(moves_as_tuple(self_of(self))); }

int set_object(PyObject* self, PyObject* value, void* offset) {
  if (value == Py_None) value = nullptr;
  Py_XINCREF(value);
  if (value) track(self_of(self));
  Py_XSETREF(*field(self, offset), value);
  return 0;
}

int set_traced(PyObject* self, PyObject* value, void* offset) {
  if (self_of(self)->base) {
    PyErr_SetString(PyExc_ValueError, "_traced: a view has no value of its own");
    return -1;
  }
  return set_object(self, value, offset);
}

void* offset_of(size_t offset) { return reinterpret_cast<void*>(offset); }

PyObject* export_method(PyObject* self, PyObject* args, PyObject* kwargs) {
  return guarded([&] { return export_dlpack(self_of(self), args, kwargs); });
}

PyObject* dlpack_device(PyObject* self, PyObject*) {
  const Device* device = device_of(self_of(self));
  return device ? Py_BuildValue("(ii)", dlpack::kExtension, device->index())
                : Py_BuildValue("(ii)", dlpack::kCpu, 0);
}

}  // namespace

py::tuple tracked_shape(Cell* cell) {
  if (!registry.shape_of) fail(ErrorKind::Value, "shape: nothing knows the sizes of a trace");
  return py::reinterpret_borrow<py::object>(registry.shape_of)(py::handle(object_of(cell)));
}

PyGetSetDef cell_attributes[] = {
    {"shape", get_shape, nullptr, "The sizes of the axes.", nullptr},
    {"strides", get_strides, nullptr, "The steps along the axes, in bytes.", nullptr},
    {"_steps", get_steps, nullptr, nullptr, nullptr},
    {"ndim", get_ndim, nullptr, "The number of axes.", nullptr},
    {"size", get_size, nullptr, "The number of elements.", nullptr},
    {"nbytes", get_nbytes, nullptr, "The bytes of all elements.", nullptr},
    {"itemsize", get_itemsize, nullptr, "The bytes of one element.", nullptr},
    {"dtype", get_dtype, nullptr, "The type of the elements.", nullptr},
    {"_code", get_code, nullptr, nullptr, nullptr},
    {"_offset", get_offset, nullptr, nullptr, nullptr},
    {"_traced", get_object, set_traced, nullptr, offset_of(offsetof(Cell, traced))},
    {"_node", get_object, set_object, nullptr, offset_of(offsetof(Cell, node))},
    {"_grad", get_object, set_object, nullptr, offset_of(offsetof(Cell, grad))},
    {"_base", get_object, nullptr, nullptr, offset_of(offsetof(Cell, base))},
    {"_moves", get_moves, nullptr, nullptr, nullptr},
    {"_version", get_version, nullptr, nullptr, nullptr},
    {"_is_view", get_is_view, nullptr, nullptr, nullptr},
    {"_is_concrete", get_is_concrete, nullptr, nullptr, nullptr},
    {"_has_window", get_has_window, nullptr, nullptr, nullptr},
    {"_contiguous", get_contiguous, nullptr, nullptr, nullptr},
    {"_address", get_address, nullptr, nullptr, nullptr},
    {"_device", get_device, nullptr, nullptr, nullptr},
    {"_holders", get_holders, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyMethodDef cell_methods[] = {
    {"__dlpack__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(export_method)),
     METH_VARARGS | METH_KEYWORDS,
     "__dlpack__($self, /, *, stream=None, max_version=None, dl_device=None, copy=None)\n--\n\n"
     "Export for another library; see the DLPack standard."},
    {"__dlpack_device__", dlpack_device, METH_NOARGS,
     "__dlpack_device__($self, /)\n--\n\n"
     "The device type (1: CPU, 12: another) and its number."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace tilewright
