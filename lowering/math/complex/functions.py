"""The vocabulary's functions of complex elements, by name."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan
from typing import TYPE_CHECKING, Any

from ...tvm_api import tirx
from . import exponential, hyperbolic, inverse
from .exponential import both, is_infinite
from .pair import Complex

if TYPE_CHECKING:
    from ...vocabulary import TirxVocabulary

Expr = Any
Function = Callable[..., Any]


def _abs(t: TirxVocabulary, z: Complex) -> Expr:
    return t.call("hypot", z.real, z.imag)


def _sign(t: TirxVocabulary, z: Complex) -> Complex:
    """z / |z|, as NumPy: +0 for zeros of any sign, and the direction of the one infinite part."""
    m = z.m
    zero, one = m.const(0.0), m.const(1.0)
    largest = m.let(t.call("maximum", m.abs(z.real), m.abs(z.imag)))
    is_huge = largest > m.const(m.largest / 4)
    scale = m.select(is_huge, m.const(0.25), one)
    scaled = z.scaled(scale)
    length = m.let(_abs(t, scaled))
    is_zero = t.let(m.equal(length, zero))
    length = m.select(is_zero, one, length)
    real, imag = (m.select(is_zero, zero, m.let(part / length)) for part in scaled.parts)
    ends = [is_infinite(m, part) for part in z.parts]
    known = [m.select(e, m.copysign(one, p), zero) for e, p in zip(ends, z.parts, strict=True)]
    lost = m.const(nan)
    any_end = tirx.Or(*ends)
    is_lost = tirx.Or(both(*ends), both(z.is_nan(), tirx.Not(any_end)))
    parts = (m.select(any_end, k, p) for k, p in zip(known, (real, imag), strict=True))
    return Complex(t, *(m.select(is_lost, lost, p) for p in parts))


def _larger(t: TirxVocabulary, a: Complex, b: Complex) -> Complex:
    return exponential.choose(a.m, t.let(tirx.Or(a.is_nan(), b <= a)), a, b)


def _smaller(t: TirxVocabulary, a: Complex, b: Complex) -> Complex:
    return exponential.choose(a.m, t.let(tirx.Or(a.is_nan(), a <= b)), a, b)


def _rsqrt(t: TirxVocabulary, z: Complex) -> Complex:
    one = Complex(t, z.m.const(1.0), z.m.const(0.0))
    return exponential.divide(t, one, inverse.sqrt(t, z))


def _is_finite(t: TirxVocabulary, z: Complex) -> Expr:
    m = z.m
    return both(*(m.abs(part) < m.const(inf) for part in z.parts))


CALLS: dict[str, Function] = {
    "let": lambda t, z: z.named(),
    "neg": lambda t, z: -z,
    "conj": lambda t, z: z.conj(),
    "real": lambda t, z: z.real,
    "imag": lambda t, z: z.imag,
    "abs": _abs,
    "sign": _sign,
    "round": lambda t, z: z.map(lambda part: t.call("round", part)),
    "div": exponential.divide,
    "pow": exponential.pow,
    "exp": exponential.exp,
    "exp2": exponential.exp2,
    "expm1": exponential.expm1,
    "log": exponential.logarithm("log"),
    "log2": exponential.logarithm("log2"),
    "log10": exponential.logarithm("log10"),
    "log1p": exponential.log1p,
    "sqrt": inverse.sqrt,
    "rsqrt": _rsqrt,
    **{f: getattr(hyperbolic, f) for f in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{f: getattr(inverse, f) for f in ("asin", "acos", "atan", "asinh", "acosh", "atanh")},
    "maximum": _larger,
    "minimum": _smaller,
    "isnan": lambda t, z: z.is_nan(),
    "isfinite": _is_finite,
    "eq": lambda t, a, b: a.equals(b),
    "ne": lambda t, a, b: tirx.Not(a.equals(b)),
    "lt": lambda t, a, b: a < b,
    "le": lambda t, a, b: a <= b,
    "gt": lambda t, a, b: a > b,
    "ge": lambda t, a, b: a >= b,
}  # fmt: skip


def call(t: TirxVocabulary, name: str, *args: Any) -> Any:
    """A function of complex elements by name; they are named first, as each part is used often."""
    found = CALLS.get(name)
    if found is None:
        raise KeyError(f"vocabulary: there is no function {name} of complex numbers")
    return found(t, *(z.named() for z in args))
