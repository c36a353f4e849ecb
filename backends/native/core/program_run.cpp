// Executes a program's instructions.
#include <cstring>

#include "program.h"

namespace tilewright {
Program::Program(const void* words, size_t bytes,
                 std::vector<std::shared_ptr<const AnyKernel>> kernels, std::string name)
    : AnyProgram(words, bytes, std::move(kernels), std::move(name)) {
  for (const auto& kernel : kernels_)
    if (!dynamic_cast<const Kernel*>(kernel.get()))
      fail(ErrorKind::Value, "%s: it has kernels of a device, and is a program of the host",
           name_.c_str());
}

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
    size_t launch = 0, copy = 0;
    for (const Instruction& step : program_.instructions_) switch (step.operation) {
        case Launch: {
          void* pointers[kMaxArguments];
          for (size_t i = 0; i < step.slots.size(); ++i)
            pointers[i] = data_[size_t(step.slots[i])];
          kernel(step).run(plan_.launches[launch++], pointers);
          break;
        }
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
  // The constructor has checked that they are of this kind.
  const Kernel& kernel(const Instruction& launch) const {
    return static_cast<const Kernel&>(*program_.kernels_[size_t(launch.kernel)]);
  }

  void take(size_t slot) {
    owned_[slot] = BufferRef(allocate(plan_.slots[slot]));
    data_[slot] = owned_[slot]->data;
  }

  const Program& program_;
  const ProgramPlan& plan_;
  const ProgramInput* inputs_;
  BufferRef arena_;
  ShortArray<char*, 64> data_;
  ShortArray<BufferRef, 64> owned_;
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
