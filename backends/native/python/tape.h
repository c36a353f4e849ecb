// The tape's nodes of single operations, made where the operations run.
#pragma once

#include "cell.h"

namespace tilewright {

constexpr int kMaxStepArguments = 16;

struct TapeRule;

// A node of the tape: how a value was made. A general node has `vjp`, which Python gave; that of
// an operation has its rule, with the values that it was applied to.
struct TapeNode {
  PyObject_HEAD
  PyObject* weak;
  PyObject* name;
  PyObject* edges;  // a tuple of nodes and None
  PyObject* vjp;    // or null
  PyObject* rule;   // or null, as all below
  PyObject* parameter_names;
  PyObject* saved;  // a tuple: the result, the operands, the parameters
  int64_t id;
  int outputs;
};

PyTypeObject* make_tape_node_type();
void bind_tape(py::module_& module);
void bind_tape_walk(py::module_& module);

bool is_tape_node(PyObject* object);

// What the node's rule gives for the cotangents of its values, a tuple: one for each edge. Null
// and a Python error if it fails.
PyObject* cotangents_of_edges(TapeNode* node, PyObject* cotangents, bool keep_graph);

// The node of an operand, null if it has none; of a view of a taped base one is made. Throws.
py::object node_of_operand(PyObject* object);

// Gives the result of an operation its node, if one of the operands has one. Operands numbered
// below `n_shared` are cells that others may write to. False and a Python error on failure.
bool put_on_tape(const TapeRule& rule, PyObject* const* operands, int n_shared,
                 PyObject* result);

}  // namespace tilewright
