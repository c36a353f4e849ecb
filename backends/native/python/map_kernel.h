// Eager elementwise operations as Python objects.
#pragma once

#include <memory>
#include <vector>

#include "../core/kernel.h"
#include "cell.h"

namespace tilewright {

// An operand: a concrete cell, or an element on the stack (`owner` null, rank 0).
struct MapArgument {
  char* data;
  Buffer* owner;
  int ndim;
  const int64_t* dims;
  const int64_t* strides;
  bool contiguous;

  static MapArgument of(Cell* cell) {
    return {data_of(cell), root_of(cell)->buffer, cell->ndim, cell->dims, cell->strides,
            cell->contiguous};
  }
  static MapArgument of(char* element) { return {element, nullptr, 0, nullptr, nullptr, true}; }
};

struct MapKernel {
  PyObject_HEAD
  vectorcallfunc call;
  PyObject* name;
  const char* text;  // the name, for messages
  int32_t label;     // and for the timeline
  PyObject* compile;
  int n_inputs;
  DType input_types[8];
  DType output_type;
  // By mask; null until compiled.
  std::vector<std::shared_ptr<const Kernel>>* variants;
};

extern PyTypeObject* map_kernel_type;
PyTypeObject* make_map_kernel_type();

// Computes on arguments of the kernel's types; throws.
Cell* run_map(MapKernel* kernel, const MapArgument* arguments);

}  // namespace tilewright
