#include "driver.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace tilewright::opencl {
namespace {

constexpr const char* kLibrary = "libOpenCL.so.1";

template <class Function>
bool find(void* library, const char* name, Function*& place, std::string& failure) {
  place = reinterpret_cast<Function*>(dlsym(library, name));
  if (!place) failure = std::string("the OpenCL library has no ") + name;
  return place != nullptr;
}

#define FIND(name) find(library, #name, cl.name, failure)
bool find_all(void* library, Functions& cl, std::string& failure) {
  return FIND(clGetPlatformIDs) && FIND(clGetPlatformInfo) && FIND(clGetDeviceIDs) &&
         FIND(clGetDeviceInfo) && FIND(clCreateContext) && FIND(clReleaseContext) &&
         FIND(clCreateCommandQueue) && FIND(clReleaseCommandQueue) && FIND(clCreateBuffer) &&
         FIND(clReleaseMemObject) && FIND(clEnqueueWriteBuffer) && FIND(clEnqueueReadBuffer) &&
         FIND(clEnqueueCopyBuffer) && FIND(clCreateProgramWithSource) &&
         FIND(clCreateProgramWithBinary) && FIND(clBuildProgram) && FIND(clGetProgramInfo) &&
         FIND(clGetProgramBuildInfo) && FIND(clReleaseProgram) && FIND(clCreateKernel) &&
         FIND(clReleaseKernel) && FIND(clSetKernelArg) && FIND(clEnqueueNDRangeKernel) &&
         FIND(clEnqueueMarkerWithWaitList) && FIND(clSetEventCallback) && FIND(clWaitForEvents) &&
         FIND(clGetEventProfilingInfo) && FIND(clReleaseEvent) && FIND(clFlush) && FIND(clFinish);
}
#undef FIND

int rank(const Functions& cl, DeviceId device) {
  ULong type = 0;
  cl.clGetDeviceInfo(device, kDeviceType, sizeof type, &type, nullptr);
  return type & kTypeGpu ? 0 : type & kTypeAccelerator ? 1 : 2;
}

void list_devices(Driver& found) {
  const Functions& cl = found.cl;
  UInt n_platforms = 0;
  const Int status = cl.clGetPlatformIDs(0, nullptr, &n_platforms);
  if (status != kSuccess || n_platforms == 0) {
    found.failure = "no OpenCL platform is installed (" + std::string(error_name(status)) +
                    "); PoCL is one for processors (Debian: pocl-opencl-icd)";
    return;
  }
  std::vector<Platform> platforms(n_platforms);
  cl.clGetPlatformIDs(n_platforms, platforms.data(), nullptr);
  for (Platform platform : platforms) {
    UInt count = 0;
    if (cl.clGetDeviceIDs(platform, kTypeAll, 0, nullptr, &count) != kSuccess || !count) continue;
    const size_t before = found.devices.size();
    found.devices.resize(before + count);
    if (cl.clGetDeviceIDs(platform, kTypeAll, count, found.devices.data() + before, nullptr) !=
        kSuccess)
      found.devices.resize(before);
  }
  if (found.devices.empty()) found.failure = "the OpenCL platforms have no devices";
  std::stable_sort(found.devices.begin(), found.devices.end(),
                   [&](DeviceId a, DeviceId b) { return rank(cl, a) < rank(cl, b); });
}

void load(Driver& made) {
  const char* named = std::getenv("TILEWRIGHT_OPENCL_LIBRARY");
  void* library = dlopen(named && *named ? named : kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    made.failure = std::string("no OpenCL driver: ") + dlerror();
    return;
  }
  if (find_all(library, made.cl, made.failure)) list_devices(made);
}

}  // namespace

const Driver& driver() {
  // Never destroyed: memory may be released after static destructors.
  static const Driver* instance = [] {
    Driver* made = new Driver;
    load(*made);
    return made;
  }();
  return *instance;
}

const char* error_name(Int code) {
  static constexpr const char* low[] = {
      "CL_SUCCESS", "CL_DEVICE_NOT_FOUND", "CL_DEVICE_NOT_AVAILABLE", "CL_COMPILER_NOT_AVAILABLE",
      "CL_MEM_OBJECT_ALLOCATION_FAILURE", "CL_OUT_OF_RESOURCES", "CL_OUT_OF_HOST_MEMORY",
      "CL_PROFILING_INFO_NOT_AVAILABLE", "CL_MEM_COPY_OVERLAP", "CL_IMAGE_FORMAT_MISMATCH",
      "CL_IMAGE_FORMAT_NOT_SUPPORTED", "CL_BUILD_PROGRAM_FAILURE", "CL_MAP_FAILURE",
      "CL_MISALIGNED_SUB_BUFFER_OFFSET", "CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST",
      "CL_COMPILE_PROGRAM_FAILURE", "CL_LINKER_NOT_AVAILABLE", "CL_LINK_PROGRAM_FAILURE",
      "CL_DEVICE_PARTITION_FAILED", "CL_KERNEL_ARG_INFO_NOT_AVAILABLE"};
  static constexpr const char* high[] = {  // from -30 down
      "CL_INVALID_VALUE", "CL_INVALID_DEVICE_TYPE", "CL_INVALID_PLATFORM", "CL_INVALID_DEVICE",
      "CL_INVALID_CONTEXT", "CL_INVALID_QUEUE_PROPERTIES", "CL_INVALID_COMMAND_QUEUE",
      "CL_INVALID_HOST_PTR", "CL_INVALID_MEM_OBJECT", "CL_INVALID_IMAGE_FORMAT_DESCRIPTOR",
      "CL_INVALID_IMAGE_SIZE", "CL_INVALID_SAMPLER", "CL_INVALID_BINARY",
      "CL_INVALID_BUILD_OPTIONS", "CL_INVALID_PROGRAM", "CL_INVALID_PROGRAM_EXECUTABLE",
      "CL_INVALID_KERNEL_NAME", "CL_INVALID_KERNEL_DEFINITION", "CL_INVALID_KERNEL",
      "CL_INVALID_ARG_INDEX", "CL_INVALID_ARG_VALUE", "CL_INVALID_ARG_SIZE",
      "CL_INVALID_KERNEL_ARGS", "CL_INVALID_WORK_DIMENSION", "CL_INVALID_WORK_GROUP_SIZE",
      "CL_INVALID_WORK_ITEM_SIZE", "CL_INVALID_GLOBAL_OFFSET", "CL_INVALID_EVENT_WAIT_LIST",
      "CL_INVALID_EVENT", "CL_INVALID_OPERATION", "CL_INVALID_GL_OBJECT",
      "CL_INVALID_BUFFER_SIZE", "CL_INVALID_MIP_LEVEL", "CL_INVALID_GLOBAL_WORK_SIZE"};
  if (code <= 0 && -code < Int(sizeof low / sizeof *low)) return low[-code];
  if (code <= -30 && -code - 30 < Int(sizeof high / sizeof *high)) return high[-code - 30];
  return code == -1001 ? "CL_PLATFORM_NOT_FOUND_KHR" : "an unknown OpenCL error";
}

int failed(tw_error* error, const char* call, Int code) {
  std::snprintf(error->text, sizeof error->text, "%s: %s (%d)", call, error_name(code), code);
  switch (code) {
    case kMemObjectAllocationFailure:
    case kOutOfHostMemory:
    case kInvalidBufferSize: return TW_OUT_OF_MEMORY;
    default: return TW_FAILED;
  }
}

std::string device_text(DeviceId device, UInt what) {
  size_t length = 0;
  driver().cl.clGetDeviceInfo(device, what, 0, nullptr, &length);
  std::string text(length, '\0');
  if (length) driver().cl.clGetDeviceInfo(device, what, length, &text[0], nullptr);
  while (!text.empty() && (text.back() == '\0' || text.back() == ' ')) text.pop_back();
  return text;
}

}  // namespace tilewright::opencl
