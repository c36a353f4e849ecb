#include "dispatch.h"

#include <structmember.h>

#include "dispatch_table.h"

namespace tilewright {
namespace {

struct Dispatch {
  PyObject_HEAD
  vectorcallfunc call;
  PyObject* slow;      // what Python does
  PyObject* function;  // what it means, for the recorder
  PyObject* attributes;
  PyObject* weak;
  DispatchTable* table;
  int n_weak;
  bool by_classes;
};

PyObject* recorder = nullptr;

Dispatch* self_of(PyObject* object) { return reinterpret_cast<Dispatch*>(object); }

struct Held {
  explicit Held(Recipe* recipe) : recipe(recipe) { recipe->retain(); }
  ~Held() { recipe->release(); }
  Recipe* recipe;
};

PyObject* dictionary(PyObject* const* args, Py_ssize_t count, PyObject* names) {
  PyObject* result = PyDict_New();
  const Py_ssize_t n_names = names ? PyTuple_GET_SIZE(names) : 0;
  for (Py_ssize_t i = 0; result && i < n_names; ++i)
    if (PyDict_SetItem(result, PyTuple_GET_ITEM(names, i), args[count + i]) < 0) Py_CLEAR(result);
  return result;
}

// What the recorder makes of a call that has happened before: (recipe or None, whether it holds
// for all sizes of these classes). Trouble there costs speed alone, as Python's way is there.
void record(Dispatch* self, const CallKey& key, PyObject* const* args, Py_ssize_t count,
            PyObject* names) {
  py::object positional = py::reinterpret_steal<py::object>(PyTuple_New(count));
  py::object named = py::reinterpret_steal<py::object>(dictionary(args, count, names));
  if (!positional || !named) throw py::error_already_set();
  for (Py_ssize_t i = 0; i < count; ++i)
    PyTuple_SET_ITEM(positional.ptr(), i, Py_NewRef(args[i]));
  const py::object answer = py::reinterpret_borrow<py::object>(recorder)(
      py::handle(reinterpret_cast<PyObject*>(self)), positional, named, key.taped);
  const bool classes = key.bytes[0] == char(Detail::Classes);
  if (answer.is_none()) return self->table->put(key, Known::Never, nullptr);
  const py::tuple parts(answer);
  if (classes && !parts[1].cast<bool>()) return self->table->put(key, Known::BySizes, nullptr);
  self->table->put(key, Known::Recipe, new Recipe(py::tuple(parts[0]), key.n_operands));
}

// Python's way, after which the call is known to have happened, or is recorded the second time.
PyObject* call_and_learn(Dispatch* self, const CallKey& key, PyObject* const* args, size_t flags,
                         PyObject* names) {
  PyObject* result = PyObject_Vectorcall(self->slow, args, flags, names);
  if (!result || !recorder) return result;
  const DispatchTable::Entry* entry = self->table->find(key);  // anew: Python has run
  if (entry && entry->known != Known::Seen) return result;
  py::object held = py::reinterpret_steal<py::object>(result);
  return guarded([&] {
    if (entry)
      record(self, key, args, PyVectorcall_NARGS(flags), names);
    else
      self->table->put(key, Known::Seen, nullptr);
    return held.release().ptr();
  });
}

PyObject* call(PyObject* callable, PyObject* const* args, size_t flags, PyObject* names) {
  Dispatch* self = self_of(callable);
  const Py_ssize_t count = PyVectorcall_NARGS(flags);
  CallKey key;
  const Detail first = self->by_classes ? Detail::Classes : Detail::Sizes;
  if (thread_flags.tracing || !make_key(args, count, names, self->n_weak, first, key))
    return PyObject_Vectorcall(self->slow, args, flags, names);
  const DispatchTable::Entry* entry = self->table->find(key);
  if (entry && entry->known == Known::BySizes) {
    key = CallKey();
    make_key(args, count, names, self->n_weak, Detail::Sizes, key);
    entry = self->table->find(key);
  }
  if (!entry || entry->known == Known::Seen)
    return call_and_learn(self, key, args, flags, names);
  if (entry->known == Known::Recipe) {
    const Held held(entry->recipe);
    PyObject* result = guarded([&] { return held.recipe->run(key.operands); });
    if (result || !PyErr_ExceptionMatches(PyExc_Exception)) return result;
    PyErr_Clear();  // Python's way says it in the words of the function that was called
  }
  return PyObject_Vectorcall(self->slow, args, flags, names);
}

PyObject* make(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  static const char* keywords[] = {"slow", "function", "n_weak", "by_classes", nullptr};
  PyObject *slow, *function = nullptr;
  int n_weak = 0, by_classes = 0;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|Oip:Dispatch", const_cast<char**>(keywords),
                                   &slow, &function, &n_weak, &by_classes))
    return nullptr;
  if (!PyCallable_Check(slow)) {
    PyErr_Format(PyExc_TypeError, "Dispatch: got %.100s; wanted a callable",
                 Py_TYPE(slow)->tp_name);
    return nullptr;
  }
  Dispatch* self = self_of(type->tp_alloc(type, 0));
  if (!self) return nullptr;
  self->call = call;
  self->slow = Py_NewRef(slow);
  self->function = Py_NewRef(function ? function : slow);
  self->table = new DispatchTable;
  self->n_weak = n_weak;
  self->by_classes = by_classes;
  return reinterpret_cast<PyObject*>(self);
}

int traverse(PyObject* object, visitproc visit, void* arg) {
  Dispatch* self = self_of(object);
  Py_VISIT(self->slow);
  Py_VISIT(self->function);
  Py_VISIT(self->attributes);
  Py_VISIT(Py_TYPE(object));
  return 0;
}

int clear(PyObject* object) {
  Dispatch* self = self_of(object);
  Py_CLEAR(self->attributes);
  return 0;
}

void dealloc(PyObject* object) {
  Dispatch* self = self_of(object);
  PyTypeObject* type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  if (self->weak) PyObject_ClearWeakRefs(object);
  clear(object);
  Py_CLEAR(self->slow);
  Py_CLEAR(self->function);
  delete self->table;
  type->tp_free(object);
  Py_DECREF(type);
}

PyObject* bind_method(PyObject* self, PyObject* instance, PyObject*) {
  return instance && instance != Py_None ? PyMethod_New(self, instance) : Py_NewRef(self);
}

// Pickled by name, as functions are.
PyObject* reduce(PyObject* self, PyObject*) {
  return PyObject_GetAttrString(self, "__qualname__");
}

PyObject* get_recipes(PyObject* self, void*) {
  return PyLong_FromSize_t(self_of(self)->table->recipes());
}
PyObject* get_keys(PyObject* self, void*) {
  return PyLong_FromSize_t(self_of(self)->table->size());
}

PyObject* forget(PyObject* self, PyObject*) {
  self_of(self)->table->clear();
  Py_RETURN_NONE;
}

PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Dispatch, call), READONLY, nullptr},
    {"__dictoffset__", T_PYSSIZET, offsetof(Dispatch, attributes), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Dispatch, weak), READONLY, nullptr},
    {"_slow", T_OBJECT, offsetof(Dispatch, slow), READONLY, nullptr},
    {"_function", T_OBJECT, offsetof(Dispatch, function), READONLY, nullptr},
    {"_n_weak", T_INT, offsetof(Dispatch, n_weak), READONLY, nullptr},
    {"_by_classes", T_BOOL, offsetof(Dispatch, by_classes), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

PyGetSetDef attributes[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {"_recipes", get_recipes, nullptr, "How many kinds of calls go without Python.", nullptr},
    {"_keys", get_keys, nullptr, "How many kinds of calls are known.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyMethodDef methods[] = {
    {"__reduce__", reduce, METH_NOARGS, "Pickled by name."},
    {"_forget", forget, METH_NOARGS, "Learn everything anew."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

PyTypeObject* make_dispatch_type() {
  PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("A function whose calls, once known, run without Python.")},
      {Py_tp_new, reinterpret_cast<void*>(make)},
      {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
      {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
      {Py_tp_clear, reinterpret_cast<void*>(clear)},
      {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
      {Py_tp_descr_get, reinterpret_cast<void*>(bind_method)},
      {Py_tp_members, members},
      {Py_tp_getset, attributes},
      {Py_tp_methods, methods},
      {0, nullptr},
  };
  PyType_Spec spec = {"tilewright._native.Dispatch", int(sizeof(Dispatch)), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC |
                          Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
                      slots};
  PyObject* type = PyType_FromSpec(&spec);
  if (!type) throw py::error_already_set();
  return reinterpret_cast<PyTypeObject*>(type);
}

void bind_dispatch(py::module_& m) {
  m.def("set_recorder", [](py::object made) { Py_XSETREF(recorder, made.release().ptr()); },
        py::arg("recorder"));
  m.def("forget_recipes", &DispatchTable::outdate_all);
}

}  // namespace tilewright
