"""The emulated CUDA device: threads, barriers, shared memory, warps, launch shapes, faults."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cuda_sim_support import kernel, launch, words_of

import tilewright as tw
from tilewright import _native
from tilewright.backends.cuda.compiler import prelude
from tilewright.backends.cuda_sim import compiler

ROW = np.arange(64, dtype=np.float32)


# --------------------------------------------------------------------------- threads of a block


def test_indices_of_blocks_and_threads() -> None:
    body = """int64_t block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    int64_t thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    y[block * 24 + thread] = x[0] + block * 24 + thread;"""
    made = kernel(body, grid=(2, 3, 2), block=(4, 3, 2))
    np.testing.assert_array_equal(launch(made, [5], 288), np.arange(288) + 5)


def test_shared_memory_and_barriers() -> None:
    body = """__shared__ alignas(64) float tile[64];
    tile[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = tile[63 - threadIdx.x];"""
    np.testing.assert_array_equal(launch(kernel(body, block=(64, 1, 1)), ROW, 64), ROW[::-1])


def test_dynamic_shared_memory() -> None:
    body = """extern __shared__ alignas(64) float tile[];
    tile[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = tile[(threadIdx.x + 1) % 64];"""
    made = kernel(body, block=(64, 1, 1), shared=256)
    np.testing.assert_array_equal(launch(made, ROW, 64), np.roll(ROW, -1))


def test_a_missing_barrier_is_seen() -> None:
    """Without it, the first thread reads what the last has not yet stored."""
    body = """__shared__ float tile[64];
    tile[threadIdx.x] = x[threadIdx.x];
    y[threadIdx.x] = tile[63 - threadIdx.x];"""
    assert (launch(kernel(body, block=(64, 1, 1)), ROW, 64) != ROW[::-1]).any()


def test_shared_memory_is_not_left_from_the_block_before() -> None:
    body = """__shared__ float tile[1];
    y[blockIdx.x] = tile[0];
    tile[0] = 1;"""
    found = launch(kernel(body, grid=(2, 1, 1), block=(1, 1, 1)), [0], 2)
    assert found[0] == found[1] != 1


def test_shuffles() -> None:
    body = """float v = x[threadIdx.x];
    y[threadIdx.x] = __shfl_sync(0xffffffff, v, 3, 8);
    y[threadIdx.x + 64] = __shfl_up_sync(0xffffffff, v, 1);
    y[threadIdx.x + 128] = __shfl_down_sync(0xffffffff, v, 2, 16);
    for (int mask = 16; mask; mask /= 2) v += __shfl_xor_sync(0xffffffff, v, mask);
    y[threadIdx.x + 192] = v;"""
    at, up, down, total = launch(kernel(body, block=(64, 1, 1)), ROW, 256).reshape(4, 64)
    lane = np.arange(64)
    np.testing.assert_array_equal(at, lane // 8 * 8 + 3)
    np.testing.assert_array_equal(up, np.where(lane % 32 == 0, lane, lane - 1))
    np.testing.assert_array_equal(down, np.where(lane % 16 < 14, lane + 2, lane))
    np.testing.assert_array_equal(total, np.repeat([496, 1520], 32))


def test_atomics() -> None:
    body = """if (threadIdx.x == 0 && blockIdx.x == 0) y[0] = 0;
    __syncthreads();
    atomicAdd(y, x[threadIdx.x]);
    atomicMax((int*)(y + 1), (int)threadIdx.x + 1);"""
    found = launch(kernel(body, grid=(3, 1, 1), block=(64, 1, 1)), ROW, 2)
    assert found[0] == 3 * ROW.sum()


def test_half_types_round_as_numpy_does() -> None:
    body = """int64_t i = blockIdx.x * 256 + threadIdx.x;
    if (i < n0) y[i] = (float)(half)x[i];"""
    words = np.arange(0, 1 << 32, 65521, dtype=np.uint32)
    values = words.view(np.float32)
    edges = np.float32(
        [65504, 65519.996, 65520, 2**-24, 2**-25, 2**-14, 1e-7, -0.0, np.inf, np.nan]
    )
    values = np.concatenate([values, edges, np.nextafter(edges, np.float32(0))])
    made = kernel(body, grid=(-(-values.size // 256), 1, 1), block=(256, 1, 1), sizes=1)
    with np.errstate(all="ignore"):
        expected = values.astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(launch(made, values, values.size, [values.size]), expected)


# --------------------------------------------------------------------------- launch shapes


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"block": (2048, 1, 1)}, "2048 threads"),
        ({"block": (1, 1, 65)}, r"block\.z of 65; the most is 64"),
        ({"grid": (1, 65536, 1)}, r"grid\.y of 65536; the most is 65535"),
        ({"shared": 49153}, "49153 bytes of shared memory"),
    ],
)
def test_shapes_that_the_device_does_not_take(shape: Any, message: str) -> None:
    with pytest.raises(tw.DeviceError, match=message):
        launch(kernel("y[0] = x[0];", **shape), [1], 1)


def test_static_and_dynamic_shared_memory_count_together() -> None:
    body = """__shared__ float tile[10000];
    tile[threadIdx.x] = x[0];
    __syncthreads();
    y[0] = tile[threadIdx.x];"""
    assert launch(kernel(body, block=(1, 1, 1)), [3], 1).tolist() == [3]
    with pytest.raises(tw.DeviceError, match="cudaErrorInvalidConfiguration.*shared memory of"):
        launch(kernel(body, shared=9153), [3], 1)


# --------------------------------------------------------------------------- faults

# A fault is for ever, as on the device that is emulated, so each is had in a process of its own.
_FAULT = """
from cuda_sim_support import kernel, launch, words_of
import tilewright as tw
made = kernel({body!r}, block=(64, 1, 1))
try:
    launch(made, [0] * 64, 64)
except tw.DeviceError as error:
    print(error)
try:
    (tw.ones(3).to("cuda_sim") + 1).numpy()
except tw.DeviceError as error:
    print("later:", error)
"""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("if (threadIdx.x < 40) __syncthreads();", "reached by 40 of the block's 64 threads"),
        ("if (threadIdx.x < 40) __syncwarp();", "reached by 8 of its 32 threads"),
        ("if (threadIdx.x < 32) {\n__syncthreads();\n} else {\n__syncthreads();\n}",
         "wait at different barriers"),
    ],
)  # fmt: skip
def test_barriers_that_not_all_threads_reach(body: str, message: str) -> None:
    support = Path(__file__).parent.parent / "support"
    program = f"import sys; sys.path.insert(0, {str(support)!r}){_FAULT.format(body=body)}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, later = done.stdout.splitlines()
    assert "cudaErrorLaunchFailure: k, block 0" in first
    assert message in first
    assert later.startswith("later:"), "nothing runs after a fault, as on the device emulated"


def test_the_host_cannot_touch_its_memory() -> None:
    bytes_ = 4096 * 1237
    x = tw.asarray(np.ones(bytes_ // 4, np.float32)).to("cuda_sim")
    tw.device("cuda_sim").synchronise()
    found = []
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, rights = line.split()[:2]
        low, high = addresses.split("-")
        if int(high, 16) - int(low, 16) >= bytes_ and rights == "---p":
            found.append(line)
    assert found, "no mapping of that size without rights"
    assert x.sum().item() == bytes_ // 4


def test_no_compiler_is_a_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    (listed,) = [d for d in tw.devices() if d.name == "cuda_sim"]
    assert "no C++ compiler" in listed.why
    compiler.find_compiler.cache_clear()
    try:
        with pytest.raises(tw.CompileError, match="no C\\+\\+ compiler"):
            compiler.find_compiler()
    finally:
        compiler.find_compiler.cache_clear()


def test_code_that_is_no_module_is_refused() -> None:
    index = tw.device("cuda_sim").index
    for code in (b"", b"\x7fELF" + bytes(100), b"nonsense" * 20):
        with pytest.raises(tw.DeviceError, match="cudaErrorInvalidImage"):
            _native.DeviceKernel(index, code, words_of(), ())


# --------------------------------------------------------------------------- visible accesses


class _Place(ctypes.Structure):
    _fields_ = [("words", ctypes.c_uint32 * 12), ("lane", ctypes.c_uint32),
                ("dynamic_shared", ctypes.c_void_p)]  # fmt: skip


_Barrier = ctypes.CFUNCTYPE(None, ctypes.c_int)
_Slots = ctypes.CFUNCTYPE(ctypes.c_void_p)
_Access = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_int)
_Run = ctypes.CFUNCTYPE(None, ctypes.POINTER(ctypes.c_void_p))


class _Host(ctypes.Structure):
    _fields_ = [("block_barrier", _Barrier), ("warp_barrier", _Barrier), ("warp_slots", _Slots),
                ("access", _Access)]  # fmt: skip


class _Kernel(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("run", _Run), ("shared_begin", ctypes.c_void_p),
                ("shared_end", ctypes.c_void_p)]  # fmt: skip


class _Table(ctypes.Structure):
    _fields_ = [("version", ctypes.c_int32), ("count", ctypes.c_int32),
                ("kernels", ctypes.POINTER(_Kernel)), ("place", ctypes.POINTER(_Place)),
                ("host", ctypes.POINTER(ctypes.POINTER(_Host)))]  # fmt: skip


def test_every_access_can_be_seen() -> None:
    """The place for a checker of races and bounds: accesses and barriers in their order."""
    text = """extern "C" __global__ void k(float* x, double* y) {
      __shared__ double tile[4];
      tile[1] = x[2];
      __syncthreads();
      y[3] = tile[1];
    }"""
    code = compiler.shared_object(compiler.module_text(f"{prelude()}\n{text}", ["k"]), visible=True)
    with tempfile.NamedTemporaryFile(suffix=".so") as file:
        file.write(code)
        file.flush()
        table = _Table.in_dll(ctypes.CDLL(file.name), "tw_sim_module")
    seen: list[tuple[str, int, int]] = []
    host = _Host(
        _Barrier(lambda line: seen.append(("barrier", 0, 0))),
        _Barrier(lambda line: None),
        _Slots(lambda: 0),
        _Access(lambda at, size, write: seen.append(("write" if write else "read", at, size))),
    )
    table.host[0] = ctypes.pointer(host)
    x, y = (ctypes.c_float * 8)(*range(8)), (ctypes.c_double * 8)()
    pointers = (ctypes.c_void_p * 2)(ctypes.addressof(x), ctypes.addressof(y))
    first = ctypes.addressof(pointers)
    made = table.kernels[0]
    made.run((ctypes.c_void_p * 2)(first, first + 8))
    tile = made.shared_begin
    assert y[3] == 2
    expected = [("read", ctypes.addressof(x) + 8, 4), ("write", tile + 8, 8), ("barrier", 0, 0),
                ("read", tile + 8, 8), ("write", ctypes.addressof(y) + 24, 8)]  # fmt: skip
    assert [s for s in seen if s[0] == "barrier" or s in expected] == expected


def test_the_compiler_is_the_systems() -> None:
    assert shutil.which(compiler.find_compiler())
