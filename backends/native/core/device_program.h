// A compiled graph on a device: the same words as on the host, their instructions queued.
#pragma once

#include "device_kernel.h"
#include "program.h"

namespace tilewright {

class DeviceProgram final : public AnyProgram {
 public:
  // Throws Error(Value), also if one of the kernels is not of this device.
  DeviceProgram(Device& device, const void* words, size_t bytes, Kernels kernels,
                std::string name);

  Device& device() const { return device_; }

  // Inputs are whole buffers of the device. Returns when all is queued; the outputs hold their
  // values when what is queued is done.
  void run(const ProgramPlan& plan, const ProgramInput* inputs,
           ProgramOutput* outputs) const override;

 private:
  class Run;
  Device& device_;
};

}  // namespace tilewright
