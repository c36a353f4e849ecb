"""The one module that imports tvm: TVM renames its API every few months.

Import it only from modules that run after a miss of the disk cache; it takes about a second.
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import tirx
from tvm.ir import Call, PointerType, PrimType
from tvm.ir.expr import TensorLoad
from tvm.sym import Analyzer
from tvm.target.codegen import llvm_get_intrinsic_name
from tvm_ffi import structural_map, structural_walk

__all__ = [
    "Analyzer",
    "Call",
    "PointerType",
    "PrimType",
    "TensorLoad",
    "intrinsic_name",
    "structural_map",
    "structural_walk",
    "tirx",
    "tvm",
]


def intrinsic_name(call: Any) -> str:
    """The LLVM name of a call of an LLVM intrinsic."""
    return str(llvm_get_intrinsic_name(int(call.args[0])))
