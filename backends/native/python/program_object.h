// Programs as Python objects.
#pragma once

#include "cell.h"

namespace tilewright {

PyTypeObject* make_program_type();

}  // namespace tilewright
