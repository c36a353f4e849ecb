"""OpenCL: devices of any maker, by a driver that is opened at run time."""

from __future__ import annotations

from ..manifest import Manifest

MANIFEST = Manifest(
    name="opencl",
    compiler_module=f"{__name__}.compiler",
    run_side="opencl",
    pooled_temporaries=True,
)
