// The module tilewright._native; _native.pyi documents it.
#include "../core/flow.h"
#include "../core/pool.h"
#include "artifact_object.h"
#include "assembly.h"
#include "cell.h"
#include "create.h"
#include "device_object.h"
#include "dispatch.h"
#include "dlpack_python.h"
#include "effect_python.h"
#include "index.h"
#include "kernel_object.h"
#include "moves.h"
#include "operators.h"
#include "reduce_kernel.h"
#include "staged.h"
#include "tape.h"
#include "timeline_python.h"
#include "program_object.h"
#include "routine_object.h"

namespace tilewright {
namespace {

// C++ allocates instances of this type itself, so it must be a Cell and nothing more.
void check_array_type(py::handle object) {
  if (!PyType_Check(object.ptr())) fail(ErrorKind::DType, "setup: array_type must be a class");
  PyTypeObject* type = reinterpret_cast<PyTypeObject*>(object.ptr());
  bool dict = type->tp_dictoffset != 0;
#ifdef Py_TPFLAGS_MANAGED_DICT
  dict = dict || (type->tp_flags & Py_TPFLAGS_MANAGED_DICT);
#endif
  if (!PyType_IsSubtype(type, registry.cell_type) || type->tp_basicsize != sizeof(Cell) || dict)
    fail(ErrorKind::DType, "setup: %.100s must be a subclass of Cell with __slots__ = ()",
         type->tp_name);
}

void setup(py::handle array_type, const py::sequence& dtypes, const py::sequence& promotion,
           py::handle slow) {
  check_array_type(array_type);
  if (dtypes.size() != kDTypes || promotion.size() != kDTypes * kDTypes)
    fail(ErrorKind::Value, "setup: got %zu dtypes and %zu promotions; wanted %d and %d",
         dtypes.size(), promotion.size(), kDTypes, kDTypes * kDTypes);
  for (int i = 0; i < kDTypes * kDTypes; ++i)
    registry.promotion[i / kDTypes][i % kDTypes] =
        dtype_from("setup", promotion[size_t(i)].cast<int64_t>());
  for (int i = 0; i < kDTypes; ++i)
    Py_XSETREF(registry.dtypes[i], py::object(dtypes[size_t(i)]).release().ptr());
  Py_XSETREF(registry.slow, Py_NewRef(slow.ptr()));
  PyTypeObject* old = registry.array_type;
  registry.array_type = reinterpret_cast<PyTypeObject*>(Py_NewRef(array_type.ptr()));
  Py_XDECREF(old);
}

void set_errors(const py::dict& errors) {
  const std::pair<const char*, ErrorKind> kinds[] = {{"value", ErrorKind::Value},
                                                     {"shape", ErrorKind::Shape},
                                                     {"dtype", ErrorKind::DType},
                                                     {"overflow", ErrorKind::Overflow},
                                                     {"memory", ErrorKind::Memory},
                                                     {"damaged", ErrorKind::Damaged},
                                                     {"foreign", ErrorKind::Foreign},
                                                     {"system", ErrorKind::System},
                                                     {"device", ErrorKind::Device},
                                                     {"linalg", ErrorKind::LinAlg},
                                                     {"check", ErrorKind::Check},
                                                     {"bounds", ErrorKind::Bounds}};
  for (const auto& [key, type] : errors) {
    bool known = false;
    for (const auto& [name, kind] : kinds) {
      if (key.cast<std::string>() != name) continue;
      if (!PyExceptionClass_Check(type.ptr()))
        fail(ErrorKind::DType, "set_errors: %s is no exception class", name);
      set_error_class(kind, type);
      known = true;
    }
    if (!known)
      fail(ErrorKind::Value, "set_errors: there is no kind of error %s",
           key.cast<std::string>().c_str());
  }
}

py::object empty(py::handle shape, int64_t code, int device) {
  const DType type = dtype_from("empty", code);
  const Shape dims = shape_from("empty", shape);
  return object_from(new_empty("empty", type, dims.ndim, dims.dims, device_at(device)));
}

py::object traced(py::handle shape, int64_t code, py::handle payload) {
  const DType type = dtype_from("traced", code);
  const Shape dims = shape_from("traced", shape);
  checked_size("traced", dims.ndim, dims.dims, itemsize(type));
  if (payload.is_none()) fail(ErrorKind::Value, "traced: the payload must not be None");
  return object_from(new_traced(type, dims.ndim, dims.dims, payload.ptr()));
}

bool set_sized(bool on) { return std::exchange(thread_flags.sized, on); }
bool set_tracing(bool on) { return std::exchange(thread_flags.tracing, on); }
bool set_grad_enabled(bool on) { return std::exchange(thread_flags.grad, on); }
bool set_reproducible(bool on) { return std::exchange(thread_flags.reproducible, on); }

void bind_values(py::module_& m) {
  m.def("empty", &empty, py::arg("shape"), py::arg("dtype_code"), py::arg("device") = 0);
  m.def("from_buffer", &from_buffer, py::arg("obj"), py::arg("dtype_code"), py::arg("copy"));
  m.def("from_dlpack", &from_dlpack, py::arg("obj"), py::arg("copy"),
        py::arg("to_host") = false);
  m.def("from_scalar", &from_scalar, py::arg("value"), py::arg("dtype_code"));
  m.def("traced", &traced, py::arg("shape"), py::arg("dtype_code"), py::arg("payload"));
  m.def("alias", &alias, py::arg("cell"));
  m.def("view", &make_view, py::arg("base"), py::arg("shape"), py::arg("strides"),
        py::arg("offset"), py::arg("moves"), py::arg("dtype_code") = -1);
  m.def("traced_view", &make_traced_view, py::arg("base"), py::arg("shape"), py::arg("moves"),
        py::arg("dtype_code") = -1);
  m.def("contiguous", &contiguous, py::arg("cell"));
  m.def("assign", &assign, py::arg("cell"), py::arg("value"));
  m.def("write", &write, py::arg("cell"), py::arg("value"));
  m.def("put", &put, py::arg("cell"), py::arg("places"), py::arg("value"), py::arg("outer"),
        py::arg("n"), py::arg("inner"));
  m.def("raw", &raw, py::arg("cell"));
  m.def("reinterpret", &reinterpret, py::arg("cell"), py::arg("dtype_code"), py::arg("shape"));
  m.def("tolist", &tolist, py::arg("cell"));
  m.def("item", &item, py::arg("cell"));
}

void bind_state(py::module_& m) {
  set_interrupt(check_signals);
  m.def("setup", &setup, py::arg("array_type"), py::arg("dtypes"), py::arg("promotion"),
        py::arg("slow"));
  m.def("set_errors", &set_errors, py::arg("errors"));
  m.def(
      "set_operator",
      [](const std::string& op, int64_t code, py::handle kernel) {
        set_operator(op, dtype_from("set_operator", code), kernel);
      },
      py::arg("op"), py::arg("code"), py::arg("kernel"));
  m.def(
      "set_cast",
      [](int64_t source, int64_t target, py::handle kernel) {
        set_cast(dtype_from("set_cast", source), dtype_from("set_cast", target), kernel);
      },
      py::arg("source"), py::arg("target"), py::arg("kernel"));
  m.def("set_operator_function", &set_operator_function, py::arg("op"), py::arg("function"));
  m.def("set_no_value", [](py::object made) {
    Py_XSETREF(registry.no_value, made.release().ptr());
  });
  m.def("set_num_threads", &set_num_threads, py::arg("n"),
        py::call_guard<py::gil_scoped_release>());
  m.def("get_num_threads", &num_threads);
  m.def("set_shape_of", [](py::object made) {
    Py_XSETREF(registry.shape_of, made.release().ptr());
  });
  m.def("set_sized", &set_sized, py::arg("on"));
  m.def("set_tracing", &set_tracing, py::arg("on"));
  m.def("set_grad_enabled", &set_grad_enabled, py::arg("on"));
  m.def("grad_enabled", [] { return thread_flags.grad; });
  m.def("set_reproducible", &set_reproducible, py::arg("on"));
  m.def("reproducible", [] { return thread_flags.reproducible; });
}

}  // namespace
}  // namespace tilewright

PYBIND11_MODULE(_native, m) {
  using namespace tilewright;
  m.doc() = "The native core of tilewright: cells, buffers, kernels, programs, threads.";
  // Local: a second copy of the module in the process (the tests have one) has classes of its own.
  py::register_local_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const Error&) {
      translate_exception();
    }
  });
  configure_memory();
  configure_threads();
  registry.cell_type = make_cell_type();
  m.add_object("Cell", py::handle(reinterpret_cast<PyObject*>(registry.cell_type)));
  m.add_object("MapKernel", py::handle(reinterpret_cast<PyObject*>(make_map_kernel_type())));
  m.add_object("Program", py::handle(reinterpret_cast<PyObject*>(make_program_type())));
  m.add_object("ReduceKernel",
               py::handle(reinterpret_cast<PyObject*>(make_reduce_kernel_type())));
  m.add_object("Move", py::handle(reinterpret_cast<PyObject*>(make_move_type())));
  m.add_object("Assembly", py::handle(reinterpret_cast<PyObject*>(make_assembly_type())));
  m.add_object("Routine", py::handle(reinterpret_cast<PyObject*>(make_routine_type())));
  m.add_object("Dispatch", py::handle(reinterpret_cast<PyObject*>(make_dispatch_type())));
  m.add_object("Staged", py::handle(reinterpret_cast<PyObject*>(make_staged_type())));
  m.add_object("Route", py::handle(reinterpret_cast<PyObject*>(make_route_type())));
  m.add_object("TapeNode", py::handle(reinterpret_cast<PyObject*>(make_tape_node_type())));
  bind_kernel(m);
  bind_dispatch(m);
  bind_tape(m);
  bind_tape_walk(m);
  bind_indexing(m);
  prepare_moves(m);
  bind_devices(m);
  bind_artifact(m);
  bind_values(m);
  bind_routines(m);
  bind_effects(m);
  bind_state(m);
  bind_timeline(m);
}
