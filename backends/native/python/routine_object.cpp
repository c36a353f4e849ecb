// Native routines for eager code: called at once on cells.
#include "routine_object.h"

#include <pybind11/stl.h>

#include <cstring>

#include "../core/fourier.h"
#include "../core/lapack.h"
#include "../core/routines.h"
#include "cell.h"
#include "create.h"
#include "gil.h"

namespace tilewright {
namespace {

RoutinePlan plan_of(const Routine& routine, const std::vector<int64_t>& sizes) {
  if (sizes.size() != size_t(routine.n_sizes))
    fail(ErrorKind::Value, "%s: got %zu sizes; it takes %d", routine.name, sizes.size(),
         routine.n_sizes);
  return plan_routine(routine, sizes.data());
}

// A contiguous buffer of at least the bytes that the plan wants; `copies` hold what had to be
// copied.
void* pointer_of(const Routine& routine, Cell* cell, int64_t wanted,
                 std::vector<BufferRef>& copies) {
  if (cell->size * itemsize(cell->type) < wanted)
    fail(ErrorKind::Value, "%s: got an array of %lld bytes; its sizes ask for %lld", routine.name,
         static_cast<long long>(cell->size * itemsize(cell->type)),
         static_cast<long long>(wanted));
  if (cell->contiguous) return data_of(cell);
  copies.push_back(contiguous_value(cell));
  return copies.back()->data;
}

py::object call(const std::string& name, const std::vector<py::object>& inputs, py::handle shape,
                int64_t code, const std::vector<int64_t>& sizes) {
  const Routine& routine = find_routine(name);
  if (inputs.size() + 1 != size_t(routine.n_buffers))
    fail(ErrorKind::Value, "%s: got %zu inputs; it takes %d", routine.name, inputs.size(),
         routine.n_buffers - 1);
  const RoutinePlan plan = plan_of(routine, sizes);
  std::vector<BufferRef> copies;
  void* pointers[kMaxRoutineBuffers];
  for (size_t i = 0; i < inputs.size(); ++i) {
    Cell* cell = require_concrete(routine.name, inputs[i].ptr());
    pointers[i] = pointer_of(routine, cell, plan.bytes[i], copies);
  }
  const DType type = dtype_from(routine.name, code);
  const Shape dims = shape_from(routine.name, shape);
  const py::object result = object_from(new_empty(routine.name, type, dims.ndim, dims.dims));
  pointers[inputs.size()] = pointer_of(routine, reinterpret_cast<Cell*>(result.ptr()),
                                       plan.bytes[inputs.size()], copies);
  ReleaseGil release(plan.cost, [&](auto hold) {
    for (const py::object& cell : inputs)
      hold(root_of(reinterpret_cast<Cell*>(cell.ptr()))->buffer);
  });
  routine.run(routine, plan, pointers);
  return result;
}

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

void bind_routines(py::module_& m) {
  m.def("call_routine", &call, py::arg("name"), py::arg("inputs"), py::arg("shape"),
        py::arg("dtype_code"), py::arg("sizes"));
  m.def("routines", &names);
  m.def("lapack_names", &lapack_names);
  m.def("fourier_names", &fourier_names);
  m.def("set_fourier", &hand_over_loop, py::arg("name"), py::arg("loop"), py::arg("context"));
  m.def("set_lapack", &hand_over, py::arg("name"), py::arg("function"));
}

}  // namespace tilewright
