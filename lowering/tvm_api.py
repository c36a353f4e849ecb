"""The one module that imports tvm: TVM renames its API every few months.

Import it only from modules that run after a miss of the disk cache; it takes about a second.
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import tirx
from tvm.ir import Call, PointerType, PrimType, StringImm
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
    "fragment_call",
    "fragment_scopes",
    "intrinsic_name",
    "structural_map",
    "structural_walk",
    "tirx",
    "tvm",
]


def intrinsic_name(call: Any) -> str:
    """The LLVM name of a call of an LLVM intrinsic."""
    return str(llvm_get_intrinsic_name(int(call.args[0])))


def fragment_scopes(buffers: list[Any], side: int, statements: list[Any]) -> Any:
    """Statements that know the shapes of matrix fragments, all of `side` and stored by rows."""
    body = tirx.SeqStmt(statements)
    for buffer in buffers:
        body = tirx.AttrStmt(buffer, "fragment_shape", StringImm(f"{side}, {side}, {side}"), body)
        body = tirx.AttrStmt(buffer, "fragment_layout", StringImm("row_major"), body)
    return body


def fragment_call(name: str, fragment: Any, side: int, number: int, *args: Any) -> Any:
    """A statement of a whole warp on the fragment of that number in an array of fragments.

    `fill` sets zeros; `load` and `store` take the element in memory of the first corner and the
    distance of rows; `multiply` adds the product of two others (array, number, array, number).
    """

    def word(value: int) -> Any:
        return tirx.IntImm("int32", value)

    shape = (word(side),) * 3
    if name == "fill":
        args = (fragment, *shape, word(number), tirx.FloatImm("float32", 0.0))
    elif name == "multiply":
        a, i, b, j = args
        own = (fragment, word(number))
        args = (*own, a, word(i), b, word(j), *own)
    else:
        at, stride = args
        place = tirx.address_of(at)
        args = (fragment, *shape, word(number), place, word(stride), StringImm("row_major"))
    intrinsic = {"fill": "fill_fragment", "multiply": "mma_sync"}.get(name, f"{name}_matrix_sync")
    return tirx.Evaluate(tirx.call_intrin("void", f"tirx.tvm_{intrinsic}", *args))
