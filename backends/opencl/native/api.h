// What we use of OpenCL 1.2, declared by ourselves: the driver is opened at run time, and building
// needs no headers of it. Names and numbers are those of the Khronos specification.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tilewright::opencl {

using Int = int32_t;
using UInt = uint32_t;
using ULong = uint64_t;
using Platform = struct PlatformRecord*;
using DeviceId = struct DeviceRecord*;
using Context = struct ContextRecord*;
using Queue = struct QueueRecord*;
using Memory = struct MemoryRecord*;
using ClProgram = struct ProgramRecord*;
using ClKernel = struct KernelRecord*;
using Event = struct EventRecord*;

constexpr Int kSuccess = 0, kDeviceNotFound = -1, kMemObjectAllocationFailure = -4,
              kOutOfResources = -5, kOutOfHostMemory = -6, kInvalidBufferSize = -61;
constexpr ULong kTypeAll = 0xFFFFFFFF, kTypeCpu = 2, kTypeGpu = 4, kTypeAccelerator = 8;
constexpr ULong kReadWrite = 1, kQueueProfiling = 2;

constexpr UInt kDeviceType = 0x1000, kMaxComputeUnits = 0x1002, kMaxWorkGroupSize = 0x1004,
               kMaxAllocSize = 0x1010, kSingleFpConfig = 0x101B, kGlobalMemSize = 0x101F,
               kLocalMemSize = 0x1023, kDeviceName = 0x102B, kDriverVersion = 0x102D,
               kDeviceVersion = 0x102F, kDoubleFpConfig = 0x1032;
constexpr ULong kCorrectlyRoundedDivideSqrt = 1 << 7;
constexpr UInt kPlatformName = 0x0902;
constexpr UInt kProgramBinarySizes = 0x1165, kProgramBinaries = 0x1166, kBuildLog = 0x1183;
constexpr UInt kProfilingEnd = 0x1283;
constexpr Int kComplete = 0;

// The functions, as fields of a record that `driver.cpp` fills in by name.
struct Functions {
  Int (*clGetPlatformIDs)(UInt, Platform*, UInt*);
  Int (*clGetPlatformInfo)(Platform, UInt, size_t, void*, size_t*);
  Int (*clGetDeviceIDs)(Platform, ULong, UInt, DeviceId*, UInt*);
  Int (*clGetDeviceInfo)(DeviceId, UInt, size_t, void*, size_t*);
  Context (*clCreateContext)(const intptr_t*, UInt, const DeviceId*,
                             void (*)(const char*, const void*, size_t, void*), void*, Int*);
  Int (*clReleaseContext)(Context);
  Queue (*clCreateCommandQueue)(Context, DeviceId, ULong, Int*);
  Int (*clReleaseCommandQueue)(Queue);
  Memory (*clCreateBuffer)(Context, ULong, size_t, void*, Int*);
  Int (*clReleaseMemObject)(Memory);
  Int (*clEnqueueWriteBuffer)(Queue, Memory, UInt, size_t, size_t, const void*, UInt,
                              const Event*, Event*);
  Int (*clEnqueueReadBuffer)(Queue, Memory, UInt, size_t, size_t, void*, UInt, const Event*,
                             Event*);
  Int (*clEnqueueCopyBuffer)(Queue, Memory, Memory, size_t, size_t, size_t, UInt, const Event*,
                             Event*);
  ClProgram (*clCreateProgramWithSource)(Context, UInt, const char**, const size_t*, Int*);
  ClProgram (*clCreateProgramWithBinary)(Context, UInt, const DeviceId*, const size_t*,
                                         const unsigned char**, Int*, Int*);
  Int (*clBuildProgram)(ClProgram, UInt, const DeviceId*, const char*,
                        void (*)(ClProgram, void*), void*);
  Int (*clGetProgramInfo)(ClProgram, UInt, size_t, void*, size_t*);
  Int (*clGetProgramBuildInfo)(ClProgram, DeviceId, UInt, size_t, void*, size_t*);
  Int (*clReleaseProgram)(ClProgram);
  ClKernel (*clCreateKernel)(ClProgram, const char*, Int*);
  Int (*clReleaseKernel)(ClKernel);
  Int (*clSetKernelArg)(ClKernel, UInt, size_t, const void*);
  Int (*clEnqueueNDRangeKernel)(Queue, ClKernel, UInt, const size_t*, const size_t*,
                                const size_t*, UInt, const Event*, Event*);
  Int (*clEnqueueMarkerWithWaitList)(Queue, UInt, const Event*, Event*);
  Int (*clSetEventCallback)(Event, Int, void (*)(Event, Int, void*), void*);
  Int (*clWaitForEvents)(UInt, const Event*);
  Int (*clGetEventProfilingInfo)(Event, UInt, size_t, void*, size_t*);
  Int (*clReleaseEvent)(Event);
  Int (*clFlush)(Queue);
  Int (*clFinish)(Queue);
};

}  // namespace tilewright::opencl
