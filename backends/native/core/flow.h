// Control flow: an instruction that runs programs inside its program.
//
//   while      condition, body       values: constants, carries
//   cond       one for each branch   values: the number of the branch, then operands
//   scan       body                  values: constants, carries, then what is taken slice by slice
//   while_vjp  condition, body, adjoint   values: constants, carries, cotangents of the carries
//
// All programs of an instruction take the same values (a condition or body of `while_vjp` only
// those before the cotangents), and give the carries, then a slice of each stacked result.
#pragma once

#include <vector>

#include "program.h"

namespace tilewright {

struct Flow {
  enum Kind { While, Cond, Scan, WhileVjp } kind;
  std::vector<const AnyProgram*> programs;
  int n_constants, n_carries;
  int n_inputs, n_outputs;  // of the instruction: its slots
  bool reverse;
  SizeExpr length;
  std::vector<std::vector<SizeExpr>> dims;  // of the values that the last program takes

  const AnyProgram& first() const { return *programs.front(); }
  const AnyProgram& last() const { return *programs.back(); }
};

struct FlowPlan {
  std::vector<PlanRef> programs;
  std::vector<Shape> shapes;        // of the values that the last program takes
  std::vector<ProgramInput> taken;  // the same, as inputs without data
  std::vector<int64_t> bytes;       // of these values
  std::vector<int64_t> given;       // bytes of what the last program returns
  int64_t length;

  // Bytes of a value of the instruction, all slices included.
  int64_t in_bytes(const Flow& flow, size_t value) const {
    if (flow.kind == Flow::Cond) return value ? bytes[value - 1] : 8;
    const bool is_stacked = int(value) >= flow.n_constants + flow.n_carries;
    return flow.kind == Flow::Scan && is_stacked ? bytes[value] * length : bytes[value];
  }
};

// Runs on the host; `data` are the places of the instruction's values, then of its results.
// Throws what its programs throw, and Error(Value) for the number of a branch that is not there.
void run_flow(const Flow& flow, const FlowPlan& plan, char* const* data);

// Called now and then by long loops; may throw to end them.
using Interrupt = void (*)();
void set_interrupt(Interrupt interrupt);

// Asks for an interrupt, at most about 20 times a second.
class Watch {
 public:
  Watch();
  void turn() {
    if ((++turns_ & 15) == 0) look();
  }

 private:
  void look();
  int64_t turns_ = 0, next_ = 0;
};

}  // namespace tilewright
