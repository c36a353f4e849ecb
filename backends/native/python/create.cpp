#include "create.h"

#include <algorithm>

#include "../core/copy.h"
#include "gil.h"
#include "scalars.h"

namespace tilewright {
namespace {

Cell* require_root(const char* operation, py::handle object) {
  Cell* cell = require_cell(operation, object.ptr());
  if (cell->base) fail(ErrorKind::Value, "%s: got a view; wanted a root cell", operation);
  return cell;
}

py::object shared_root(Cell* cell, DType type) {
  return object_from(new_root(type, cell->ndim, cell->dims, contiguous_value(cell)));
}

// The first and the last element of the window must lie in the base, which has `size` of them.
void check_window(int64_t size, const Shape& shape, const int64_t* strides, int64_t offset) {
  int64_t low = offset, high = offset;
  bool fits = true;
  for (int i = 0; i < shape.ndim; ++i) {
    int64_t reach;
    fits = fits && multiply(shape.dims[i] - 1, strides[i], &reach) &&
           !__builtin_add_overflow(reach < 0 ? low : high, reach, reach < 0 ? &low : &high);
  }
  if (!fits || low < 0 || high >= size)
    fail(ErrorKind::Value, "view: elements %lld to %lld of a base with %lld elements",
         static_cast<long long>(low), static_cast<long long>(high),
         static_cast<long long>(size));
}

bool repeats(const Cell* cell) {
  for (int i = 0; i < cell->ndim; ++i)
    if (cell->strides[i] == 0 && cell->dims[i] > 1) return true;
  return false;
}

py::object list_of(Cell* cell, int axis, const char* data) {
  const int size = itemsize(cell->type);
  if (axis == cell->ndim) return py::reinterpret_steal<py::object>(load_scalar(cell->type, data));
  py::list result(cell->dims[axis]);
  for (int64_t i = 0; i < cell->dims[axis]; ++i) {
    py::object inner = list_of(cell, axis + 1, data + i * cell->strides[axis] * size);
    if (!inner) throw py::error_already_set();
    PyList_SET_ITEM(result.ptr(), i, inner.release().ptr());
  }
  return result;
}

// `held` is the buffer that `source` points into. The lock may be free meanwhile: then another
// thread's write to the same array goes to a copy, for this one holds the buffer.
void copy_into_window(Cell* cell, const char* source, const int64_t* source_strides,
                      Buffer* held) {
  CopyJob job;
  job.target = data_of(cell);
  job.source = source;
  job.itemsize = itemsize(cell->type);
  job.ndim = cell->ndim;
  std::copy_n(cell->dims, cell->ndim, job.dims);
  std::copy_n(cell->strides, cell->ndim, job.target_strides);
  std::copy_n(source_strides, cell->ndim, job.source_strides);
  ReleaseGil release(copy_cost(cell->size * job.itemsize), [&](auto hold) {
    hold(root_of(cell)->buffer);
    hold(held);
  });
  copy_elements(job);
}

}  // namespace

void make_exclusive(Cell* root, bool overwrites_all) {
  if (exclusive(root->buffer)) return;
  const int64_t bytes = root->size * itemsize(root->type);
  BufferRef fresh(allocate(bytes));
  if (!overwrites_all)
    copy_to_contiguous(fresh->data, root->buffer->data, itemsize(root->type), root->ndim,
                       root->dims, root->strides);
  Buffer* old = root->buffer;
  root->buffer = fresh.take();
  release(old);
}

py::object from_scalar(py::handle value, int64_t code) {
  const DType type = dtype_from("from_scalar", code);
  Cell* cell = new_empty("from_scalar", type, 0, nullptr);
  py::object result = object_from(cell);
  store_scalar_or_throw("from_scalar", type, value.ptr(), cell->buffer->data);
  return result;
}

py::object alias(py::handle object) {
  Cell* cell = require_cell("alias", object.ptr());
  py::object result;
  if (is_concrete(cell)) {
    result = shared_root(cell, cell->type);
  } else if (!cell->base && cell->traced) {
    result = object_from(new_traced(cell->type, cell->ndim, cell->dims, cell->traced));
  } else {
    fail(ErrorKind::Value, "alias: got %s; read it through its base and moves",
         cell->base ? "a view of a traced value" : "a cell without a value");
  }
  Cell* made = reinterpret_cast<Cell*>(result.ptr());
  if (cell->node) {
    made->node = Py_NewRef(cell->node);
    track(made);
  }
  return result;
}

py::object make_view(py::handle base, py::handle shape, py::handle strides, int64_t offset,
                     py::handle moves, int64_t code) {
  Cell* root = require_root("view", base);
  require_concrete("view", base.ptr());
  const DType type = code < 0 ? root->type : dtype_from("view", code);
  const Shape dims = shape_from("view", shape), steps = shape_from("view", strides);
  if (dims.ndim != steps.ndim)
    fail(ErrorKind::Value, "view: got %d sizes and %d strides", dims.ndim, steps.ndim);
  if (checked_size("view", dims.ndim, dims.dims, itemsize(type)) == 0)
    offset = 0;
  else
    check_window(root->size * itemsize(root->type) / itemsize(type), dims, steps.dims, offset);
  Cell* cell = new_view(root, type, dims.ndim, dims.dims, moves.ptr());
  cell->has_window = true;
  cell->offset = offset;
  std::copy_n(steps.dims, dims.ndim, cell->strides);
  cell->contiguous = is_contiguous(dims.ndim, dims.dims, steps.dims);
  return object_from(cell);
}

py::object make_traced_view(py::handle base, py::handle shape, py::handle moves, int64_t code) {
  Cell* root = require_root("traced_view", base);
  const DType type = code < 0 ? root->type : dtype_from("traced_view", code);
  const Shape dims = shape_from("traced_view", shape);
  checked_size("traced_view", dims.ndim, dims.dims, itemsize(type));
  return object_from(new_view(root, type, dims.ndim, dims.dims, moves.ptr()));
}

py::object contiguous(py::handle object) {
  Cell* cell = require_concrete("contiguous", object.ptr());
  if (!cell->base) return py::reinterpret_borrow<py::object>(object);
  return shared_root(cell, cell->type);
}

py::object raw(py::handle object) {
  const py::object host = on_host(require_concrete("raw", object.ptr()));
  Cell* cell = reinterpret_cast<Cell*>(host.ptr());
  const bool half = cell->type == DType::BFloat16 || cell->type == DType::Float16;
  return shared_root(cell, half ? DType::UInt16 : cell->type);
}

py::object reinterpret(py::handle object, int64_t code, py::handle shape) {
  Cell* cell = require_concrete("reinterpret", object.ptr());
  const DType type = dtype_from("reinterpret", code);
  const Shape dims = shape_from("reinterpret", shape);
  const int64_t wanted = checked_size("reinterpret", dims.ndim, dims.dims, itemsize(type));
  if (wanted * itemsize(type) != cell->size * itemsize(cell->type))
    fail(ErrorKind::Shape, "reinterpret: got %lld bytes; %s of shape %s has %lld",
         static_cast<long long>(cell->size * itemsize(cell->type)), name(type),
         shape_text(dims.ndim, dims.dims).c_str(),
         static_cast<long long>(wanted * itemsize(type)));
  return object_from(new_root(type, dims.ndim, dims.dims, contiguous_value(cell)));
}

void assign(py::handle target, py::handle object) {
  Cell* cell = require_root("assign", target);
  Cell* value = require_cell("assign", object.ptr());
  if (cell->type != value->type)
    fail(ErrorKind::DType, "assign: got dtype %s; the cell has %s", name(value->type),
         name(cell->type));
  if (cell->ndim != value->ndim || !std::equal(cell->dims, cell->dims + cell->ndim, value->dims))
    fail(ErrorKind::Shape, "assign: got shape %s; the cell has %s",
         shape_text(value->ndim, value->dims).c_str(), shape_text(cell->ndim, cell->dims).c_str());
  py::object node = py::reinterpret_borrow<py::object>(value->node);
  py::object traced;
  BufferRef buffer;
  if (is_concrete(value))
    buffer = contiguous_value(value);
  else if (!value->base && value->traced)
    traced = py::reinterpret_borrow<py::object>(value->traced);
  else
    fail(ErrorKind::Value, "assign: got a view of a traced value; wanted a value of its own");
  BufferRef old(cell->buffer);  // what leaves the cell is dropped after the cell is whole again
  py::object old_traced = py::reinterpret_steal<py::object>(cell->traced);
  py::object old_node = py::reinterpret_steal<py::object>(cell->node);
  cell->buffer = buffer.take();
  cell->traced = traced.release().ptr();
  cell->node = node.release().ptr();
  ++cell->version;
  if (cell->traced || cell->node) track(cell);
}

namespace {

// On a device a value is never changed in place: the root gets another one, made by kernels unless
// all of it is written.
void write_on_device(Cell* cell, Cell* value) {
  Cell* root = root_of(cell);
  if (device_of(cell) != device_of(value))
    fail(ErrorKind::Device, "write: got an array on %s; the target is on %s",
         device_name(device_of(value)), device_name(device_of(cell)));
  const bool all = cell->contiguous && cell->type == root->type && cell->size == root->size &&
                   value->size == cell->size;
  if (!all) {
    py::object done = py::reinterpret_steal<py::object>(
        slow_path("write", object_of(cell), object_of(value)));
    if (!done) throw py::error_already_set();
    return;
  }
  BufferRef made = contiguous_value(value);
  BufferRef old(std::exchange(root->buffer, made.take()));
  ++root->version;
}

}  // namespace

void write(py::handle target, py::handle object) {
  Cell* cell = require_concrete("write", target.ptr());
  Cell* value = require_concrete("write", object.ptr());
  if (cell->type != value->type)
    fail(ErrorKind::DType, "write: got dtype %s; the array has %s", name(value->type),
         name(cell->type));
  int64_t strides[kMaxRank];
  if (!broadcast_strides(value->ndim, value->dims, value->strides, cell->ndim, cell->dims,
                         strides))
    fail(ErrorKind::Shape, "write: got shape %s; it must broadcast to %s",
         shape_text(value->ndim, value->dims).c_str(), shape_text(cell->ndim, cell->dims).c_str());
  if (repeats(cell))
    fail(ErrorKind::Value, "write: the array is a broadcast view, whose elements are not its own");
  if (device_of(cell) || device_of(value)) return write_on_device(cell, value);
  Cell* root = root_of(cell);
  const char* source = data_of(value);
  BufferRef held;
  if (root_of(value)->buffer == root->buffer && cell->size) {
    // Source and target may overlap: read all before anything is written.
    held = BufferRef(allocate(value->size * itemsize(value->type)));
    copy_to_contiguous(held->data, source, itemsize(value->type), value->ndim, value->dims,
                       value->strides);
    source = held->data;
    int64_t own[kMaxRank];
    contiguous_strides(value->ndim, value->dims, own);
    broadcast_strides(value->ndim, value->dims, own, cell->ndim, cell->dims, strides);
  }
  make_exclusive(root, cell == root);
  copy_into_window(cell, source, strides, held ? held.get() : root_of(value)->buffer);
  ++root->version;
}

py::object tolist(py::handle object) {
  const py::object host = on_host(require_concrete("tolist", object.ptr()));
  Cell* cell = reinterpret_cast<Cell*>(host.ptr());
  // Making ints runs no other code, but a collection may: the value is held.
  BufferRef held = BufferRef::share(root_of(cell)->buffer);
  return list_of(cell, 0, data_of(cell));
}

py::object item(py::handle object) {
  Cell* cell = require_concrete("item", object.ptr());
  if (cell->size != 1)
    fail(ErrorKind::Value, "item: got shape %s; only an array of size 1 has one item",
         shape_text(cell->ndim, cell->dims).c_str());
  const py::object host = on_host(cell);
  return py::reinterpret_steal<py::object>(
      load_scalar(cell->type, data_of(reinterpret_cast<Cell*>(host.ptr()))));
}

}  // namespace tilewright
