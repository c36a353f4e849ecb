"""CUDA: kernels become machine code for NVIDIA's processors; running them is not built yet.

`tw.devices()` says so. The extra `cuda` installs NVRTC, which needs no driver.
"""

from __future__ import annotations

from ..manifest import Manifest

MANIFEST = Manifest(name="cuda", compiler_module=f"{__name__}.compiler", run_side="cuda")
