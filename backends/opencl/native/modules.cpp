// Programs: built from source, or from the binary of an earlier build.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "records.h"

namespace tilewright::opencl {
namespace {

constexpr char kBinaryMark[] = "TWCLBIN1";
constexpr size_t kMarkBytes = sizeof kBinaryMark - 1;

bool is_binary(const void* code, size_t bytes) {
  return bytes > kMarkBytes && std::memcmp(code, kBinaryMark, kMarkBytes) == 0;
}

ClProgram program_from(tw_device* device, const void* code, size_t bytes, Int* status) {
  const Functions& cl = driver().cl;
  if (!is_binary(code, bytes)) {
    const char* source = static_cast<const char*>(code);
    return cl.clCreateProgramWithSource(device->context, 1, &source, &bytes, status);
  }
  const unsigned char* binary = static_cast<const unsigned char*>(code) + kMarkBytes;
  const size_t length = bytes - kMarkBytes;
  Int loaded = kSuccess;
  ClProgram program = cl.clCreateProgramWithBinary(device->context, 1, &device->id, &length,
                                                   &binary, &loaded, status);
  if (*status == kSuccess) *status = loaded;
  return program;
}

int build_failed(tw_device* device, ClProgram program, Int status, tw_error* error) {
  const int result = failed(error, "clBuildProgram", status);
  size_t length = 0;
  driver().cl.clGetProgramBuildInfo(program, device->id, kBuildLog, 0, nullptr, &length);
  std::string log(length, '\0');
  if (length)
    driver().cl.clGetProgramBuildInfo(program, device->id, kBuildLog, length, &log[0], nullptr);
  const size_t used = std::strlen(error->text);
  std::snprintf(error->text + used, sizeof error->text - used, "\n%s", log.c_str());
  return result;
}

// The binary is for the disk cache only, so that there is none is no error.
void give_binary(ClProgram program, void** binary, size_t* binary_bytes) {
  const Functions& cl = driver().cl;
  size_t bytes = 0;
  if (cl.clGetProgramInfo(program, kProgramBinarySizes, sizeof bytes, &bytes, nullptr) ||
      bytes == 0)
    return;
  unsigned char* made = static_cast<unsigned char*>(std::malloc(kMarkBytes + bytes));
  if (!made) return;
  std::memcpy(made, kBinaryMark, kMarkBytes);
  unsigned char* content = made + kMarkBytes;
  if (cl.clGetProgramInfo(program, kProgramBinaries, sizeof content, &content, nullptr)) {
    std::free(made);
    return;
  }
  *binary = made;
  *binary_bytes = kMarkBytes + bytes;
}

}  // namespace

int load_module(tw_device* device, const void* code, size_t bytes, tw_module** module,
                void** binary, size_t* binary_bytes, tw_error* error) {
  const Functions& cl = driver().cl;
  Int status = kSuccess;
  ClProgram program = program_from(device, code, bytes, &status);
  if (status != kSuccess || !program) {
    if (program) cl.clReleaseProgram(program);
    return failed(error, "clCreateProgram", status);
  }
  const bool exact = device_value<ULong>(device->id, kSingleFpConfig) & kCorrectlyRoundedDivideSqrt;
  const char* options =
      exact ? "-cl-std=CL1.2 -cl-fp32-correctly-rounded-divide-sqrt" : "-cl-std=CL1.2";
  status = cl.clBuildProgram(program, 1, &device->id, options, nullptr, nullptr);
  if (status != kSuccess) {
    const int result = build_failed(device, program, status, error);
    cl.clReleaseProgram(program);
    return result;
  }
  if (binary && !is_binary(code, bytes)) give_binary(program, binary, binary_bytes);
  *module = new tw_module{program, {}};
  return TW_OK;
}

void unload_module(tw_module* module) {
  for (ClKernel kernel : module->kernels) driver().cl.clReleaseKernel(kernel);
  driver().cl.clReleaseProgram(module->program);
  delete module;
}

int find_function(tw_module* module, const char* symbol, tw_function** function,
                  tw_error* error) {
  Int status = kSuccess;
  ClKernel kernel = driver().cl.clCreateKernel(module->program, symbol, &status);
  if (status != kSuccess) return failed(error, "clCreateKernel", status);
  module->kernels.push_back(kernel);
  *function = reinterpret_cast<tw_function*>(kernel);
  return TW_OK;
}

}  // namespace tilewright::opencl
