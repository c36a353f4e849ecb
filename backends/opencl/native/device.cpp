// The table of device.h for OpenCL.
#include "device.h"

#include <cstdio>
#include <string>

#include "dtype.h"
#include "records.h"

namespace {

using tilewright::DType;

int32_t count(tw_error* error) {
  const Driver& found = driver();
  if (found.devices.empty())
    std::snprintf(error->text, sizeof error->text, "%s", found.failure.c_str());
  return int32_t(found.devices.size());
}

int open_device(int32_t number, tw_device** device, tw_error* error) {
  const DeviceId id = driver().devices[size_t(number)];
  Int status = kSuccess;
  const Context context = driver().cl.clCreateContext(nullptr, 1, &id, nullptr, nullptr, &status);
  if (status != kSuccess) return failed(error, "clCreateContext", status);
  *device = new tw_device{id, context};
  return TW_OK;
}

void close_device(tw_device* device) {
  driver().cl.clReleaseContext(device->context);
  delete device;
}

uint32_t dtypes_of(DeviceId id) {
  // Half types are stored as their bits, and computed with in float32 by our kernels themselves.
  uint32_t all = (1u << tilewright::kDTypes) - 1;
  if (!device_value<ULong>(id, kDoubleFpConfig)) 
    all &= ~(1u << int(DType::Float64) | 1u << int(DType::Complex128));
  return all;
}

int properties_of(tw_device* device, tw_properties* properties, tw_error*) {
  const DeviceId id = device->id;
  const std::string version = device_text(id, kDeviceVersion) + ", driver " +
                              device_text(id, kDriverVersion);
  std::snprintf(properties->name, sizeof properties->name, "%s",
                device_text(id, kDeviceName).c_str());
  std::snprintf(properties->driver, sizeof properties->driver, "%s", version.c_str());
  properties->memory = int64_t(device_value<ULong>(id, kGlobalMemSize));
  properties->largest = int64_t(device_value<ULong>(id, kMaxAllocSize));
  properties->shared = int64_t(device_value<ULong>(id, kLocalMemSize));
  properties->units = int32_t(device_value<UInt>(id, kMaxComputeUnits));
  properties->threads = int32_t(device_value<size_t>(id, kMaxWorkGroupSize));
  properties->warp = 1;  // OpenCL 1.2 says nothing about it
  properties->dtypes = dtypes_of(id);
  return TW_OK;
}

int allocate(tw_device* device, int64_t bytes, tw_memory** memory, tw_error* error) {
  Int status = kSuccess;
  const Memory made =
      driver().cl.clCreateBuffer(device->context, kReadWrite, size_t(bytes), nullptr, &status);
  if (status != kSuccess) return failed(error, "clCreateBuffer", status);
  *memory = reinterpret_cast<tw_memory*>(made);
  return TW_OK;
}

void release(tw_device*, tw_memory* memory) { driver().cl.clReleaseMemObject(memory_of(memory)); }

int make_queue(tw_device* device, int32_t timed, tw_queue** queue, tw_error* error) {
  Int status = kSuccess;
  const Queue made = driver().cl.clCreateCommandQueue(device->context, device->id,
                                                      timed ? kQueueProfiling : 0, &status);
  if (status != kSuccess) return failed(error, "clCreateCommandQueue", status);
  *queue = new tw_queue{made, device, timed != 0};
  return TW_OK;
}

void drop_queue(tw_queue* queue) {
  driver().cl.clReleaseCommandQueue(queue->queue);
  delete queue;
}

int record(tw_queue* queue, tw_event** event, tw_error* error) {
  Event made = nullptr;
  const Int status =
      driver().cl.clEnqueueMarkerWithWaitList(queue->queue, 0, nullptr, &made);
  if (status != kSuccess) return failed(error, "clEnqueueMarkerWithWaitList", status);
  driver().cl.clFlush(queue->queue);
  *event = reinterpret_cast<tw_event*>(made);
  return TW_OK;
}

int wait(tw_event* event, tw_error* error) {
  const Event waited = event_of(event);
  const Int status = driver().cl.clWaitForEvents(1, &waited);
  return status == kSuccess ? TW_OK : failed(error, "clWaitForEvents", status);
}

int time_of(tw_event* event, int64_t* nanoseconds, tw_error* error) {
  ULong end = 0;
  const Int status = driver().cl.clGetEventProfilingInfo(event_of(event), kProfilingEnd,
                                                         sizeof end, &end, nullptr);
  if (status != kSuccess) {
    failed(error, "clGetEventProfilingInfo", status);
    return TW_UNSUPPORTED;
  }
  *nanoseconds = int64_t(end);
  return TW_OK;
}

void drop_event(tw_event* event) { driver().cl.clReleaseEvent(event_of(event)); }

int synchronise(tw_queue* queue, tw_error* error) {
  const Int status = driver().cl.clFinish(queue->queue);
  return status == kSuccess ? TW_OK : failed(error, "clFinish", status);
}

const tw_device_api kTable = {
    TW_DEVICE_VERSION, "opencl", count, open_device, close_device, properties_of, allocate,
    release, make_queue, drop_queue, queue_write, queue_read, queue_copy, load_module,
    unload_module, find_function, queue_launch, record, wait, time_of, drop_event, synchronise};

[[maybe_unused]] const bool registered = (tw_register_device(&kTable), true);

}  // namespace
