// From the inputs' sizes to everything that follows from them.
#include <algorithm>
#include <bitset>

#include "program.h"

namespace tilewright {
namespace {

constexpr int64_t kMaxSymbols = 4096;
constexpr int64_t kStep = 20'000;  // what an instruction itself costs, in picoseconds

std::string expected_shape(const std::vector<SizeExpr>& dims, const int64_t* symbols) {
  Shape shape;
  for (const SizeExpr& dim : dims) shape.dims[shape.ndim++] = dim.evaluate(symbols);
  return shape_text(shape.ndim, shape.dims);
}

int64_t byte_count(const char* program, const SizeExpr& expression, const int64_t* symbols) {
  const int64_t bytes = expression.evaluate(symbols);
  if (bytes < 0)
    fail(ErrorKind::Shape, "%s: a memory size is %lld bytes; it must not be negative", program,
         static_cast<long long>(bytes));
  return bytes;
}

}  // namespace

void AnyProgram::bind_symbols(const ProgramInput* inputs, int64_t* symbols) const {
  std::bitset<kMaxSymbols> bound;
  for (size_t i = 0; n_symbols_ && i < inputs_.size(); ++i)
    for (size_t axis = 0; axis < inputs_[i].dims.size(); ++axis) {
      int64_t factor;
      const int64_t symbol = inputs_[i].dims[axis].scaled_symbol(&factor);
      if (symbol < 0 || bound[size_t(symbol)] || int(axis) >= inputs[i].ndim) continue;
      symbols[symbol] = inputs[i].dims[axis] / factor;  // a remainder does not pass check_input
      bound[size_t(symbol)] = true;
    }
  for (int64_t i = 0; i < n_symbols_; ++i)
    if (!bound[size_t(i)])
      fail(ErrorKind::Shape, "%s: size number %lld is not the size of an input's axis",
           name_.c_str(), static_cast<long long>(i));
}

void AnyProgram::check_input(int index, const ProgramInput& input, const int64_t* symbols) const {
  const Type& wanted = inputs_[size_t(index)];
  if (input.type != wanted.type)
    fail(ErrorKind::DType, "%s: input %d has dtype %s; it was compiled for %s", name_.c_str(),
         index, tilewright::name(input.type), tilewright::name(wanted.type));
  bool fits = input.ndim == int(wanted.dims.size());
  for (int axis = 0; fits && axis < input.ndim; ++axis)
    fits = input.dims[axis] == wanted.dims[size_t(axis)].evaluate(symbols);
  if (!fits)
    fail(ErrorKind::Shape, "%s: input %d has shape %s; it must be %s", name_.c_str(), index,
         shape_text(input.ndim, input.dims).c_str(),
         expected_shape(wanted.dims, symbols).c_str());
}

PlanRef AnyProgram::plan(const ProgramInput* inputs) const {
  int64_t few[32];
  std::vector<int64_t> many;
  int64_t* symbols = few;
  if (n_symbols_ > 32) many.resize(size_t(n_symbols_)), symbols = many.data();
  // Ranks first: binding needs them, and its error would hide theirs.
  for (int i = 0; i < n_inputs(); ++i)
    if (inputs[i].ndim != int(inputs_[size_t(i)].dims.size()))
      fail(ErrorKind::Shape, "%s: input %d has shape %s of rank %d; the rank must be %zu",
           name_.c_str(), i, shape_text(inputs[i].ndim, inputs[i].dims).c_str(), inputs[i].ndim,
           inputs_[size_t(i)].dims.size());
  bind_symbols(inputs, symbols);
  for (int i = 0; i < n_inputs(); ++i) check_input(i, inputs[i], symbols);
  for (std::atomic<ProgramPlan*>& place : plans_) {
    ProgramPlan* known = place.load(std::memory_order_acquire);
    if (!known) break;
    if (std::equal(known->symbols.begin(), known->symbols.end(), symbols)) return {known, nullptr};
  }
  std::unique_ptr<ProgramPlan> made = make_plan(inputs, symbols);
  for (std::atomic<ProgramPlan*>& place : plans_) {
    ProgramPlan* empty = nullptr;
    if (place.compare_exchange_strong(empty, made.get())) return {made.release(), nullptr};
  }
  const ProgramPlan* own = made.get();
  return {own, std::move(made)};
}

std::unique_ptr<ProgramPlan> AnyProgram::make_plan(const ProgramInput* inputs,
                                                   const int64_t* symbols) const {
  auto plan = std::make_unique<ProgramPlan>();
  plan->symbols.assign(symbols, symbols + n_symbols_);
  plan->arena = byte_count(name_.c_str(), arena_, symbols);
  plan_slots(inputs, *plan);
  plan_outputs(*plan);
  plan_instructions(*plan);
  return plan;
}

void AnyProgram::plan_slots(const ProgramInput* inputs, ProgramPlan& plan) const {
  for (const Slot& slot : slots_) {
    int64_t bytes;
    if (slot.kind == InputSlot) {
      const ProgramInput& input = inputs[slot.a];
      bytes = product(input.ndim, input.dims) * itemsize(input.type);
    } else {
      bytes = byte_count(name_.c_str(), slot.bytes, plan.symbols.data());
    }
    if (slot.kind == ArenaSlot && bytes > plan.arena)
      fail(ErrorKind::Value, "%s: a slot starts at byte %lld of an arena of %lld bytes",
           name_.c_str(), static_cast<long long>(bytes), static_cast<long long>(plan.arena));
    plan.slots.push_back(bytes);
  }
}

int64_t AnyProgram::room(const ProgramPlan& plan, int slot) const {
  const int64_t bytes = plan.slots[size_t(slot)];
  return slots_[size_t(slot)].kind == ArenaSlot ? plan.arena - bytes : bytes;
}

void AnyProgram::plan_outputs(ProgramPlan& plan) const {
  for (const Output& output : outputs_) {
    Shape shape;
    for (const SizeExpr& dim : output.dims)
      shape.dims[shape.ndim++] = dim.evaluate(plan.symbols.data());
    const int size = itemsize(output.type);
    const int64_t bytes = checked_size(name_.c_str(), shape.ndim, shape.dims, size) * size;
    const bool is_input = slots_[size_t(output.slot)].kind == InputSlot;
    const int64_t available = room(plan, output.slot);
    if (is_input ? available != bytes : available < bytes)
      fail(ErrorKind::Value, "%s: an output of %lld bytes lies in a slot of %lld", name_.c_str(),
           static_cast<long long>(bytes), static_cast<long long>(available));
    plan.outputs.push_back(shape);
  }
}

void AnyProgram::plan_instructions(ProgramPlan& plan) const {
  const int64_t* symbols = plan.symbols.data();
  for (const Instruction& step : instructions_) {
    plan.cost += kStep;
    if (step.operation == Launch) {
      int64_t sizes[kMaxArguments];
      for (size_t i = 0; i < step.sizes.size(); ++i) sizes[i] = step.sizes[i].evaluate(symbols);
      plan.launches.emplace_back();
      kernels_[size_t(step.kernel)]->plan(sizes, plan.launches.back());
      const int64_t cost = plan.launches.back().cost;
      plan.cost = plan.cost > (int64_t{1} << 61) ? plan.cost : plan.cost + cost;
    } else if (step.operation == Copy) {
      const int64_t bytes = byte_count(name_.c_str(), step.sizes[0], symbols);
      if (bytes > room(plan, step.slots[0]) || bytes > room(plan, step.slots[1]))
        fail(ErrorKind::Value, "%s: a copy of %lld bytes leaves its slot", name_.c_str(),
             static_cast<long long>(bytes));
      plan.copies.push_back(bytes);
      plan.cost += bytes * 100;  // about 10 GB/s
    } else if (step.operation == Call) {
      plan_call(step, plan);
    } else if (step.effect) {
      plan_effect(step, plan);
    } else if (step.flow) {
      plan_flow(step, plan);
    }
  }
}

}  // namespace tilewright
