"""Integer arithmetic of users wraps, as NumPy's does.

TVM marks sums and products of 32 and 64-bit integers as never overflowing, and LLVM then folds,
say, an unsigned `0 - x` to 0. In twice the width nothing can overflow; LLVM narrows it again.
"""

from __future__ import annotations

from typing import Any

from .tvm_api import tirx

Expr = Any

_WIDE = {"int32": "int64", "uint32": "int64", "int64": "int128", "uint64": "int128"}
# Compared by type itself: isinstance is slow on TVM's abstract classes, and asked a lot here.
_ARITHMETIC = frozenset([tirx.Add, tirx.Sub, tirx.Mul])
_BINARY = _ARITHMETIC | {
    tirx.EQ, tirx.NE, tirx.LT, tirx.LE, tirx.GT, tirx.GE, tirx.And, tirx.Or, tirx.Min, tirx.Max,
}  # fmt: skip


def wrapping(x: Expr, but: frozenset[str] = frozenset()) -> Expr:
    """The expression with all integer sums, differences and products made to wrap, except those
    of the types `but`."""
    kind = type(x)
    if kind in _BINARY:
        a, b = wrapping(x.a, but), wrapping(x.b, but)
        wide = None if str(x.ty) in but else _WIDE.get(str(x.ty))
        if kind in _ARITHMETIC and wide is not None:
            made = kind(tirx.Cast(wide, a), tirx.Cast(wide, b))
            return tirx.Cast(str(x.ty), made)
        return x if a is x.a and b is x.b else kind(a, b)
    if kind is tirx.Select:
        parts = (x.condition, x.true_value, x.false_value)
        return tirx.Select(*(wrapping(p, but) for p in parts))
    if kind is tirx.Cast:
        return tirx.Cast(str(x.ty), wrapping(x.value, but))
    return x
