#include "dlpack_python.h"

#include <algorithm>
#include <memory>

#include "../core/copy.h"
#include "create.h"
#include "dlpack.h"

namespace tilewright {
namespace {

using namespace dlpack;

DataType dlpack_type(DType type) {
  const uint8_t bits = uint8_t(8 * itemsize(type));
  if (type == DType::Bool) return {kBool, bits, 1};
  if (type == DType::BFloat16) return {kBfloat, bits, 1};
  if (kind(type) == Kind::Float) return {kFloat, bits, 1};
  if (kind(type) == Kind::Complex) return {kComplex, bits, 1};
  return {is_signed(type) ? kInt : kUInt, bits, 1};
}

DType type_of(DataType type) {
  for (int code = 0; code < kDTypes; ++code) {
    const DataType known = dlpack_type(DType(code));
    if (known.code == type.code && known.bits == type.bits && type.lanes == 1) return DType(code);
  }
  fail(ErrorKind::DType, "from_dlpack: got elements of kind %d, %d bits, %d lanes; no dtype fits",
       type.code, type.bits, type.lanes);
}

// What a capsule owns: the struct that the consumer sees, the sizes, and a share of the buffer.
template <class M>
struct Export {
  M managed{};
  int64_t shape[kMaxRank], strides[kMaxRank];
  BufferRef buffer;

  static void drop(M* managed) { delete static_cast<Export*>(managed->manager); }
};

template <class M>
PyObject* capsule_of(Cell* cell, BufferRef buffer, bool copied, uint64_t flags) {
  auto made = std::make_unique<Export<M>>();
  Tensor& tensor = made->managed.tensor;
  tensor.data = copied ? buffer->data : data_of(cell);
  tensor.device = {kCpu, 0};
  tensor.ndim = cell->ndim;
  tensor.dtype = dlpack_type(cell->type);
  std::copy_n(cell->dims, cell->ndim, made->shape);
  std::copy_n(cell->strides, cell->ndim, made->strides);
  if (copied) contiguous_strides(cell->ndim, cell->dims, made->strides);
  tensor.shape = made->shape;
  tensor.strides = made->strides;
  made->buffer = std::move(buffer);
  made->managed.manager = made.get();
  made->managed.deleter = Export<M>::drop;
  constexpr bool versioned = std::is_same_v<M, ManagedVersioned>;
  if constexpr (versioned) {
    made->managed.version = {1, 0};
    made->managed.flags = flags;
  }
  const char* name = versioned ? kNameVersioned : kName;
  PyObject* capsule = PyCapsule_New(&made->managed, name, [](PyObject* unused) {
    const char* own = versioned ? kNameVersioned : kName;
    if (!PyCapsule_IsValid(unused, own)) return;  // a consumer has taken it
    M* managed = static_cast<M*>(PyCapsule_GetPointer(unused, own));
    managed->deleter(managed);
  });
  if (!capsule) throw py::error_already_set();
  made.release();
  return capsule;
}

bool wants_versioned(PyObject* max_version) {
  if (max_version == Py_None) return false;
  const auto version = py::reinterpret_borrow<py::object>(max_version).cast<py::tuple>();
  return version.size() == 2 && version[0].cast<int>() >= 1;
}

// Whether the consumer asks for the host's memory by name.
bool wants_host(PyObject* device) {
  if (device == Py_None) return false;
  const auto pair = py::reinterpret_borrow<py::object>(device).cast<py::tuple>();
  if (pair.size() == 2 && pair[0].cast<int>() == kCpu) return true;
  throw py::buffer_error("__dlpack__: arrays are exported on the CPU (1), and nowhere else");
}

// The cell to export: itself, or of one on a device the copy on the host that was asked for.
py::object exportable(Cell* cell, PyObject* device, PyObject* copy) {
  require_concrete("__dlpack__", object_of(cell));
  const bool to_host = wants_host(device);
  const tilewright::Device* own = device_of(cell);
  if (own && (!to_host || copy == Py_False))
    throw py::buffer_error("__dlpack__: the array is on " + std::string(own->name()) +
                           ", whose memory other libraries cannot reach; export its copy on the "
                           "host, x.to(\"cpu\"), or ask for it by dl_device=(1, 0)");
  return on_host(cell);
}

template <class M>
void drop_managed(void* owner) {
  M* managed = static_cast<M*>(owner);
  if (!managed->deleter || !Py_IsInitialized()) return;
  py::gil_scoped_acquire lock;  // the producer may be Python code
  managed->deleter(managed);
}

py::object capsule_from(py::handle object, bool to_host) {
  if (!py::hasattr(object, "__dlpack__") || !py::hasattr(object, "__dlpack_device__"))
    fail(ErrorKind::DType, "from_dlpack: got %.100s; wanted an object with __dlpack__",
         Py_TYPE(object.ptr())->tp_name);
  const auto device = object.attr("__dlpack_device__")().cast<py::tuple>();
  const bool is_there = device.size() == 2 && device[0].cast<int>() == kCpu;
  if (!is_there && to_host)
    return object.attr("__dlpack__")(py::arg("max_version") = py::make_tuple(1, 0),
                                     py::arg("dl_device") = py::make_tuple(kCpu, 0));
  if (!is_there)
    fail(ErrorKind::Value, "from_dlpack: got an array on device type %s; wanted the CPU (1)",
         device.empty() ? "()" : py::str(device[0]).cast<std::string>().c_str());
  try {
    return object.attr("__dlpack__")(py::arg("max_version") = py::make_tuple(1, 0));
  } catch (py::error_already_set& error) {
    if (!error.matches(PyExc_TypeError)) throw;  // an older producer does not know the argument
    return object.attr("__dlpack__")();
  }
}

// Takes the tensor out of its capsule: from now on we are the one to call its deleter.
template <class M>
BufferRef take(PyObject* capsule, const char* name, const char* used, Tensor** tensor) {
  M* managed = static_cast<M*>(PyCapsule_GetPointer(capsule, name));
  if (!managed) throw py::error_already_set();
  if constexpr (std::is_same_v<M, ManagedVersioned>) {
    if (managed->version.major != 1)
      fail(ErrorKind::Value, "from_dlpack: got DLPack version %u; wanted 1",
           managed->version.major);
  }
  *tensor = &managed->tensor;
  char* data = static_cast<char*>(managed->tensor.data) + managed->tensor.byte_offset;
  BufferRef buffer(adopt(data, 0, drop_managed<M>, managed));
  PyCapsule_SetName(capsule, used);
  return buffer;
}

}  // namespace

PyObject* export_dlpack(Cell* cell, PyObject* args, PyObject* kwargs) {
  static const char* keywords[] = {"stream", "max_version", "dl_device", "copy", nullptr};
  PyObject *stream = Py_None, *max_version = Py_None, *device = Py_None, *copy = Py_None;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$OOOO:__dlpack__",
                                   const_cast<char**>(keywords), &stream, &max_version, &device,
                                   &copy))
    throw py::error_already_set();
  const py::object held = exportable(cell, device, copy);
  const bool fetched = held.ptr() != object_of(cell);
  cell = as_cell(held.ptr());
  const bool versioned = wants_versioned(max_version);
  // Older consumers cannot be told that memory is read-only, so what they get is theirs, unless
  // they ask for the memory itself: then it is up to them not to write.
  const bool copied = copy == Py_True || (!versioned && copy != Py_False);
  BufferRef buffer;
  if (copied) {
    buffer = BufferRef(allocate(cell->size * itemsize(cell->type)));
    copy_to_contiguous(buffer->data, data_of(cell), itemsize(cell->type), cell->ndim, cell->dims,
                       cell->strides);
  } else {
    buffer = BufferRef::share(root_of(cell)->buffer);
  }
  return versioned ? capsule_of<ManagedVersioned>(cell, std::move(buffer), copied,
                                                  copied || fetched ? kIsCopied : kReadOnly)
                   : capsule_of<Managed>(cell, std::move(buffer), copied, 0);
}

py::object from_dlpack(py::handle object, bool copy, bool to_host) {
  py::object capsule = capsule_from(object, to_host);
  Tensor* tensor = nullptr;
  BufferRef buffer =
      PyCapsule_IsValid(capsule.ptr(), kNameVersioned)
          ? take<ManagedVersioned>(capsule.ptr(), kNameVersioned, kUsedVersioned, &tensor)
          : take<Managed>(capsule.ptr(), kName, kUsed, &tensor);
  const DType type = type_of(tensor->dtype);
  if (tensor->device.type != kCpu)
    fail(ErrorKind::Value, "from_dlpack: got device type %d; wanted the CPU (1)",
         tensor->device.type);
  if (tensor->ndim < 0 || tensor->ndim > kMaxRank)
    fail(ErrorKind::Shape, "from_dlpack: got %d axes; at most %d are supported", tensor->ndim,
         kMaxRank);
  Shape shape;
  shape.ndim = tensor->ndim;
  std::copy_n(tensor->shape, shape.ndim, shape.dims);
  int64_t strides[kMaxRank];
  buffer->bytes = checked_size("from_dlpack", shape.ndim, shape.dims, itemsize(type)) *
                  itemsize(type);
  contiguous_strides(shape.ndim, shape.dims, strides);
  for (int i = 0; i < shape.ndim; ++i)
    strides[i] = (tensor->strides ? tensor->strides[i] : strides[i]) * itemsize(type);
  if (!tensor->data && buffer->bytes)
    fail(ErrorKind::Value, "from_dlpack: got no memory for %lld bytes",
         static_cast<long long>(buffer->bytes));
  return from_foreign("from_dlpack", std::move(buffer), type, shape, strides, copy);
}

}  // namespace tilewright
