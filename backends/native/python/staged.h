// Staged functions as Python objects: calls that are known run without Python.
#pragma once

#include "cell.h"

namespace tilewright {

PyTypeObject* make_staged_type();
PyTypeObject* make_route_type();

}  // namespace tilewright
