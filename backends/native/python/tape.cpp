#include "tape.h"

#include <structmember.h>

#include <algorithm>
#include <vector>

#include "moves.h"
#include "recipe.h"

namespace tilewright {
namespace {

PyTypeObject* node_type = nullptr;
// Python's parts.
PyObject *leaf_of = nullptr, *read_value = nullptr, *rule_of_move = nullptr;
int64_t newest = 0;

TapeNode* as_node(PyObject* object) { return reinterpret_cast<TapeNode*>(object); }

// The node of a value, borrowed; null with an error, or null without one if there is none. Python
// makes those of leaves, and knows when one has ceased to be.
PyObject* node_for(Cell* cell) {
  if (kind(cell->type) < Kind::Float) return nullptr;
  if (cell->node && (cell->requires_grad || Py_TYPE(cell->node) == node_type)) return cell->node;
  if (!cell->node && !cell->requires_grad) return nullptr;
  PyObject* made = PyObject_CallOneArg(leaf_of, object_of(cell));
  Py_XDECREF(made);  // the cell holds it
  return made ? cell->node : nullptr;
}

PyObject* with_node(Cell* cell, PyObject* node) {
  cell->node = Py_XNewRef(node);
  if (node) track(cell);
  return object_of(cell);
}

PyObject* snapshot_of_root(Cell* root, PyObject* node) {
  return with_node(
      new_root(root->type, root->ndim, root->dims, BufferRef::share(root->buffer)), node);
}

// The value in a cell that no later write reaches, without a copy. A view becomes the same view of
// a snapshot of its base, for rules to follow as they would follow the view.
PyObject* snapshot(Cell* cell) {
  if (!cell->base) return snapshot_of_root(cell, cell->node);
  const py::object base =
      py::reinterpret_steal<py::object>(snapshot_of_root(root_of(cell), root_of(cell)->node));
  Cell* view = new_view(reinterpret_cast<Cell*>(base.ptr()), cell->type, cell->ndim, cell->dims,
                        cell->moves);
  view->has_window = true;
  view->offset = cell->offset;
  view->contiguous = cell->contiguous;
  std::copy_n(cell->strides, cell->ndim, view->strides);
  return object_of(view);
}

TapeNode* new_node(PyObject* name, py::object edges) {
  TapeNode* node = as_node(node_type->tp_alloc(node_type, 0));
  if (!node) throw py::error_already_set();
  node->name = Py_NewRef(name);
  node->edges = edges.release().ptr();
  node->id = ++newest;
  node->outputs = 1;
  return node;
}

py::object new_tuple(size_t count) {
  PyObject* made = PyTuple_New(Py_ssize_t(count));
  if (!made) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(made);
}

// The node of an operation, with snapshots of what others may write to.
py::object node_of_operation(const TapeRule& rule, PyObject* const* operands, py::object* nodes,
                             int n_shared, PyObject* result) {
  const int count = int(rule.operands.size());
  py::object edges = new_tuple(size_t(count));
  py::object saved = new_tuple(1 + size_t(count) + rule.parameters.size());
  PyTuple_SET_ITEM(saved.ptr(), 0, result);  // stolen
  for (int i = 0; i < count; ++i) {
    Cell* cell = as_cell(operands[i]);
    // A view is of what others have; the result of a step is nobody else's.
    const bool shared = cell && (cell->base || rule.operands[size_t(i)] < n_shared);
    PyTuple_SET_ITEM(saved.ptr(), 1 + i, shared ? snapshot(cell) : Py_NewRef(operands[i]));
    PyTuple_SET_ITEM(edges.ptr(), i, nodes[i] ? nodes[i].release().ptr() : Py_NewRef(Py_None));
  }
  for (size_t i = 0; i < rule.parameters.size(); ++i)
    PyTuple_SET_ITEM(saved.ptr(), 1 + count + Py_ssize_t(i), Py_NewRef(rule.parameters[i].ptr()));
  TapeNode* node = new_node(rule.name.ptr(), std::move(edges));
  node->rule = Py_NewRef(rule.rule.ptr());
  node->parameter_names = Py_NewRef(rule.parameter_names.ptr());
  node->saved = saved.release().ptr();
  return py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(node));
}

void put_on_tape_or_throw(const TapeRule& rule, PyObject* const* operands, int n_shared,
                          Cell* result) {
  py::object nodes[kMaxStepArguments];
  bool any = false;
  for (size_t i = 0; i < rule.operands.size(); ++i) {
    nodes[i] = node_of_operand(operands[i]);
    any = any || nodes[i];
  }
  if (!any) return;
  py::object node =
      node_of_operation(rule, operands, nodes, n_shared, snapshot_of_root(result, nullptr));
  Py_XSETREF(result->node, node.release().ptr());
  track(result);
}

// A view by one move has its node made here, of others Python makes a chain.
py::object node_of_view(Cell* cell) {
  PyObject* moves = moves_as_tuple(cell);
  if (!moves) throw py::error_already_set();
  if (!PyTuple_Check(moves) || PyTuple_GET_SIZE(moves) != 1) {
    const py::object value =
        py::reinterpret_borrow<py::object>(read_value)(py::handle(object_of(cell)));
    return py::reinterpret_borrow<py::object>(require_cell("read", value.ptr())->node);
  }
  const py::object entry = py::reinterpret_borrow<py::object>(PyTuple_GET_ITEM(moves, 0));
  const py::tuple parts(py::reinterpret_borrow<py::object>(rule_of_move)(entry));
  TapeRule rule;
  rule.name = parts[0];
  rule.rule = parts[1];
  rule.parameter_names = parts[2];
  for (py::handle parameter : py::tuple(parts[3]))
    rule.parameters.push_back(py::reinterpret_borrow<py::object>(parameter));
  rule.operands = {0};
  PyObject* base = cell->base;
  py::object node = node_of_operand(base);
  return node ? node_of_operation(rule, &base, &node, 1, snapshot(cell)) : node;
}

// The cotangents of the operands, by the operation's rule.
PyObject* apply_rule(TapeNode* self, PyObject* cotangents, bool keep_graph) {
  if (!PySequence_Check(cotangents) || PySequence_Size(cotangents) != 1) {
    PyErr_SetString(PyExc_TypeError, "vjp: an operation has one cotangent");
    return nullptr;
  }
  py::object cotangent = py::reinterpret_steal<py::object>(PySequence_GetItem(cotangents, 0));
  if (!cotangent) return nullptr;
  const Py_ssize_t count = PyTuple_GET_SIZE(self->saved);
  std::vector<PyObject*> arguments(size_t(count) + 1);
  arguments[0] = cotangent.ptr();
  for (Py_ssize_t i = 0; i < count; ++i)
    arguments[size_t(i) + 1] = PyTuple_GET_ITEM(self->saved, i);
  py::object result;
  // Only now does the result get its node: stored, it would make a cycle. A view follows its base.
  if (keep_graph && !reinterpret_cast<Cell*>(arguments[1])->base) {
    result = py::reinterpret_steal<py::object>(snapshot_of_root(
        reinterpret_cast<Cell*>(arguments[1]), reinterpret_cast<PyObject*>(self)));
    arguments[1] = result.ptr();
  }
  const Py_ssize_t n_names = PyTuple_GET_SIZE(self->parameter_names);
  return PyObject_Vectorcall(self->rule, arguments.data(), size_t(count + 1 - n_names),
                             n_names ? self->parameter_names : nullptr);
}

PyObject* vjp_method(PyObject* object, PyObject* const* args, Py_ssize_t count) {
  if (count != 2) {
    PyErr_Format(PyExc_TypeError, "vjp: got %zd arguments; wanted cotangents and keep_graph",
                 count);
    return nullptr;
  }
  const int keep = PyObject_IsTrue(args[1]);
  return keep < 0 ? nullptr : cotangents_of_edges(as_node(object), args[0], keep);
}

PyObject* make(PyTypeObject* type, PyObject*, PyObject*) {
  TapeNode* self = as_node(type->tp_alloc(type, 0));
  if (!self) return nullptr;
  self->id = ++newest;
  self->outputs = 1;
  return reinterpret_cast<PyObject*>(self);
}

int initialise(PyObject* object, PyObject* args, PyObject* kwargs) {
  static const char* keywords[] = {"name", "edges", "vjp", "outputs", nullptr};
  PyObject *name, *edges, *vjp;
  int outputs = 1;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "UO!O|i:TapeNode", const_cast<char**>(keywords),
                                   &name, &PyTuple_Type, &edges, &vjp, &outputs))
    return -1;
  TapeNode* self = as_node(object);
  Py_XSETREF(self->name, Py_NewRef(name));
  Py_XSETREF(self->edges, Py_NewRef(edges));
  Py_XSETREF(self->vjp, Py_NewRef(vjp));
  self->outputs = outputs;
  return 0;
}

int traverse(PyObject* object, visitproc visit, void* arg) {
  TapeNode* self = as_node(object);
  Py_VISIT(self->edges);
  Py_VISIT(self->vjp);
  Py_VISIT(self->rule);
  Py_VISIT(self->saved);
  Py_VISIT(Py_TYPE(object));
  return 0;
}

int clear(PyObject* object) {
  // A cycle can only go through what Python gave: the rest of a node is older than the node.
  Py_CLEAR(as_node(object)->vjp);
  return 0;
}

void dealloc(PyObject* object) {
  TapeNode* self = as_node(object);
  PyTypeObject* type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  Py_TRASHCAN_BEGIN(object, dealloc)  // a long computation is a long chain of nodes
  if (self->weak) PyObject_ClearWeakRefs(object);
  Py_CLEAR(self->name);
  Py_CLEAR(self->vjp);
  Py_CLEAR(self->rule);
  Py_CLEAR(self->parameter_names);
  Py_CLEAR(self->saved);
  Py_CLEAR(self->edges);
  type->tp_free(object);
  Py_DECREF(type);
  Py_TRASHCAN_END
}

PyMemberDef members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(TapeNode, weak), READONLY, nullptr},
    {"name", T_OBJECT, offsetof(TapeNode, name), READONLY, "Of the operation."},
    {"edges", T_OBJECT, offsetof(TapeNode, edges), READONLY, "The operands' nodes, or None."},
    {"id", T_LONGLONG, offsetof(TapeNode, id), READONLY, "Later nodes have larger ones."},
    {"outputs", T_INT, offsetof(TapeNode, outputs), READONLY, "How many values it made."},
    {nullptr, 0, 0, 0, nullptr},
};

PyMethodDef methods[] = {
    {"vjp", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(vjp_method)),
     METH_FASTCALL, "vjp(cotangents, keep_graph): one cotangent, or None, for each edge."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

py::object node_of_operand(PyObject* object) {
  Cell* cell = as_cell(object);
  if (!cell) return py::object();
  if (cell->base && !cell->node) return taped(cell) ? node_of_view(cell) : py::object();
  PyObject* node = node_for(cell);
  if (!node && PyErr_Occurred()) throw py::error_already_set();
  return py::reinterpret_borrow<py::object>(node);
}

bool is_tape_node(PyObject* object) { return PyObject_TypeCheck(object, node_type); }

PyObject* cotangents_of_edges(TapeNode* node, PyObject* cotangents, bool keep_graph) {
  if (!node->rule && !node->vjp) {
    PyErr_SetString(PyExc_ValueError, "vjp: the node has no rule");
    return nullptr;
  }
  const py::object held =
      py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(node));
  if (node->rule) return guarded([&] { return apply_rule(node, cotangents, keep_graph); });
  return PyObject_CallFunctionObjArgs(node->vjp, cotangents, keep_graph ? Py_True : Py_False,
                                      nullptr);
}

bool put_on_tape(const TapeRule& rule, PyObject* const* operands, int n_shared,
                 PyObject* result) {
  Cell* cell = as_cell(result);
  if (!cell || kind(cell->type) < Kind::Float) return true;
  try {
    put_on_tape_or_throw(rule, operands, n_shared, cell);
    return true;
  } catch (...) {
    translate_exception();
    return false;
  }
}

PyTypeObject* make_tape_node_type() {
  PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("How a value was made: a node of the tape.")},
      {Py_tp_new, reinterpret_cast<void*>(make)},
      {Py_tp_init, reinterpret_cast<void*>(initialise)},
      {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
      {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
      {Py_tp_clear, reinterpret_cast<void*>(clear)},
      {Py_tp_members, members},
      {Py_tp_methods, methods},
      {0, nullptr},
  };
  PyType_Spec spec = {"tilewright._native.TapeNode", int(sizeof(TapeNode)), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
  PyObject* type = PyType_FromSpec(&spec);
  if (!type) throw py::error_already_set();
  return node_type = reinterpret_cast<PyTypeObject*>(type);
}

void bind_tape(py::module_& m) {
  m.def("set_tape",
        [](py::object leaf, py::object read, py::object rule) {
          Py_XSETREF(leaf_of, leaf.release().ptr());
          Py_XSETREF(read_value, read.release().ptr());
          Py_XSETREF(rule_of_move, rule.release().ptr());
        },
        py::arg("leaf"), py::arg("read"), py::arg("rule"));
  m.def("next_node_id", [] { return ++newest; });
}

}  // namespace tilewright
