#include "moves.h"

#include <algorithm>

namespace tilewright {
namespace {

// Moves that are not a tuple yet: `before` (a tuple, or of this type), then `entry`, or a slice
// whose starts, sizes, steps and shape follow the object.
struct LateMoves {
  PyObject_HEAD
  PyObject* before;
  PyObject* entry;
  int ndim, new_ndim;

  int64_t* ints() { return reinterpret_cast<int64_t*>(this + 1); }
};

PyTypeObject* late_type = nullptr;
PyObject* make_entries = nullptr;  // Python's: (start, sizes, steps, shape) to a tuple of entries
PyObject* no_moves = nullptr;

LateMoves* as_late(PyObject* object) {
  return Py_TYPE(object) == late_type ? reinterpret_cast<LateMoves*>(object) : nullptr;
}

void dealloc(PyObject* object) {
  LateMoves* self = reinterpret_cast<LateMoves*>(object);
  PyTypeObject* type = Py_TYPE(object);
  Py_XDECREF(self->before);
  Py_XDECREF(self->entry);
  PyObject_Free(object);
  Py_DECREF(type);
}

LateMoves* new_late(PyObject* before, PyObject* entry, int n_ints = 0) {
  void* memory = PyObject_Malloc(sizeof(LateMoves) + size_t(n_ints) * sizeof(int64_t));
  if (!memory) throw std::bad_alloc();
  PyObject* object = PyObject_Init(static_cast<PyObject*>(memory), late_type);
  LateMoves* made = reinterpret_cast<LateMoves*>(object);
  made->before = Py_NewRef(before);
  made->entry = Py_XNewRef(entry);
  return made;
}

// The moves that lead to a cell, borrowed: none for a root.
PyObject* moves_to(Cell* cell) {
  return cell->base && cell->moves && cell->moves != Py_None ? cell->moves : no_moves;
}

py::object as_tuple(PyObject* moves) {
  LateMoves* late = as_late(moves);
  if (!late) return py::reinterpret_borrow<py::object>(moves);
  const py::object before = as_tuple(late->before);
  py::object further;
  if (late->entry) {
    further = py::make_tuple(py::handle(late->entry));
  } else {
    const int n = late->ndim;
    const int64_t* ints = late->ints();
    further = py::reinterpret_borrow<py::object>(make_entries)(
        shape_tuple(n, ints), shape_tuple(n, ints + n), shape_tuple(n, ints + 2 * n),
        shape_tuple(late->new_ndim, ints + 3 * n));
  }
  return py::reinterpret_steal<py::object>(PySequence_Concat(before.ptr(), further.ptr()));
}

}  // namespace

Window Window::of(const Cell* cell) {
  Window window;
  window.type = cell->type;
  window.ndim = cell->ndim;
  window.offset = cell->offset;
  std::copy_n(cell->dims, cell->ndim, window.dims);
  std::copy_n(cell->strides, cell->ndim, window.strides);
  return window;
}

// Axes that step over exactly the next one's extent are joined, and divided anew from the end.
bool reshape_window(const Window& from, int ndim, const int64_t* dims, Window& to) {
  to.type = from.type;
  to.ndim = ndim;
  to.offset = from.offset;
  std::copy_n(dims, ndim, to.dims);
  if (product(from.ndim, from.dims) == 0) {
    contiguous_strides(ndim, dims, to.strides);
    return true;
  }
  int64_t lengths[kMaxRank + 1], steps[kMaxRank + 1];
  int last = -1;
  for (int axis = 0; axis < from.ndim; ++axis) {
    const int64_t size = from.dims[axis], step = from.strides[axis];
    if (size == 1) continue;
    if (last >= 0 && steps[last] == size * step) {
      lengths[last] *= size;
    } else {
      lengths[++last] = size;
    }
    steps[last] = step;
  }
  for (int axis = ndim - 1; axis >= 0; --axis) {
    to.strides[axis] = 1;
    if (dims[axis] == 1) continue;
    while (last >= 0 && lengths[last] == 1) --last;
    if (last < 0 || lengths[last] % dims[axis] != 0) return false;
    to.strides[axis] = steps[last];
    lengths[last] /= dims[axis];
    steps[last] *= dims[axis];
  }
  return true;
}

Cell* new_window(Cell* cell, const Window& window, PyObject* moves) {
  const py::object held = py::reinterpret_steal<py::object>(moves);
  Cell* view = new_view(root_of(cell), window.type, window.ndim, window.dims, moves);
  view->has_window = true;
  view->offset = view->size ? window.offset : 0;
  std::copy_n(window.strides, window.ndim, view->strides);
  view->contiguous = is_contiguous(window.ndim, window.dims, window.strides);
  return view;
}

PyObject* moves_after(Cell* cell, PyObject* entry, PyObject* single) {
  PyObject* before = moves_to(cell);
  if (before == no_moves) return Py_NewRef(single);
  return reinterpret_cast<PyObject*>(new_late(before, entry));
}

PyObject* moves_after(Cell* cell, const SliceMove& move) {
  const int n = move.ndim;
  LateMoves* made = new_late(moves_to(cell), nullptr, 3 * n + move.new_ndim);
  made->ndim = n;
  made->new_ndim = move.new_ndim;
  std::copy_n(move.start, n, made->ints());
  std::copy_n(move.sizes, n, made->ints() + n);
  std::copy_n(move.steps, n, made->ints() + 2 * n);
  std::copy_n(move.shape, move.new_ndim, made->ints() + 3 * n);
  return reinterpret_cast<PyObject*>(made);
}

PyObject* moves_as_tuple(Cell* cell) {
  if (!cell->moves || !as_late(cell->moves)) return cell->moves ? cell->moves : Py_None;
  try {
    py::object made = as_tuple(cell->moves);
    if (!made) throw py::error_already_set();
    Py_XSETREF(cell->moves, made.release().ptr());
    return cell->moves;
  } catch (...) {
    translate_exception();
    return nullptr;
  }
}

void prepare_moves(py::module_& m) {
  PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(dealloc)}, {0, nullptr}};
  PyType_Spec spec = {"tilewright._native.LateMoves", int(sizeof(LateMoves)), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  PyObject* type = PyType_FromSpec(&spec);
  no_moves = PyTuple_New(0);
  if (!type || !no_moves) throw py::error_already_set();
  late_type = reinterpret_cast<PyTypeObject*>(type);
  m.def("set_slice_moves",
        [](py::object made) { Py_XSETREF(make_entries, made.release().ptr()); },
        py::arg("make_entries"));
}

}  // namespace tilewright
