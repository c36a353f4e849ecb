// Arrays put together in a fresh one.
#pragma once

#include "cell.h"

namespace tilewright {

PyTypeObject* make_assembly_type();

}  // namespace tilewright
