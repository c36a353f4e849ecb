#include "call_key.h"

#include <cstring>

#include "byte_hash.h"

namespace tilewright {
namespace {

constexpr int kMaxDepth = 4;       // of lists in lists
constexpr Py_ssize_t kText = 32;   // longer texts are no parameters
constexpr int kContiguous = 1, kTurned = 2, kTapedBit = 4, kGradBit = 8;

class KeyWriter {
 public:
  KeyWriter(CallKey& key, Detail detail) : key_(key), detail_(detail) {
    byte(static_cast<char>(detail));
    byte(thread_flags.mode());
  }

  bool value(PyObject* object, bool weak, int depth);
  bool object(PyObject* object);
  void seal();

 private:
  bool byte(char value) {
    if (key_.length == kMaxKeyBytes) return false;
    key_.bytes[key_.length++] = value;
    return true;
  }
  bool bytes(const void* data, size_t count) {
    if (key_.length + count > size_t(kMaxKeyBytes)) return false;
    std::memcpy(key_.bytes + key_.length, data, count);
    key_.length += int(count);
    return true;
  }
  bool operand(PyObject* object) {
    if (key_.n_operands == kMaxOperands) return false;
    key_.operands[key_.n_operands++] = object;
    return true;
  }
  bool number(PyObject* object) {
    key_.weak = true;
    return operand(object);
  }
  bool cell(Cell* cell);
  bool integer(PyObject* object);
  bool real(PyObject* object);
  bool pair(PyObject* object);
  bool text(PyObject* object);
  bool items(char tag, PyObject* const* items, Py_ssize_t count, int depth);

  CallKey& key_;
  Detail detail_;
};

// The last two axes lie column by column: products read such operands in place.
bool is_turned(const Cell* cell) {
  const int n = cell->ndim;
  if (cell->contiguous || n < 2 || cell->strides[n - 2] != 1) return false;
  int64_t step = cell->dims[n - 2];
  if (cell->strides[n - 1] != step) return false;
  step *= cell->dims[n - 1];
  for (int axis = n - 3; axis >= 0; --axis) {
    if (cell->dims[axis] != 1 && cell->strides[axis] != step) return false;
    step *= cell->dims[axis];
  }
  return true;
}

bool KeyWriter::cell(Cell* cell) {
  if (Py_TYPE(object_of(cell)) != registry.array_type || !is_concrete(cell) || device_of(cell))
    return false;
  const bool is_taped = thread_flags.grad && taped(cell);
  const bool has_gradient = is_taped && kind(cell->type) >= Kind::Float;
  key_.taped = key_.taped || has_gradient;
  const int flags = (cell->contiguous ? kContiguous : 0) | (is_turned(cell) ? kTurned : 0) |
                    (has_gradient ? kTapedBit : 0);
  const char head[4] = {'A', char(flags), char(cell->type), char(cell->ndim)};
  if (!operand(object_of(cell)) || !bytes(head, sizeof head)) return false;
  if (detail_ == Detail::Sizes) return bytes(cell->dims, cell->ndim * sizeof(int64_t));
  for (int i = 0; i < cell->ndim; ++i)
    if (!byte(char(cell->dims[i] > 1 ? 2 : cell->dims[i]))) return false;
  return true;
}

bool KeyWriter::integer(PyObject* object) {
  int overflow;
  const long long number = PyLong_AsLongLongAndOverflow(object, &overflow);
  return !overflow && byte('I') && bytes(&number, sizeof number);
}

bool KeyWriter::real(PyObject* object) {
  const double number = PyFloat_AS_DOUBLE(object);
  return byte('F') && bytes(&number, sizeof number);  // as bits: -0.0 differs, nan equals itself
}

bool KeyWriter::pair(PyObject* object) {
  const Py_complex number = PyComplex_AsCComplex(object);
  return byte('C') && bytes(&number, sizeof number);
}

bool KeyWriter::text(PyObject* object) {
  Py_ssize_t length;
  const char* data = PyUnicode_AsUTF8AndSize(object, &length);
  if (!data) PyErr_Clear();
  return data && length <= kText && byte('S') && byte(char(length)) &&
         bytes(data, size_t(length));
}

bool KeyWriter::items(char tag, PyObject* const* items, Py_ssize_t count, int depth) {
  if (depth == kMaxDepth || count > kMaxKeyBytes || !byte(tag) || !bytes(&count, 2)) return false;
  for (Py_ssize_t i = 0; i < count; ++i)
    if (!value(items[i], false, depth + 1)) return false;
  return true;
}

// What is known by identity; whoever keeps the key holds it, so that no other takes its place.
bool KeyWriter::object(PyObject* object) {
  if (key_.n_objects == kMaxOperands) return false;
  key_.objects[key_.n_objects++] = object;
  return byte('O') && bytes(&object, sizeof object);
}

bool KeyWriter::value(PyObject* object, bool weak, int depth) {
  if (Cell* found = as_cell(object)) return cell(found);
  if (object == Py_None) return byte('N');
  if (PyBool_Check(object)) return byte(object == Py_True ? 'Y' : 'Z');
  if (PyLong_CheckExact(object))
    return weak ? byte('i') && number(object) : integer(object);
  if (PyFloat_CheckExact(object)) return weak ? byte('f') && number(object) : real(object);
  if (PyComplex_CheckExact(object)) return weak ? byte('c') && number(object) : pair(object);
  if (PyUnicode_CheckExact(object)) return text(object);
  if (PyTuple_CheckExact(object))
    return items('T', reinterpret_cast<PyTupleObject*>(object)->ob_item, PyTuple_GET_SIZE(object),
                 depth);
  if (PyList_CheckExact(object))
    return items('L', reinterpret_cast<PyListObject*>(object)->ob_item, PyList_GET_SIZE(object),
                 depth);
  const PyTypeObject* type = Py_TYPE(object);
  const bool known = PyType_Check(object) || object == registry.no_value ||
                     (registry.dtypes[0] && type == Py_TYPE(registry.dtypes[0]));
  return known && this->object(object);
}

void KeyWriter::seal() {
  if (key_.taped) key_.bytes[1] |= kGradBit;
  key_.hash = hash_bytes(key_.bytes, key_.length);
}

}  // namespace

bool make_key(PyObject* const* args, Py_ssize_t count, PyObject* names, int n_weak, Detail detail,
              CallKey& key) {
  KeyWriter writer(key, detail);
  for (Py_ssize_t i = 0; i < count; ++i)
    if (!writer.value(args[i], i < n_weak, 0)) return false;
  const Py_ssize_t n_names = names ? PyTuple_GET_SIZE(names) : 0;
  const int n_arrays = key.n_operands;
  for (Py_ssize_t i = 0; i < n_names; ++i) {
    if (!writer.object(PyTuple_GET_ITEM(names, i))) return false;
    if (!writer.value(args[count + i], false, 0)) return false;
  }
  // An array by name is an output, a mask, or rare.
  if (key.n_operands != n_arrays) return false;
  bool found = false;
  for (int i = 0; i < n_arrays && !found; ++i) found = as_cell(key.operands[i]) != nullptr;
  if (!found) return false;
  if (key.taped && key.weak) {
    key = CallKey();
    return make_key(args, count, names, 0, detail, key);
  }
  writer.seal();
  return true;
}

}  // namespace tilewright
