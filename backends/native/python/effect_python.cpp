#include "effect_python.h"

#include <cstring>

#include "../core/effect.h"
#include "cell.h"

namespace tilewright {
namespace {

PyObject* write_line = nullptr;     // write_line(text)
PyObject* call_function = nullptr;  // call_function(name, where, values, kinds) -> bytes of each

py::tuple kind_of(const EffectArray& array) {
  py::tuple shape(array.ndim);
  for (int i = 0; i < array.ndim; ++i) shape[size_t(i)] = array.dims[i];
  return py::make_tuple(int(array.type), shape);
}

// Programs run without the interpreter's lock.
void write(const std::string& line) {
  const py::gil_scoped_acquire acquire;
  const py::handle function = write_line;
  function(py::str(line));
}

void call(const Effect& effect, std::vector<EffectArray>& arrays) {
  const py::gil_scoped_acquire acquire;
  py::list values, kinds;
  for (size_t i = 0; i < arrays.size(); ++i) {
    const EffectArray& array = arrays[i];
    if (int(i) < effect.n_values)
      values.append(py::make_tuple(py::bytes(array.data, size_t(array.bytes())), kind_of(array)));
    else
      kinds.append(kind_of(array));
  }
  const py::handle function = call_function;
  const py::sequence found = function(effect.text, effect.where, values, kinds);
  const size_t first = size_t(effect.n_values);
  for (size_t i = first; i < arrays.size(); ++i) {
    const std::string bytes = found[i - first].cast<py::bytes>();
    if (int64_t(bytes.size()) != arrays[i].bytes())
      fail(ErrorKind::Value, "callback: result %zu of %s has %zu bytes; it must have %lld",
           i - first, effect.text.c_str(), bytes.size(),
           static_cast<long long>(arrays[i].bytes()));
    if (!bytes.empty()) std::memcpy(arrays[i].data, bytes.data(), bytes.size());
  }
}

void set_host(py::object write_to, py::object call_to) {
  Py_XSETREF(write_line, write_to.release().ptr());
  Py_XSETREF(call_function, call_to.release().ptr());
  set_effect_host({write, call});
}

// An effect of eager code, on arrays of the host.
void run_now(int64_t kind, const std::string& text, const std::string& where,
             const py::sequence& cells) {
  if (kind < Effect::Print || kind > Effect::CheckFinite)
    fail(ErrorKind::Value, "run_effect: got kind %lld", static_cast<long long>(kind));
  Effect effect{Effect::Kind(kind), text, where, int(cells.size()), {}};
  std::vector<BufferRef> held;
  std::vector<EffectArray> arrays;
  for (py::handle cell : cells) {
    Cell* value = require_concrete("run_effect", cell.ptr());
    held.push_back(contiguous_value(value));
    arrays.push_back({held.back()->data, value->type, value->ndim, value->dims});
  }
  const size_t wanted = kind == Effect::Print ? 0 : 1;
  if (arrays.size() < wanted || (kind == Effect::Check && arrays[0].type != DType::Bool))
    fail(ErrorKind::DType, "run_effect: the values do not fit the kind");
  run_effect(effect, arrays);
}

}  // namespace

void bind_effects(py::module_& m) {
  m.def("set_effect_host", &set_host, py::arg("write"), py::arg("call"));
  m.def("run_effect", &run_now, py::arg("kind"), py::arg("text"), py::arg("where"),
        py::arg("cells"));
}

}  // namespace tilewright
