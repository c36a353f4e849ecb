// An elementwise operation on strided operands, by kernels that know one axis only.
#pragma once

#include <cstdint>

#include "buffer.h"
#include "kernel.h"
#include "layout.h"

namespace tilewright {

constexpr int kMaxMapInputs = 8;

struct MapOperand {
  char* data;
  int itemsize;
  int64_t strides[kMaxRank];  // in elements, broadcast to the job's axes
};

class MapJob {
 public:
  // The caller fills these in; the output is contiguous and has at least one element.
  int n_inputs = 0, ndim = 0;
  int64_t dims[kMaxRank];
  MapOperand inputs[kMaxMapInputs];
  char* output = nullptr;
  int output_itemsize = 0;

  // Merges axes and copies operands that no kernel can read in place, so that along the last
  // axis each input is contiguous or one element. Throws Error(Memory).
  void prepare();

  // Bit i: input i is one element along the last axis.
  int mask() const;
  int64_t inner() const { return ndim ? dims[ndim - 1] : 1; }
  int64_t outer() const { return ndim ? product(ndim - 1, dims) : 1; }

  // Runs the kernel for this mask, planned for `inner()` elements.
  void run(const Kernel& kernel, const LaunchPlan& plan);

 private:
  void merge_axes();
  bool copies_pay() const;
  void copy_input(int input);
  void pointers_at(int64_t row, void** pointers) const;

  BufferRef copies_[kMaxMapInputs];
};

}  // namespace tilewright
