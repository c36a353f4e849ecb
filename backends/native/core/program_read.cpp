// Reads a program's words and checks all that can be known before a call.
#include <algorithm>

#include "program.h"

namespace tilewright {
namespace {
constexpr int64_t kMagic = 0x545031, kVersion = 4, kMany = 1 << 20;
constexpr std::string_view kEager = "eager_";  // what the names of eager operations begin with
}

AnyProgram::AnyProgram(const void* words, size_t bytes, Kernels kernels, std::string name,
                       const MakeProgram& make)
    : name_(std::move(name)), kernels_(std::move(kernels)) {
  const bool is_eager = name_.compare(0, kEager.size(), kEager) == 0;
  category_ = is_eager ? timeline::Category::Eager : timeline::Category::Program;
  label_ = timeline::intern(std::string_view(name_).substr(is_eager ? kEager.size() : 0));
  WordReader reader(name_.c_str(), words, bytes);
  read(reader, make);
}

AnyProgram::~AnyProgram() {
  for (std::atomic<ProgramPlan*>& plan : plans_) delete plan.load();
}

void AnyProgram::read(WordReader& words, const MakeProgram& make) {
  words.magic(kMagic);
  const int64_t version = words.next("version", 1, kVersion);
  const int64_t n_inputs = words.next("number of inputs", 0, kMany);
  const int64_t n_outputs = words.next("number of outputs", 0, kMany);
  n_symbols_ = words.next("number of symbols", 0, 4096);
  const int64_t n_slots = words.next("number of slots", 0, kMany);
  arena_ = SizeExpr::read(words, n_symbols_);
  for (int64_t i = 0; i < n_inputs; ++i) inputs_.push_back(read_type(words));
  read_slots(words, n_slots);
  read_outputs(words, n_outputs);
  if (version >= 3) read_programs(words, make);
  read_instructions(words);
  words.finish();
  check_order(words);
}

AnyProgram::Type AnyProgram::read_type(WordReader& words) {
  Type result;
  result.type = DType(words.next("dtype code", 0, kDTypes - 1));
  const int64_t ndim = words.next("rank", 0, kMaxRank);
  for (int64_t i = 0; i < ndim; ++i) result.dims.push_back(SizeExpr::read(words, n_symbols_));
  return result;
}

void AnyProgram::read_slots(WordReader& words, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    Slot slot;
    slot.kind = SlotKind(words.next("kind of a slot", InputSlot, TemporarySlot));
    slot.a = words.next();
    if (slot.kind == InputSlot && (slot.a < 0 || slot.a >= n_inputs()))
      words.damaged("a slot names an input that is not there");
    if (slot.kind == OutputSlot && !is_code(slot.a)) words.damaged("a slot has no proper dtype");
    slot.bytes = SizeExpr::read(words, n_symbols_);
    slots_.push_back(std::move(slot));
  }
}

int AnyProgram::read_slot(WordReader& words) {
  return int(words.next("slot", 0, int64_t(slots_.size()) - 1));
}

void AnyProgram::read_outputs(WordReader& words, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    Output output;
    output.slot = read_slot(words);
    static_cast<Type&>(output) = read_type(words);
    const Slot& slot = slots_[size_t(output.slot)];
    if (slot.kind != InputSlot && slot.kind != OutputSlot)
      words.damaged("an output lies in a slot that does not outlive the call");
    // Complex numbers may be given back as their floats, and floats as complex numbers.
    if (slot.kind == InputSlot && part(inputs_[size_t(slot.a)].type) != part(output.type))
      words.damaged("an output that is an input has another dtype");
    outputs_.push_back(std::move(output));
  }
}

void AnyProgram::read_instructions(WordReader& words) {
  const int64_t count = words.next("number of instructions", 0, kMany);
  for (int64_t i = 0; i < count; ++i) instructions_.push_back(read_instruction(words));
}

AnyProgram::Instruction AnyProgram::read_instruction(WordReader& words) {
  Instruction result;
  result.operation = Operation(words.next("instruction", Launch, Effects));
  if (result.operation == Call) {
    read_call(words, result);
    return result;
  }
  if (result.operation == Effects) {
    read_effect(words, result);
    return result;
  }
  if (result.operation > Copy) {
    read_flow(words, result);
    return result;
  }
  if (result.operation == Launch) {
    read_launch(words, result);
    return result;
  }
  result.slots.push_back(read_slot(words));
  if (result.operation == Copy) {
    result.slots.push_back(read_slot(words));
    result.sizes.push_back(SizeExpr::read(words, n_symbols_));
    if (slots_[size_t(result.slots[1])].kind == InputSlot) words.damaged("a copy writes an input");
  } else if (slots_[size_t(result.slots[0])].kind != TemporarySlot) {
    words.damaged("only temporary slots are allocated and freed by instructions");
  }
  return result;
}

void AnyProgram::read_launch(WordReader& words, Instruction& launch) {
  launch.kernel = int(words.next("kernel", 0, int64_t(kernels_.size()) - 1));
  const AnyKernel& kernel = *kernels_[size_t(launch.kernel)];
  const int64_t n_buffers = words.next("number of buffers", kernel.n_buffers(), kernel.n_buffers());
  for (int64_t i = 0; i < n_buffers; ++i) {
    launch.slots.push_back(read_slot(words));
    const bool written = i >= n_buffers - kernel.n_outputs();
    if (written && slots_[size_t(launch.slots.back())].kind == InputSlot)
      words.damaged("a kernel writes an input");
  }
  const int64_t n_sizes = words.next("number of sizes", kernel.n_sizes(), kernel.n_sizes());
  for (int64_t i = 0; i < n_sizes; ++i) launch.sizes.push_back(SizeExpr::read(words, n_symbols_));
}

// Temporaries are used between their allocation and their release only.
void AnyProgram::check_order(WordReader& words) const {
  std::vector<bool> alive(slots_.size());
  for (const Instruction& step : instructions_) {
    for (int slot : step.slots) {
      if (slots_[size_t(slot)].kind != TemporarySlot) continue;
      if (alive[size_t(slot)] == (step.operation == Alloc))
        words.damaged("a temporary is used outside its life");
      if (step.operation == Alloc) alive[size_t(slot)] = true;
      if (step.operation == Free) alive[size_t(slot)] = false;
    }
  }
}

}  // namespace tilewright
