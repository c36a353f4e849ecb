"""OpenCL through pyopencl, for tests of kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyopencl as cl
from grid_support import Runner

from tilewright.backends.opencl.compiler import make_compiler

OPTIONS = ["-cl-std=CL1.2", "-cl-fp32-correctly-rounded-divide-sqrt"]


class OpenclRunner(Runner):
    def __init__(self) -> None:
        platform = cl.get_platforms()[0]
        self.context = cl.Context(platform.get_devices()[:1])
        self.queue = cl.CommandQueue(self.context)
        super().__init__(make_compiler(), self._load, self._launch)

    def _load(self, source: Any, code: bytes) -> Any:
        program = cl.Program(self.context, code.decode()).build(options=OPTIONS)
        return {p.symbol: cl.Kernel(program, p.symbol) for p in source.phases}

    def _launch(
        self, module: Any, phase: Any, grid: Any, block: Any, arrays: Any, sizes: Any
    ) -> None:
        flags = cl.mem_flags.READ_WRITE
        memory = [cl.Buffer(self.context, flags, max(x.nbytes, 64)) for x in arrays]
        for to, x in zip(memory, arrays, strict=True):
            if x.nbytes:
                cl.enqueue_copy(self.queue, to, x.reshape(-1).view(np.uint8))
        kernel = module[phase.symbol]
        kernel.set_args(*memory, *map(np.int64, sizes))
        shape = tuple(g * b for g, b in zip(grid, block, strict=True))
        cl.enqueue_nd_range_kernel(self.queue, kernel, shape, block)
        for x, of in zip(arrays, memory, strict=True):
            if x.nbytes:
                raw = np.empty(x.nbytes, np.uint8)
                cl.enqueue_copy(self.queue, raw, of)
                x.reshape(-1).view(np.uint8)[:] = raw
        self.queue.finish()
