// The arguments of a call as bytes: calls with equal bytes go the same way.
#pragma once

#include "cell.h"

namespace tilewright {

constexpr int kMaxOperands = 16;
constexpr int kMaxKeyBytes = 640;

// What of shapes a key tells: each size, or only whether it is 0, 1 or more.
enum class Detail : char { Classes, Sizes };

struct CallKey {
  char bytes[kMaxKeyBytes];
  int length = 0;
  uint64_t hash = 0;
  // Borrowed: the arrays and weak scalars among the arguments, in order, and what the key knows
  // by identity alone.
  PyObject* operands[kMaxOperands];
  PyObject* objects[kMaxOperands];
  int n_operands = 0, n_objects = 0;
  bool taped = false;  // a gradient would have to pass through one of the arrays
  bool weak = false;   // one of the operands is a Python number
};

// Describes a call; false if it holds anything but arrays in the host's memory and plain values,
// or no array. Python ints and floats among the first `n_weak` arguments are operands, of which
// the key tells only the type, unless a gradient is to pass: rules
// take arrays. Runs no Python code and leaves no error.
bool make_key(PyObject* const* args, Py_ssize_t count, PyObject* names, int n_weak, Detail detail,
              CallKey& key);

}  // namespace tilewright
