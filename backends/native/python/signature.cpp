#include "signature.h"

#include <cstring>

#include "cell.h"

namespace tilewright {

// One byte for the mode, then for each cell its device, its dtype, its rank and its sizes.
py::object signature(const py::tuple& arguments) {
  const size_t count = arguments.size();
  if (thread_flags.tracing || count > kMostCells) return py::none();
  char text[1 + kMostCells * (3 + kMaxRank * sizeof(int64_t))];
  char* end = text;
  *end++ = thread_flags.mode();
  for (size_t i = 0; i < count; ++i) {
    Cell* cell = as_cell(PyTuple_GET_ITEM(arguments.ptr(), i));
    if (!cell || !settled(cell)) return py::none();
    for (size_t j = 0; j < i; ++j)
      if (PyTuple_GET_ITEM(arguments.ptr(), j) == object_of(cell)) return py::none();
    const Device* device = device_of(cell);
    *end++ = static_cast<char>(device ? device->index() : 0);
    *end++ = static_cast<char>(cell->type);
    *end++ = static_cast<char>(cell->ndim);
    std::memcpy(end, cell->dims, cell->ndim * sizeof(int64_t));
    end += cell->ndim * sizeof(int64_t);
  }
  return py::bytes(text, static_cast<size_t>(end - text));
}

}  // namespace tilewright
