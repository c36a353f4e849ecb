// The OpenCL driver, opened at run time, and the devices that it knows.
#pragma once

#include <string>
#include <vector>

#include "api.h"
#include "device.h"

namespace tilewright::opencl {

struct Driver {
  Functions cl{};
  std::string failure;            // why there is no driver or no device
  std::vector<DeviceId> devices;  // GPUs first, then accelerators, then processors
};

// Opened at the first call. TILEWRIGHT_OPENCL_LIBRARY names another library than libOpenCL.so.1.
const Driver& driver();

// The specification's name of an error: "CL_OUT_OF_RESOURCES".
const char* error_name(Int code);

// Writes "CALL: CL_NAME (code)" to `error`; gives the status of device.h for the code.
int failed(tw_error* error, const char* call, Int code);

std::string device_text(DeviceId device, UInt what);

template <class T>
T device_value(DeviceId device, UInt what) {
  T value{};
  driver().cl.clGetDeviceInfo(device, what, sizeof value, &value, nullptr);
  return value;
}

}  // namespace tilewright::opencl
