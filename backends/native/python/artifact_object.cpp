#include "artifact_object.h"

#include <pybind11/stl.h>

#include "../core/artifact.h"
#include "gil.h"

namespace tilewright {
namespace {

// Memory of a Python object, held until the last user of the weights has gone.
Bytes lent_bytes(const py::object& source) {
  Py_buffer* view = new Py_buffer;
  if (PyObject_GetBuffer(source.ptr(), view, PyBUF_SIMPLE)) {
    delete view;
    throw py::error_already_set();
  }
  std::shared_ptr<const void> owner(view, [](Py_buffer* p) {
    const PyGILState_STATE state = PyGILState_Ensure();
    PyBuffer_Release(p);
    PyGILState_Release(state);
    delete p;
  });
  return {static_cast<const char*>(view->buf), size_t(view->len), owner};
}

std::unique_ptr<Artifact> open(const std::string& path, bool check_weights, bool copy,
                               const std::string& device) {
  const py::gil_scoped_release release;
  return std::make_unique<Artifact>(open_file(path.c_str(), copy), check_weights, device);
}

std::unique_ptr<Artifact> from_memory(const py::object& source, bool check_weights) {
  return std::make_unique<Artifact>(lent_bytes(source), check_weights);
}

// The cells as inputs; `copies` hold what had to be made contiguous.
std::vector<ProgramInput> inputs_of(const Artifact& artifact, const std::vector<py::object>& cells,
                                    std::vector<BufferRef>& copies) {
  if (cells.size() != artifact.inputs().size())
    fail(ErrorKind::DType, "%s: got %zu inputs; it takes %zu", artifact.name().c_str(),
         cells.size(), artifact.inputs().size());
  std::vector<ProgramInput> inputs;
  for (const py::object& object : cells) {
    Cell* cell = require_concrete(artifact.name().c_str(), object.ptr());
    Buffer* buffer = root_of(cell)->buffer;
    Device* const where = buffer->device;
    if (where && where != artifact.device())
      fail(ErrorKind::Device, "%s: got %s on %s; it runs on %s", artifact.name().c_str(),
           artifact.inputs()[inputs.size()].name.c_str(), where->name(),
           artifact.device_name().c_str());
    char* data = where ? nullptr : data_of(cell);
    if (where || !cell->contiguous) {
      copies.push_back(contiguous_value(cell));
      buffer = copies.back().get();
      data = buffer->data;
    }
    const bool whole =
        data == buffer->data && cell->size * itemsize(cell->type) == buffer->bytes;
    inputs.push_back({data, whole ? buffer : nullptr, cell->type, cell->ndim, cell->dims});
  }
  return inputs;
}

py::list run(const Artifact& artifact, const std::vector<py::object>& cells) {
  std::vector<BufferRef> copies;
  const std::vector<ProgramInput> inputs = inputs_of(artifact, cells, copies);
  std::vector<ProgramOutput> outputs(artifact.outputs().size());
  const PlanRef plan = artifact.plan(inputs.data());
  {
    ReleaseGil release(artifact.device() ? kReleaseCost : plan->cost, [&](auto hold) {
      for (const py::object& cell : cells)
        hold(root_of(reinterpret_cast<Cell*>(cell.ptr()))->buffer);
    });
    artifact.run(*plan.plan, inputs.data(), outputs.data());
  }
  py::list results(outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    ProgramOutput& output = outputs[i];
    Cell* cell =
        new_root(output.type, output.shape.ndim, output.shape.dims, std::move(output.buffer));
    PyList_SET_ITEM(results.ptr(), Py_ssize_t(i), object_of(cell));
  }
  return results;
}

}  // namespace

void bind_artifact(py::module_& module) {
  py::class_<Artifact>(module, "Artifact", py::module_local())
      .def_static("open", &open, py::arg("path"), py::arg("check_weights"), py::arg("copy"),
                  py::arg("device"))
      .def_static("from_memory", &from_memory, py::arg("source"), py::arg("check_weights"))
      .def_property_readonly("routines", [](const Artifact& self) { return self.routines(); })
      .def_property_readonly("manifest",
                             [](const Artifact& self) { return py::str(self.manifest()); })
      .def("run", &run, py::arg("inputs"));
  module.attr("ARTIFACT_FORMAT") = kArtifactFormat;
  module.def("sha256", [](const py::buffer& data) {
    const py::buffer_info info = data.request();
    const Digest digest = sha256(info.ptr, size_t(info.size * info.itemsize));
    return py::bytes(reinterpret_cast<const char*>(digest.data()), digest.size());
  });
}

}  // namespace tilewright
