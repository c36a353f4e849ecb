// All of a staged call but the choice of its program: guards, inputs, the run, state, results.
#pragma once

#include <vector>

#include "cell.h"
#include "staged_key.h"

namespace tilewright {

// What was seen outside the arguments when the program was made, and must still be so.
struct Guard {
  enum Kind { Variable, Entry, Item, Field, Attribute, Slot, Device };
  Kind kind;
  py::object owner, name, expected;
  Py_ssize_t index = 0;

  bool holds() const;  // throws what Python raises
};

// The value of an input: an argument by its number, an array, or the `.grad` of one.
struct RouteInput {
  enum Kind { Argument, Captured, Gradient };
  Kind kind;
  int argument = -1;
  py::object cell;
};

// A pytree of results: outputs of the program by number, constants, and containers of these.
struct RouteResult {
  enum Kind { Output, Constant, Tuple, List, Dict };
  Kind kind;
  int output = -1;
  py::object constant;  // of a dict: the tuple of its keys
  std::vector<RouteResult> children;

  py::object build(const std::vector<py::object>& outputs) const;
  int visit(visitproc visit, void* arg) const;
};

class Route {
 public:
  // From (program, inputs, guards, result, commits, clears, rebinds, makes_gradients); see
  // dsl/route.py.
  explicit Route(const py::tuple& text);

  // The result of a call, or a null object if Python must decide. Throws.
  py::object run(const StagedKey& key) const;

  // For the garbage collector: every reference that it holds.
  int visit(visitproc visit, void* arg) const;

 private:
  bool read_inputs(const StagedKey& key, std::vector<PyObject*>& inputs) const;
  Cell* target_of(const RouteInput& commit, const StagedKey& key) const;
  void run_program_on(std::vector<PyObject*>& inputs, std::vector<py::object>& outputs) const;
  bool is_kept(const std::vector<PyObject*>& inputs) const;
  void keep() const;
  void commit(const StagedKey& key, const std::vector<py::object>& outputs) const;

  py::object program_;  // a Program, or one in two parts (lowering/prepack.py)
  py::object main_;     // of one in two parts
  std::vector<int> kept_, read_;
  std::vector<RouteInput> inputs_, commits_;
  std::vector<Guard> guards_;
  RouteResult result_;
  std::vector<py::object> clears_;
  std::vector<std::pair<py::object, py::object>> rebinds_;
  bool makes_gradients_;
  // What the second part took last: cells with their versions, and what was derived from them.
  mutable std::vector<std::pair<py::object, int64_t>> seen_;
  mutable std::vector<py::object> derived_;
};

}  // namespace tilewright
