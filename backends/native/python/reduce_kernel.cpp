// `ReduceKernel`: an eager reduction for fixed dtypes and axes, of any sizes.
#include "reduce_kernel.h"

#include <structmember.h>

#include <algorithm>

#include "../core/copy.h"
#include "gil.h"
#include "program_object.h"
#include "timeline_python.h"

namespace tilewright {
namespace {

constexpr int kOuter = 1, kInner = 2, kPatterns = 4;

struct ReduceKernel {
  PyObject_HEAD
  vectorcallfunc call;
  PyObject* name;
  PyObject* compile;
  PyObject* programs[kPatterns];  // by which of outer and inner there are; null until compiled
  const char* text;
  DType input_type;
  int ndim;
  uint32_t axes;  // a bit an axis
  bool keeps_axes;
};

// The operand as outer x reduced x inner elements, and the shape of the result.
struct Canonical {
  int64_t sizes[3] = {1, 1, 1};
  bool adjacent = true;
  Shape out;
  int order[kMaxRank];  // kept axes first, for axes that are not adjacent
};

Canonical canonical_of(const ReduceKernel* self, const Cell* cell) {
  Canonical found;
  int stage = 0, kept = 0, n_kept = 0;
  for (int axis = 0; axis < cell->ndim; ++axis) n_kept += !(self->axes >> axis & 1);
  int reduced_place = n_kept;
  for (int axis = 0; axis < cell->ndim; ++axis) {
    const bool reduced = self->axes >> axis & 1;
    if (reduced && stage == 2) found.adjacent = false;
    if (reduced && stage == 0) stage = 1;
    if (!reduced && stage == 1) stage = 2;
    found.sizes[stage] *= cell->dims[axis];
    found.order[reduced ? reduced_place++ : kept++] = axis;
    if (!reduced || self->keeps_axes)
      found.out.dims[found.out.ndim++] = reduced ? 1 : cell->dims[axis];
  }
  if (!found.adjacent) {
    found.sizes[0] = found.sizes[1] = found.sizes[2] = 1;
    for (int axis = 0; axis < cell->ndim; ++axis)
      found.sizes[self->axes >> axis & 1] *= cell->dims[axis];
  }
  if (found.sizes[1] == 1) {  // nothing is joined, so what comes before may as well come behind
    found.sizes[2] *= found.sizes[0];
    found.sizes[0] = 1;
  }
  return found;
}

// The elements in the canonical order: in place, or a copy.
BufferRef elements_of(Cell* cell, const Canonical& canonical, char** data) {
  *data = data_of(cell);
  if (cell->contiguous && canonical.adjacent) return BufferRef::share(root_of(cell)->buffer);
  const int size = itemsize(cell->type);
  int64_t dims[kMaxRank], strides[kMaxRank];
  for (int i = 0; i < cell->ndim; ++i) {
    const int axis = canonical.adjacent ? i : canonical.order[i];
    dims[i] = cell->dims[axis];
    strides[i] = cell->strides[axis];
  }
  const char* source = *data;
  BufferRef copy(allocate(cell->size * size));
  ReleaseGil release(copy_cost(copy->bytes), [&](auto hold) { hold(root_of(cell)->buffer); });
  copy_to_contiguous(copy->data, source, size, cell->ndim, dims, strides);
  *data = copy->data;
  return copy;
}

PyObject* program_for(ReduceKernel* self, int pattern) {
  if (PyObject* known = self->programs[pattern]) return Py_NewRef(known);
  py::object made = py::reinterpret_borrow<py::object>(self->compile)(
      bool(pattern & kOuter), bool(pattern & kInner));
  if (!host_program(made.ptr()))
    fail(ErrorKind::DType, "%s: got %.100s from the compiler; wanted a Program of the host",
         self->text, Py_TYPE(made.ptr())->tp_name);
  const AnyProgram& program = *host_program(made.ptr());
  if (program.n_inputs() != 1 || program.n_outputs() != 1)
    fail(ErrorKind::Value, "%s: the compiled program has %d inputs and %d outputs; wanted 1 and 1",
         self->text, program.n_inputs(), program.n_outputs());
  Py_XSETREF(self->programs[pattern], Py_NewRef(made.ptr()));
  return made.release().ptr();
}

PyObject* reduce(ReduceKernel* self, PyObject* argument) {
  Cell* cell = require_host(self->text, argument);
  if (cell->type != self->input_type || cell->ndim != self->ndim)
    fail(ErrorKind::DType, "%s: got %s of %d axes; this kernel takes %s of %d", self->text,
         name(cell->type), cell->ndim, name(self->input_type), self->ndim);
  const Canonical canonical = canonical_of(self, cell);
  const int64_t* sizes = canonical.sizes;
  const int pattern = (sizes[0] != 1 ? kOuter : 0) | (sizes[2] != 1 ? kInner : 0);
  const py::object held = py::reinterpret_steal<py::object>(program_for(self, pattern));
  const AnyProgram& program = *host_program(held.ptr());
  char* data;
  const BufferRef elements = elements_of(cell, canonical, &data);
  int64_t dims[3];
  int ndim = 0;
  for (int i = 0; i < 3; ++i)
    if (i == 1 || sizes[i] != 1) dims[ndim++] = sizes[i];
  const ProgramInput input{data, nullptr, cell->type, ndim, dims};
  name_thread_in_timeline();
  const PlanRef plan = program.plan(&input);
  ProgramOutput output;
  {
    ReleaseGil release(plan->cost);
    program.run(*plan.plan, &input, &output);
  }
  if (product(output.shape.ndim, output.shape.dims) !=
      product(canonical.out.ndim, canonical.out.dims))
    fail(ErrorKind::Value, "%s: the compiled program gave %s", self->text,
         shape_text(output.shape.ndim, output.shape.dims).c_str());
  return object_of(new_root(output.type, canonical.out.ndim, canonical.out.dims,
                            std::move(output.buffer)));
}

PyObject* call(PyObject* callable, PyObject* const* args, size_t flags, PyObject* names) {
  ReduceKernel* self = reinterpret_cast<ReduceKernel*>(callable);
  if (PyVectorcall_NARGS(flags) != 1 || (names && PyTuple_GET_SIZE(names))) {
    PyErr_Format(PyExc_TypeError, "%U: it takes one array", self->name);
    return nullptr;
  }
  return guarded([&] { return reduce(self, args[0]); });
}

uint32_t axes_from(const char* text, PyObject* axes, long long ndim) {
  if (ndim < 0 || ndim > kMaxRank)
    fail(ErrorKind::Value, "%s: got %lld axes; at most %d are supported", text, ndim, kMaxRank);
  const Shape list = shape_from(text, axes);
  uint32_t bits = 0;
  for (int i = 0; i < list.ndim; ++i) {
    const int64_t axis = list.dims[i];
    if (axis < 0 || axis >= ndim || (bits >> axis & 1))
      fail(ErrorKind::Value, "%s: axes must be distinct and below %lld", text, ndim);
    bits |= 1u << axis;
  }
  return bits;
}

PyObject* make(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  static const char* keywords[] = {"name", "code", "ndim", "axes", "keepdims", "compile", nullptr};
  PyObject *name, *axes, *compile;
  long long code, ndim;
  int keepdims;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "ULLOpO:ReduceKernel",
                                   const_cast<char**>(keywords), &name, &code, &ndim, &axes,
                                   &keepdims, &compile))
    return nullptr;
  return guarded([&] {
    const char* text = PyUnicode_AsUTF8(name);
    if (!text) throw py::error_already_set();
    const DType input = dtype_from(text, code);
    const uint32_t bits = axes_from(text, axes, ndim);
    ReduceKernel* self = PyObject_GC_New(ReduceKernel, type);
    if (!self) throw py::error_already_set();
    self->call = call;
    self->name = Py_NewRef(name);
    self->compile = Py_NewRef(compile);
    std::fill_n(self->programs, kPatterns, nullptr);
    self->text = text;
    self->input_type = input;
    self->ndim = int(ndim);
    self->axes = bits;
    self->keeps_axes = keepdims;
    PyObject_GC_Track(self);
    return reinterpret_cast<PyObject*>(self);
  });
}

int traverse(PyObject* object, visitproc visit, void* arg) {
  Py_VISIT(reinterpret_cast<ReduceKernel*>(object)->compile);
  Py_VISIT(Py_TYPE(object));
  return 0;
}

void dealloc(PyObject* object) {
  ReduceKernel* self = reinterpret_cast<ReduceKernel*>(object);
  PyTypeObject* type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  Py_DECREF(self->name);
  Py_DECREF(self->compile);
  for (PyObject* program : self->programs) Py_XDECREF(program);
  type->tp_free(object);
  Py_DECREF(type);
}

PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(ReduceKernel, call), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

}  // namespace

PyTypeObject* make_reduce_kernel_type() {
  PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("An eager reduction for a fixed dtype, rank and axes.")},
      {Py_tp_new, reinterpret_cast<void*>(make)},
      {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
      {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
      {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
      {Py_tp_members, members},
      {0, nullptr},
  };
  PyType_Spec spec = {"tilewright._native.ReduceKernel", int(sizeof(ReduceKernel)), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL, slots};
  PyObject* type = PyType_FromSpec(&spec);
  if (!type) throw py::error_already_set();
  return reinterpret_cast<PyTypeObject*>(type);
}

}  // namespace tilewright
