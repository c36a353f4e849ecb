// Programs as Python objects.
#pragma once

#include "../core/program.h"
#include "cell.h"

#include <vector>

namespace tilewright {

PyTypeObject* make_program_type();

bool is_program(PyObject* object);

// Runs a program on cells; `results` takes a new reference for each of its outputs. Throws.
void run_program(PyObject* program, PyObject* const* cells, Py_ssize_t count,
                 std::vector<py::object>& results);

// The program of a `Program` that runs on the host; null for any other object.
const AnyProgram* host_program(PyObject* object);

}  // namespace tilewright
