"""OpenCL's run side: no driver, drivers that fail, build logs, the cache of binaries."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from device_support import compile_library, device_words, lacks_tool

import tilewright as tw
from tilewright import _native
from tilewright.backends import opencl
from tilewright.backends.device_backend import DeviceBackend
from tilewright.lowering.cache import Cache

SOURCE = b"__kernel void k(__global float* o, long n) { o[get_global_id(0)] = 3; }"
WORDS = device_words([("k", [1, 1, 1, 4, 1, 1, 0])], buffers=1)


@pytest.fixture
def device() -> tw.Device:
    """The first OpenCL device; none is a failure where TILEWRIGHT_REQUIRE says so."""
    if _native.count_devices("opencl")[0] == 0:
        lacks_tool("opencl")
    return tw.device("opencl")


def in_process(program: str, **environment: str) -> str:
    """What a fresh process prints."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        env=os.environ | environment, timeout=120,
    )  # fmt: skip
    return done.stdout


TELL = """
import tilewright as tw
print(tw.devices()[[d.name for d in tw.devices()].index("opencl")].why)
try:
    tw.device("opencl")
except tw.DeviceError as error:
    print(error)
print((tw.ones(2) + 1).tolist())
"""


def test_no_driver() -> None:
    found = in_process(TELL, TILEWRIGHT_OPENCL_LIBRARY="libno-such-driver.so")
    assert found.count("no OpenCL driver: libno-such-driver.so") == 2
    assert found.endswith("[2.0, 2.0]\n")


def test_a_driver_without_platforms() -> None:
    found = in_process(TELL, OCL_ICD_VENDORS="/nonexistent", OPENCL_VENDOR_PATH="/nonexistent")
    if "no OpenCL driver" in found:
        lacks_tool("opencl")
    assert "no OpenCL platform is installed" in found


def test_a_library_that_is_no_driver(tmp_path: Path) -> None:
    source = tmp_path / "empty.c"
    source.write_text("int nothing;")
    library = compile_library(source, "libempty.so")
    found = in_process(TELL, TILEWRIGHT_OPENCL_LIBRARY=str(library))
    assert "the OpenCL library has no clGetPlatformIDs" in found


# A driver of one device, in which every call that is not listed fails with CL_OUT_OF_RESOURCES.
FAILING = """
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#define FAILS(name) int name(void) { return -5; }
#define NONE(name, at) void* name(void* a, void* b, void* c, void* d, void* e, void* f) { \
  *(int*)(at) = -5; return NULL; }
FAILS(clReleaseContext) FAILS(clReleaseCommandQueue) FAILS(clReleaseMemObject)
FAILS(clEnqueueWriteBuffer) FAILS(clEnqueueReadBuffer) FAILS(clEnqueueCopyBuffer)
FAILS(clBuildProgram) FAILS(clGetProgramInfo) FAILS(clGetProgramBuildInfo) FAILS(clReleaseProgram)
FAILS(clReleaseKernel) FAILS(clSetKernelArg) FAILS(clEnqueueNDRangeKernel)
FAILS(clEnqueueMarkerWithWaitList) FAILS(clSetEventCallback) FAILS(clWaitForEvents)
FAILS(clGetEventProfilingInfo) FAILS(clReleaseEvent) FAILS(clFlush) FAILS(clFinish)
NONE(clCreateCommandQueue, d) NONE(clCreateBuffer, e) NONE(clCreateProgramWithSource, e)
NONE(clCreateProgramWithBinary, f) NONE(clCreateKernel, c)
int clGetPlatformIDs(unsigned n, void** p, unsigned* count) {
  if (count) *count = 1;
  if (p) *p = (void*)8;
  return 0;
}
int clGetPlatformInfo(void* p, unsigned what, size_t n, void* value, size_t* size) { return -5; }
int clGetDeviceIDs(void* p, uint64_t type, unsigned n, void** d, unsigned* count) {
  if (count) *count = 1;
  if (d) *d = (void*)8;
  return 0;
}
int clGetDeviceInfo(void* d, unsigned what, size_t n, void* value, size_t* size) {
  if (size) *size = 0;
  if (value) memset(value, 0, n);
  return 0;
}
void* clCreateContext(void* a, unsigned b, void* c, void* d, void* e, int* status) {
  *status = CONTEXT;
  return (void*)8;
}
"""


@pytest.mark.parametrize(("status", "call"), [(0, "clCreateCommandQueue"), (-6, "clCreateContext")])
def test_a_driver_that_fails(tmp_path: Path, status: int, call: str) -> None:
    source = tmp_path / "failing.c"
    source.write_text(FAILING)
    library = compile_library(source, "libfailing.so", f"-DCONTEXT={status}")
    told = TELL.replace("tw.DeviceError", "(tw.DeviceError, MemoryError)")
    found = in_process(
        told.replace("print(tw.devices()", "0 and print(tw.devices()"),
        TILEWRIGHT_OPENCL_LIBRARY=str(library),
    )
    name = "CL_OUT_OF_HOST_MEMORY (-6)" if status else "CL_OUT_OF_RESOURCES (-5)"
    assert f"opencl:0: open failed: {call}: {name}" in found
    assert found.endswith("[2.0, 2.0]\n")


def test_a_build_log(device: tw.Device) -> None:
    with pytest.raises(tw.DeviceError, match=r"(?s)CL_BUILD_PROGRAM_FAILURE \(-11\).*undeclared"):
        _native.DeviceKernel(device.index, b"__kernel void k() { missing = 3; }", WORDS)
    with pytest.raises(tw.DeviceError, match="CL_INVALID_KERNEL_NAME"):
        other = device_words([("other", [1, 1, 1, 4, 1, 1, 0])], buffers=1)
        _native.DeviceKernel(device.index, SOURCE, other)


def run(kernel: Any, device: tw.Device) -> Any:
    out = _native.empty((4,), tw.float32.code, device.index)
    kernel([out], [4])
    return out.tolist()


def test_binaries_are_kept(device: tw.Device, tmp_path: Path) -> None:
    backend = DeviceBackend(opencl.MANIFEST, device, Cache(tmp_path))
    assert run(backend.load_kernel(SOURCE, WORDS, []), device) == [3.0] * 4
    (entry,) = tmp_path.glob("*/*")
    again = backend.load_kernel(SOURCE, WORDS, [])
    assert again.binary == b"" and run(again, device) == [3.0] * 4  # it was made from one
    # What is stored is sound, but of another driver: built again.
    backend.cache.put(entry.name, b"TWCLBIN1" + b"nonsense" * 100)
    assert run(backend.load_kernel(SOURCE, WORDS, []), device) == [3.0] * 4


def test_dynamic_shared_memory_is_the_last_argument(device: tw.Device) -> None:
    source = b"""__kernel void k(__global float* o, long n, __local float* s) {
      long i = get_local_id(0); s[i] = i; barrier(CLK_LOCAL_MEM_FENCE); o[i] = s[n - 1 - i]; }"""
    words = device_words([("k", [1, 1, 1, 4, 1, 1, 16])], buffers=1)
    assert run(_native.DeviceKernel(device.index, source, words), device) == [3, 2, 1, 0]


def test_work_is_done_in_order(device: tw.Device) -> None:
    x = tw.zeros(1000, dtype="float32", device=device)
    f = tw.jit(lambda v: v * 1.5 + 1)
    expected = 0.0
    for _ in range(100):
        x, expected = f(x), min(expected * 1.5 + 1, 3.4e38)
    assert x[0].item() == pytest.approx(expected, rel=1e-4)


def test_times_of_a_queue(device: tw.Device) -> None:
    with pytest.raises(tw.DeviceError, match="CL_PROFILING_INFO_NOT_AVAILABLE"):
        _native.device_time(device.index)
    _native.set_timed(device.index, True)
    try:
        first = _native.device_time(device.index)
        (tw.ones(100, device=device) + 1).numpy()
        assert _native.device_time(device.index) >= first > 0
    finally:
        _native.set_timed(device.index, False)
