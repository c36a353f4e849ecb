// Executes a program's instructions.
#include <cstring>

#include "program.h"

namespace tilewright {
namespace {

// An array that is on the stack when it is short.
template <class T, int N>
class Array {
 public:
  explicit Array(size_t count) {
    if (count > N) many_.resize(count);
  }
  T& operator[](size_t i) { return many_.empty() ? few_[i] : many_[i]; }

 private:
  T few_[N]{};
  std::vector<T> many_;
};

}  // namespace

// The memory of one call. Everything is given back however the call ends.
class Program::Run {
 public:
  Run(const Program& program, const ProgramPlan& plan, const ProgramInput* inputs)
      : program_(program),
        plan_(plan),
        inputs_(inputs),
        data_(program.slots_.size()),
        owned_(program.slots_.size()) {}

  void allocate_slots() {
    if (plan_.arena) arena_ = BufferRef(allocate(plan_.arena));
    for (size_t i = 0; i < program_.slots_.size(); ++i) {
      const Slot& slot = program_.slots_[i];
      if (slot.kind == InputSlot) data_[i] = inputs_[slot.a].data;
      if (slot.kind == OutputSlot) take(i);
      if (slot.kind == ArenaSlot) data_[i] = arena_ ? arena_->data + plan_.slots[i] : nullptr;
    }
  }

  void execute() {
    size_t launch = 0, copy = 0, call = 0;
    for (const Instruction& step : program_.instructions_) switch (step.operation) {
        case Launch: {
          void* pointers[kMaxArguments];
          for (size_t i = 0; i < step.slots.size(); ++i)
            pointers[i] = data_[size_t(step.slots[i])];
          program_.kernels_[size_t(step.kernel)]->run(plan_.launches[launch++], pointers);
          break;
        }
        case Call: this->call(step, plan_.calls[call++]); break;
        case Alloc: take(size_t(step.slots[0])); break;
        case Free: owned_[size_t(step.slots[0])] = BufferRef(); break;
        case Copy:
          if (const int64_t bytes = plan_.copies[copy++])
            std::memmove(data_[size_t(step.slots[1])], data_[size_t(step.slots[0])],
                         size_t(bytes));
          break;
      }
  }

  BufferRef result(const Output& output) {
    const Slot& slot = program_.slots_[size_t(output.slot)];
    if (slot.kind == OutputSlot) return BufferRef::share(owned_[size_t(output.slot)].get());
    const ProgramInput& input = inputs_[slot.a];
    if (input.buffer) return BufferRef::share(input.buffer);
    const int64_t bytes = plan_.slots[size_t(output.slot)];
    BufferRef copy(allocate(bytes));  // the input is a part of a larger buffer
    if (bytes) std::memcpy(copy->data, input.data, size_t(bytes));
    return copy;
  }

 private:
  void call(const Instruction& step, const RoutinePlan& plan) {
    void* pointers[kMaxRoutineBuffers];
    for (size_t i = 0; i < step.slots.size(); ++i) pointers[i] = data_[size_t(step.slots[i])];
    step.routine->run(*step.routine, plan, pointers);
  }

  void take(size_t slot) {
    owned_[slot] = BufferRef(allocate(plan_.slots[slot]));
    data_[slot] = owned_[slot]->data;
  }

  const Program& program_;
  const ProgramPlan& plan_;
  const ProgramInput* inputs_;
  BufferRef arena_;
  Array<char*, 64> data_;
  Array<BufferRef, 64> owned_;
};

void Program::run(const ProgramPlan& plan, const ProgramInput* inputs,
                  ProgramOutput* outputs) const {
  Run run(*this, plan, inputs);
  run.allocate_slots();
  run.execute();
  for (size_t i = 0; i < outputs_.size(); ++i) {
    outputs[i].buffer = run.result(outputs_[i]);
    outputs[i].type = outputs_[i].type;
    outputs[i].shape = plan.outputs[i];
  }
}

}  // namespace tilewright
