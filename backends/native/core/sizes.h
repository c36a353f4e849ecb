// Symbolic sizes: postfix expressions over int64 symbols (dsl/sizes.py writes them).
#pragma once

#include <cstdint>
#include <vector>

#include "words.h"

namespace tilewright {

class SizeExpr {
 public:
  SizeExpr() = default;  // the constant 0

  // Reads (n_words, words...); checks operations, symbols and stack depth, so that evaluation
  // needs no checks but those of arithmetic.
  static SizeExpr read(WordReader& words, int64_t n_symbols);

  // Throws Error(Shape) on overflow and on division by zero.
  int64_t evaluate(const int64_t* symbols) const;

  // The symbol if the expression is just that, else -1.
  int64_t only_symbol() const;

  // The symbol if the expression is a positive number (`factor`) times it, else -1.
  int64_t scaled_symbol(int64_t* factor) const;

  bool is_constant() const { return steps_.empty(); }

 private:
  struct Step {
    int64_t operation, operand;
  };
  static constexpr int kMaxDepth = 32;

  int64_t apply(int64_t operation, int64_t a, int64_t b) const;

  int64_t constant_ = 0;     // the value when there are no steps
  std::vector<Step> steps_;
};

}  // namespace tilewright
