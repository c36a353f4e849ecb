"""A device that runs CUDA kernels on the processor, a block's threads one at a time.

It needs a C++ compiler on the path (Debian: g++), and shows what the schedules of grids do without
a GPU: streams, launch shapes, shared memory and barriers are those of CUDA, with its errors.
"""

from __future__ import annotations

from ..manifest import Manifest

MANIFEST = Manifest(name="cuda_sim", compiler_module=f"{__name__}.compiler", run_side="cuda_sim")
