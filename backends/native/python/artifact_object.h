// Artifacts as Python objects.
#pragma once

#include "cell.h"

namespace tilewright {

void bind_artifact(py::module_& module);

}  // namespace tilewright
