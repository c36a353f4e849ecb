#include "staged_key.h"

#include <cstring>

#include "byte_hash.h"

namespace tilewright {
namespace {

constexpr int kDepth = 6;           // of containers in containers
constexpr Py_ssize_t kText = 128;   // longer texts are no parameters
constexpr char kTaped = 1, kView = 2;

}  // namespace

void StagedKey::begin() {
  length_ = n_arrays = n_objects = 0;
  byte(thread_flags.mode());
}

bool StagedKey::byte(char value) {
  if (length_ == kMostStagedBytes) return false;
  bytes_[length_++] = value;
  return true;
}

bool StagedKey::put(const void* data, size_t count) {
  if (size_t(length_) + count > size_t(kMostStagedBytes)) return false;
  std::memcpy(bytes_ + length_, data, count);
  length_ += int(count);
  return true;
}

bool StagedKey::read(PyObject* const* args, Py_ssize_t count, PyObject* names) {
  begin();
  if (!put(&count, sizeof count)) return false;
  for (Py_ssize_t i = 0; i < count; ++i)
    if (!value(args[i], 0)) return false;
  const Py_ssize_t n_names = names ? PyTuple_GET_SIZE(names) : 0;
  for (Py_ssize_t i = 0; i < n_names; ++i)
    if (!text(PyTuple_GET_ITEM(names, i)) || !value(args[count + i], 0)) return false;
  return true;
}

bool StagedKey::read(PyObject* args, PyObject* kwargs) {
  begin();
  const Py_ssize_t count = PyTuple_GET_SIZE(args);
  if (!put(&count, sizeof count)) return false;
  for (Py_ssize_t i = 0; i < count; ++i)
    if (!value(PyTuple_GET_ITEM(args, i), 0)) return false;
  Py_ssize_t place = 0;
  PyObject *name, *object;
  while (PyDict_Next(kwargs, &place, &name, &object))
    if (!text(name) || !value(object, 0)) return false;
  return true;
}

bool StagedKey::cell(Cell* cell) {
  if (!is_concrete(cell)) return false;
  PyObject* object = object_of(cell);
  for (int i = 0; i < n_arrays; ++i)
    if (arrays[i] == object) return byte('B') && byte(char(i));
  if (n_arrays == kMostStagedArrays) return false;
  arrays[n_arrays++] = object;
  const Device* device = device_of(cell);
  const bool is_taped = thread_flags.grad && taped(cell);
  const char flags = char((is_taped ? kTaped : 0) | (cell->base ? kView : 0));
  const char head[5] = {'A', flags, char(device ? device->index() : 0), char(cell->type),
                        char(cell->ndim)};
  return put(head, sizeof head) && put(cell->dims, cell->ndim * sizeof(int64_t));
}

bool StagedKey::number(PyObject* object) {
  if (PyLong_CheckExact(object)) {
    int overflow;
    const long long number = PyLong_AsLongLongAndOverflow(object, &overflow);
    return !overflow && byte('I') && put(&number, sizeof number);
  }
  if (PyFloat_CheckExact(object)) {  // as bits: -0.0 differs, nan equals itself
    const double number = PyFloat_AS_DOUBLE(object);
    return byte('F') && put(&number, sizeof number);
  }
  const Py_complex number = PyComplex_AsCComplex(object);
  return byte('C') && put(&number, sizeof number);
}

bool StagedKey::text(PyObject* object) {
  Py_ssize_t length;
  const char* data =
      PyUnicode_CheckExact(object) ? PyUnicode_AsUTF8AndSize(object, &length) : nullptr;
  if (!data) PyErr_Clear();
  return data && length <= kText && byte('S') && put(&length, sizeof length) &&
         put(data, size_t(length));
}

bool StagedKey::items(char tag, PyObject* const* items, Py_ssize_t count, int depth) {
  if (depth == kDepth || !byte(tag) || !put(&count, sizeof count)) return false;
  for (Py_ssize_t i = 0; i < count; ++i)
    if (!value(items[i], depth + 1)) return false;
  return true;
}

bool StagedKey::dictionary(PyObject* object, int depth) {
  const Py_ssize_t count = PyDict_GET_SIZE(object);
  if (depth == kDepth || !byte('D') || !put(&count, sizeof count)) return false;
  Py_ssize_t place = 0;
  PyObject *key, *item;
  while (PyDict_Next(object, &place, &key, &item))
    if (!(PyLong_CheckExact(key) ? number(key) : text(key)) || !value(item, depth + 1))
      return false;
  return true;
}

// What has no equality of its own; whoever keeps the key holds it, so that no other takes its
// place.
bool StagedKey::identity(PyObject* object) {
  const PyTypeObject* type = Py_TYPE(object);
  const bool is_itself = type->tp_hash == PyBaseObject_Type.tp_hash &&
                         type->tp_richcompare == PyBaseObject_Type.tp_richcompare;
  if (!is_itself && !PyType_Check(object) && !PyFunction_Check(object)) return false;
  if (n_objects == kMostStagedObjects) return false;
  objects[n_objects++] = object;
  return byte('O') && put(&object, sizeof object);
}

bool StagedKey::value(PyObject* object, int depth) {
  if (Cell* found = as_cell(object)) return cell(found);
  if (object == Py_None) return byte('N');
  if (PyBool_Check(object)) return byte(object == Py_True ? 'Y' : 'Z');
  if (PyLong_CheckExact(object) || PyFloat_CheckExact(object) || PyComplex_CheckExact(object))
    return number(object);
  if (PyUnicode_CheckExact(object)) return text(object);
  if (PyTuple_CheckExact(object))
    return items('T', reinterpret_cast<PyTupleObject*>(object)->ob_item, PyTuple_GET_SIZE(object),
                 depth);
  if (PyList_CheckExact(object))
    return items('L', reinterpret_cast<PyListObject*>(object)->ob_item, PyList_GET_SIZE(object),
                 depth);
  if (PyDict_CheckExact(object)) return dictionary(object, depth);
  return identity(object);
}

uint64_t StagedKey::hash() const { return hash_bytes(bytes_, length_); }

}  // namespace tilewright
