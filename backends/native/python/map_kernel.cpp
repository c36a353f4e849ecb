#include "map_kernel.h"

#include <structmember.h>

#include <algorithm>

#include "../core/map_job.h"
#include "gil.h"
#include "scalars.h"
#include "timeline_python.h"

namespace tilewright {

PyTypeObject* map_kernel_type = nullptr;

namespace {

constexpr int64_t kLargeCopy = 1 << 15;  // elements; preparing more than this frees the GIL

bool same_shape(const MapArgument& a, const MapArgument& b) {
  return a.ndim == b.ndim && std::equal(a.dims, a.dims + a.ndim, b.dims);
}

Shape broadcast_shape(const MapKernel* self, const MapArgument* arguments) {
  Shape shape;
  for (int i = 0; i < self->n_inputs; ++i) shape.ndim = std::max(shape.ndim, arguments[i].ndim);
  std::fill_n(shape.dims, shape.ndim, 1);
  bool fits = true;
  for (int i = 0; i < self->n_inputs; ++i) {
    const MapArgument& argument = arguments[i];
    int64_t* dims = shape.dims + (shape.ndim - argument.ndim);
    for (int axis = 0; axis < argument.ndim; ++axis) {
      const int64_t size = argument.dims[axis];
      fits = fits && (size == dims[axis] || size == 1 || dims[axis] == 1);
      if (dims[axis] == 1) dims[axis] = size;
    }
  }
  if (fits) return shape;
  std::string got;
  for (int i = 0; i < self->n_inputs; ++i)
    got += (i ? " and " : "") + shape_text(arguments[i].ndim, arguments[i].dims);
  fail(ErrorKind::Shape, "%s: got %s; the shapes must be equal or broadcast (sizes equal or 1)",
       self->text, got.c_str());
}

const Kernel& compile_variant(MapKernel* self, int mask) {
  py::object made = py::reinterpret_borrow<py::object>(self->compile)(mask);
  auto kernel = made.cast<std::shared_ptr<Kernel>>();
  if (kernel->n_buffers() != self->n_inputs + 1 || kernel->n_outputs() != 1 ||
      kernel->n_sizes() != 1)
    fail(ErrorKind::Value,
         "%s: the compiled kernel has %d buffers, %d outputs and %d sizes; wanted %d, 1 and 1",
         self->text, kernel->n_buffers(), kernel->n_outputs(), kernel->n_sizes(),
         self->n_inputs + 1);
  std::shared_ptr<const Kernel>& place = (*self->variants)[size_t(mask)];
  if (!place) place = kernel;  // another thread may have been faster
  return *place;
}

// Contiguous operands of one shape, or single elements, without any preparation. Null if the
// operands are not so, or the kernel for them has not been compiled yet.
Cell* run_flat(MapKernel* self, const MapArgument* arguments) {
  int widest = 0, mask = 0;
  for (int i = 1; i < self->n_inputs; ++i)
    if (arguments[i].ndim > arguments[widest].ndim) widest = i;
  const MapArgument& shape = arguments[widest];
  for (int i = 0; i < self->n_inputs; ++i) {
    if (!arguments[i].contiguous) return nullptr;
    if (i == widest || same_shape(arguments[i], shape)) continue;
    if (arguments[i].ndim != 0) return nullptr;
    mask |= 1 << i;
  }
  const int64_t size = product(shape.ndim, shape.dims);
  if (size == 1) mask = 0;
  const Kernel* kernel = (*self->variants)[size_t(mask)].get();
  if (!kernel || size == 0) return nullptr;
  BufferRef output(allocate(size * itemsize(self->output_type)));
  void* pointers[kMaxMapInputs + 1];
  for (int i = 0; i < self->n_inputs; ++i) pointers[i] = arguments[i].data;
  pointers[self->n_inputs] = output->data;
  LaunchPlan plan;
  kernel->plan(&size, plan);
  {
    ReleaseGil release(plan.cost, [&](auto hold) {
      for (int i = 0; i < self->n_inputs; ++i) hold(arguments[i].owner);
    });
    kernel->run(plan, pointers);
  }
  return new_root(self->output_type, shape.ndim, shape.dims, std::move(output));
}

void fill_job(MapKernel* self, const MapArgument* arguments, const Shape& shape, MapJob& job) {
  job.n_inputs = self->n_inputs;
  job.ndim = shape.ndim;
  std::copy_n(shape.dims, shape.ndim, job.dims);
  job.output_itemsize = itemsize(self->output_type);
  for (int i = 0; i < self->n_inputs; ++i) {
    job.inputs[i].data = arguments[i].data;
    job.inputs[i].itemsize = itemsize(self->input_types[i]);
    broadcast_strides(arguments[i].ndim, arguments[i].dims, arguments[i].strides, shape.ndim,
                      shape.dims, job.inputs[i].strides);
  }
}

Cell* run_general(MapKernel* self, const MapArgument* arguments) {
  const Shape shape = broadcast_shape(self, arguments);
  Cell* result = new_empty(self->text, self->output_type, shape.ndim, shape.dims);
  py::object owner = py::reinterpret_steal<py::object>(object_of(result));
  if (result->size == 0) return reinterpret_cast<Cell*>(owner.release().ptr());
  // Compiling runs Python code, which may change the cells: their values are held from here on.
  BufferRef held[kMaxMapInputs];
  for (int i = 0; i < self->n_inputs; ++i)
    if (arguments[i].owner) held[i] = BufferRef::share(arguments[i].owner);
  MapJob job;
  fill_job(self, arguments, shape, job);
  job.output = result->buffer->data;
  {
    ReleaseGil release(result->size > kLargeCopy ? kReleaseCost : 0);
    job.prepare();
  }
  const int mask = job.mask();
  const Kernel* known = (*self->variants)[size_t(mask)].get();
  const Kernel& kernel = known ? *known : compile_variant(self, mask);
  LaunchPlan plan;
  const int64_t inner = job.inner();
  kernel.plan(&inner, plan);
  {
    const bool long_run = plan.cost > kReleaseCost || job.outer() > kReleaseCost;
    ReleaseGil release(long_run ? kReleaseCost : plan.cost * job.outer());
    job.run(kernel, plan);
  }
  return reinterpret_cast<Cell*>(owner.release().ptr());
}

PyObject* call(PyObject* callable, PyObject* const* args, size_t flags, PyObject* names) {
  MapKernel* self = reinterpret_cast<MapKernel*>(callable);
  const Py_ssize_t count = PyVectorcall_NARGS(flags);
  if (count != self->n_inputs || (names && PyTuple_GET_SIZE(names))) {
    PyErr_Format(PyExc_TypeError, "%U: got %zd arguments; wanted %d arrays", self->name, count,
                 self->n_inputs);
    return nullptr;
  }
  return guarded([&] {
    MapArgument arguments[kMaxMapInputs];
    alignas(16) char elements[kMaxMapInputs][16];
    for (int i = 0; i < self->n_inputs; ++i) {
      const DType wanted = self->input_types[i];
      if (!as_cell(args[i])) {
        store_scalar_or_throw(self->text, wanted, args[i], elements[i]);
        arguments[i] = MapArgument::of(elements[i]);
        continue;
      }
      Cell* cell = require_host(self->text, args[i]);
      if (cell->type != wanted)
        fail(ErrorKind::DType, "%s: operand %d has dtype %s; this kernel takes %s", self->text, i,
             name(cell->type), name(wanted));
      arguments[i] = MapArgument::of(cell);
    }
    return object_of(run_map(self, arguments));
  });
}

PyObject* make(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  static const char* keywords[] = {"name", "in_codes", "out_code", "compile", nullptr};
  PyObject *name, *codes, *compile;
  long long out;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "UOLO:MapKernel", const_cast<char**>(keywords),
                                   &name, &codes, &out, &compile))
    return nullptr;
  return guarded([&] {
    const char* text = PyUnicode_AsUTF8(name);
    if (!text) throw py::error_already_set();
    const Shape inputs = shape_from(text, codes);
    if (inputs.ndim < 1 || inputs.ndim > kMaxMapInputs)
      fail(ErrorKind::Value, "%s: got %d inputs; a MapKernel has 1 to %d", text, inputs.ndim,
           kMaxMapInputs);
    const DType output = dtype_from(text, out);
    for (int i = 0; i < inputs.ndim; ++i) dtype_from(text, inputs.dims[i]);
    MapKernel* self = PyObject_GC_New(MapKernel, type);
    if (!self) throw py::error_already_set();
    self->call = call;
    self->name = Py_NewRef(name);
    self->text = text;
    self->label = timeline::intern(text);
    self->compile = Py_NewRef(compile);
    self->n_inputs = inputs.ndim;
    self->output_type = output;
    for (int i = 0; i < inputs.ndim; ++i) self->input_types[i] = DType(inputs.dims[i]);
    self->variants = new std::vector<std::shared_ptr<const Kernel>>(size_t{1} << inputs.ndim);
    PyObject_GC_Track(self);
    return reinterpret_cast<PyObject*>(self);
  });
}

int traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(reinterpret_cast<MapKernel*>(self)->compile);
  Py_VISIT(Py_TYPE(self));
  return 0;
}

void dealloc(PyObject* object) {
  MapKernel* self = reinterpret_cast<MapKernel*>(object);
  PyTypeObject* type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  Py_DECREF(self->name);
  Py_DECREF(self->compile);
  delete self->variants;
  type->tp_free(object);
  Py_DECREF(type);
}

PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(MapKernel, call), READONLY, nullptr},
    {"name", T_OBJECT, offsetof(MapKernel, name), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

}  // namespace

Cell* run_map(MapKernel* kernel, const MapArgument* arguments) {
  const PythonSpan span(timeline::Category::Eager, kernel->label);
  Cell* result = run_flat(kernel, arguments);
  return result ? result : run_general(kernel, arguments);
}

PyTypeObject* make_map_kernel_type() {
  PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("An eager elementwise operation for fixed dtypes.")},
      {Py_tp_new, reinterpret_cast<void*>(make)},
      {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
      {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
      {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
      {Py_tp_members, members},
      {0, nullptr},
  };
  PyType_Spec spec = {"tilewright._native.MapKernel", int(sizeof(MapKernel)), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL, slots};
  PyObject* type = PyType_FromSpec(&spec);
  if (!type) throw py::error_already_set();
  return map_kernel_type = reinterpret_cast<PyTypeObject*>(type);
}

}  // namespace tilewright
