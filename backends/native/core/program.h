// A compiled graph: instructions over slots of memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "buffer.h"
#include "dtype.h"
#include "kernel.h"
#include "layout.h"
#include "routines.h"
#include "sizes.h"

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

// All that follows from the sizes of the inputs.
struct ProgramPlan {
  std::vector<int64_t> symbols;
  int64_t arena = 0;
  std::vector<int64_t> slots;  // bytes; of arena slots the offset
  std::vector<Shape> outputs;
  std::vector<LaunchPlan> launches;  // in order of the launch instructions
  std::vector<int64_t> copies;       // bytes, in order of the copy instructions
  std::vector<RoutinePlan> calls;    // in order of the calls of routines
  int64_t cost = 0;                  // estimated, in picoseconds on one core
};

// A plan of the program's own, or one that was made for a single call.
struct PlanRef {
  const ProgramPlan* plan;
  std::unique_ptr<ProgramPlan> owned;
  const ProgramPlan* operator->() const { return plan; }
};

class Program {
 public:
  // Throws Error(Value) if the words are damaged or do not fit the kernels.
  Program(const void* words, size_t bytes, std::vector<std::shared_ptr<const Kernel>> kernels,
          std::string name);
  ~Program();

  const std::string& name() const { return name_; }
  int n_inputs() const { return int(inputs_.size()); }
  int n_outputs() const { return int(outputs_.size()); }
  std::vector<std::string> routines() const;  // the names of those that it calls
  DType output_type(int output) const { return outputs_[size_t(output)].type; }

  // Checks types and sizes against what the program was compiled for (Error(DType),
  // Error(Shape)) and gives the plan for these sizes.
  PlanRef plan(const ProgramInput* inputs) const;

  // Fills `outputs[0..n_outputs)`. The caller holds the inputs meanwhile. Safe on many threads.
  void run(const ProgramPlan& plan, const ProgramInput* inputs, ProgramOutput* outputs) const;

 private:
  enum SlotKind { InputSlot, OutputSlot, ArenaSlot, TemporarySlot };
  enum Operation { Launch, Alloc, Free, Copy, Call = 6 };

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
    std::vector<int> slots;
    std::vector<SizeExpr> sizes;
  };
  class Run;

  void read(WordReader& words);
  Type read_type(WordReader& words);
  void read_slots(WordReader& words, int64_t count);
  void read_outputs(WordReader& words, int64_t count);
  void read_instructions(WordReader& words);
  Instruction read_instruction(WordReader& words);
  void read_launch(WordReader& words, Instruction& launch);
  void read_call(WordReader& words, Instruction& call);
  int read_slot(WordReader& words);
  void check_order(WordReader& words) const;

  void bind_symbols(const ProgramInput* inputs, int64_t* symbols) const;
  void check_input(int index, const ProgramInput& input, const int64_t* symbols) const;
  std::unique_ptr<ProgramPlan> make_plan(const ProgramInput* inputs, const int64_t* symbols) const;
  void plan_slots(const ProgramInput* inputs, ProgramPlan& plan) const;
  void plan_outputs(ProgramPlan& plan) const;
  void plan_instructions(ProgramPlan& plan) const;
  void plan_call(const Instruction& step, ProgramPlan& plan) const;
  int64_t room(const ProgramPlan& plan, int slot) const;

  static constexpr int kPlans = 8;  // kept for the sizes that come first
  std::string name_;
  int64_t n_symbols_ = 0;
  SizeExpr arena_;
  std::vector<Type> inputs_;
  std::vector<Slot> slots_;
  std::vector<Output> outputs_;
  std::vector<Instruction> instructions_;
  std::vector<std::shared_ptr<const Kernel>> kernels_;
  // Append-only and without a lock, so that fork() cannot leave it locked.
  mutable std::atomic<ProgramPlan*> plans_[kPlans] = {};
};

}  // namespace tilewright
