#include "device_program.h"

#include "device_flow.h"
#include "timeline.h"

namespace tilewright {

static MakeProgram maker(Device& device) {
  return [&device](const void* words, size_t bytes, const Kernels& kernels, std::string name) {
    return std::make_unique<DeviceProgram>(device, words, bytes, kernels, std::move(name));
  };
}

DeviceProgram::DeviceProgram(Device& device, const void* words, size_t bytes, Kernels kernels,
                             std::string name)
    : AnyProgram(words, bytes, std::move(kernels), std::move(name), maker(device)),
      device_(device) {
  for (const auto& kernel : kernels_) {
    const auto* own = dynamic_cast<const DeviceKernel*>(kernel.get());
    if (!own || &own->device() != &device)
      fail(ErrorKind::Value, "%s: it is a program of %s, and has a kernel of %s", name_.c_str(),
           device.name(), own ? own->device().name() : "the host");
  }
  for (const std::string& routine : routines())
    fail(ErrorKind::Device, "%s: there is no native routine %s on %s", name_.c_str(),
         routine.c_str(), device.name());
}

// The memory of one call. Everything is given back when all is queued, however the call ends.
class DeviceProgram::Run {
 public:
  Run(const DeviceProgram& program, const ProgramPlan& plan, const ProgramInput* inputs)
      : program_(program),
        plan_(plan),
        inputs_(inputs),
        places_(program.slots_.size()),
        owned_(program.slots_.size()) {}

  void allocate_slots() {
    if (plan_.arena) arena_ = BufferRef(program_.device_.allocate(plan_.arena));
    for (size_t i = 0; i < program_.slots_.size(); ++i) {
      const Slot& slot = program_.slots_[i];
      if (slot.kind == InputSlot) places_[i] = {inputs_[slot.a].buffer, 0};
      if (slot.kind == OutputSlot) take(i);
      if (slot.kind == ArenaSlot) places_[i] = {arena_.get(), arena_ ? plan_.slots[i] : 0};
    }
  }

  void execute() {
    size_t launch = 0, copy = 0, flow = 0, effect = 0;
    for (const Instruction& step : program_.instructions_) switch (step.operation) {
        case Launch: run_kernel(step, plan_.launches[launch++]); break;
        case Alloc: take(size_t(step.slots[0])); break;
        case Free: owned_[size_t(step.slots[0])] = BufferRef(); break;
        case Copy: run_copy(step, plan_.copies[copy++]); break;
        case Effects: this->effect(step, plan_.effects[effect++]); break;
        case Call: break;  // refused by the constructor
        case While:
        case Cond:
        case Scan:
        case WhileVjp: run_flow(step, *plan_.flows[flow++]); break;
      }
  }

  BufferRef result(const Output& output) {
    const Slot& slot = program_.slots_[size_t(output.slot)];
    if (slot.kind == OutputSlot) return BufferRef::share(owned_[size_t(output.slot)].get());
    return BufferRef::share(inputs_[slot.a].buffer);
  }

 private:
  struct Place {
    Buffer* buffer;
    int64_t offset;
  };

  void take(size_t slot) {
    owned_[slot] = BufferRef(program_.device_.allocate(plan_.slots[slot]));
    places_[slot] = {owned_[slot].get(), 0};
  }

  tw_argument argument(int slot) {
    const Place place = places_[size_t(slot)];
    if (place.buffer) return {memory_of(place.buffer), place.offset};
    // An arena of no bytes holds values of no elements; a kernel that reads none still gets one.
    if (!nothing_) nothing_ = BufferRef(program_.device_.allocate(0));
    return {memory_of(nothing_.get()), 0};
  }

  void run_kernel(const Instruction& step, const LaunchPlan& plan) {
    tw_argument arguments[kMaxArguments];
    for (size_t i = 0; i < step.slots.size(); ++i) arguments[i] = argument(step.slots[i]);
    // The constructor has checked that they are of this kind.
    static_cast<const DeviceKernel&>(*program_.kernels_[size_t(step.kernel)]).run(plan, arguments);
  }

  void run_copy(const Instruction& step, int64_t bytes) {
    const Place from = places_[size_t(step.slots[0])], to = places_[size_t(step.slots[1])];
    if (bytes) program_.device_.copy(from.buffer, from.offset, to.buffer, to.offset, bytes);
  }

  void run_flow(const Instruction& step, const FlowPlan& plan) {
    const Flow& flow = *step.flow;
    std::vector<BufferRef> values;
    for (size_t i = 0; i < size_t(flow.n_inputs); ++i)
      values.push_back(whole(size_t(step.slots[i]), plan.in_bytes(flow, i)));
    std::vector<BufferRef> results =
        tilewright::run_flow(program_.device_, flow, plan, std::move(values));
    for (size_t i = 0; i < results.size(); ++i) {
      const size_t slot = size_t(step.slots[size_t(flow.n_inputs) + i]);
      if (program_.slots_[slot].kind == ArenaSlot) {
        const int64_t bytes = results[i]->bytes;
        if (bytes)
          program_.device_.copy(results[i].get(), 0, arena_.get(), plan_.slots[slot], bytes);
        continue;
      }
      places_[slot] = {results[i].get(), 0};
      owned_[slot] = std::move(results[i]);
    }
  }

  // What it looks at is read to the host, which waits for it; what it gives is written back.
  void effect(const Instruction& step, const EffectPlan& plan) {
    std::vector<EffectArray> arrays = arrays_of(*step.effect, plan);
    std::vector<std::vector<char>> host(arrays.size());
    for (size_t i = 0; i < arrays.size(); ++i) {
      const int64_t bytes = arrays[i].bytes();
      host[i].resize(size_t(bytes));
      arrays[i].data = host[i].data();
      const Place place = places_[size_t(step.slots[i])];
      if (bytes && int(i) < step.effect->n_values)
        program_.device_.read(place.buffer, place.offset, arrays[i].data, bytes);
    }
    run_effect(*step.effect, arrays);
    for (size_t i = size_t(step.effect->n_values); i < arrays.size(); ++i) {
      const Place place = places_[size_t(step.slots[i])];
      const int64_t bytes = arrays[i].bytes();
      if (!bytes) continue;
      const BufferRef staged(program_.device_.allocate(bytes));
      program_.device_.write(staged.get(), arrays[i].data, bytes);
      program_.device_.copy(staged.get(), 0, place.buffer, place.offset, bytes);
    }
  }

  // A value as a buffer of its own.
  BufferRef whole(size_t slot, int64_t bytes) {
    const Place place = places_[slot];
    if (program_.slots_[slot].kind != ArenaSlot) return BufferRef::share(place.buffer);
    BufferRef copy(program_.device_.allocate(bytes));
    if (bytes) program_.device_.copy(place.buffer, place.offset, copy.get(), 0, bytes);
    return copy;
  }

  const DeviceProgram& program_;
  const ProgramPlan& plan_;
  const ProgramInput* inputs_;
  BufferRef arena_, nothing_;
  ShortArray<Place, 64> places_;
  ShortArray<BufferRef, 64> owned_;
};

void DeviceProgram::run(const ProgramPlan& plan, const ProgramInput* inputs,
                        ProgramOutput* outputs) const {
  for (int i = 0; i < n_inputs(); ++i)
    if (!inputs[i].buffer || inputs[i].buffer->device != &device_)
      fail(ErrorKind::Device, "%s: input %d is not a whole array on %s", name_.c_str(), i,
           device_.name());
  const timeline::Span span(category_, label_);
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
