// Writes at computed places: the function of the module.
#include "../core/put.h"

#include <algorithm>

#include "create.h"
#include "gil.h"

namespace tilewright {
namespace {

// The elements of a cell, contiguous, at least so many of them; a copy if the cell is a window.
BufferRef elements(Cell* cell, int64_t wanted, const char* what) {
  if (cell->size < wanted)
    fail(ErrorKind::Shape, "put: got %lld %s; it takes %lld", static_cast<long long>(cell->size),
         what, static_cast<long long>(wanted));
  return contiguous_value(cell);
}

}  // namespace

bool put_at(Cell* cell, PyObject* key, py::handle value) {
  Cell* where = as_cell(key);
  if (!where || where->type != DType::Int64 || !where->ndim || !cell->ndim) return false;
  if (!cell->contiguous || !where->contiguous || !ready(cell) || !ready(where)) return false;
  const Cell* updates = reinterpret_cast<Cell*>(value.ptr());
  const int rest = cell->ndim - 1;
  const bool is_whole = updates->ndim == where->ndim + rest &&
                        std::equal(where->dims, where->dims + where->ndim, updates->dims) &&
                        std::equal(cell->dims + 1, cell->dims + cell->ndim,
                                   updates->dims + where->ndim);
  if (updates->ndim != 0 && !is_whole) return false;
  {
    const BufferRef held = BufferRef::share(root_of(where)->buffer);
    const auto* places = reinterpret_cast<const int64_t*>(data_of(where));
    ReleaseGil release(copy_cost(where->size * 8));
    if (!places_fit(places, where->size, cell->dims[0])) return false;
  }
  put(object_of(cell), key, value, 1, cell->dims[0], product(rest, cell->dims + 1));
  return true;
}

void put(py::handle target, py::handle places, py::handle value, int64_t outer, int64_t n,
         int64_t inner) {
  Cell* cell = require_host("put", target.ptr());
  Cell* where = require_host("put", places.ptr());
  Cell* updates = require_host("put", value.ptr());
  if (cell->type != updates->type)
    fail(ErrorKind::DType, "put: got dtype %s; the array has %s", name(updates->type),
         name(cell->type));
  if (where->type != DType::Int64)
    fail(ErrorKind::DType, "put: got places of %s; they must be int64", name(where->type));
  const int64_t dims[] = {outer, n, inner};
  if (!cell->contiguous || checked_size("put", 3, dims, itemsize(cell->type)) != cell->size)
    fail(ErrorKind::Shape, "put: got an array of %lld elements for %s",
         static_cast<long long>(cell->size), shape_text(3, dims).c_str());
  const int64_t rows[] = {outer, where->size, inner};
  const int64_t wanted = checked_size("put", 3, rows, itemsize(cell->type));
  if (!wanted || !cell->size) return;
  const bool single = updates->size == 1;
  // What is read is held: where it is the target's own memory, the target gets another one.
  const BufferRef from = elements(updates, single ? 1 : wanted, "values");
  const BufferRef at = elements(where, where->size, "places");
  Cell* root = root_of(cell);
  make_exclusive(root, false);
  const PutJob job = {data_of(cell), from->data, reinterpret_cast<const int64_t*>(at->data),
                      outer,         n,          inner,
                      where->size,   itemsize(cell->type), single};
  {
    const BufferRef held = BufferRef::share(root->buffer);
    ReleaseGil release(copy_cost(wanted * job.itemsize));
    put_elements(job);
  }
  ++root->version;
}

}  // namespace tilewright
