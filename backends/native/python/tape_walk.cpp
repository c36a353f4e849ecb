// The walk over the tape: cotangents from the newest node to the oldest.
#include <queue>
#include <unordered_map>

#include "tape.h"

namespace tilewright {
namespace {

PyObject *leaf_type = nullptr, *output_type = nullptr, *sum_of_two = nullptr;

py::object stolen(PyObject* object) {
  if (!object) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(object);
}

// Gradients are recorded, or not, while it lives.
class GradMode {
 public:
  explicit GradMode(bool on) : before_(std::exchange(thread_flags.grad, on)) {}
  ~GradMode() { thread_flags.grad = before_; }

 private:
  bool before_;
};

class Walk {
 public:
  Walk(py::handle targets, bool keep_graph, int64_t oldest)
      : targets_(targets), keep_graph_(keep_graph), oldest_(oldest) {}

  void give(PyObject* object, Py_ssize_t index, py::object cotangent) {
    TapeNode* node = require_node(object);
    if (index < 0 || index >= node->outputs)
      fail(ErrorKind::Value, "walk: a cotangent for output %zd of %d", index, node->outputs);
    auto [place, is_new] = pending_.try_emplace(node);
    if (is_new) {
      place->second.holder = py::reinterpret_borrow<py::object>(object);
      place->second.cotangents.resize(size_t(node->outputs));
      order_.push({node->id, node});
    }
    py::object& slot = place->second.cotangents[size_t(index)];
    if (!slot) {
      slot = std::move(cotangent);
      return;
    }
    PyObject* both[2] = {slot.ptr(), cotangent.ptr()};
    py::object sum = stolen(PyObject_Vectorcall(sum_of_two, both, 2, nullptr));
    pending_[node].cotangents[size_t(index)] = std::move(sum);  // anew: Python code has run
  }

  py::dict run() {
    while (!order_.empty()) {
      TapeNode* node = order_.top().second;
      order_.pop();
      const auto found = pending_.find(node);
      const Pending pending = std::move(found->second);
      pending_.erase(found);
      visit(node, pending);
    }
    return std::move(results_);
  }

 private:
  struct Pending {
    py::object holder;
    std::vector<py::object> cotangents;  // null for an output that nothing depends on
  };

  static TapeNode* require_node(PyObject* object) {
    if (!is_tape_node(object))
      fail(ErrorKind::DType, "walk: got %.100s; wanted a TapeNode", Py_TYPE(object)->tp_name);
    return reinterpret_cast<TapeNode*>(object);
  }

  bool is_end(PyObject* node) const {
    if (reinterpret_cast<PyObject*>(Py_TYPE(node)) == leaf_type) return true;
    const int found = PySet_GET_SIZE(targets_.ptr()) ? PySet_Contains(targets_.ptr(), node) : 0;
    if (found < 0) throw py::error_already_set();
    return found;
  }

  void visit(TapeNode* node, const Pending& pending) {
    PyObject* object = pending.holder.ptr();
    if (is_end(object)) {
      const py::object& first = pending.cotangents[0];
      results_[pending.holder] = first ? first : py::none();
      return;
    }
    if (reinterpret_cast<PyObject*>(Py_TYPE(object)) == output_type) {
      const py::object parent = stolen(PyObject_GetAttrString(object, "parent"));
      const py::object index = stolen(PyObject_GetAttrString(object, "index"));
      return give(parent.ptr(), index.cast<Py_ssize_t>(), pending.cotangents[0]);
    }
    py::tuple cotangents(pending.cotangents.size());
    for (size_t i = 0; i < pending.cotangents.size(); ++i)
      cotangents[i] = pending.cotangents[i] ? pending.cotangents[i] : py::none();
    spread(node, stolen(cotangents_of_edges(node, cotangents.ptr(), keep_graph_)));
  }

  void spread(TapeNode* node, const py::object& found) {
    const py::object shares =
        stolen(PySequence_Fast(found.ptr(), "walk: a rule gives a sequence of cotangents"));
    const py::object edges = py::reinterpret_borrow<py::object>(node->edges);
    const Py_ssize_t count = edges ? PyTuple_GET_SIZE(edges.ptr()) : 0;
    if (PySequence_Fast_GET_SIZE(shares.ptr()) != count)
      fail(ErrorKind::Value, "walk: the rule of %.100s gave %zd cotangents for %zd operands",
           node->name ? PyUnicode_AsUTF8(node->name) : "a node",
           PySequence_Fast_GET_SIZE(shares.ptr()), count);
    for (Py_ssize_t i = 0; i < count; ++i) {
      PyObject* edge = PyTuple_GET_ITEM(edges.ptr(), i);
      PyObject* share = PySequence_Fast_GET_ITEM(shares.ptr(), i);
      if (edge != Py_None && share != Py_None && require_node(edge)->id >= oldest_)
        give(edge, 0, py::reinterpret_borrow<py::object>(share));
    }
  }

  py::handle targets_;
  bool keep_graph_;
  int64_t oldest_;  // what is older is not wanted
  std::unordered_map<TapeNode*, Pending> pending_;
  std::priority_queue<std::pair<int64_t, TapeNode*>> order_;  // the newest first
  py::dict results_;
};

py::dict walk(const py::sequence& seeds, const py::object& targets, bool keep_graph,
              int64_t oldest) {
  if (!sum_of_two) fail(ErrorKind::Value, "walk: _native.set_walk has not been called");
  if (!PyAnySet_Check(targets.ptr())) fail(ErrorKind::DType, "walk: the targets must be a set");
  const GradMode mode(keep_graph);
  Walk walk(targets, keep_graph, oldest);
  for (py::handle seed : seeds) {
    const py::tuple pair = py::reinterpret_borrow<py::tuple>(seed);
    if (!PyTuple_Check(pair.ptr()) || pair.size() != 2)
      fail(ErrorKind::DType, "walk: a seed is a node and its cotangent");
    walk.give(py::object(pair[0]).ptr(), 0, py::object(pair[1]));
  }
  return walk.run();
}

}  // namespace

void bind_tape_walk(py::module_& m) {
  m.def("walk", &walk, py::arg("seeds"), py::arg("targets"), py::arg("keep_graph"),
        py::arg("oldest") = 0);
  m.def("set_walk",
        [](py::object leaf, py::object output, py::object sum) {
          Py_XSETREF(leaf_type, leaf.release().ptr());
          Py_XSETREF(output_type, output.release().ptr());
          Py_XSETREF(sum_of_two, sum.release().ptr());
        },
        py::arg("leaf_type"), py::arg("output_type"), py::arg("add"));
}

}  // namespace tilewright
