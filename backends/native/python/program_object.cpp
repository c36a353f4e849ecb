#include "program_object.h"

#include <structmember.h>

#include <memory>

#include "../core/device_program.h"
#include "device_object.h"
#include "gil.h"
#include "timeline_python.h"

namespace tilewright {
namespace {

PyTypeObject* program_type = nullptr;

struct ProgramObject {
  PyObject_HEAD
  vectorcallfunc call;
  AnyProgram* program;
  Device* device;  // null: the host
};

const AnyProgram& program_of(PyObject* self) {
  return *reinterpret_cast<ProgramObject*>(self)->program;
}

// A short array on the stack, a long one on the heap.
template <class T>
class Scratch {
 public:
  explicit Scratch(size_t count) : heap_(count > kFew ? new T[count] : nullptr) {}
  T* data() { return heap_ ? heap_.get() : few_; }

 private:
  static constexpr size_t kFew = 12;
  T few_[kFew];
  std::unique_ptr<T[]> heap_;
};

// The inputs as the program wants them; `copies` hold what had to be made contiguous.
void read_inputs(const AnyProgram& program, Device* device, PyObject* const* cells,
                 ProgramInput* inputs, std::vector<BufferRef>& copies) {
  const char* name = program.name().c_str();
  for (int i = 0; i < program.n_inputs(); ++i) {
    Cell* cell = require_concrete(name, cells[i]);
    if (device_of(cell) != device)
      fail(ErrorKind::Device, "%s: input %d is on %s; the program runs on %s", name, i,
           device_name(device_of(cell)), device_name(device));
    if (device) {
      copies.push_back(contiguous_value(cell));
      inputs[i] = {nullptr, copies.back().get(), cell->type, cell->ndim, cell->dims};
      continue;
    }
    Buffer* buffer = root_of(cell)->buffer;
    char* data = data_of(cell);
    if (!cell->contiguous) {
      copies.push_back(contiguous_value(cell));
      buffer = copies.back().get();
      data = buffer->data;
    }
    const bool whole = data == buffer->data &&
                       cell->size * itemsize(cell->type) == buffer->bytes;
    inputs[i] = {data, whole ? buffer : nullptr, cell->type, cell->ndim, cell->dims};
  }
}

// Results are written to `results[0..n_outputs)` as new references.
void run(const ProgramObject* self, PyObject* const* cells, Py_ssize_t count,
         PyObject** results) {
  const AnyProgram& program = *self->program;
  if (count != program.n_inputs())
    fail(ErrorKind::DType, "%s: got %zd inputs; it takes %d", program.name().c_str(), count,
         program.n_inputs());
  Scratch<ProgramInput> inputs(static_cast<size_t>(count));
  Scratch<ProgramOutput> outputs(static_cast<size_t>(program.n_outputs()));
  std::vector<BufferRef> copies;
  read_inputs(program, self->device, cells, inputs.data(), copies);
  name_thread_in_timeline();
  const PlanRef plan = program.plan(inputs.data());
  {
    // Drivers take their time, and a queue may be held by a thread that waits for a result.
    ReleaseGil release(self->device ? kReleaseCost : plan->cost, [&](auto hold) {
      for (Py_ssize_t i = 0; i < count; ++i)
        hold(root_of(reinterpret_cast<Cell*>(cells[i]))->buffer);
    });
    program.run(*plan.plan, inputs.data(), outputs.data());
  }
  for (int i = 0; i < program.n_outputs(); ++i) {
    ProgramOutput& output = outputs.data()[i];
    results[i] = object_of(new_root(output.type, output.shape.ndim, output.shape.dims,
                                    std::move(output.buffer)));
  }
}

PyObject* call(PyObject* self, PyObject* const* args, size_t flags, PyObject* names) {
  return guarded([&] {
    if (names && PyTuple_GET_SIZE(names))
      fail(ErrorKind::DType, "%s: it takes no keywords", program_of(self).name().c_str());
    py::tuple results(program_of(self).n_outputs());
    run(reinterpret_cast<ProgramObject*>(self), args, PyVectorcall_NARGS(flags),
        reinterpret_cast<PyTupleObject*>(results.ptr())->ob_item);
    return results.release().ptr();
  });
}

PyObject* run_method(PyObject* self, PyObject* inputs) {
  return guarded([&] {
    py::object fast = py::reinterpret_steal<py::object>(
        PySequence_Fast(inputs, "run: the inputs must be a sequence of arrays"));
    if (!fast) throw py::error_already_set();
    py::list results(program_of(self).n_outputs());
    run(reinterpret_cast<ProgramObject*>(self), PySequence_Fast_ITEMS(fast.ptr()),
        PySequence_Fast_GET_SIZE(fast.ptr()),
        reinterpret_cast<PyListObject*>(results.ptr())->ob_item);
    return results.release().ptr();
  });
}

PyObject* make(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  static const char* keywords[] = {"words", "kernels", "name", "device", nullptr};
  const char *words, *name = "program";
  Py_ssize_t bytes;
  PyObject* kernels;
  int index = 0;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "y#O|si:Program", const_cast<char**>(keywords),
                                   &words, &bytes, &kernels, &name, &index))
    return nullptr;
  return guarded([&] {
    std::vector<std::shared_ptr<const AnyKernel>> list;
    for (py::handle kernel : py::reinterpret_borrow<py::object>(kernels))
      list.push_back(kernel.cast<std::shared_ptr<AnyKernel>>());
    Device* device = device_at(index);
    std::unique_ptr<AnyProgram> program;
    if (device)
      program = std::make_unique<DeviceProgram>(*device, words, size_t(bytes), std::move(list),
                                                name);
    else
      program = std::make_unique<Program>(words, size_t(bytes), std::move(list), name);
    ProgramObject* self = PyObject_New(ProgramObject, type);
    if (!self) throw py::error_already_set();
    self->call = call;
    self->program = program.release();
    self->device = device;
    return reinterpret_cast<PyObject*>(self);
  });
}

void dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  delete reinterpret_cast<ProgramObject*>(self)->program;
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* get_name(PyObject* self, void*) {
  return PyUnicode_FromString(program_of(self).name().c_str());
}
PyObject* get_n_inputs(PyObject* self, void*) {
  return PyLong_FromLong(program_of(self).n_inputs());
}
PyObject* get_n_outputs(PyObject* self, void*) {
  return PyLong_FromLong(program_of(self).n_outputs());
}

PyObject* get_routines(PyObject* self, void*) {
  return guarded([&] {
    py::list names;
    for (const std::string& name : program_of(self).routines()) names.append(name);
    return py::tuple(names).release().ptr();
  });
}

PyGetSetDef attributes[] = {
    {"name", get_name, nullptr, nullptr, nullptr},
    {"n_inputs", get_n_inputs, nullptr, nullptr, nullptr},
    {"n_outputs", get_n_outputs, nullptr, nullptr, nullptr},
    {"routines", get_routines, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyMethodDef methods[] = {
    {"run", run_method, METH_O, "Call with a sequence of inputs; gives a list."},
    {nullptr, nullptr, 0, nullptr},
};

PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(ProgramObject, call), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

}  // namespace

const AnyProgram* host_program(PyObject* object) {
  if (Py_TYPE(object) != program_type) return nullptr;
  const ProgramObject* self = reinterpret_cast<ProgramObject*>(object);
  return self->device ? nullptr : self->program;
}

bool is_program(PyObject* object) { return Py_TYPE(object) == program_type; }

void run_program(PyObject* program, PyObject* const* cells, Py_ssize_t count,
                 std::vector<py::object>& results) {
  const size_t n = size_t(program_of(program).n_outputs());
  Scratch<PyObject*> made(n);
  run(reinterpret_cast<ProgramObject*>(program), cells, count, made.data());
  for (size_t i = 0; i < n; ++i)
    results.push_back(py::reinterpret_steal<py::object>(made.data()[i]));
}

PyTypeObject* make_program_type() {
  PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("A compiled graph: instructions over slots.")},
      {Py_tp_new, reinterpret_cast<void*>(make)},
      {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
      {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
      {Py_tp_getset, attributes},
      {Py_tp_methods, methods},
      {Py_tp_members, members},
      {0, nullptr},
  };
  PyType_Spec spec = {"tilewright._native.Program", int(sizeof(ProgramObject)), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL, slots};
  PyObject* type = PyType_FromSpec(&spec);
  if (!type) throw py::error_already_set();
  return program_type = reinterpret_cast<PyTypeObject*>(type);
}

}  // namespace tilewright
