#include "recipe.h"

#include <algorithm>

#include "tape.h"

namespace tilewright {

constexpr int kMaxValues = 96;

// The values of one run, each held from its making to its last use.
class Recipe::Values {
 public:
  Values() = default;
  ~Values() {
    for (int i = 0; i < count_; ++i) Py_XDECREF(values_[i]);
  }
  Values(const Values&) = delete;
  Values& operator=(const Values&) = delete;

  void add(PyObject* stolen) { values_[count_++] = stolen; }
  void drop(int number) { Py_CLEAR(values_[number]); }
  PyObject* operator[](int number) const { return values_[number]; }

 private:
  PyObject* values_[kMaxValues];
  int count_ = 0;
};

Recipe::Recipe(const py::tuple& text, int n_operands) : n_operands_(n_operands) {
  if (text.size() != 3) fail(ErrorKind::Value, "recipe: got %zu parts; wanted 3", text.size());
  for (py::handle constant : py::tuple(text[0]))
    constants_.push_back(py::reinterpret_borrow<py::object>(constant));
  const py::tuple steps(text[1]);
  n_values_ = n_operands + int(constants_.size());
  if (n_values_ + int(steps.size()) > kMaxValues)
    fail(ErrorKind::Value, "recipe: got %d values; at most %d are supported",
         n_values_ + int(steps.size()), kMaxValues);
  for (py::handle step : steps)
    steps_.push_back(read_step(py::reinterpret_borrow<py::tuple>(step), n_values_++));
  many_ = py::isinstance<py::tuple>(text[2]);
  const py::tuple wanted = many_ ? py::tuple(text[2]) : py::make_tuple(text[2]);
  for (py::handle output : wanted) {
    const int number = output.is_none() ? -1 : output.cast<int>();
    if (!output.is_none() && (number < 0 || number >= n_values_))
      fail(ErrorKind::Value, "recipe: output %d of %d values", number, n_values_);
    outputs_.push_back(number);
  }
  find_last_uses();
}

std::vector<int> Recipe::read_numbers(const py::tuple& text, int defined) {
  std::vector<int> numbers;
  for (py::handle item : text) {
    const int number = item.cast<int>();
    if (number < 0 || number >= defined)
      fail(ErrorKind::Value, "recipe: a step takes value %d of %d", number, defined);
    numbers.push_back(number);
  }
  if (numbers.size() > kMaxStepArguments)
    fail(ErrorKind::Value, "recipe: a step takes %zu values; at most %d are supported",
         numbers.size(), kMaxStepArguments);
  return numbers;
}

Recipe::Step Recipe::read_step(const py::tuple& text, int defined) const {
  if (text.size() != 3 || !PyCallable_Check(py::object(text[0]).ptr()))
    fail(ErrorKind::Value, "recipe: a step is a callable, its arguments and its tape");
  Step step;
  step.callable = text[0];
  step.arguments = read_numbers(py::tuple(text[1]), defined);
  if (py::object(text[2]).is_none()) return step;
  const py::tuple tape(text[2]);
  if (tape.size() != 5) fail(ErrorKind::Value, "recipe: a tape has 5 parts");
  step.tape = std::make_unique<TapeRule>();
  step.tape->name = tape[0];
  step.tape->rule = tape[1];
  step.tape->parameter_names = py::tuple(tape[2]);
  for (py::handle parameter : py::tuple(tape[3]))
    step.tape->parameters.push_back(py::reinterpret_borrow<py::object>(parameter));
  step.tape->operands = read_numbers(py::tuple(tape[4]), defined);
  return step;
}

bool Recipe::uses(const Step& step, int value) {
  const auto has = [value](const std::vector<int>& numbers) {
    return std::find(numbers.begin(), numbers.end(), value) != numbers.end();
  };
  return has(step.arguments) || (step.tape && has(step.tape->operands));
}

void Recipe::find_last_uses() {
  const int first = n_operands_ + int(constants_.size());
  for (int value = first; value < n_values_; ++value) {
    if (std::find(outputs_.begin(), outputs_.end(), value) != outputs_.end()) continue;
    for (size_t i = steps_.size(); i-- > 0;) {
      if (!uses(steps_[i], value)) continue;
      steps_[i].last_uses.push_back(value);
      break;
    }
  }
}

PyObject* Recipe::run(PyObject* const* operands) const {
  Values values;
  for (int i = 0; i < n_operands_; ++i) values.add(Py_NewRef(operands[i]));
  for (const py::object& constant : constants_) values.add(Py_NewRef(constant.ptr()));
  PyObject* arguments[kMaxStepArguments];
  for (const Step& step : steps_) {
    const size_t count = step.arguments.size();
    for (size_t i = 0; i < count; ++i) arguments[i] = values[step.arguments[i]];
    PyObject* result = PyObject_Vectorcall(step.callable.ptr(), arguments, count, nullptr);
    if (!result) return nullptr;
    if (PyTuple_CheckExact(result) && PyTuple_GET_SIZE(result) == 1)  // of a program
      Py_SETREF(result, Py_NewRef(PyTuple_GET_ITEM(result, 0)));
    values.add(result);
    if (step.tape) {
      for (size_t i = 0; i < step.tape->operands.size(); ++i)
        arguments[i] = values[step.tape->operands[i]];
      if (!put_on_tape(*step.tape, arguments, n_operands_, result)) return nullptr;
    }
    for (int value : step.last_uses) values.drop(value);
  }
  return outputs(values);
}

PyObject* Recipe::outputs(Values& values) const {
  if (!many_) return Py_NewRef(outputs_[0] < 0 ? Py_None : values[outputs_[0]]);
  PyObject* result = PyTuple_New(Py_ssize_t(outputs_.size()));
  for (size_t i = 0; result && i < outputs_.size(); ++i)
    PyTuple_SET_ITEM(result, Py_ssize_t(i),
                     Py_NewRef(outputs_[i] < 0 ? Py_None : values[outputs_[i]]));
  return result;
}

}  // namespace tilewright
