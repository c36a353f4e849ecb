// A compiled graph: instructions over slots of memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "buffer.h"
#include "dtype.h"
#include "effect.h"
#include "kernel.h"
#include "layout.h"
#include "routines.h"
#include "sizes.h"
#include "timeline.h"

namespace tilewright {

// A contiguous array. `buffer` is what holds the memory if `data` is its start, else null.
struct ProgramInput {
  char* data;
  Buffer* buffer;
  DType type;
  int ndim;
  const int64_t* dims;
};

struct ProgramOutput {
  BufferRef buffer;
  DType type;
  Shape shape;
};

struct Flow;      // control flow over programs (flow.h)
struct FlowPlan;  // what follows from the sizes of its values

// All that follows from the sizes of the inputs.
struct ProgramPlan {
  std::vector<int64_t> symbols;
  int64_t arena = 0;
  std::vector<int64_t> slots;  // bytes; of arena slots the offset
  std::vector<Shape> outputs;
  std::vector<LaunchPlan> launches;  // in order of the launch instructions
  std::vector<int64_t> copies;       // bytes, in order of the copy instructions
  std::vector<RoutinePlan> calls;    // in order of the calls of routines
  std::vector<std::shared_ptr<const FlowPlan>> flows;  // in order of control flow
  std::vector<EffectPlan> effects;   // in order of the effects
  int64_t cost = 0;                  // estimated, in picoseconds on one core
};

// A plan of the program's own, or one that was made for a single call.
struct PlanRef {
  const ProgramPlan* plan;
  std::unique_ptr<ProgramPlan> owned;
  const ProgramPlan* operator->() const { return plan; }
};

class AnyProgram;
using Kernels = std::vector<std::shared_ptr<const AnyKernel>>;
// Makes a program of the same kind, for those inside a program.
using MakeProgram = std::function<std::unique_ptr<AnyProgram>(
    const void* words, size_t bytes, const Kernels& kernels, std::string name)>;

// What programs of the host and of devices share: all but their execution.
class AnyProgram {
 public:
  // Throws Error(Value) if the words are damaged or do not fit the kernels.
  AnyProgram(const void* words, size_t bytes, Kernels kernels, std::string name,
             const MakeProgram& make);
  virtual ~AnyProgram();

  const std::string& name() const { return name_; }
  int n_inputs() const { return int(inputs_.size()); }
  int n_outputs() const { return int(outputs_.size()); }
  // The names of those that it calls, programs inside included.
  std::vector<std::string> routines() const;
  int n_symbols() const { return int(n_symbols_); }
  DType input_type(int input) const { return inputs_[size_t(input)].type; }
  DType output_type(int output) const { return outputs_[size_t(output)].type; }
  const std::vector<SizeExpr>& input_dims(int input) const { return inputs_[size_t(input)].dims; }
  const std::vector<SizeExpr>& output_dims(int output) const {
    return outputs_[size_t(output)].dims;
  }

  // Checks types and sizes against what the program was compiled for (Error(DType),
  // Error(Shape)) and gives the plan for these sizes.
  PlanRef plan(const ProgramInput* inputs) const;

  // Fills `outputs[0..n_outputs)`. The caller holds the inputs meanwhile. Safe on many threads.
  virtual void run(const ProgramPlan& plan, const ProgramInput* inputs,
                   ProgramOutput* outputs) const = 0;

 protected:
  enum SlotKind { InputSlot, OutputSlot, ArenaSlot, TemporarySlot };
  enum Operation { Launch, Alloc, Free, Copy, While, Cond, Call, Scan, WhileVjp, Effects };

  struct Type {
    DType type;
    std::vector<SizeExpr> dims;
  };
  struct Slot {
    SlotKind kind;
    int64_t a;
    SizeExpr bytes;
  };
  struct Output : Type {
    int slot;
  };
  struct Instruction {
    Operation operation;
    int kernel = 0;
    const Routine* routine = nullptr;
    std::shared_ptr<const Flow> flow;
    std::shared_ptr<const Effect> effect;
    std::vector<int> slots;
    std::vector<SizeExpr> sizes;
  };

  void read(WordReader& words, const MakeProgram& make);
  void read_programs(WordReader& words, const MakeProgram& make);
  void read_flow(WordReader& words, Instruction& step);
  Type read_type(WordReader& words);
  void read_slots(WordReader& words, int64_t count);
  void read_outputs(WordReader& words, int64_t count);
  void read_instructions(WordReader& words);
  Instruction read_instruction(WordReader& words);
  void read_launch(WordReader& words, Instruction& launch);
  void read_call(WordReader& words, Instruction& call);
  void read_effect(WordReader& words, Instruction& step);
  int read_slot(WordReader& words);
  void check_order(WordReader& words) const;

  void bind_symbols(const ProgramInput* inputs, int64_t* symbols) const;
  void check_input(int index, const ProgramInput& input, const int64_t* symbols) const;
  std::unique_ptr<ProgramPlan> make_plan(const ProgramInput* inputs, const int64_t* symbols) const;
  void plan_slots(const ProgramInput* inputs, ProgramPlan& plan) const;
  void plan_outputs(ProgramPlan& plan) const;
  void plan_instructions(ProgramPlan& plan) const;
  void plan_call(const Instruction& step, ProgramPlan& plan) const;
  void plan_flow(const Instruction& step, ProgramPlan& plan) const;
  void plan_effect(const Instruction& step, ProgramPlan& plan) const;
  void check_flow(const Instruction& step, const ProgramPlan& plan, const FlowPlan& made) const;
  int64_t room(const ProgramPlan& plan, int slot) const;

  static constexpr int kPlans = 8;  // kept for the sizes that come first
  std::string name_;
  timeline::Category category_;
  int32_t label_;
  int64_t n_symbols_ = 0;
  SizeExpr arena_;
  std::vector<Type> inputs_;
  std::vector<Slot> slots_;
  std::vector<Output> outputs_;
  std::vector<Instruction> instructions_;
  Kernels kernels_;
  std::vector<std::unique_ptr<AnyProgram>> programs_;  // those that control flow runs
  // Append-only and without a lock, so that fork() cannot leave it locked.
  mutable std::atomic<ProgramPlan*> plans_[kPlans] = {};
};

// A program of the host's processor.
class Program final : public AnyProgram {
 public:
  // Throws Error(Value), also if one of the kernels is not a `Kernel`.
  Program(const void* words, size_t bytes, Kernels kernels, std::string name);

  void run(const ProgramPlan& plan, const ProgramInput* inputs,
           ProgramOutput* outputs) const override {
    run(plan, inputs, outputs, nullptr);
  }

  // With `places`, output i is written to places[i], unless that is null, and has no buffer.
  void run(const ProgramPlan& plan, const ProgramInput* inputs, ProgramOutput* outputs,
           char* const* places) const;

 private:
  class Run;
};

// An array that is on the stack when it is short.
template <class T, int N>
class ShortArray {
 public:
  explicit ShortArray(size_t count) {
    if (count > N) many_.resize(count);
  }
  T& operator[](size_t i) { return many_.empty() ? few_[i] : many_[i]; }

 private:
  T few_[N]{};
  std::vector<T> many_;
};

}  // namespace tilewright
