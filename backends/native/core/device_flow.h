// Control flow on a device.
#pragma once

#include "devices.h"
#include "flow.h"

namespace tilewright {

// Runs the instruction on whole buffers of the device and gives its results. Waits where the host
// must know a value: the number of a branch, the condition of a loop.
std::vector<BufferRef> run_flow(Device& device, const Flow& flow, const FlowPlan& plan,
                                std::vector<BufferRef> values);

}  // namespace tilewright
