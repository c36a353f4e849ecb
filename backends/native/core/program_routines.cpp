// What a program does with native routines: reads, checks and lists the calls of them.
#include <algorithm>

#include "program.h"

namespace tilewright {

// The name, the slots (inputs, then the output), the sizes.
void AnyProgram::read_call(WordReader& words, Instruction& call) {
  const Routine& routine = find_routine(words.text("name of a routine", 100));
  call.routine = &routine;
  words.next("number of buffers of a routine", routine.n_buffers, routine.n_buffers);
  for (int i = 0; i < routine.n_buffers; ++i) call.slots.push_back(read_slot(words));
  if (slots_[size_t(call.slots.back())].kind == InputSlot)
    words.damaged("a routine writes an input");
  words.next("number of sizes of a routine", routine.n_sizes, routine.n_sizes);
  for (int i = 0; i < routine.n_sizes; ++i)
    call.sizes.push_back(SizeExpr::read(words, n_symbols_));
}

void AnyProgram::plan_call(const Instruction& step, ProgramPlan& plan) const {
  int64_t sizes[kMaxRoutineSizes];
  for (size_t i = 0; i < step.sizes.size(); ++i)
    sizes[i] = step.sizes[i].evaluate(plan.symbols.data());
  const RoutinePlan call = plan_routine(*step.routine, sizes);
  for (size_t i = 0; i < step.slots.size(); ++i)
    if (call.bytes[i] > room(plan, step.slots[i]))
      fail(ErrorKind::Value, "%s: buffer %zu of routine %s is %lld bytes in a slot of %lld",
           name_.c_str(), i, step.routine->name, static_cast<long long>(call.bytes[i]),
           static_cast<long long>(room(plan, step.slots[i])));
  plan.calls.push_back(call);
  plan.cost = plan.cost > (int64_t{1} << 61) ? plan.cost : plan.cost + call.cost;
}

std::vector<std::string> AnyProgram::routines() const {
  std::vector<std::string> names;
  const auto add = [&names](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const Instruction& step : instructions_)
    if (step.routine) add(step.routine->name);
  for (const auto& inner : programs_)
    for (const std::string& name : inner->routines()) add(name);
  return names;
}

}  // namespace tilewright
