// The arguments of a staged call as bytes: calls with equal bytes run the same program.
#pragma once

#include <string_view>

#include "cell.h"

namespace tilewright {

constexpr int kMostStagedArrays = 64, kMostStagedObjects = 32, kMostStagedBytes = 2048;

class StagedKey {
 public:
  // Describes a call: values by position, then by name. False if it holds what the bytes cannot
  // tell (containers of other types, objects that say themselves what they are equal to, traced
  // arrays). Runs no Python code and leaves no error.
  bool read(PyObject* const* args, Py_ssize_t count, PyObject* names);
  bool read(PyObject* args, PyObject* kwargs);  // a tuple and a dict

  std::string_view bytes() const { return {bytes_, size_t(length_)}; }
  uint64_t hash() const;

  // Borrowed: the distinct arrays in order, and what is known by identity.
  PyObject* arrays[kMostStagedArrays];
  PyObject* objects[kMostStagedObjects];
  int n_arrays = 0, n_objects = 0;

 private:
  void begin();
  bool byte(char value);
  bool put(const void* data, size_t count);
  bool value(PyObject* object, int depth);
  bool cell(Cell* cell);
  bool number(PyObject* object);
  bool text(PyObject* object);
  bool items(char tag, PyObject* const* items, Py_ssize_t count, int depth);
  bool dictionary(PyObject* object, int depth);
  bool identity(PyObject* object);

  char bytes_[kMostStagedBytes];
  int length_ = 0;
};

}  // namespace tilewright
