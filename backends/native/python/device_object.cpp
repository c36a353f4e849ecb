#include "device_object.h"

#include <pybind11/stl.h>

#include <algorithm>

#include "../core/copy.h"
#include "../core/device_kernel.h"
#include "create.h"
#include "gil.h"

namespace tilewright {

Device* device_at(int index) { return index == 0 ? nullptr : &Device::at(index); }

namespace {

// The elements from the first to the last of a window, relative to the base's first.
void span_of(const Cell* cell, int64_t* first, int64_t* count) {
  int64_t low = cell->offset, high = cell->offset;
  for (int i = 0; i < cell->ndim; ++i)
    (cell->strides[i] < 0 ? low : high) += (cell->dims[i] - 1) * cell->strides[i];
  *first = low;
  *count = high - low + 1;
}

py::object to_device(Cell* source, Device* device) {
  const py::object host = on_host(source);
  Cell* cell = reinterpret_cast<Cell*>(host.ptr());
  BufferRef value = contiguous_value(cell);
  Cell* made = new_empty("to", cell->type, cell->ndim, cell->dims, device);
  const py::object result = object_from(made);
  ReleaseGil release(kReleaseCost);
  device->write(made->buffer, value->data, cell->size * itemsize(cell->type));
  return result;
}

py::object transfer(py::handle object, int index) {
  Cell* cell = require_concrete("to", object.ptr());
  Device* device = device_at(index);
  if (device == device_of(cell))
    return object_from(new_root(cell->type, cell->ndim, cell->dims, contiguous_value(cell)));
  return device ? to_device(cell, device) : on_host(cell);
}

py::dict properties(int index) {
  Device& device = Device::at(index);
  const tw_properties& has = device.properties();
  std::vector<int> dtypes;
  for (int code = 0; code < kDTypes; ++code)
    if (has.dtypes >> code & 1) dtypes.push_back(code);
  py::dict result;
  result["processor"] = has.name;
  result["driver"] = has.driver;
  result["memory"] = has.memory;
  result["largest"] = has.largest;
  result["shared"] = has.shared;
  result["units"] = has.units;
  result["threads"] = has.threads;
  result["warp"] = has.warp;
  result["dtypes"] = dtypes;
  return result;
}

int open_device(const std::string& backend, int number) {
  py::gil_scoped_release release;
  return Device::open(backend, number).index();
}

std::pair<int, std::string> count_devices(const std::string& backend) {
  py::gil_scoped_release release;
  std::string why;
  const int count = Device::count(backend, &why);
  return {count, why};
}

std::pair<const void*, size_t> content(const py::bytes& bytes) {
  return {PyBytes_AS_STRING(bytes.ptr()), size_t(PyBytes_GET_SIZE(bytes.ptr()))};
}

std::shared_ptr<DeviceKernel> make_kernel(int index, const py::bytes& code, const py::bytes& words,
                                          const std::vector<py::bytes>& tables) {
  Device& device = Device::at(index);
  std::vector<std::pair<const void*, size_t>> contents;
  for (const py::bytes& table : tables) contents.push_back(content(table));
  const auto object = content(code), text = content(words);
  py::gil_scoped_release release;  // drivers compile here
  return std::make_shared<DeviceKernel>(device, object.first, object.second, text.first,
                                        text.second, contents);
}

LaunchPlan plan_of(const DeviceKernel& kernel, const std::vector<int64_t>& sizes) {
  if (sizes.size() != size_t(kernel.n_sizes()))
    fail(ErrorKind::Value, "kernel: got %zu sizes; it takes %d", sizes.size(), kernel.n_sizes());
  LaunchPlan plan;
  kernel.plan(sizes.data(), plan);
  return plan;
}

void run_kernel(const DeviceKernel& kernel, const std::vector<py::object>& buffers,
                const std::vector<int64_t>& sizes) {
  if (buffers.size() != size_t(kernel.n_buffers()))
    fail(ErrorKind::Value, "kernel: got %zu buffers; it takes %d", buffers.size(),
         kernel.n_buffers());
  BufferRef held[kMaxArguments];
  tw_argument arguments[kMaxArguments];
  for (size_t i = 0; i < buffers.size(); ++i) {
    Cell* cell = require_concrete("kernel", buffers[i].ptr());
    Cell* root = root_of(cell);
    if (device_of(cell) != &kernel.device())
      fail(ErrorKind::Device, "kernel: buffer %zu is on %s; the kernel runs on %s", i,
           device_name(device_of(cell)), kernel.device().name());
    if (!cell->contiguous || cell->size != root->size)
      fail(ErrorKind::Value, "kernel: buffer %zu is a part of another array", i);
    held[i] = BufferRef::share(root->buffer);
    arguments[i] = {memory_of(root->buffer), 0};
  }
  const LaunchPlan plan = plan_of(kernel, sizes);
  py::gil_scoped_release release;
  kernel.run(plan, arguments);
}

void bind_device_kernel(py::module_& module) {
  py::class_<DeviceKernel, AnyKernel, std::shared_ptr<DeviceKernel>>(module, "DeviceKernel",
                                                                     py::module_local())
      .def(py::init(&make_kernel), py::arg("device"), py::arg("code"), py::arg("words"),
           py::arg("tables") = std::vector<py::bytes>())
      .def_property_readonly("n_buffers", &DeviceKernel::n_buffers)
      .def_property_readonly("n_outputs", &DeviceKernel::n_outputs)
      .def_property_readonly("n_sizes", &DeviceKernel::n_sizes)
      .def_property_readonly("n_phases", &DeviceKernel::n_phases)
      .def_property_readonly("binary",
                             [](const DeviceKernel& self) { return py::bytes(self.binary()); })
      .def("scratch_bytes",
           [](const DeviceKernel& self, const py::args& sizes) {
             return self.scratch_bytes(plan_of(self, sizes.cast<std::vector<int64_t>>()), 1);
           })
      .def("__call__", &run_kernel, py::arg("buffers"), py::arg("sizes"));
}

py::dict stats(int index) {
  Device* device = device_at(index);
  const MemoryStats now = device ? device->memory_stats() : memory_stats();
  py::dict result;
  result["in_use"] = now.in_use;
  result["peak"] = now.peak;
  result["pooled"] = now.pooled;
  result["limit"] = now.limit;
  return result;
}

void bind_memory(py::module_& module) {
  const auto index = py::arg("device") = 0;
  module.def("memory_stats", &stats, index);
  module.def(
      "reset_peak",
      [](int device) { device ? Device::at(device).reset_peak() : reset_peak(); }, index);
  module.def(
      "empty_cache",
      [](int device) {
        py::gil_scoped_release release;
        device ? Device::at(device).empty_cache() : empty_cache();
      },
      index);
  module.def(
      "set_memory_limit",
      [](int64_t bytes, int device) {
        if (bytes < 0)
          fail(ErrorKind::Value, "set_memory_limit: got %lld bytes; 0 or more are wanted",
               static_cast<long long>(bytes));
        device ? Device::at(device).set_memory_limit(bytes) : set_memory_limit(bytes);
      },
      py::arg("bytes"), index);
}

}  // namespace

py::object on_host(Cell* cell) {
  Device* device = device_of(cell);
  if (!device) return py::reinterpret_borrow<py::object>(object_of(cell));
  const int size = itemsize(cell->type);
  Cell* made = new_empty("to", cell->type, cell->ndim, cell->dims);
  const py::object result = object_from(made);
  if (cell->size == 0) return result;
  // The cell may get another value meanwhile.
  BufferRef held = BufferRef::share(root_of(cell)->buffer);
  ReleaseGil release(kReleaseCost);
  if (cell->contiguous) {
    device->read(held.get(), cell->offset * size, made->buffer->data, cell->size * size);
    return result;
  }
  int64_t first, count;
  span_of(cell, &first, &count);
  BufferRef window(allocate(count * size));
  device->read(held.get(), first * size, window->data, count * size);
  copy_to_contiguous(made->buffer->data, window->data + (cell->offset - first) * size, size,
                     cell->ndim, cell->dims, cell->strides);
  return result;
}

void bind_devices(py::module_& module) {
  module.def("count_devices", &count_devices, py::arg("backend"));
  module.def("open_device", &open_device, py::arg("backend"), py::arg("number"));
  module.def("device_properties", &properties, py::arg("device"));
  module.def("device_name", [](int index) { return std::string(device_name(device_at(index))); },
             py::arg("device"));
  module.def("transfer", &transfer, py::arg("cell"), py::arg("device"));
  module.def(
      "synchronise",
      [](int index) {
        py::gil_scoped_release release;
        if (Device* device = device_at(index)) device->synchronise();
      },
      py::arg("device"));
  module.def(
      "set_timed", [](int index, bool timed) { Device::at(index).set_timed(timed); },
      py::arg("device"), py::arg("timed"), py::call_guard<py::gil_scoped_release>());
  module.def(
      "device_time", [](int index) { return Device::at(index).time(); }, py::arg("device"),
      py::call_guard<py::gil_scoped_release>());
  module.def("load_device_table", &load_device_table, py::arg("path"));
  bind_device_kernel(module);
  bind_memory(module);
}

}  // namespace tilewright
