#include "sizes.h"

namespace tilewright {
namespace {
enum Operation : int64_t { Const, Symbol, Add, Mul, FloorDiv, Min, Max };
}

SizeExpr SizeExpr::read(WordReader& words, int64_t n_symbols) {
  SizeExpr result;
  const int64_t count = words.next("length of a size", 2, 4096);
  if (count % 2) words.damaged("a size has an odd number of words");
  int depth = 0;
  for (int64_t i = 0; i < count; i += 2) {
    Step step;
    step.operation = words.next("operation of a size", Const, Max);
    step.operand = words.next();
    if (step.operation == Symbol && (step.operand < 0 || step.operand >= n_symbols))
      words.damaged("a size names a symbol that is not there");
    depth += step.operation <= Symbol ? 1 : -1;
    if (depth < 1 || depth > kMaxDepth) words.damaged("a size has no proper postfix order");
    result.steps_.push_back(step);
  }
  if (depth != 1) words.damaged("a size has no proper postfix order");
  if (result.steps_.size() == 1 && result.steps_[0].operation == Const) {
    result.constant_ = result.steps_[0].operand;
    result.steps_.clear();
  }
  return result;
}

int64_t SizeExpr::apply(int64_t operation, int64_t a, int64_t b) const {
  int64_t result = 0;
  switch (operation) {
    case Add:
      if (__builtin_add_overflow(a, b, &result)) break;
      return result;
    case Mul:
      if (__builtin_mul_overflow(a, b, &result)) break;
      return result;
    case FloorDiv:
      if (b == 0)
        fail(ErrorKind::Shape, "size: division of %lld by zero", static_cast<long long>(a));
      if (b == -1) {
        if (__builtin_sub_overflow(int64_t{0}, a, &result)) break;
        return result;
      }
      return a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
    case Min:
      return a < b ? a : b;
    default:
      return a > b ? a : b;
  }
  fail(ErrorKind::Shape, "size: %lld %s %lld is over 2**63", static_cast<long long>(a),
       operation == Add ? "+" : operation == Mul ? "*" : "//", static_cast<long long>(b));
}

int64_t SizeExpr::evaluate(const int64_t* symbols) const {
  if (steps_.empty()) return constant_;
  int64_t stack[kMaxDepth];
  int top = -1;
  for (const Step& step : steps_) {
    if (step.operation == Const) {
      stack[++top] = step.operand;
    } else if (step.operation == Symbol) {
      stack[++top] = symbols[step.operand];
    } else {
      --top;
      stack[top] = apply(step.operation, stack[top], stack[top + 1]);
    }
  }
  return stack[0];
}

int64_t SizeExpr::only_symbol() const {
  return steps_.size() == 1 && steps_[0].operation == Symbol ? steps_[0].operand : -1;
}

int64_t SizeExpr::scaled_symbol(int64_t* factor) const {
  *factor = 1;
  if (only_symbol() >= 0) return only_symbol();
  const bool is_multiple = steps_.size() == 3 && steps_[0].operation == Const &&
                           steps_[0].operand > 0 && steps_[1].operation == Symbol &&
                           steps_[2].operation == Mul;
  if (!is_multiple) return -1;
  *factor = steps_[0].operand;
  return steps_[1].operand;
}

}  // namespace tilewright
