// Views made without Python: windows on a base, and how they follow from its value.
#pragma once

#include "cell.h"

namespace tilewright {

// A window into a base's buffer, in elements.
struct Window {
  DType type = DType::Bool;
  int ndim = 0;
  int64_t offset = 0;
  int64_t dims[kMaxRank], strides[kMaxRank];

  static Window of(const Cell* cell);
};

// A slice of each axis, and then the axes that are kept (those of integers go) or added.
struct SliceMove {
  int ndim = 0, new_ndim = 0;
  int64_t start[kMaxRank], sizes[kMaxRank], steps[kMaxRank], shape[kMaxRank];
};

// False if no window can say it.
bool reshape_window(const Window& from, int ndim, const int64_t* dims, Window& to);

// A view of the cell (or of its base) with this window; `moves` is stolen.
Cell* new_window(Cell* cell, const Window& window, PyObject* moves);

// The moves of a cell, followed by one more: `entry` as the only one is `single`. New references.
PyObject* moves_after(Cell* cell, PyObject* entry, PyObject* single);
PyObject* moves_after(Cell* cell, const SliceMove& move);

// Views keep their moves in a short form until Python asks for them: then they become a tuple.
// Borrowed; null and a Python error on failure.
PyObject* moves_as_tuple(Cell* cell);

PyTypeObject* make_move_type();

void prepare_moves(py::module_& module);

}  // namespace tilewright
