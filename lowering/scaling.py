"""Multiplication by powers of two, rounded once: said as `llvm.ldexp`, which AVX-512 has as one
instruction. Elsewhere it would be a call of a library, so two products take its place.
"""

from __future__ import annotations

from typing import Any

from .tvm_api import Call, intrinsic_name, structural_map, tirx

# (bits of the fraction, bias of the exponent, unsigned word, signed word)
_FORMATS = {
    "float32": (23, 127, "uint32", "int32"),
    "float64": (52, 1023, "uint64", "int64"),
}


def scale(y: Any, word: Any) -> Any:
    """y * 2**n for n in the low bits of `word`, the bits of n + 1.5 * 2**fraction_bits; |y| is
    about 1 and n between the exponents of the least number and of what is infinite."""
    dtype = str(y.ty)
    bits, bias, unsigned, signed = _FORMATS[dtype]
    shifter = ((bias + bits) << bits) + (1 << (bits - 1))
    n = tirx.reinterpret(signed, word - tirx.const(shifter, unsigned))
    return tirx.call_llvm_pure_intrin(dtype, "llvm.ldexp", y, n)


def with_products(function: Any) -> Any:
    """The function with two products for each scaling by a power of two."""
    body = structural_map(function.body, [(Call, _expanded)])
    made = tirx.PrimFunc(function.params, body, ret_type=None)
    return made.with_attr(dict(function.attrs.items()))


def _expanded(call: Any) -> Any:
    if getattr(call.op, "name", "") != "tirx.call_llvm_pure_intrin":
        return call
    if intrinsic_name(call) != "llvm.ldexp":
        return call
    y, n = call.args[1:]
    dtype = str(y.ty)
    bits, bias, _, signed = _FORMATS[dtype]
    # What may be subnormal is made 2**64 times too large, and all else half as large.
    is_small = n < tirx.const(-64, signed)
    biased = n + tirx.Select(is_small, *(tirx.const(bias + d, signed) for d in (64, -1)))
    factor = tirx.reinterpret(dtype, tirx.shift_left(biased, tirx.const(bits, signed)))
    rest = tirx.Select(is_small, tirx.FloatImm(dtype, 2.0**-64), tirx.FloatImm(dtype, 2.0))
    return (y * factor) * rest
