// Memory of other libraries: the buffer protocol, both ways, and what DLPack shares with it.
#include <algorithm>
#include <cstring>
#include <memory>

#include "../core/copy.h"
#include "gil.h"
#include "create.h"

namespace tilewright {
namespace {

// "<V2"-like formats say nothing about bfloat16, so NumPy is shown its bits through `raw`.
constexpr const char* kFormats[kDTypes] = {"?", "b", "h", "i", "q", "B", "H",
                                           "I", "Q", "e", nullptr, "f", "d", "Zf", "Zd"};

struct Exported {
  Buffer* buffer;
  Py_ssize_t shape[kMaxRank], strides[kMaxRank];
};

void drop_view(void* owner) {
  if (!Py_IsInitialized()) return;  // too late: the memory goes with the process
  py::gil_scoped_acquire lock;
  Py_buffer* view = static_cast<Py_buffer*>(owner);
  PyBuffer_Release(view);
  delete view;
}

// The lowest byte and the number of bytes that the elements span, relative to the first element.
void span(const Shape& shape, const int64_t* byte_strides, int itemsize, int64_t* low,
          int64_t* bytes) {
  *low = 0;
  int64_t high = itemsize;
  for (int i = 0; i < shape.ndim; ++i) {
    const int64_t reach = (shape.dims[i] - 1) * byte_strides[i];
    (reach < 0 ? *low : high) += reach;
  }
  *bytes = high - *low;
}

// Strides that are no multiples of the item size (fields of records) need copies byte by byte.
void copy_bytes(char* target, const char* source, int itemsize, const Shape& shape,
                const int64_t* byte_strides) {
  CopyJob job;
  job.target = target;
  job.source = source;
  job.itemsize = 1;
  job.ndim = shape.ndim + 1;
  std::copy_n(shape.dims, shape.ndim, job.dims);
  std::copy_n(byte_strides, shape.ndim, job.source_strides);
  job.dims[shape.ndim] = itemsize;
  job.source_strides[shape.ndim] = 1;
  contiguous_strides(job.ndim, job.dims, job.target_strides);
  copy_elements(job);
}

py::object copied(const char* operation, const char* data, DType type, const Shape& shape,
                  const int64_t* byte_strides, const int64_t* strides, bool whole) {
  if (shape.ndim == kMaxRank && !whole)
    fail(ErrorKind::Shape, "%s: memory of rank %d must have strides in whole elements", operation,
         kMaxRank);
  Cell* cell = new_empty(operation, type, shape.ndim, shape.dims);
  py::object result = object_from(cell);
  ReleaseGil release(copy_cost(cell->buffer->bytes));
  if (whole)
    copy_to_contiguous(cell->buffer->data, data, itemsize(type), shape.ndim, shape.dims, strides);
  else
    copy_bytes(cell->buffer->data, data, itemsize(type), shape, byte_strides);
  if (type == DType::Bool)  // elsewhere any non-zero byte may be true
    for (int64_t i = 0; i < cell->size; ++i)
      cell->buffer->data[i] = cell->buffer->data[i] != 0;
  return result;
}

py::object shared(BufferRef buffer, DType type, const Shape& shape, const int64_t* byte_strides,
                  const int64_t* strides) {
  if (is_contiguous(shape.ndim, shape.dims, strides))
    return object_from(new_root(type, shape.ndim, shape.dims, std::move(buffer)));
  const int size = itemsize(type);
  int64_t low, bytes;
  span(shape, byte_strides, size, &low, &bytes);
  buffer->data += low;
  buffer->bytes = bytes;
  const int64_t elements = bytes / size;
  py::object base = object_from(new_root(type, 1, &elements, std::move(buffer)));
  Cell* view = new_view(reinterpret_cast<Cell*>(base.ptr()), type, shape.ndim, shape.dims, Py_None);
  view->has_window = true;
  view->contiguous = false;
  view->offset = -low / size;
  std::copy_n(strides, shape.ndim, view->strides);
  return object_from(view);
}

}  // namespace

py::object from_foreign(const char* operation, BufferRef buffer, DType type, const Shape& shape,
                        const int64_t* byte_strides, bool copy) {
  const int size = itemsize(type);
  int64_t strides[kMaxRank];
  bool whole = true;
  for (int i = 0; i < shape.ndim; ++i) {
    whole = whole && byte_strides[i] % size == 0;
    strides[i] = byte_strides[i] / size;
  }
  checked_size(operation, shape.ndim, shape.dims, size);
  const char* data = buffer->data;
  if (copy) return copied(operation, data, type, shape, byte_strides, strides, whole);
  if (reinterpret_cast<uintptr_t>(data) % size_t(alignment(type)) || !whole)
    fail(ErrorKind::Value,
         "%s: got memory that is not aligned to its elements of %d bytes; it can be copied, not "
         "shared (copy=False)",
         operation, size);
  return shared(std::move(buffer), type, shape, byte_strides, strides);
}

py::object from_buffer(py::handle object, int64_t code, bool copy) {
  const DType type = dtype_from("from_buffer", code);
  auto view = std::make_unique<Py_buffer>();
  if (PyObject_GetBuffer(object.ptr(), view.get(), PyBUF_FULL_RO)) throw py::error_already_set();
  Py_buffer* held = view.release();
  BufferRef buffer;
  try {
    buffer = BufferRef(adopt(held->buf, held->len, drop_view, held));
  } catch (...) {
    drop_view(held);
    throw;
  }
  if (held->itemsize != itemsize(type))
    fail(ErrorKind::DType, "from_buffer: got items of %zd bytes; %s has %d", held->itemsize,
         name(type), itemsize(type));
  if (held->format && (*held->format == '>' || *held->format == '!') && held->itemsize > 1)
    fail(ErrorKind::Value, "from_buffer: got memory in foreign byte order (%s)", held->format);
  if (held->suboffsets)
    fail(ErrorKind::Value, "from_buffer: got memory with indirections (suboffsets)");
  if (held->ndim > kMaxRank)
    fail(ErrorKind::Shape, "from_buffer: got %d axes; at most %d are supported", held->ndim,
         kMaxRank);
  Shape shape;
  shape.ndim = held->ndim;
  int64_t strides[kMaxRank];
  for (int i = 0; i < shape.ndim; ++i) {
    shape.dims[i] = held->shape[i];
    strides[i] = held->strides[i];
  }
  return from_foreign("from_buffer", std::move(buffer), type, shape, strides, copy);
}

namespace {

const char* why_not(Cell* cell, int flags) {
  if (!is_concrete(cell)) return "the array has no value (it is being traced)";
  if (device_of(cell)) return "the array is on a device; x.numpy() copies it to the host";
  if (flags & PyBUF_WRITABLE) return "arrays are read-only for other libraries";
  if (!kFormats[int(cell->type)]) return "bfloat16 has no buffer format";
  if (!(flags & PyBUF_STRIDES) && !cell->contiguous) return "the array is strided";
  return nullptr;
}

void fill_view(Cell* cell, Py_buffer* view, int flags) {
  Exported* exported = new Exported;
  exported->buffer = root_of(cell)->buffer;
  retain(exported->buffer);
  view->itemsize = itemsize(cell->type);
  for (int i = 0; i < cell->ndim; ++i) {
    exported->shape[i] = cell->dims[i];
    exported->strides[i] = cell->strides[i] * view->itemsize;
  }
  view->buf = data_of(cell);
  view->len = cell->size * view->itemsize;
  view->readonly = 1;
  view->format = flags & PyBUF_FORMAT ? const_cast<char*>(kFormats[int(cell->type)]) : nullptr;
  view->ndim = cell->ndim;
  view->shape = flags & PyBUF_ND ? exported->shape : nullptr;
  view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? exported->strides : nullptr;
  view->suboffsets = nullptr;
  view->internal = exported;
}

}  // namespace

int cell_get_buffer(PyObject* self, Py_buffer* view, int flags) {
  Cell* cell = reinterpret_cast<Cell*>(self);
  view->obj = nullptr;
  if (const char* refusal = why_not(cell, flags)) {
    PyErr_Format(PyExc_BufferError, "buffer: %s", refusal);
    return -1;
  }
  fill_view(cell, view, flags);
  view->obj = Py_NewRef(self);
  const auto wants = [&](int order) { return (flags & order) == order; };
  const bool fits = (!wants(PyBUF_C_CONTIGUOUS) || PyBuffer_IsContiguous(view, 'C')) &&
                    (!wants(PyBUF_F_CONTIGUOUS) || PyBuffer_IsContiguous(view, 'F')) &&
                    (!wants(PyBUF_ANY_CONTIGUOUS) || PyBuffer_IsContiguous(view, 'A'));
  if (fits) return 0;
  PyBuffer_Release(view);
  PyErr_SetString(PyExc_BufferError, "buffer: the array's elements are in another order");
  return -1;
}

void cell_release_buffer(PyObject*, Py_buffer* view) {
  Exported* exported = static_cast<Exported*>(view->internal);
  release(exported->buffer);
  delete exported;
}

}  // namespace tilewright
