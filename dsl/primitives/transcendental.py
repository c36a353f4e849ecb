"""Elementary functions beside those of elementwise.py, one element at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..dtypes import INEXACT, DType, float32, float64
from ..graph import Aval
from ..primitive import Expr, Primitive, Sample, Vocabulary
from .comparison import eq, lt, where
from .complex import conj, join_reference
from .elementwise import abs_, cos, rsqrt, sigmoid, sqrt
from .families import binary, ulps, unary, zeros_like
from .samples import Numpy, unary_samples

if TYPE_CHECKING:
    from ..array import Array

    Pair = tuple[Array, Array]

LN_2, LN_10 = math.log(2), math.log(10)


def above_one(dtype: DType) -> Iterator[Sample]:
    """`unary_samples` with the smooth ones moved to where acosh has a derivative."""
    for sample in unary_samples(dtype):
        x = sample.inputs[0]
        yield (
            sample
            if x.size == 0 or x.dtype.kind == "c" or x.min() < 0.1
            else Sample((np.asarray(x + x.dtype.type(1)),))
        )


def log2_reference(x: Numpy) -> Numpy:
    """The logarithm to base 2, of complex numbers too."""
    return _to_base(np.log2, LN_2, x)


def log10_reference(x: Numpy) -> Numpy:
    """The logarithm to base 10, of complex numbers too."""
    return _to_base(np.log10, LN_10, x)


def _to_base(of_reals: Callable[[Numpy], Numpy], unit: float, x: Numpy) -> Numpy:
    if x.dtype.kind != "c":
        return of_reals(x)
    natural = np.log(x)
    base = np.log(x.real.dtype.type(round(math.exp(unit))))
    return join_reference(natural.real / base, natural.imag / base)


def _turned_power(x: Numpy) -> Numpy:
    """the power of two; of complex numbers, times 1 + abs(imag(x))"""
    size = np.abs(np.exp2(x))
    return size * (1 + np.abs(x.imag)) if x.dtype.kind == "c" else size


def _inverse_root(a: Array, b: Array) -> Array:
    """1 / sqrt(a b), on the branch of sqrt(a) sqrt(b)."""
    return 1 / (sqrt(a) * sqrt(b)) if a.dtype.is_complex else rsqrt(a * b)


def _slope_of_asinh(x: Array) -> Array:
    """1 / sqrt(1 + x**2), on the branch of sqrt(1 - ix) sqrt(1 + ix)."""
    if not x.dtype.is_complex:
        return rsqrt(x * x + 1)
    turned = x * 1j
    return _inverse_root(1 - turned, turned + 1)


def sinc_reference(x: Numpy) -> Numpy:
    """sin(pi x) / (pi x); the turns come off before pi comes in, so that no digit is lost."""
    pi, size = np.arccos(x.dtype.type(-1)), np.abs(x)
    turns = np.fmod(size, x.dtype.type(2))
    is_back = turns > 1
    rest = np.where(is_back, turns - 1, turns)
    sine = np.where(is_back, -1, 1) * np.sin(pi * np.minimum(rest, 1 - rest))
    divisor = np.where(size == 0, 1, size) * pi
    result = np.where(size == 0, 1, np.where(sine == 0, 0, sine) / divisor)
    return np.asarray(result, x.dtype)


def _vjp_sinc(ct: Array, out: Array, x: Array) -> tuple[Array]:
    """(cos(pi x) - sinc(x)) / x, and its series near 0, where that would lose all digits."""
    is_near = lt(abs_(x), zeros_like(x) + 0.02)
    safe = where(is_near, zeros_like(x) + 1, x)
    far = (cos(safe * math.pi) - sinc(safe)) / safe
    square = x * x * math.pi**2
    near = x * (-(math.pi**2) / 3) * (1 - square * (0.1 - square / 280))
    return (ct * where(is_near, near, far),)


exp2 = unary(
    "exp2",
    np.exp2,
    dtypes=INEXACT,
    vjp=lambda ct, out, x: (ct * conj(out * LN_2),),
    ulp=ulps(2, complex=6),
    scale=_turned_power,
    cost=14,
)
log2 = unary(
    "log2",
    log2_reference,
    dtypes=INEXACT,
    vjp=lambda ct, out, x: (ct / conj(x * LN_2),),
    ulp=ulps(2, complex=6),
    cost=26,
)
log10 = unary(
    "log10",
    log10_reference,
    dtypes=INEXACT,
    vjp=lambda ct, out, x: (ct / conj(x * LN_10),),
    ulp=ulps(2, complex=6),
    cost=28,
)
tan = unary(
    "tan",
    np.tan,
    dtypes=INEXACT,
    vjp=lambda ct, out, x: (ct * conj(out * out + 1),),
    ulp=ulps(2, complex=6),
    cost=45,
)
sinc: Primitive = unary("sinc", sinc_reference, vjp=_vjp_sinc, ulp=ulps(2), cost=45)
asin = unary(
    "asin",
    np.arcsin,
    dtypes=INEXACT,
    vjp=lambda ct, out, x: (ct * conj(_inverse_root(1 - x, x + 1)),),
    ulp=ulps(2, complex=6),
    cost=34,
)
acos = unary(
    "acos",
    np.arccos,
    dtypes=INEXACT,
    vjp=lambda ct, out, x: (-(ct * conj(_inverse_root(1 - x, x + 1))),),
    ulp=ulps(2, complex=6),
    cost=36,
)
atan = unary(
    "atan",
    np.arctan,
    dtypes=INEXACT,
    vjp=lambda ct, out, x: (ct / conj(x * x + 1),),
    ulp=ulps(2, complex=6),
    cost=36,
)
sinh: Primitive = unary(
    "sinh",
    np.sinh,
    dtypes=INEXACT,
    vjp=lambda ct, out, x: (ct * conj(cosh(x)),),
    ulp=ulps(2, complex=4),
    cost=40,
)
cosh: Primitive = unary(
    "cosh",
    np.cosh,
    dtypes=INEXACT,
    vjp=lambda ct, out, x: (ct * conj(sinh(x)),),
    ulp=ulps(2, complex=4),
    cost=26,
)
asinh = unary(
    "asinh",
    np.arcsinh,
    dtypes=INEXACT,
    vjp=lambda ct, out, x: (ct * conj(_slope_of_asinh(x)),),
    ulp=ulps(2, complex=6),
    cost=60,
)
acosh = unary(
    "acosh",
    np.arccosh,
    samples=above_one,
    dtypes=INEXACT,
    vjp=lambda ct, out, x: (ct / conj(sqrt(x - 1) * sqrt(x + 1)),),
    ulp=ulps(2, complex=6),
    cost=60,
)
atanh = unary(
    "atanh",
    np.arctanh,
    dtypes=INEXACT,
    vjp=lambda ct, out, x: (ct / conj((1 - x) * (x + 1)),),
    ulp=ulps(2, complex=6),
    cost=40,
)
cbrt = unary("cbrt", np.cbrt, vjp=lambda ct, out, x: (ct / (out * out * 3),), ulp=ulps(2), cost=40)


def _vjp_atan2(ct: Array, out: Array, y: Array, x: Array) -> Pair:
    length = hypot(x, y)
    return ct * (x / length) / length, -(ct * (y / length) / length)


def _vjp_hypot(ct: Array, out: Array, x: Array, y: Array) -> Pair:
    """The direction of (x, y); zero at the origin, which has none."""
    divisor = where(eq(out, zeros_like(out)), zeros_like(out) + 1, out)
    return ct * (x / divisor), ct * (y / divisor)


atan2 = binary("atan2", np.arctan2, vjp=_vjp_atan2, ulp=ulps(2), cost=50)
hypot: Primitive = binary("hypot", np.hypot, vjp=_vjp_hypot, ulp=ulps(2), cost=20)


def _larger_term(x: Numpy, y: Numpy) -> Numpy:
    """the larger term of max(x, y) + log(1 + exp(-abs(x - y)))"""
    distance = np.where(x == y, x.dtype.type(0), x - y)
    return np.asarray(np.maximum(np.abs(np.maximum(x, y)), np.log1p(np.exp(-np.abs(distance)))))


def _larger_term_2(x: Numpy, y: Numpy) -> Numpy:
    """the larger term of max(x, y) + log2(1 + exp2(-abs(x - y)))"""
    distance = np.where(x == y, x.dtype.type(0), x - y)
    smaller = np.log2(1 + np.exp2(-np.abs(distance)))
    return np.asarray(np.maximum(np.abs(np.maximum(x, y)), smaller))


def _lower_logaddexp(t: Vocabulary, x: Expr, y: Expr, *, out: Aval) -> Expr:
    larger, below = _larger_and_distance(t, x, y, out)
    return larger + t.call("log1p", t.call("let", t.call("exp", below)))


def _lower_logaddexp2(t: Vocabulary, x: Expr, y: Expr, *, out: Aval) -> Expr:
    larger, below = _larger_and_distance(t, x, y, out)
    smaller = t.call("log1p", t.call("let", t.call("exp2", below)))
    # half types are computed in float32: their constants would be rounded too far
    factor = t.const(1 / LN_2, float64 if out.dtype is float64 else float32)
    # One rounding, also where nothing contracts; of equal numbers it would leave a rest.
    total = t.call("fma", smaller, factor, larger)
    one = t.const(1, float64 if out.dtype is float64 else float32)
    return t.select(t.call("eq", x, y), larger + one, total)


def _larger_and_distance(t: Vocabulary, x: Expr, y: Expr, out: Aval) -> tuple[Expr, Expr]:
    larger = t.call("let", t.call("maximum", x, y))
    below = t.call("minimum", x, y) - larger
    same = t.call("eq", x, y)  # infinities, whose difference is NaN
    return larger, t.call("let", t.select(same, t.const(0, out.dtype), below))


def _share(x: Array, y: Array) -> Array:
    """exp(x) / (exp(x) + exp(y)), also where both are infinite."""
    tie = eq(x, y)
    zero = zeros_like(x)
    return where(tie, zero + 0.5, sigmoid(where(tie, zero, x) - where(tie, zero, y)))


logaddexp = binary(
    "logaddexp",
    np.logaddexp,
    lower=_lower_logaddexp,
    vjp=lambda ct, out, x, y: (ct * _share(x, y), ct * _share(y, x)),
    ulp=ulps(2),
    scale=_larger_term,
    cost=45,
)
logaddexp2 = binary(
    "logaddexp2",
    np.logaddexp2,
    lower=_lower_logaddexp2,
    vjp=lambda ct, out, x, y: (ct * _share(x * LN_2, y * LN_2), ct * _share(y * LN_2, x * LN_2)),
    ulp=ulps(2),
    scale=_larger_term_2,
    cost=45,
)
