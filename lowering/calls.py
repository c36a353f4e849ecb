"""The vocabulary's functions of scalars by name: operators, roundings, elementary functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dsl.dtypes import DType
from ..dsl.primitive import Expr
from . import math
from .tvm_api import tirx

if TYPE_CHECKING:
    from .vocabulary import TirxVocabulary


def type_of(x: Expr) -> str:
    """The tirx type of an expression."""
    return str(x.ty)


def float_constant(value: float, dtype: str) -> Expr:
    """A float constant; a zero is hidden in a call, so that tirx folds nothing into it."""
    imm = tirx.FloatImm(dtype, value)
    if value != 0:
        return imm
    name = "llvm.trunc" if np.signbit(value) else "llvm.fabs"
    return tirx.call_llvm_pure_intrin(dtype, name, imm)


def not_equal(a: Expr, b: Expr) -> Expr:
    """a != b; for floats LLVM would be given the comparison that is false for nan."""
    return tirx.Not(tirx.EQ(a, b)) if _is_float(a) else tirx.NE(a, b)


def zero(dtype: Any) -> Expr:
    """The zero of a tirx type."""
    name = str(dtype)
    return float_constant(0.0, name) if name.startswith("float") else tirx.const(0, name)


Function = Callable[..., Expr]


def _is_float(x: Expr) -> bool:
    return type_of(x).startswith("float")


def _llvm(name: str) -> Function:
    return lambda t, *xs: tirx.call_llvm_pure_intrin(type_of(xs[0]), f"llvm.{name}", *xs)


def _logical(on_bool: Function, on_bits: Function) -> Function:
    return lambda t, *xs: (on_bool if type_of(xs[0]) == "bool" else on_bits)(*xs)


def _neg(t: TirxVocabulary, x: Expr) -> Expr:
    # 0 - x would lose the sign of zero
    return x * tirx.FloatImm(type_of(x), -1.0) if _is_float(x) else zero(type_of(x)) - x


def _abs(t: TirxVocabulary, x: Expr) -> Expr:
    if _is_float(x):
        return _llvm("fabs")(t, x)
    x = t.let(x)
    return tirx.Select(x < zero(type_of(x)), zero(type_of(x)) - x, x)


def _extremum(compare: Function) -> Function:
    def function(t: TirxVocabulary, a: Expr, b: Expr) -> Expr:
        if type_of(a) == "bool":
            return (tirx.Or if compare is tirx.GT else tirx.And)(a, b)
        a, b = t.let(a), t.let(b)
        for limit, x in ((a, b), (b, a)):
            if isinstance(limit, tirx.FloatImm) and limit.value == limit.value:
                # no zero (those are hidden) and no NaN: one instruction, and NaN stays
                return tirx.Select(compare(limit, x), limit, x)
        found = tirx.Select(compare(a, b), a, b)  # nan in b is the result, as nothing is beyond it
        return tirx.Select(not_equal(a, a), a, found) if _is_float(a) else found

    return function


def _copysign(t: TirxVocabulary, x: Expr, y: Expr) -> Expr:
    return _llvm("copysign")(t, x, y)


def _bitcast(t: TirxVocabulary, x: Expr, dtype: DType) -> Expr:
    return tirx.reinterpret(dtype.name, x)


def _rsqrt(t: TirxVocabulary, x: Expr) -> Expr:
    return tirx.Div(tirx.FloatImm(type_of(x), 1.0), _llvm("sqrt")(t, x))


def _compare(build: Function) -> Function:
    def function(t: TirxVocabulary, a: Expr, b: Expr) -> Expr:
        if type_of(a) == "bool":
            a, b = (tirx.Cast("uint8", x) for x in (a, b))
        return build(a, b)

    return function


def _elementary(name: str) -> Function:
    # looked up at the call: a function of ours if there is one, else LLVM's
    def function(t: TirxVocabulary, *xs: Expr) -> Expr:
        own = getattr(math, name, None)
        return own(t, *(t.let(x) for x in xs)) if own else _llvm(name)(t, *xs)

    return function


_ELEMENTARY = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "sinc",
    "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
    "sigmoid", "erf", "pow", "cbrt", "hypot", "ldexp", "mantissa", "exponent", "gcd", "bit_count",
    "fmod", "i0", "i1", "cos_turns",
)  # fmt: skip

CALLS: dict[str, Function] = {
    **{name: _elementary(name) for name in _ELEMENTARY},
    **{name: _llvm(name) for name in ("floor", "ceil", "trunc", "sqrt", "fma")},
    "round": _llvm("rint"),
    "fence": _llvm("arithmetic.fence"),  # no FMA of a product that goes through here into a sum
    "rsqrt": _rsqrt,
    "neg": _neg,
    "abs": _abs,
    "maximum": _extremum(tirx.GT),
    "minimum": _extremum(tirx.LT),
    "copysign": _copysign,
    "signbit": lambda t, x: _copysign(t, tirx.FloatImm(type_of(x), 1.0), x) < zero(type_of(x)),
    "div": lambda t, a, b: tirx.Div(a, b),
    "floordiv": lambda t, a, b: tirx.floordiv(a, b),
    "mod": lambda t, a, b: tirx.floormod(a, b),
    "truncmod": lambda t, a, b: tirx.truncmod(a, b),
    "index_div": lambda t, a, b: tirx.truncdiv(a, b),
    "index_mod": lambda t, a, b: tirx.truncmod(a, b),
    "bitwise_and": _logical(tirx.And, tirx.bitwise_and),
    "bitwise_or": _logical(tirx.Or, tirx.bitwise_or),
    "bitwise_xor": _logical(
        lambda a, b: tirx.NE(tirx.Cast("uint8", a), tirx.Cast("uint8", b)), tirx.bitwise_xor
    ),
    "bitwise_not": _logical(tirx.Not, tirx.bitwise_not),
    "shl": lambda t, a, b: tirx.shift_left(a, b),
    "shr": lambda t, a, b: tirx.shift_right(a, b),
    "eq": _compare(tirx.EQ),
    "ne": _compare(not_equal),
    "lt": _compare(tirx.LT),
    "le": _compare(tirx.LE),
    "gt": _compare(tirx.GT),
    "ge": _compare(tirx.GE),
    "isnan": lambda t, x: not_equal(x, x) if _is_float(x) else tirx.const(False, "bool"),
    "bitcast": _bitcast,
    "nextafter": lambda t, x, y, dtype: math.nextafter(t, t.let(x), t.let(y), dtype),
    "let": lambda t, x: t.let(x),
}
