"""Products that are rounded: LLVM makes one FMA of a product and a sum where it meets them in one
kernel, so that the same operations have other bits where they are fused otherwise. Behind a fence
it does not see the product. (An FMA that is meant is said as one: `llvm.fma`.)
"""

from __future__ import annotations

from typing import Any

from .tvm_api import Call, intrinsic_name, structural_map, tirx


def with_rounded_products(function: Any) -> Any:
    """The function with a fence around each product of floats."""
    body = structural_map(function.body, [(tirx.Mul, _fenced), (Call, _fenced_once)])
    made = tirx.PrimFunc(function.params, body, ret_type=None)
    return made.with_attr(dict(function.attrs.items()))


def _fenced(product: Any) -> Any:
    dtype = str(product.ty)
    if not dtype.startswith("float"):
        return product
    return tirx.call_llvm_pure_intrin(dtype, "llvm.arithmetic.fence", product)


def _fenced_once(call: Any) -> Any:
    """What stops LLVM in the usual mode gives way to the fence: it fails on both together."""
    if getattr(call.op, "name", "") != "tirx.call_llvm_pure_intrin":
        return call
    return call.args[1] if intrinsic_name(call) == "llvm.canonicalize" else call
