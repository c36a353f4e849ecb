// C++ exceptions as Python's.
#include "cell.h"

namespace tilewright {
namespace {

PyObject* classes[12];  // by ErrorKind; null: the builtin

PyObject* class_of(ErrorKind kind) {
  if (classes[int(kind)]) return classes[int(kind)];
  switch (kind) {
    case ErrorKind::DType: return PyExc_TypeError;
    case ErrorKind::Overflow: return PyExc_OverflowError;
    case ErrorKind::Memory: return PyExc_MemoryError;
    case ErrorKind::Device: return PyExc_RuntimeError;
    case ErrorKind::System: return PyExc_OSError;
    case ErrorKind::Check: return PyExc_AssertionError;
    case ErrorKind::Bounds: return PyExc_IndexError;
    default: return PyExc_ValueError;
  }
}

}  // namespace

void set_error_class(ErrorKind kind, py::handle type) {
  Py_INCREF(type.ptr());
  Py_XSETREF(classes[int(kind)], type.ptr());
}

void translate_exception() {
  try {
    throw;
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (const py::builtin_exception& error) {
    error.set_error();
  } catch (const Error& error) {
    PyErr_SetString(class_of(error.kind), error.what());
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
}

void check_signals() {
  py::gil_scoped_acquire acquire;
  if (PyErr_CheckSignals()) throw py::error_already_set();
}

}  // namespace tilewright
