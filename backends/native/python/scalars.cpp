#include "scalars.h"

#include <cstring>

#include "../core/half.h"
#include "cell.h"

namespace tilewright {
namespace {

template <class T>
T read(const char* element) {
  T value;
  std::memcpy(&value, element, sizeof value);
  return value;
}

template <class T>
void put(char* element, T value) {
  std::memcpy(element, &value, sizeof value);
}

// A Python int of `bytes` bytes, checked against the range of the type.
Store store_integer(DType type, PyObject* integer, char* element) {
  const int bits = 8 * itemsize(type);
  if (type == DType::UInt64) {
    const unsigned long long value = PyLong_AsUnsignedLongLong(integer);
    if (value == ~0ULL && PyErr_Occurred()) {
      if (!PyErr_ExceptionMatches(PyExc_OverflowError)) return Store::Failed;
      PyErr_Clear();
      return Store::OutOfRange;
    }
    put(element, uint64_t(value));
    return Store::Done;
  }
  int overflow = 0;
  const int64_t value = PyLong_AsLongLongAndOverflow(integer, &overflow);
  if (value == -1 && PyErr_Occurred()) return Store::Failed;
  const int64_t high = is_signed(type) ? int64_t((uint64_t{1} << (bits - 1)) - 1)
                                       : int64_t((uint64_t{1} << bits) - 1);
  const int64_t low = is_signed(type) ? -high - 1 : 0;
  if (overflow || value < low || value > high) return Store::OutOfRange;
  std::memcpy(element, &value, size_t(itemsize(type)));  // little-endian: the low bytes
  return Store::Done;
}

void store_double(DType type, double value, char* element) {
  switch (type) {
    case DType::Float16: return put(element, half_from_double(value));
    case DType::BFloat16: return put(element, bfloat16_from_double(value));
    case DType::Float32: return put(element, float(value));
    default: return put(element, value);
  }
}

// The real and the imaginary part, as two floats of half the size.
Store store_complex(DType type, PyObject* value, char* element) {
  const Py_complex number = PyComplex_AsCComplex(value);
  if (number.real == -1.0 && PyErr_Occurred()) return Store::Failed;
  store_double(part(type), number.real, element);
  store_double(part(type), number.imag, element + itemsize(part(type)));
  return Store::Done;
}

}  // namespace

PyObject* load_scalar(DType type, const char* element) {
  switch (type) {
    case DType::Bool: return PyBool_FromLong(*element != 0);
    case DType::Int8: return PyLong_FromLong(read<int8_t>(element));
    case DType::Int16: return PyLong_FromLong(read<int16_t>(element));
    case DType::Int32: return PyLong_FromLong(read<int32_t>(element));
    case DType::Int64: return PyLong_FromLongLong(read<int64_t>(element));
    case DType::UInt8: return PyLong_FromLong(read<uint8_t>(element));
    case DType::UInt16: return PyLong_FromLong(read<uint16_t>(element));
    case DType::UInt32: return PyLong_FromUnsignedLong(read<uint32_t>(element));
    case DType::UInt64: return PyLong_FromUnsignedLongLong(read<uint64_t>(element));
    case DType::Float16: return PyFloat_FromDouble(half_to_float(read<uint16_t>(element)));
    case DType::BFloat16: return PyFloat_FromDouble(bfloat16_to_float(read<uint16_t>(element)));
    case DType::Float32: return PyFloat_FromDouble(read<float>(element));
    case DType::Complex64:
      return PyComplex_FromDoubles(read<float>(element), read<float>(element + sizeof(float)));
    case DType::Complex128:
      return PyComplex_FromDoubles(read<double>(element), read<double>(element + sizeof(double)));
    default: return PyFloat_FromDouble(read<double>(element));
  }
}

Store store_scalar(DType type, PyObject* value, char* element) {
  if (kind(type) == Kind::Bool) {
    const int truth = PyObject_IsTrue(value);
    if (truth < 0) return Store::Failed;
    *element = char(truth);
    return Store::Done;
  }
  if (kind(type) == Kind::Complex) return store_complex(type, value, element);
  if (kind(type) == Kind::Float) {
    const double number = PyFloat_AsDouble(value);
    if (number == -1.0 && PyErr_Occurred()) return Store::Failed;
    store_double(type, number, element);
    return Store::Done;
  }
  if (PyLong_Check(value)) return store_integer(type, value, element);
  py::object integer = py::reinterpret_steal<py::object>(PyNumber_Long(value));
  return integer ? store_integer(type, integer.ptr(), element) : Store::Failed;
}

void store_scalar_or_throw(const char* operation, DType type, PyObject* value, char* element) {
  switch (store_scalar(type, value, element)) {
    case Store::Done: return;
    case Store::Failed: throw py::error_already_set();
    case Store::OutOfRange:
      fail(ErrorKind::Overflow, "%s: Python integer %.100s out of bounds for %s", operation,
           py::str(py::handle(value)).cast<std::string>().c_str(), name(type));
  }
}

}  // namespace tilewright
