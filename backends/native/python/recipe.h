// What a call of a function comes to for one kind of arguments: kernels and moves in a row.
#pragma once

#include <memory>
#include <vector>

#include "cell.h"

namespace tilewright {

// How the tape names a step, and its gradient's rule with its parameters.
struct TapeRule {
  py::object name, rule, parameter_names;
  std::vector<int> operands;  // which may be others than those of the kernel
  std::vector<py::object> parameters;
};

// Values are numbered: operands of the call, constants, then one result a step.
class Recipe {
 public:
  // From (constants, steps, outputs); a step is (callable, numbers of its arguments, tape), where
  // the tape is None or (name, rule, parameter names, parameters, operands); outputs are a number,
  // or a tuple of numbers and None. Throws Error(Value).
  Recipe(const py::tuple& text, int n_operands);

  // The result, a new reference; null and a Python error if a step fails.
  PyObject* run(PyObject* const* operands) const;

  void retain() { ++holders_; }
  void release() {
    if (--holders_ == 0) delete this;
  }

 private:
  struct Step {
    py::object callable;
    std::vector<int> arguments;
    std::vector<int> last_uses;  // values that nobody wants after this step
    std::unique_ptr<TapeRule> tape;
  };
  class Values;

  Step read_step(const py::tuple& text, int defined) const;
  static std::vector<int> read_numbers(const py::tuple& text, int defined);
  static bool uses(const Step& step, int value);
  void find_last_uses();
  PyObject* outputs(Values& values) const;

  int n_operands_, n_values_, holders_ = 1;  // holders change under the interpreter's lock
  std::vector<py::object> constants_;
  std::vector<Step> steps_;
  std::vector<int> outputs_;  // -1: None
  bool many_;                 // a tuple of outputs
};

}  // namespace tilewright
