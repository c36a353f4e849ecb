"""CUDA kernels written by hand, on the emulated device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import tilewright as tw
from tilewright import _native
from tilewright.backends.cuda.compiler import prelude
from tilewright.backends.cuda_sim.compiler import module_text, shared_object
from tilewright.lowering.kernel import BufferSpec, KernelSource, LaunchShape, Phase
from tilewright.lowering.words import kernel_words

Shape = tuple[int, int, int]


def kernel(
    body: str,
    *,
    grid: Shape = (1, 1, 1),
    block: Shape = (32, 1, 1),
    shared: int = 0,
    sizes: int = 0,
) -> Any:
    """The loaded kernel `k(const float* x, float* y, int64_t n0, ...)` with this body."""
    names = "".join(f", int64_t n{i}" for i in range(sizes))
    text = f'extern "C" __global__ void k(float* x, float* y{names}) {{ {body} }}'
    code = shared_object(module_text(f"{prelude()}\n{text}", ["k"]))
    words = words_of(grid, block, shared, sizes)
    return _native.DeviceKernel(tw.device("cuda_sim").index, code, words, ())


def words_of(
    grid: Shape = (1, 1, 1), block: Shape = (1, 1, 1), shared: int = 0, sizes: int = 0
) -> bytes:
    """The description of such a kernel; its sizes are given at the launch."""
    specs = tuple(BufferSpec(name, tw.float32, 1) for name in "xy")
    phase = Phase("k", None, grid[0], launch=LaunchShape(grid, block, shared))
    names = tuple(f"n{i}" for i in range(sizes))
    return kernel_words(KernelSource("k", (phase,), specs, 1, sizes=names))


def launch(made: Any, x: Any, out: int, sizes: Sequence[int] = ()) -> Any:
    """What the kernel leaves in `out` floats, which are -1 before."""
    given = tw.asarray(np.asarray(x, np.float32)).to("cuda_sim")
    result = tw.asarray(np.full(out, -1, np.float32)).to("cuda_sim")
    made([given, result], list(sizes))
    return result.numpy()
