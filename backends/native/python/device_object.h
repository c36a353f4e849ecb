// Devices as Python sees them: numbers, transfers, statistics.
#pragma once

#include "cell.h"

namespace tilewright {

// Number 0 is the host (null); Error(Device) for numbers that are not open.
Device* device_at(int index);

void bind_devices(py::module_& module);

}  // namespace tilewright
