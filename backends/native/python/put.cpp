// Writes at computed places: the function of the module.
#include "../core/put.h"

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
