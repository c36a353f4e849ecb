#include "route.h"

#include "create.h"
#include "program_object.h"

namespace tilewright {
namespace {

py::object borrowed(PyObject* object) { return py::reinterpret_borrow<py::object>(object); }

RouteInput read_input(const py::tuple& text) {
  RouteInput input;
  input.kind = RouteInput::Kind(text[0].cast<int>());
  if (input.kind == RouteInput::Argument) {
    input.argument = text[1].cast<int>();
    if (input.argument < 0) fail(ErrorKind::Value, "route: argument %d", input.argument);
  } else {
    input.cell = text[1];
    require_cell("route", input.cell.ptr());
  }
  return input;
}

void require(bool holds, const char* what) {
  if (!holds) fail(ErrorKind::Value, "route: %s", what);
}

Guard read_guard(const py::tuple& text) {
  Guard guard;
  guard.kind = Guard::Kind(text[0].cast<int>());
  guard.owner = text[1];
  guard.name = text[2];
  guard.expected = text[3];
  PyObject* owner = guard.owner.ptr();
  if (guard.kind == Guard::Item) guard.index = guard.name.cast<Py_ssize_t>();
  require(guard.kind != Guard::Variable || PyCell_Check(owner), "a variable is a cell");
  require(guard.kind != Guard::Entry || PyDict_Check(owner), "an entry is of a dict");
  require(guard.kind != Guard::Item || PyList_Check(owner) || PyTuple_Check(owner),
          "an item is of a list or tuple");
  require(guard.kind != Guard::Slot || as_cell(owner), "a slot is of an array");
  return guard;
}

RouteResult read_result(const py::tuple& text) {
  RouteResult result;
  result.kind = RouteResult::Kind(text[0].cast<int>());
  if (result.kind == RouteResult::Output) {
    result.output = text[1].cast<int>();
  } else if (result.kind == RouteResult::Constant) {
    result.constant = text[1];
  } else {
    for (py::handle child : py::tuple(text[1]))
      result.children.push_back(read_result(py::reinterpret_borrow<py::tuple>(child)));
    if (result.kind == RouteResult::Dict) result.constant = py::tuple(text[2]);
  }
  return result;
}

int64_t version_of(PyObject* cell) { return root_of(reinterpret_cast<Cell*>(cell))->version; }

}  // namespace

bool Guard::holds() const {
  PyObject* here = owner.ptr();
  switch (kind) {
    case Variable:
      return PyCell_GET(here) == expected.ptr();
    case Entry: {
      PyObject* found = PyDict_GetItemWithError(here, name.ptr());
      if (!found && PyErr_Occurred()) throw py::error_already_set();
      return found == expected.ptr();
    }
    case Item:
      if (index >= PySequence_Fast_GET_SIZE(here)) return false;
      return PySequence_Fast_GET_ITEM(here, index) == expected.ptr();
    case Field: {
      const auto fields = py::reinterpret_steal<py::object>(PyObject_GenericGetDict(here, nullptr));
      if (!fields || !PyDict_Check(fields.ptr())) {
        PyErr_Clear();
        return false;
      }
      PyObject* found = PyDict_GetItemWithError(fields.ptr(), name.ptr());
      if (!found && PyErr_Occurred()) throw py::error_already_set();
      return found == expected.ptr();
    }
    case Attribute: {
      const auto found = py::reinterpret_steal<py::object>(PyObject_GetAttr(here, name.ptr()));
      if (!found) throw py::error_already_set();
      const int same = PyObject_RichCompareBool(found.ptr(), expected.ptr(), Py_EQ);
      if (same < 0) throw py::error_already_set();
      return same == 1;
    }
    case Slot:
      return (reinterpret_cast<Cell*>(here)->grad == nullptr) == expected.is(py::none());
    default: {  // the current device, by the function that tells it
      const auto found = py::reinterpret_steal<py::object>(PyObject_CallNoArgs(here));
      if (!found) throw py::error_already_set();
      return found.is(expected);
    }
  }
}

py::object RouteResult::build(const std::vector<py::object>& outputs) const {
  if (kind == Output) return outputs[size_t(output)];
  if (kind == Constant) return constant;
  if (kind == Tuple) {
    py::tuple made(children.size());
    for (size_t i = 0; i < children.size(); ++i)
      PyTuple_SET_ITEM(made.ptr(), Py_ssize_t(i), children[i].build(outputs).release().ptr());
    return std::move(made);
  }
  if (kind == List) {
    py::list made(children.size());
    for (size_t i = 0; i < children.size(); ++i)
      PyList_SET_ITEM(made.ptr(), Py_ssize_t(i), children[i].build(outputs).release().ptr());
    return std::move(made);
  }
  py::dict made;
  for (size_t i = 0; i < children.size(); ++i) {
    const py::object item = children[i].build(outputs);
    if (PyDict_SetItem(made.ptr(), PyTuple_GET_ITEM(constant.ptr(), Py_ssize_t(i)), item.ptr()) < 0)
      throw py::error_already_set();
  }
  return std::move(made);
}

Route::Route(const py::tuple& text) {
  require(text.size() == 8, "it has 8 parts");
  program_ = text[0];
  for (py::handle input : py::tuple(text[1]))
    inputs_.push_back(read_input(py::reinterpret_borrow<py::tuple>(input)));
  for (py::handle guard : py::tuple(text[2]))
    guards_.push_back(read_guard(py::reinterpret_borrow<py::tuple>(guard)));
  result_ = read_result(py::tuple(text[3]));
  for (py::handle commit : py::tuple(text[4]))
    commits_.push_back(read_input(py::reinterpret_borrow<py::tuple>(commit)));
  for (py::handle cell : py::tuple(text[5])) {
    require_cell("route", cell.ptr());
    clears_.push_back(py::reinterpret_borrow<py::object>(cell));
  }
  for (py::handle pair : py::tuple(text[6])) {
    const auto parts = py::reinterpret_borrow<py::tuple>(pair);
    require_cell("route", py::object(parts[0]).ptr());
    rebinds_.emplace_back(parts[0], parts[1]);
  }
  makes_gradients_ = text[7].cast<bool>();
  if (is_program(program_.ptr())) return;
  main_ = program_.attr("main");
  const py::object split = program_.attr("split");
  for (py::handle number : py::tuple(split.attr("kept"))) kept_.push_back(number.cast<int>());
  for (py::handle number : py::tuple(split.attr("read"))) read_.push_back(number.cast<int>());
  require(is_program(main_.ptr()), "the program of each call is none");
  for (const std::vector<int>* numbers : {&kept_, &read_})
    for (int number : *numbers)
      require(number >= 0 && size_t(number) < inputs_.size(), "an input that is not there");
}

bool Route::read_inputs(const StagedKey& key, std::vector<PyObject*>& inputs) const {
  for (const RouteInput& input : inputs_) {
    PyObject* object = input.cell.ptr();
    if (input.kind == RouteInput::Argument) {
      if (input.argument >= key.n_arrays) return false;
      object = key.arrays[input.argument];
    } else if (input.kind == RouteInput::Gradient) {
      object = reinterpret_cast<Cell*>(object)->grad;
    }
    Cell* cell = object ? as_cell(object) : nullptr;
    if (!cell || !is_concrete(cell)) return false;
    if (!makes_gradients_ && thread_flags.grad && taped(cell)) return false;
    inputs.push_back(object);
  }
  return true;
}

// The array that a commit writes; null if Python must do it.
Cell* Route::target_of(const RouteInput& commit, const StagedKey& key) const {
  PyObject* object = commit.cell.ptr();
  if (commit.kind == RouteInput::Argument)
    object = commit.argument < key.n_arrays ? key.arrays[commit.argument] : nullptr;
  Cell* cell = object ? as_cell(object) : nullptr;
  if (!cell || commit.kind == RouteInput::Gradient) return cell;
  return cell->base || !is_concrete(cell) ? nullptr : cell;
}

bool Route::is_kept(const std::vector<PyObject*>& inputs) const {
  if (seen_.size() != read_.size() || derived_.empty()) return false;
  for (size_t i = 0; i < read_.size(); ++i) {
    PyObject* cell = inputs[size_t(read_[i])];
    if (seen_[i].first.ptr() != cell || seen_[i].second != version_of(cell)) return false;
  }
  return true;
}

// Takes over what the program in two parts has derived.
void Route::keep() const {
  std::vector<std::pair<py::object, int64_t>> seen;
  std::vector<py::object> derived;
  const py::object kept = program_.attr("known");
  if (!kept.is_none()) {
    const py::tuple parts(kept);
    for (py::handle pair : py::tuple(parts[0])) {
      const auto cell = py::reinterpret_borrow<py::tuple>(pair);
      seen.emplace_back(cell[0], cell[1].cast<int64_t>());
    }
    for (py::handle cell : py::tuple(parts[1]))
      derived.push_back(py::reinterpret_borrow<py::object>(cell));
  }
  seen_.swap(seen);
  derived_.swap(derived);
}

void Route::run_program_on(std::vector<PyObject*>& inputs,
                           std::vector<py::object>& outputs) const {
  if (!main_) {
    run_program(program_.ptr(), inputs.data(), Py_ssize_t(inputs.size()), outputs);
    return;
  }
  if (is_kept(inputs)) {
    std::vector<PyObject*> taken;
    taken.reserve(kept_.size() + derived_.size());
    for (int number : kept_) taken.push_back(inputs[size_t(number)]);
    const std::vector<py::object> held = derived_;  // another thread may derive anew meanwhile
    for (const py::object& cell : held) taken.push_back(cell.ptr());
    run_program(main_.ptr(), taken.data(), Py_ssize_t(taken.size()), outputs);
    return;
  }
  const auto found = py::reinterpret_steal<py::object>(
      PyObject_Vectorcall(program_.ptr(), inputs.data(), inputs.size(), nullptr));
  if (!found) throw py::error_already_set();
  for (py::handle output : py::tuple(found))
    outputs.push_back(py::reinterpret_borrow<py::object>(output));
  keep();
}

void Route::commit(const StagedKey& key, const std::vector<py::object>& outputs) const {
  const size_t first = outputs.size() - commits_.size();
  for (size_t i = 0; i < commits_.size(); ++i) {
    Cell* target = target_of(commits_[i], key);
    const py::object& value = outputs[first + i];
    if (commits_[i].kind == RouteInput::Gradient) {
      track(target);
      Py_XSETREF(target->grad, Py_NewRef(value.ptr()));
      continue;
    }
    const py::object node = py::reinterpret_borrow<py::object>(target->node);
    assign(py::handle(object_of(target)), value);
    if (target->requires_grad && !target->node && node) {
      track(target);
      target->node = Py_NewRef(node.ptr());
    }
  }
  for (const py::object& cell : clears_) Py_CLEAR(reinterpret_cast<Cell*>(cell.ptr())->grad);
  for (const auto& [cell, value] : rebinds_) {
    Cell* target = reinterpret_cast<Cell*>(cell.ptr());
    track(target);
    Py_XSETREF(target->grad, value.is_none() ? nullptr : Py_NewRef(value.ptr()));
  }
}

int RouteResult::visit(visitproc visit, void* arg) const {
  Py_VISIT(constant.ptr());
  for (const RouteResult& child : children)
    if (const int stop = child.visit(visit, arg)) return stop;
  return 0;
}

int Route::visit(visitproc visit, void* arg) const {
  Py_VISIT(program_.ptr());
  Py_VISIT(main_.ptr());
  for (const std::vector<RouteInput>* inputs : {&inputs_, &commits_})
    for (const RouteInput& input : *inputs) Py_VISIT(input.cell.ptr());
  for (const Guard& guard : guards_) {
    Py_VISIT(guard.owner.ptr());
    Py_VISIT(guard.name.ptr());
    Py_VISIT(guard.expected.ptr());
  }
  for (const py::object& cell : clears_) Py_VISIT(cell.ptr());
  for (const auto& [cell, value] : rebinds_) {
    Py_VISIT(cell.ptr());
    Py_VISIT(value.ptr());
  }
  for (const auto& [cell, version] : seen_) Py_VISIT(cell.ptr());
  for (const py::object& cell : derived_) Py_VISIT(cell.ptr());
  return result_.visit(visit, arg);
}

py::object Route::run(const StagedKey& key) const {
  for (const Guard& guard : guards_)
    if (!guard.holds()) return py::object();
  std::vector<PyObject*> inputs;
  inputs.reserve(inputs_.size());
  if (!read_inputs(key, inputs)) return py::object();
  for (const RouteInput& commit : commits_)
    if (!target_of(commit, key)) return py::object();
  // Other threads may bind names and gradients to other arrays meanwhile.
  std::vector<py::object> held;
  held.reserve(inputs.size());
  for (PyObject* input : inputs) held.push_back(borrowed(input));
  std::vector<py::object> outputs;
  run_program_on(inputs, outputs);
  if (outputs.size() < commits_.size())
    fail(ErrorKind::Value, "route: %zu outputs for %zu states", outputs.size(), commits_.size());
  commit(key, outputs);
  return result_.build(outputs);
}

}  // namespace tilewright
