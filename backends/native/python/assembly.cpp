// `Assembly`: arrays put together in a fresh one, at once and as a step of recipes.
#include "assembly.h"

#include <structmember.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "../core/copy.h"
#include "create.h"
#include "gil.h"

namespace tilewright {
namespace {

enum What { Concatenate, Pad, Update, kKinds };
constexpr const char* kNames[kKinds] = {"concatenate", "pad", "update_slice"};
constexpr int kLists[kKinds] = {1, 2, 2};  // of ints: the axis; before and after; start and steps

struct Assembly {
  PyObject_HEAD
  vectorcallfunc call;
  What kind;
  int n_ints;  // of each list
  int64_t ints[2][kMaxRank];
};

// Copies into windows of a fresh array, gathered and then made together.
class Copies {
 public:
  Copies(Cell* target, size_t count) : target_(target) { jobs_.reserve(count); }

  // The cell's elements, or one element for all of the window.
  void add(Cell* source, const int64_t* start, const int64_t* sizes,
           const int64_t* steps = nullptr) {
    jobs_.emplace_back();
    CopyJob& job = jobs_.back();
    const int size = itemsize(target_->type), ndim = target_->ndim;
    job.target = data_of(target_);
    job.source = data_of(source);
    job.itemsize = size;
    job.ndim = ndim;
    for (int i = 0; i < ndim; ++i) {
      const int64_t stride = target_->strides[i];
      job.dims[i] = sizes[i];
      job.target += start[i] * stride * size;
      job.target_strides[i] = steps && sizes[i] > 1 ? stride * steps[i] : stride;
      job.source_strides[i] = source->ndim ? source->strides[i] : 0;
    }
    bytes_ += product(ndim, sizes) * size;
    sources_.push_back(source);
  }

  void run() {
    ReleaseGil release(copy_cost(bytes_), [this](auto hold) {
      hold(target_->buffer);
      for (Cell* source : sources_) hold(root_of(source)->buffer);
    });
    copy_all(jobs_.data(), int(jobs_.size()));
  }

  // One after the other, as their windows overlap.
  void run_in_order() {
    ReleaseGil release(copy_cost(bytes_), [this](auto hold) {
      hold(target_->buffer);
      for (Cell* source : sources_) hold(root_of(source)->buffer);
    });
    for (const CopyJob& job : jobs_) copy_elements(job);
  }

 private:
  Cell* target_;
  std::vector<CopyJob> jobs_;
  std::vector<Cell*> sources_;
  int64_t bytes_ = 0;
};

Cell* operand(const Assembly* self, PyObject* object, DType type, int ndim) {
  Cell* cell = require_host(kNames[self->kind], object);
  if (cell->type != type)
    fail(ErrorKind::DType, "%s: got %s and %s; they must be equal", kNames[self->kind], name(type),
         name(cell->type));
  if (cell->ndim != ndim)
    fail(ErrorKind::Shape, "%s: got %s; it takes %d axes", kNames[self->kind],
         shape_text(cell->ndim, cell->dims).c_str(), ndim);
  return cell;
}

void require_count(const Assembly* self, size_t found, size_t wanted) {
  if (found != wanted)
    fail(ErrorKind::Value, "%s: got %zu arrays; it takes %zu", kNames[self->kind], found, wanted);
}

Cell* make_target(const Assembly* self, const Cell* like, const int64_t* dims) {
  return new_empty(kNames[self->kind], like->type, like->ndim, dims);
}

void add_size(const Assembly* self, int64_t* size, int64_t more) {
  if (__builtin_add_overflow(*size, more, size))
    fail(ErrorKind::Shape, "%s: the number of elements is over 2**63", kNames[self->kind]);
}

py::object concatenate(const Assembly* self, PyObject* const* args, size_t count) {
  if (!count) fail(ErrorKind::Value, "concatenate: got no array; it takes at least one");
  const int axis = int(self->ints[0][0]);
  const Cell* first = require_host("concatenate", args[0]);
  if (axis >= first->ndim)
    fail(ErrorKind::Shape, "concatenate: got axis %d of %d", axis, first->ndim);
  int64_t dims[kMaxRank], start[kMaxRank] = {};
  std::copy_n(first->dims, first->ndim, dims);
  dims[axis] = 0;
  for (size_t i = 0; i < count; ++i) {
    const Cell* part = operand(self, args[i], first->type, first->ndim);
    for (int a = 0; a < first->ndim; ++a)
      if (a != axis && part->dims[a] != dims[a])
        fail(ErrorKind::Shape, "concatenate: got %s and %s; sizes must be equal but on axis %d",
             shape_text(first->ndim, first->dims).c_str(),
             shape_text(part->ndim, part->dims).c_str(), axis);
    add_size(self, &dims[axis], part->dims[axis]);
  }
  const py::object made = object_from(make_target(self, first, dims));
  Copies copies(reinterpret_cast<Cell*>(made.ptr()), count);
  for (size_t i = 0; i < count; ++i) {
    Cell* part = reinterpret_cast<Cell*>(args[i]);
    copies.add(part, start, part->dims);
    start[axis] += part->dims[axis];
  }
  copies.run();
  return made;
}

// `value` (a scalar) before and after the inside along each axis, within the inside of those
// before it.
py::object pad(const Assembly* self, PyObject* const* args, size_t count) {
  require_count(self, count, 2);
  const int ndim = self->n_ints;
  Cell* x = require_host("pad", args[0]);
  operand(self, args[0], x->type, ndim);
  Cell* value = operand(self, args[1], x->type, 0);
  const int64_t *low = self->ints[0], *high = self->ints[1];
  int64_t dims[kMaxRank], start[kMaxRank] = {}, sizes[kMaxRank];
  for (int i = 0; i < ndim; ++i) {
    dims[i] = x->dims[i];
    add_size(self, &dims[i], low[i]);
    add_size(self, &dims[i], high[i]);
    sizes[i] = dims[i];
  }
  const py::object made = object_from(make_target(self, x, dims));
  Copies copies(reinterpret_cast<Cell*>(made.ptr()), size_t(2 * ndim + 1));
  for (int i = 0; i < ndim; ++i) {
    const int64_t begins[] = {0, dims[i] - high[i]}, lengths[] = {low[i], high[i]};
    for (int side = 0; side < 2; ++side) {
      if (!lengths[side]) continue;
      start[i] = begins[side];
      sizes[i] = lengths[side];
      copies.add(value, start, sizes);
    }
    start[i] = low[i];
    sizes[i] = x->dims[i];
  }
  copies.add(x, low, x->dims);
  copies.run();
  return made;
}

py::object update(const Assembly* self, PyObject* const* args, size_t count) {
  require_count(self, count, 2);
  const int ndim = self->n_ints;
  Cell* x = require_host("update_slice", args[0]);
  operand(self, args[0], x->type, ndim);
  Cell* window = operand(self, args[1], x->type, ndim);
  const int64_t *start = self->ints[0], *steps = self->ints[1];
  for (int i = 0; i < ndim; ++i) {
    int64_t reach = 0, last = 0;
    const int64_t size = window->dims[i];
    const bool fits = size == 0 || (multiply(size - 1, steps[i], &reach) &&
                                    !__builtin_add_overflow(start[i], reach, &last) &&
                                    start[i] >= 0 && start[i] < x->dims[i] && last >= 0 &&
                                    last < x->dims[i]);
    if (!fits)
      fail(ErrorKind::Shape, "update_slice: got axis %d of size %lld; the window does not fit", i,
           static_cast<long long>(x->dims[i]));
  }
  const py::object made = object_from(make_target(self, x, x->dims));
  constexpr int64_t kZeros[kMaxRank] = {};
  Copies copies(reinterpret_cast<Cell*>(made.ptr()), 2);
  copies.add(x, kZeros, x->dims);
  if (window->size) copies.add(window, start, window->dims, steps);
  copies.run_in_order();
  return made;
}

PyObject* call(PyObject* callable, PyObject* const* args, size_t flags, PyObject* names) {
  if (names && PyTuple_GET_SIZE(names)) {
    PyErr_SetString(PyExc_TypeError, "Assembly: it takes arrays without names");
    return nullptr;
  }
  return guarded([&] {
    const Assembly* self = reinterpret_cast<Assembly*>(callable);
    const size_t count = size_t(PyVectorcall_NARGS(flags));
    switch (self->kind) {
      case Concatenate: return concatenate(self, args, count).release().ptr();
      case Pad: return pad(self, args, count).release().ptr();
      default: return update(self, args, count).release().ptr();
    }
  });
}

What kind_from(const char* name) {
  for (int kind = 0; kind < kKinds; ++kind)
    if (std::strcmp(name, kNames[kind]) == 0) return What(kind);
  fail(ErrorKind::Value, "Assembly: there is no assembly %.100s", name);
}

void check(const Assembly& made) {
  if (made.kind == Concatenate && made.n_ints != 1)
    fail(ErrorKind::Value, "Assembly: concatenate takes one axis");
  for (int list = 0; list < kLists[made.kind]; ++list)
    for (int i = 0; i < made.n_ints; ++i)
      if (made.kind != Update && made.ints[list][i] < 0)
        fail(ErrorKind::Value, "Assembly: %s takes no negative number", kNames[made.kind]);
}

PyObject* make(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  static const char* keywords[] = {"kind", "ints", nullptr};
  const char* name;
  PyObject* ints;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "sO!:Assembly", const_cast<char**>(keywords),
                                   &name, &PyTuple_Type, &ints))
    return nullptr;
  return guarded([&] {
    Assembly made{};
    made.kind = kind_from(name);
    if (PyTuple_GET_SIZE(ints) != kLists[made.kind])
      fail(ErrorKind::Value, "Assembly: %s takes %d lists of ints", name, kLists[made.kind]);
    for (int i = 0; i < kLists[made.kind]; ++i) {
      const Shape list = shape_from("Assembly", PyTuple_GET_ITEM(ints, i));
      if (i && list.ndim != made.n_ints)
        fail(ErrorKind::Value, "Assembly: the lists must be equally long");
      made.n_ints = list.ndim;
      std::copy_n(list.dims, list.ndim, made.ints[i]);
    }
    check(made);
    Assembly* self = PyObject_New(Assembly, type);
    if (!self) throw py::error_already_set();
    self->call = call;
    self->kind = made.kind;
    self->n_ints = made.n_ints;
    std::copy_n(made.ints[0], 2 * kMaxRank, self->ints[0]);
    return reinterpret_cast<PyObject*>(self);
  });
}

void dealloc(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  type->tp_free(object);
  Py_DECREF(type);
}

PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Assembly, call), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

}  // namespace

PyTypeObject* make_assembly_type() {
  PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("Arrays put together in a fresh one: to be called with them.")},
      {Py_tp_new, reinterpret_cast<void*>(make)},
      {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
      {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
      {Py_tp_members, members},
      {0, nullptr},
  };
  PyType_Spec spec = {"tilewright._native.Assembly", int(sizeof(Assembly)), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL, slots};
  PyObject* type = PyType_FromSpec(&spec);
  if (!type) throw py::error_already_set();
  return reinterpret_cast<PyTypeObject*>(type);
}

}  // namespace tilewright
