"""The one module that imports tvm: TVM renames its API every few months.

Import it only from modules that run after a miss of the disk cache; it takes about a second.
"""

from __future__ import annotations

import tvm
from tvm import tirx
from tvm.ir import PointerType, PrimType
from tvm.ir.expr import TensorLoad
from tvm.sym import Analyzer
from tvm_ffi import structural_map, structural_walk

__all__ = [
    "Analyzer",
    "PointerType",
    "PrimType",
    "TensorLoad",
    "structural_map",
    "structural_walk",
    "tirx",
    "tvm",
]
