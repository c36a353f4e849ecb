// `Move`: a movement with fixed parameters, as a step of recipes.
#include "moves.h"

#include <structmember.h>

#include <algorithm>
#include <cstring>

#include "tape.h"

namespace tilewright {
namespace {

enum What { Reshape, Transpose, BroadcastTo, Slice, Real, Imag, Value, Detach, kKinds };
constexpr const char* kNames[kKinds] = {"reshape", "transpose", "broadcast_to", "slice",
                                       "real",    "imag",      "value",        "detach"};

struct Move {
  PyObject_HEAD
  vectorcallfunc call;
  PyObject* single;  // a tuple of the entry, or an empty one: what views of roots have as moves
  What kind;
  bool copies;  // where no window can say it, the result is one on a copy; else that is an error
  int n_ints[3];
  int64_t ints[3][kMaxRank];
};

void require_rank(const Move* self, int found) {
  const int wanted = self->n_ints[0];
  if (wanted != found)
    fail(ErrorKind::Shape, "%s: got an array of %d axes; this move is for %d",
         kNames[self->kind], found, wanted);
}

Window transposed(const Move* self, const Window& from) {
  require_rank(self, from.ndim);
  Window to = from;
  for (int i = 0; i < from.ndim; ++i) {
    to.dims[i] = from.dims[self->ints[0][i]];
    to.strides[i] = from.strides[self->ints[0][i]];
  }
  return to;
}

Window broadcast(const Move* self, const Window& from) {
  Window to;
  to.type = from.type;
  to.ndim = self->n_ints[0];
  to.offset = from.offset;
  std::copy_n(self->ints[0], to.ndim, to.dims);
  if (!broadcast_strides(from.ndim, from.dims, from.strides, to.ndim, to.dims, to.strides))
    fail(ErrorKind::Shape, "broadcast_to: got %s and %s; each size must be equal or 1",
         shape_text(from.ndim, from.dims).c_str(), shape_text(to.ndim, to.dims).c_str());
  return to;
}

Window sliced(const Move* self, const Window& from) {
  require_rank(self, from.ndim);
  Window to = from;
  for (int i = 0; i < from.ndim; ++i) {
    const int64_t start = self->ints[0][i], size = self->ints[1][i], step = self->ints[2][i];
    int64_t reach = 0, last = start;
    const bool fits = size == 0 || (size > 0 && multiply(size - 1, step, &reach) &&
                                    !__builtin_add_overflow(start, reach, &last) && start >= 0 &&
                                    start < from.dims[i] && last >= 0 && last < from.dims[i]);
    if (!fits)
      fail(ErrorKind::Shape, "slice: got axis %d of size %lld; the window does not fit", i,
           static_cast<long long>(from.dims[i]));
    to.dims[i] = size;
    to.strides[i] = size > 1 ? from.strides[i] * step : 1;
    if (size) to.offset += start * from.strides[i];
  }
  return to;
}

// The real or the imaginary parts, in steps of floats.
Window parts(const Move* self, const Window& from) {
  if (kind(from.type) != Kind::Complex)
    fail(ErrorKind::DType, "%s: got %s; it takes complex numbers", kNames[self->kind],
         name(from.type));
  Window to = from;
  to.type = part(from.type);
  for (int i = 0; i < from.ndim; ++i) to.strides[i] = 2 * from.strides[i];
  to.offset = 2 * from.offset + (self->kind == Imag);
  return to;
}

bool window_of(const Move* self, const Window& from, Window& to) {
  switch (self->kind) {
    case Transpose: return to = transposed(self, from), true;
    case BroadcastTo: return to = broadcast(self, from), true;
    case Slice: return to = sliced(self, from), true;
    case Real:
    case Imag: return to = parts(self, from), true;
    default: return reshape_window(from, self->n_ints[0], self->ints[0], to);
  }
}

py::object own(Cell* cell, bool keeps_node = true) {
  Cell* made = new_root(cell->type, cell->ndim, cell->dims, contiguous_value(cell));
  py::object result = py::reinterpret_steal<py::object>(object_of(made));
  if (!keeps_node) return result;
  if (thread_flags.grad && cell->requires_grad && !cell->base)
    fail(ErrorKind::Value, "value: a leaf of the tape is copied by an operation of its own");
  const bool follows_base = cell->base && thread_flags.grad;
  py::object node = follows_base ? node_of_operand(object_of(cell))
                                 : py::reinterpret_borrow<py::object>(cell->node);
  made->node = node.release().ptr();
  if (made->node) track(made);
  return result;
}

PyObject* move(Move* self, PyObject* argument) {
  Cell* cell = require_host(kNames[self->kind], argument);
  if (self->kind >= Value) return own(cell, self->kind == Value).release().ptr();
  if (self->kind == Reshape && product(self->n_ints[0], self->ints[0]) != cell->size)
    fail(ErrorKind::Shape, "reshape: got %s and %s; the numbers of elements must be equal",
         shape_text(cell->ndim, cell->dims).c_str(),
         shape_text(self->n_ints[0], self->ints[0]).c_str());
  py::object copy;
  Window to;
  if (!window_of(self, Window::of(cell), to)) {
    if (!self->copies) fail(ErrorKind::Value, "reshape: no view can say it");
    copy = own(cell, false);
    cell = reinterpret_cast<Cell*>(copy.ptr());
    window_of(self, Window::of(cell), to);
  }
  PyObject* moves = PyTuple_GET_SIZE(self->single)
                        ? moves_after(cell, PyTuple_GET_ITEM(self->single, 0), self->single)
                        : Py_NewRef(self->single);
  return object_of(new_window(cell, to, moves));
}

PyObject* call(PyObject* callable, PyObject* const* args, size_t flags, PyObject* names) {
  if (PyVectorcall_NARGS(flags) != 1 || (names && PyTuple_GET_SIZE(names))) {
    PyErr_SetString(PyExc_TypeError, "Move: it takes one array");
    return nullptr;
  }
  return guarded([&] { return move(reinterpret_cast<Move*>(callable), args[0]); });
}

What kind_from(const char* name) {
  for (int kind = 0; kind < kKinds; ++kind)
    if (std::strcmp(name, kNames[kind]) == 0) return What(kind);
  fail(ErrorKind::Value, "Move: there is no move %.100s", name);
}

// Sizes must be in range, and axes an order of them all, before any window is computed from them.
void check(const Move* self) {
  const int n = self->n_ints[0];
  if (self->kind == Slice && (self->n_ints[1] != n || self->n_ints[2] != n))
    fail(ErrorKind::Value, "Move: a slice has as many sizes and steps as starts");
  if (self->kind == Reshape || self->kind == BroadcastTo)
    checked_size(kNames[self->kind], n, self->ints[0], 16);
  uint32_t seen = 0;
  for (int i = 0; self->kind == Transpose && i < n; ++i) {
    const int64_t axis = self->ints[0][i];
    if (axis < 0 || axis >= n || (seen >> axis & 1))
      fail(ErrorKind::Value, "Move: the axes of a transpose must be an order of all");
    seen |= 1u << axis;
  }
}

PyObject* make(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  static const char* keywords[] = {"kind", "ints", "entry", "copies", nullptr};
  const char* name;
  PyObject *ints, *entry = Py_None;
  int copies = 0;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "sO!|Op:Move", const_cast<char**>(keywords),
                                   &name, &PyTuple_Type, &ints, &entry, &copies))
    return nullptr;
  return guarded([&] {
    Move made{};
    made.kind = kind_from(name);
    made.copies = copies;
    if (PyTuple_GET_SIZE(ints) > 3) fail(ErrorKind::Value, "Move: at most three lists of ints");
    for (int i = 0; i < int(PyTuple_GET_SIZE(ints)); ++i) {
      const Shape list = shape_from("Move", PyTuple_GET_ITEM(ints, i));
      made.n_ints[i] = list.ndim;
      std::copy_n(list.dims, list.ndim, made.ints[i]);
    }
    check(&made);
    py::tuple single = entry == Py_None ? py::tuple() : py::make_tuple(py::handle(entry));
    Move* self = PyObject_New(Move, type);
    if (!self) throw py::error_already_set();
    self->call = call;
    self->single = single.release().ptr();
    self->kind = made.kind;
    self->copies = made.copies;
    std::copy_n(made.n_ints, 3, self->n_ints);
    std::copy_n(made.ints[0], 3 * kMaxRank, self->ints[0]);
    return reinterpret_cast<PyObject*>(self);
  });
}

void dealloc(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  Py_DECREF(reinterpret_cast<Move*>(object)->single);
  type->tp_free(object);
  Py_DECREF(type);
}

PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Move, call), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

}  // namespace

PyTypeObject* make_move_type() {
  PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("A movement with fixed parameters: an array to a view.")},
      {Py_tp_new, reinterpret_cast<void*>(make)},
      {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
      {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
      {Py_tp_members, members},
      {0, nullptr},
  };
  PyType_Spec spec = {"tilewright._native.Move", int(sizeof(Move)), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL, slots};
  PyObject* type = PyType_FromSpec(&spec);
  if (!type) throw py::error_already_set();
  return reinterpret_cast<PyTypeObject*>(type);
}

}  // namespace tilewright
