// Native routines for eager code: called at once on cells.
#include "routine_object.h"

#include <pybind11/stl.h>
#include <structmember.h>

#include <cstring>

#include "../core/fourier.h"
#include "../core/lapack.h"
#include "../core/routines.h"
#include "cell.h"
#include "create.h"
#include "gil.h"

namespace tilewright {
namespace {

// A routine with its sizes, and the array that it makes.
struct Call {
  const Routine* routine;
  RoutinePlan plan;
  DType type;
  Shape shape;
};

Call call_of(const std::string& name, py::handle shape, int64_t code,
             const std::vector<int64_t>& sizes) {
  Call call;
  call.routine = &find_routine(name);
  if (sizes.size() != size_t(call.routine->n_sizes))
    fail(ErrorKind::Value, "%s: got %zu sizes; it takes %d", call.routine->name, sizes.size(),
         call.routine->n_sizes);
  call.plan = plan_routine(*call.routine, sizes.data());
  call.type = dtype_from(call.routine->name, code);
  call.shape = shape_from(call.routine->name, shape);
  return call;
}

// A contiguous buffer of at least the bytes that the plan wants; `copy` holds what had to be
// copied.
void* pointer_of(const Routine& routine, Cell* cell, int64_t wanted, BufferRef& copy) {
  if (cell->size * itemsize(cell->type) < wanted)
    fail(ErrorKind::Value, "%s: got an array of %lld bytes; its sizes ask for %lld", routine.name,
         static_cast<long long>(cell->size * itemsize(cell->type)),
         static_cast<long long>(wanted));
  if (cell->contiguous) return data_of(cell);
  copy = contiguous_value(cell);
  return copy->data;
}

py::object run(const Call& call, PyObject* const* inputs, size_t count) {
  const Routine& routine = *call.routine;
  if (count + 1 != size_t(routine.n_buffers))
    fail(ErrorKind::Value, "%s: got %zu inputs; it takes %d", routine.name, count,
         routine.n_buffers - 1);
  BufferRef copies[kMaxRoutineBuffers];
  void* pointers[kMaxRoutineBuffers];
  for (size_t i = 0; i < count; ++i)
    pointers[i] = pointer_of(routine, require_host(routine.name, inputs[i]), call.plan.bytes[i],
                             copies[i]);
  const py::object result =
      object_from(new_empty(routine.name, call.type, call.shape.ndim, call.shape.dims));
  pointers[count] = pointer_of(routine, reinterpret_cast<Cell*>(result.ptr()),
                               call.plan.bytes[count], copies[count]);
  ReleaseGil release(call.plan.cost, [&](auto hold) {
    for (size_t i = 0; i < count; ++i)
      hold(root_of(reinterpret_cast<Cell*>(inputs[i]))->buffer);
  });
  routine.run(routine, call.plan, pointers);
  return result;
}

py::object call_routine(const std::string& name, const std::vector<py::object>& inputs,
                        py::handle shape, int64_t code, const std::vector<int64_t>& sizes) {
  std::vector<PyObject*> pointers;
  for (const py::object& input : inputs) pointers.push_back(input.ptr());
  return run(call_of(name, shape, code, sizes), pointers.data(), pointers.size());
}

// ------------------------------------------------------------------ the step of recipes

struct RoutineStep {
  PyObject_HEAD
  vectorcallfunc call;
  Call fixed;
};

PyObject* call_step(PyObject* callable, PyObject* const* args, size_t flags, PyObject* names) {
  if (names && PyTuple_GET_SIZE(names)) {
    PyErr_SetString(PyExc_TypeError, "Routine: it takes arrays without names");
    return nullptr;
  }
  return guarded([&] {
    const Call& fixed = reinterpret_cast<RoutineStep*>(callable)->fixed;
    return run(fixed, args, size_t(PyVectorcall_NARGS(flags))).release().ptr();
  });
}

PyObject* make_step(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  static const char* keywords[] = {"name", "shape", "dtype_code", "sizes", nullptr};
  const char* name;
  PyObject *shape, *sizes;
  long long code;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "sOLO:Routine", const_cast<char**>(keywords),
                                   &name, &shape, &code, &sizes))
    return nullptr;
  return guarded([&] {
    const Call fixed =
        call_of(name, shape, code, py::handle(sizes).cast<std::vector<int64_t>>());
    RoutineStep* self = PyObject_New(RoutineStep, type);
    if (!self) throw py::error_already_set();
    self->call = call_step;
    self->fixed = fixed;
    return reinterpret_cast<PyObject*>(self);
  });
}

void drop_step(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  type->tp_free(object);
  Py_DECREF(type);
}

PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(RoutineStep, call), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

// ------------------------------------------------------------------ what routines need

std::vector<std::string> names() {
  std::vector<std::string> found;
  for (const Routine* routine : all_routines()) found.push_back(routine->name);
  return found;
}

// The C signature is the capsule's name, as Cython writes it; sizes must be 32-bit `int`.
void hand_over(const std::string& name, const py::capsule& capsule) {
  const char* signature = PyCapsule_GetName(capsule.ptr());
  if (!signature || !std::strstr(signature, "int *"))
    fail(ErrorKind::Value, "lapack: %.50s takes no 32-bit integers but (%.200s)", name.c_str(),
         signature ? signature : "");
  set_lapack(name, PyCapsule_GetPointer(capsule.ptr(), signature));
}

// Addresses, as a program in Python reads them from the object that holds the loop.
void hand_over_loop(const std::string& name, uintptr_t loop, uintptr_t context) {
  set_fourier(name, reinterpret_cast<FourierLoop>(loop), reinterpret_cast<void*>(context));
}

}  // namespace

PyTypeObject* make_routine_type() {
  PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("A native routine with its sizes: to be called with arrays.")},
      {Py_tp_new, reinterpret_cast<void*>(make_step)},
      {Py_tp_dealloc, reinterpret_cast<void*>(drop_step)},
      {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
      {Py_tp_members, members},
      {0, nullptr},
  };
  PyType_Spec spec = {"tilewright._native.Routine", int(sizeof(RoutineStep)), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL, slots};
  PyObject* type = PyType_FromSpec(&spec);
  if (!type) throw py::error_already_set();
  return reinterpret_cast<PyTypeObject*>(type);
}

void bind_routines(py::module_& m) {
  m.def("call_routine", &call_routine, py::arg("name"), py::arg("inputs"), py::arg("shape"),
        py::arg("dtype_code"), py::arg("sizes"));
  m.def("routines", &names);
  m.def("lapack_names", &lapack_names);
  m.def("fourier_names", &fourier_names);
  m.def("set_fourier", &hand_over_loop, py::arg("name"), py::arg("loop"), py::arg("context"));
  m.def("set_lapack", &hand_over, py::arg("name"), py::arg("function"));
}

}  // namespace tilewright
