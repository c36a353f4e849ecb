// Kernels as Python objects.
#include "kernel_object.h"

#include <pybind11/stl.h>

#include "../core/kernel.h"
#include "../core/pool.h"
#include "cell.h"
#include "gil.h"

namespace tilewright {
namespace {

std::pair<const void*, size_t> content(const py::bytes& bytes) {
  return {PyBytes_AS_STRING(bytes.ptr()), size_t(PyBytes_GET_SIZE(bytes.ptr()))};
}

std::shared_ptr<Kernel> make(const py::bytes& object, const py::bytes& words,
                             const std::vector<py::bytes>& tables) {
  std::vector<std::pair<const void*, size_t>> contents;
  for (const py::bytes& table : tables) contents.push_back(content(table));
  const auto code = content(object), text = content(words);
  return std::make_shared<Kernel>(code.first, code.second, text.first, text.second, contents);
}

LaunchPlan plan_of(const Kernel& kernel, const std::vector<int64_t>& sizes) {
  if (sizes.size() != size_t(kernel.n_sizes()))
    fail(ErrorKind::Value, "kernel: got %zu sizes; it takes %d", sizes.size(), kernel.n_sizes());
  LaunchPlan plan;
  kernel.plan(sizes.data(), plan);
  return plan;
}

std::vector<int64_t> ints(const py::args& sizes) { return sizes.cast<std::vector<int64_t>>(); }

void run(const Kernel& kernel, const std::vector<py::object>& buffers,
         const std::vector<int64_t>& sizes) {
  if (buffers.size() != size_t(kernel.n_buffers()))
    fail(ErrorKind::Value, "kernel: got %zu buffers; it takes %d", buffers.size(),
         kernel.n_buffers());
  void* pointers[kMaxArguments];
  for (size_t i = 0; i < buffers.size(); ++i) {
    Cell* cell = require_host("kernel", buffers[i].ptr());
    if (!cell->contiguous) fail(ErrorKind::Value, "kernel: buffer %zu is not contiguous", i);
    pointers[i] = data_of(cell);
  }
  const LaunchPlan plan = plan_of(kernel, sizes);
  ReleaseGil release(plan.cost, [&](auto hold) {
    for (const py::object& cell : buffers)
      hold(root_of(reinterpret_cast<Cell*>(cell.ptr()))->buffer);
  });
  kernel.run(plan, pointers);
}

}  // namespace

void bind_kernel(py::module_& module) {
  // Module-local, so that two copies of the module can live in one process (the tests do that).
  py::class_<AnyKernel, std::shared_ptr<AnyKernel>>(module, "AnyKernel", py::module_local());
  py::class_<Kernel, AnyKernel, std::shared_ptr<Kernel>>(module, "Kernel", py::module_local())
      .def(py::init(&make), py::arg("object"), py::arg("words"),
           py::arg("tables") = std::vector<py::bytes>())
      .def_property_readonly("n_buffers", &Kernel::n_buffers)
      .def_property_readonly("n_outputs", &Kernel::n_outputs)
      .def_property_readonly("n_sizes", &Kernel::n_sizes)
      .def_property_readonly("n_phases", &Kernel::n_phases)
      .def("scratch_bytes",
           [](const Kernel& self, const py::args& sizes) {
             return self.scratch_bytes(plan_of(self, ints(sizes)), num_threads());
           })
      .def("cost",
           [](const Kernel& self, const py::args& sizes) {
             return 1e-12 * double(plan_of(self, ints(sizes)).cost);
           })
      .def("__call__", &run, py::arg("buffers"), py::arg("sizes"));
}

}  // namespace tilewright
