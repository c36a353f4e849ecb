#include "select_mask.h"

#include <algorithm>

#include "../core/select.h"
#include "create.h"
#include "gil.h"

namespace tilewright {
namespace {

// The elements one after the other, held: where they lie, or a copy.
struct Elements {
  explicit Elements(Cell* cell)
      : buffer(cell->contiguous ? BufferRef::share(root_of(cell)->buffer)
                                : contiguous_value(cell)),
        data(cell->contiguous ? data_of(cell) : buffer->data) {}

  BufferRef buffer;
  const char* data;
};

bool is_ours(const Cell* x, const Cell* mask) {
  return mask->type == DType::Bool && mask->ndim > 0 && mask->ndim <= x->ndim &&
         std::equal(mask->dims, mask->dims + mask->ndim, x->dims);
}

}  // namespace

py::object selected_by_mask(Cell* x, PyObject* key) {
  Cell* mask = as_cell(key);
  if (!mask || thread_flags.tracing || !is_ours(x, mask) || !ready(x) || !ready(mask))
    return py::object();
  const Elements from(x), chosen(mask);
  const auto* flags = reinterpret_cast<const uint8_t*>(chosen.data);
  std::vector<int64_t> starts;
  {
    ReleaseGil release(mask->size * 200);
    starts = selected_before(flags, mask->size);
  }
  const int rest = x->ndim - mask->ndim;
  int64_t dims[kMaxRank];
  dims[0] = starts.back();
  std::copy_n(x->dims + mask->ndim, rest, dims + 1);
  const py::object made = object_from(new_empty("index", x->type, rest + 1, dims));
  Cell* target = reinterpret_cast<Cell*>(made.ptr());
  if (!target->size) return made;
  const int64_t row = product(rest, dims + 1) * itemsize(x->type);
  const BufferRef held = BufferRef::share(target->buffer);
  ReleaseGil release(mask->size * 800 + copy_cost(target->size * itemsize(x->type)));
  select_rows(flags, starts, starts.back(), from.data, held->data, row);
  return made;
}

}  // namespace tilewright
