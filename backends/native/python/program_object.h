// Programs as Python objects.
#pragma once

#include "../core/program.h"
#include "cell.h"

namespace tilewright {

PyTypeObject* make_program_type();

// The program of a `Program` that runs on the host; null for any other object.
const AnyProgram* host_program(PyObject* object);

}  // namespace tilewright
