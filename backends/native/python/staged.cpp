#include "staged.h"

#include <structmember.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "route.h"
#include "staged_key.h"
#include "timeline_python.h"

namespace tilewright {
namespace {

struct RouteObject {
  PyObject_HEAD
  Route* route;
};

PyTypeObject* route_type = nullptr;

// A program for one kind of call.
struct Known {
  std::string key;
  std::vector<py::object> objects;  // what the key knows by identity, held
  py::object route;
};

using Table = std::unordered_map<uint64_t, Known>;
constexpr size_t kMostKnown = 4096;  // of one function; more are forgotten, and learnt anew

struct Staged {
  PyObject_HEAD
  vectorcallfunc call;
  Table* table;
  int64_t calls;
};

Staged* self_of(PyObject* object) { return reinterpret_cast<Staged*>(object); }

PyObject* call_slowly(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  return guarded([&] {
    static PyObject* const method = PyUnicode_InternFromString("_call_slowly");
    py::tuple positional{size_t(count)};
    for (Py_ssize_t i = 0; i < count; ++i)
      PyTuple_SET_ITEM(positional.ptr(), i, Py_NewRef(args[i]));
    py::dict named;
    const Py_ssize_t n_names = names ? PyTuple_GET_SIZE(names) : 0;
    for (Py_ssize_t i = 0; i < n_names; ++i)
      if (PyDict_SetItem(named.ptr(), PyTuple_GET_ITEM(names, i), args[count + i]) < 0)
        throw py::error_already_set();
    return PyObject_CallMethodObjArgs(self, method, positional.ptr(), named.ptr(), nullptr);
  });
}

py::object find(const Staged* self, const StagedKey& key) {
  const auto found = self->table->find(key.hash());
  if (found == self->table->end() || found->second.key != key.bytes()) return py::object();
  return found->second.route;
}

PyObject* call(PyObject* object, PyObject* const* args, size_t flags, PyObject* names) {
  Staged* self = self_of(object);
  const Py_ssize_t count = PyVectorcall_NARGS(flags);
  StagedKey key;
  const bool may_know = !thread_flags.tracing && !timeline::enabled() && !self->table->empty();
  if (may_know && key.read(args, count, names)) {
    if (const py::object held = find(self, key)) {
      const Route* route = reinterpret_cast<RouteObject*>(held.ptr())->route;
      PyObject* result = guarded([&] { return route->run(key).release().ptr(); });
      if (result) ++self->calls;
      if (result || PyErr_Occurred()) return result;
    }
  }
  return call_slowly(object, args, count, names);
}

PyObject* make(PyTypeObject* type, PyObject*, PyObject*) {
  Staged* self = self_of(type->tp_alloc(type, 0));
  if (!self) return nullptr;
  self->call = call;
  self->table = new Table;
  self->calls = 0;
  return reinterpret_cast<PyObject*>(self);
}

void forget_all(Staged* self) {
  if (!self->table) return;
  Table old;  // what is dropped may run Python code, which may come back here
  old.swap(*self->table);
}

int traverse(PyObject* object, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(object));
  if (!self_of(object)->table) return 0;
  for (const auto& [hash, known] : *self_of(object)->table) {
    for (const py::object& held : known.objects) Py_VISIT(held.ptr());
    Py_VISIT(known.route.ptr());
  }
  return 0;
}

int clear(PyObject* object) {
  forget_all(self_of(object));
  return 0;
}

void dealloc(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  clear(object);
  delete self_of(object)->table;
  type->tp_free(object);
  Py_DECREF(type);
}

PyObject* remember(PyObject* object, PyObject* arguments) {
  PyObject *args, *kwargs, *route;
  if (!PyArg_ParseTuple(arguments, "O!O!O!:_remember", &PyTuple_Type, &args, &PyDict_Type, &kwargs,
                        route_type, &route))
    return nullptr;
  return guarded([&] {
    Staged* self = self_of(object);
    StagedKey key;
    if (!key.read(args, kwargs)) return Py_NewRef(Py_False);
    if (self->table->size() >= kMostKnown) forget_all(self);
    Known known{std::string(key.bytes()), {}, py::reinterpret_borrow<py::object>(route)};
    for (int i = 0; i < key.n_objects; ++i)
      known.objects.push_back(py::reinterpret_borrow<py::object>(key.objects[i]));
    std::swap((*self->table)[key.hash()], known);
    return Py_NewRef(Py_True);
  });
}

PyObject* forget(PyObject* self, PyObject*) {
  forget_all(self_of(self));
  Py_RETURN_NONE;
}

PyObject* count_call(PyObject* self, PyObject*) {
  ++self_of(self)->calls;
  Py_RETURN_NONE;
}

PyObject* get_known(PyObject* self, void*) {
  return PyLong_FromSize_t(self_of(self)->table->size());
}
PyObject* get_calls(PyObject* self, void*) { return PyLong_FromLongLong(self_of(self)->calls); }

PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Staged, call), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

PyGetSetDef attributes[] = {
    {"_known", get_known, nullptr, "How many kinds of calls go without Python.", nullptr},
    {"_calls", get_calls, nullptr, "How many calls there were.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyMethodDef methods[] = {
    {"_remember", remember, METH_VARARGS,
     "Calls like (args, kwargs) go by this route from now on; False if they cannot be told."},
    {"_forget", forget, METH_NOARGS, "Forget all routes."},
    {"_count", count_call, METH_NOARGS, "Count a call that Python made."},
    {nullptr, nullptr, 0, nullptr},
};

PyObject* make_route(PyTypeObject* type, PyObject* args, PyObject*) {
  return guarded([&] {
    auto route = std::make_unique<Route>(py::reinterpret_borrow<py::tuple>(args));
    RouteObject* self = reinterpret_cast<RouteObject*>(type->tp_alloc(type, 0));
    if (!self) throw py::error_already_set();
    self->route = route.release();
    return reinterpret_cast<PyObject*>(self);
  });
}

int traverse_route(PyObject* object, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(object));
  const Route* route = reinterpret_cast<RouteObject*>(object)->route;
  return route ? route->visit(visit, arg) : 0;
}

int clear_route(PyObject* object) {
  delete std::exchange(reinterpret_cast<RouteObject*>(object)->route, nullptr);
  return 0;
}

void drop_route(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  clear_route(object);
  type->tp_free(object);
  Py_DECREF(type);
}

PyTypeObject* type_from(PyType_Spec& spec) {
  PyObject* type = PyType_FromSpec(&spec);
  if (!type) throw py::error_already_set();
  return reinterpret_cast<PyTypeObject*>(type);
}

}  // namespace

PyTypeObject* make_staged_type() {
  PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("A staged function, whose calls go without Python once they "
                                    "are known.")},
      {Py_tp_new, reinterpret_cast<void*>(make)},
      {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
      {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
      {Py_tp_clear, reinterpret_cast<void*>(clear)},
      {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
      {Py_tp_members, members},
      {Py_tp_getset, attributes},
      {Py_tp_methods, methods},
      {0, nullptr},
  };
  PyType_Spec spec = {"tilewright._native.Staged", int(sizeof(Staged)), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC |
                          Py_TPFLAGS_HAVE_VECTORCALL,
                      slots};
  return type_from(spec);
}

PyTypeObject* make_route_type() {
  PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("A staged call but for the choice of its program.")},
      {Py_tp_new, reinterpret_cast<void*>(make_route)},
      {Py_tp_dealloc, reinterpret_cast<void*>(drop_route)},
      {Py_tp_traverse, reinterpret_cast<void*>(traverse_route)},
      {Py_tp_clear, reinterpret_cast<void*>(clear_route)},
      {0, nullptr},
  };
  PyType_Spec spec = {"tilewright._native.Route", int(sizeof(RouteObject)), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};
  return route_type = type_from(spec);
}

}  // namespace tilewright
