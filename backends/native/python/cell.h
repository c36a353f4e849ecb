// Cells: the Python objects behind arrays, as a plain CPython type for speed.
#pragma once

#include <pybind11/pybind11.h>

#include "../core/buffer.h"
#include "../core/devices.h"
#include "../core/dtype.h"
#include "../core/layout.h"

namespace tilewright {

namespace py = pybind11;

// Up to this rank a cell is one small block, which Python's allocator hands out quickly.
constexpr int kNearRank = 8;

// A root owns a value: a buffer (contiguous), or the payload of a trace. A view has a base, which
// is a root, and a window on whatever buffer the base holds at the time.
struct Cell {
  PyObject_HEAD
  Buffer* buffer;     // roots: the value in memory, or null
  PyObject* traced;   // roots: the payload, or null; hides the buffer
  PyObject* node;     // the tape's node that made the value, or null
  PyObject* grad;
  PyObject* base;     // views: the root
  PyObject* moves;    // views: how the base's value becomes this one
  PyObject* weak;     // weak references
  int64_t version, size, offset;
  DType type;
  uint8_t ndim;
  bool has_window, contiguous;
  char requires_grad;
  int64_t *dims, *strides;  // in `near`, or of higher ranks in memory of their own
  int64_t near[2 * kNearRank];
};

// What Python has told us (module `setup`), and our own types.
struct Registry {
  PyTypeObject* cell_type;
  PyTypeObject* array_type;
  PyObject* dtypes[kDTypes];
  PyObject* slow;
  PyObject* no_value;  // the default of arguments for which None means something
  PyObject* shape_of;  // gives the shape of a traced cell while sizes are tracked
  DType promotion[kDTypes][kDTypes];
};

extern Registry registry;

// Of this Python thread.
struct ThreadFlags {
  bool tracing = false, grad = true;
  bool sized = false;  // sizes of traced cells are more than numbers
  bool reproducible = false;  // kernels of that mode are kept apart from the others

  // What kernels, recipes and programs are kept by, as one byte.
  char mode() const { return static_cast<char>(grad | reproducible << 1); }
};

extern thread_local ThreadFlags thread_flags;

inline Cell* as_cell(PyObject* object) {
  const bool is_cell = Py_TYPE(object) == registry.array_type ||
                       PyType_IsSubtype(Py_TYPE(object), registry.cell_type);
  return is_cell ? reinterpret_cast<Cell*>(object) : nullptr;
}

inline PyObject* object_of(Cell* cell) { return reinterpret_cast<PyObject*>(cell); }

inline Cell* root_of(Cell* cell) {
  return cell->base ? reinterpret_cast<Cell*>(cell->base) : cell;
}

inline bool is_concrete(Cell* cell) {
  const Cell* root = root_of(cell);
  return cell->has_window && root->buffer && !root->traced;
}

// Where a cell's value is in memory; null: the host, or nowhere.
inline Device* device_of(Cell* cell) {
  const Buffer* buffer = root_of(cell)->buffer;
  return buffer ? buffer->device : nullptr;
}

inline const char* device_name(const Device* device) { return device ? device->name() : "cpu"; }

// Of a concrete cell on the host.
inline char* data_of(Cell* cell) {
  return root_of(cell)->buffer->data + cell->offset * itemsize(cell->type);
}

// A gradient would have to pass: the tape must see the operation.
inline bool taped(Cell* cell) {
  const Cell* root = root_of(cell);
  return cell->node || cell->requires_grad || root->node || root->requires_grad;
}

// Has a value in memory, and no tape wants to know of operations on it.
inline bool settled(Cell* cell) { return is_concrete(cell) && !(thread_flags.grad && taped(cell)); }

// Moreover the value is in the host's memory, so that the operators may compute on it at once.
inline bool ready(Cell* cell) { return settled(cell) && !root_of(cell)->buffer->device; }

// Whether the cell's sizes are more than numbers to the trace that is open.
inline bool is_sized(Cell* cell) { return thread_flags.sized && root_of(cell)->traced; }

// Its shape as the trace knows it.
py::tuple tracked_shape(Cell* cell);

// The argument as a cell; TypeError if it is none, Error(Value) if it must be concrete and is not.
Cell* require_cell(const char* operation, PyObject* object);
Cell* require_concrete(const char* operation, PyObject* object);

// Concrete, and in memory that the host may touch: Error(Device) if it is on a device.
Cell* require_host(const char* operation, PyObject* object);

// A new root (a new reference). Shapes must have been checked.
Cell* new_root(DType type, int ndim, const int64_t* dims, BufferRef buffer);
Cell* new_traced(DType type, int ndim, const int64_t* dims, PyObject* payload);

// A new view with contiguous strides and no window; of another type than its base where the floats
// of complex elements are seen.
Cell* new_view(Cell* base, DType type, int ndim, const int64_t* dims, PyObject* moves);

// A new buffer for a shape, and a new root on it.
Cell* new_empty(const char* operation, DType type, int ndim, const int64_t* dims,
                Device* device = nullptr);

// The elements of a concrete cell, contiguous, where they are: the root's own buffer, or a copy.
BufferRef contiguous_value(Cell* cell);

// The cell itself if it is on the host, else a root with the elements read from its device.
py::object on_host(Cell* cell);

// What Python does for operation `name`; a new reference.
PyObject* slow_path(const char* name, PyObject* a, PyObject* b);

// A cell that refers to other Python objects takes part in garbage collection from then on.
void track(Cell* cell);

Shape shape_from(const char* operation, py::handle sequence);
py::tuple shape_tuple(int ndim, const int64_t* dims);
DType dtype_from(const char* operation, int64_t code);

// Sets the Python error for the C++ exception in flight; call within catch (...).
void translate_exception();
void set_error_class(ErrorKind kind, py::handle type);

// Runs `body`, which gives a new reference; nullptr and a Python error if it throws.
// Throws what a signal handler raises, such as KeyboardInterrupt; the lock need not be held.
void check_signals();

template <class Body>
PyObject* guarded(Body body) {
  try {
    return body();
  } catch (...) {
    translate_exception();
    return nullptr;
  }
}

PyTypeObject* make_cell_type();
extern PyGetSetDef cell_attributes[];
extern PyMethodDef cell_methods[];
extern PyType_Slot operator_slots[];  // number and comparison slots, ended by {0, nullptr}
int cell_get_buffer(PyObject* self, Py_buffer* view, int flags);
void cell_release_buffer(PyObject* self, Py_buffer* view);

}  // namespace tilewright
