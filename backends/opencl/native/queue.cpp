// Work on the in-order queue.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "records.h"

namespace tilewright::opencl {
namespace {

int flushed(tw_queue* queue, tw_error* error) {
  const Int status = driver().cl.clFlush(queue->queue);
  return status == kSuccess ? TW_OK : failed(error, "clFlush", status);
}

}  // namespace

// The caller may reuse his memory at once, and must not wait for the queue: the bytes are copied.
int queue_write(tw_queue* queue, tw_memory* to, int64_t offset, const void* host, int64_t bytes,
                tw_error* error) {
  const Functions& cl = driver().cl;
  void* staged = std::malloc(size_t(bytes));
  if (!staged) return failed(error, "write", kOutOfHostMemory);
  std::memcpy(staged, host, size_t(bytes));
  Event done = nullptr;
  const Int status = cl.clEnqueueWriteBuffer(queue->queue, memory_of(to), 0, size_t(offset),
                                             size_t(bytes), staged, 0, nullptr, &done);
  if (status != kSuccess) {
    std::free(staged);
    return failed(error, "clEnqueueWriteBuffer", status);
  }
  const auto release = [](Event, Int, void* memory) { std::free(memory); };
  if (cl.clSetEventCallback(done, kComplete, release, staged) != kSuccess) {
    cl.clWaitForEvents(1, &done);
    std::free(staged);
  }
  cl.clReleaseEvent(done);
  return flushed(queue, error);
}

int queue_read(tw_queue* queue, const tw_memory* from, int64_t offset, void* host, int64_t bytes,
               tw_error* error) {
  const Int status = driver().cl.clEnqueueReadBuffer(queue->queue, memory_of(from), 1,
                                                     size_t(offset), size_t(bytes), host, 0,
                                                     nullptr, nullptr);
  return status == kSuccess ? TW_OK : failed(error, "clEnqueueReadBuffer", status);
}

int queue_copy(tw_queue* queue, const tw_memory* from, int64_t from_offset, tw_memory* to,
               int64_t to_offset, int64_t bytes, tw_error* error) {
  const Int status = driver().cl.clEnqueueCopyBuffer(
      queue->queue, memory_of(from), memory_of(to), size_t(from_offset), size_t(to_offset),
      size_t(bytes), 0, nullptr, nullptr);
  if (status != kSuccess) return failed(error, "clEnqueueCopyBuffer", status);
  return flushed(queue, error);
}

namespace {

int set_argument(ClKernel kernel, int number, const tw_argument& argument, tw_error* error) {
  Int status;
  if (argument.memory && argument.value) {
    std::snprintf(error->text, sizeof error->text, "memory cannot be passed from an offset");
    return TW_UNSUPPORTED;
  }
  if (argument.memory) {
    const Memory memory = memory_of(argument.memory);
    status = driver().cl.clSetKernelArg(kernel, UInt(number), sizeof memory, &memory);
  } else {
    status = driver().cl.clSetKernelArg(kernel, UInt(number), sizeof argument.value,
                                        &argument.value);
  }
  if (status == kSuccess) return TW_OK;
  char call[64];
  std::snprintf(call, sizeof call, "clSetKernelArg %d", number);
  return failed(error, call, status);
}

}  // namespace

// Dynamic shared memory is one further argument, a __local pointer after the sizes.
int queue_launch(tw_queue* queue, tw_function* function, const tw_launch* launch,
                 int32_t n_arguments, const tw_argument* arguments, tw_error* error) {
  const Functions& cl = driver().cl;
  const ClKernel kernel = kernel_of(function);
  for (int i = 0; i < n_arguments; ++i)
    if (const int status = set_argument(kernel, i, arguments[i], error)) return status;
  if (launch->shared) {
    const Int status =
        cl.clSetKernelArg(kernel, UInt(n_arguments), size_t(launch->shared), nullptr);
    if (status != kSuccess) return failed(error, "clSetKernelArg of shared memory", status);
  }
  size_t global[3], local[3];
  for (int axis = 0; axis < 3; ++axis) {
    local[axis] = size_t(launch->block[axis]);
    global[axis] = size_t(launch->grid[axis]) * local[axis];
  }
  const Int status = cl.clEnqueueNDRangeKernel(queue->queue, kernel, 3, nullptr, global, local, 0,
                                               nullptr, nullptr);
  if (status != kSuccess) return failed(error, "clEnqueueNDRangeKernel", status);
  return flushed(queue, error);
}

}  // namespace tilewright::opencl
