// Executes a program's instructions.
#include <cstring>

#include "flow.h"
#include "program.h"
#include "timeline.h"

namespace tilewright {

static std::unique_ptr<AnyProgram> make_inner(const void* words, size_t bytes,
                                              const Kernels& kernels, std::string name) {
  return std::make_unique<Program>(words, bytes, kernels, std::move(name));
}

Program::Program(const void* words, size_t bytes, Kernels kernels, std::string name)
    : AnyProgram(words, bytes, std::move(kernels), std::move(name), make_inner) {
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

  // Results that go to the caller's memory are computed there.
  void lend(size_t output, char* place) {
    const size_t slot = size_t(program_.outputs_[output].slot);
    if (!place || program_.slots_[slot].kind != OutputSlot || data_[slot]) return;
    if (bytes(output) == plan_.slots[slot]) data_[slot] = place;
  }

  void allocate_slots() {
    if (plan_.arena) arena_ = BufferRef(allocate(plan_.arena));
    for (size_t i = 0; i < program_.slots_.size(); ++i) {
      const Slot& slot = program_.slots_[i];
      if (slot.kind == InputSlot) data_[i] = inputs_[slot.a].data;
      if (slot.kind == OutputSlot && !data_[i]) take(i);
      if (slot.kind == ArenaSlot) data_[i] = arena_ ? arena_->data + plan_.slots[i] : nullptr;
    }
  }

  void execute() {
    size_t launch = 0, copy = 0, call = 0, flow = 0, effect = 0;
    for (const Instruction& step : program_.instructions_) switch (step.operation) {
        case Launch: {
          void* pointers[kMaxArguments];
          for (size_t i = 0; i < step.slots.size(); ++i)
            pointers[i] = data_[size_t(step.slots[i])];
          kernel(step).run(plan_.launches[launch++], pointers);
          break;
        }
        case Call: this->call(step, plan_.calls[call++]); break;
        case While:
        case Cond:
        case Scan:
        case WhileVjp: this->flow(step, *plan_.flows[flow++]); break;
        case Effects: this->effect(step, plan_.effects[effect++]); break;
        case Alloc: take(size_t(step.slots[0])); break;
        case Free: owned_[size_t(step.slots[0])] = BufferRef(); break;
        case Copy:
          if (const int64_t bytes = plan_.copies[copy++]) {
            static const int32_t label = timeline::intern("copy");
            const timeline::Span span(timeline::Category::Copy, label, bytes);
            std::memmove(data_[size_t(step.slots[1])], data_[size_t(step.slots[0])],
                         size_t(bytes));
          }
          break;
      }
  }

  BufferRef result(size_t number, char* place) {
    const size_t at = size_t(program_.outputs_[number].slot);
    const Slot& slot = program_.slots_[at];
    Buffer* holder = slot.kind == InputSlot ? inputs_[slot.a].buffer : owned_[at].get();
    if (holder && !place) return BufferRef::share(holder);
    // The input is a part of a larger buffer, or the caller's memory is that of another output.
    const int64_t size = bytes(number);
    BufferRef copy(place ? nullptr : allocate(size));
    char* const target = place ? place : copy->data;
    if (size && target != data_[at]) std::memcpy(target, data_[at], size_t(size));
    return copy;
  }

 private:
  void call(const Instruction& step, const RoutinePlan& plan) {
    // A routine's work counts as a launch; its name is looked up only while somebody records.
    const timeline::LaunchSpan span(timeline::enabled() ? timeline::intern(step.routine->name)
                                                        : 0);
    void* pointers[kMaxRoutineBuffers];
    for (size_t i = 0; i < step.slots.size(); ++i) pointers[i] = data_[size_t(step.slots[i])];
    step.routine->run(*step.routine, plan, pointers);
  }

  void flow(const Instruction& step, const FlowPlan& plan) {
    ShortArray<char*, 64> data(step.slots.size());
    for (size_t i = 0; i < step.slots.size(); ++i) data[i] = data_[size_t(step.slots[i])];
    run_flow(*step.flow, plan, &data[0]);
  }

  void effect(const Instruction& step, const EffectPlan& plan) {
    std::vector<EffectArray> arrays = arrays_of(*step.effect, plan);
    for (size_t i = 0; i < arrays.size(); ++i) arrays[i].data = data_[size_t(step.slots[i])];
    run_effect(*step.effect, arrays);
  }

  // The constructor has checked that they are of this kind.
  const Kernel& kernel(const Instruction& launch) const {
    return static_cast<const Kernel&>(*program_.kernels_[size_t(launch.kernel)]);
  }

  int64_t bytes(size_t output) const {
    const Shape& shape = plan_.outputs[output];
    return product(shape.ndim, shape.dims) * itemsize(program_.outputs_[output].type);
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

void Program::run(const ProgramPlan& plan, const ProgramInput* inputs, ProgramOutput* outputs,
                  char* const* places) const {
  const timeline::Span span(category_, label_);
  Run run(*this, plan, inputs);
  for (size_t i = 0; places && i < outputs_.size(); ++i) run.lend(i, places[i]);
  run.allocate_slots();
  run.execute();
  for (size_t i = 0; i < outputs_.size(); ++i) {
    outputs[i].buffer = run.result(i, places ? places[i] : nullptr);
    outputs[i].type = outputs_[i].type;
    outputs[i].shape = plan.outputs[i];
  }
}

}  // namespace tilewright
