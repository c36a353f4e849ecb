// Eager reductions as Python objects.
#pragma once

#include "cell.h"

namespace tilewright {

PyTypeObject* make_reduce_kernel_type();

}  // namespace tilewright
