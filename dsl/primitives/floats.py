"""Signs, exponents and neighbours of floats, and arithmetic that passes over NaN; all are exact."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..dtypes import FLOATS, INTEGERS, DType, bool_
from ..graph import Aval
from ..primitive import Expr, Primitive, Sample, Vocabulary
from .comparison import eq, gt, ne, where
from .elementwise import div, trunc
from .families import binary, no_gradient, unary, zeros_like
from .samples import Numpy, smooth, special

if TYPE_CHECKING:
    from ..array import Array

    Pair = tuple[Array, Array]

NUMBERS = (*INTEGERS, *FLOATS)


def mantissa_reference(x: Numpy) -> Numpy:
    """The m of x = m * 2**e, 1/2 <= |m| < 1."""
    return np.frexp(x)[0]


def exponent_reference(x: Numpy) -> Numpy:
    """The e of x = m * 2**e, as a float; 0 where x is infinite or NaN."""
    return np.where(np.isfinite(x), np.frexp(x)[1], 0).astype(x.dtype)


def nextafter_reference(x: Numpy, y: Numpy) -> Numpy:
    """C's: y where x == y, zeros of both signs included (NumPy's for float16 gives x there)."""
    return np.where(x == y, y, np.nextafter(x, y))


def ldexp_reference(x: Numpy, n: Numpy) -> Numpy:
    """x * 2**n."""
    bounded = np.where(n == n, np.clip(n, -5000, 5000), 0)
    return np.ldexp(x, bounded.astype(np.int32))


def _whole_exponents(dtype: DType) -> Iterator[Sample]:
    x = special(dtype)
    limit = 60 if dtype.itemsize == 2 else 2200
    n = np.array([0, 1, -1, 3, -7, 20, -60, limit, -limit]).astype(x.dtype)
    a, b = np.meshgrid(x, n)
    yield Sample((a.ravel(), b.ravel()))
    for shape in ((3, 4), (), (0, 3)):
        yield Sample((smooth(dtype, *shape), np.ones(shape, x.dtype)))


def _lower_nextafter(t: Vocabulary, x: Expr, y: Expr, *, out: Aval) -> Expr:
    return t.call("nextafter", x, y, out.dtype)


def _lower_fmod(t: Vocabulary, x: Expr, y: Expr, *, out: Aval) -> Expr:
    if out.dtype.is_float:
        return t.call("fmod", x, y)
    # The processor traps on a division by zero and on lowest / -1: neither reaches it.
    zero, one = t.const(0, out.dtype), t.const(1, out.dtype)
    by_zero = t.call("eq", y, zero)
    divisor = t.select(by_zero, one, y)
    if out.dtype.kind == "i":
        divisor = t.select(t.call("eq", y, t.const(-1, out.dtype)), one, divisor)
    return t.select(by_zero, zero, t.call("truncmod", x, divisor))


def _lower_fmax(t: Vocabulary, x: Expr, y: Expr, *, out: Aval) -> Expr:
    return t.select(t.call("isnan", y), x, t.select(x > y, x, y))


def _lower_fmin(t: Vocabulary, x: Expr, y: Expr, *, out: Aval) -> Expr:
    return t.select(t.call("isnan", y), x, t.select(x < y, x, y))


def _shared(ct: Array, x: Array, y: Array, x_wins: Array) -> Pair:
    """The cotangent to the one that was taken; a tie gives each a half."""
    zero, half, tie = zeros_like(ct), ct * 0.5, eq(x, y)
    x_wins = x_wins | ne(y, y)
    return where(tie, half, where(x_wins, ct, zero)), where(tie, half, where(x_wins, zero, ct))


def _vjp_copysign(ct: Array, out: Array, x: Array, y: Array) -> tuple[Array, None]:
    one = zeros_like(x) + 1
    return ct * (copysign(one, x) * copysign(one, y)), None


copysign: Primitive = binary("copysign", np.copysign, vjp=_vjp_copysign)
signbit = unary(
    "signbit",
    np.signbit,
    lower=lambda t, x, *, out: t.call("signbit", x),
    result=bool_,
    vjp=no_gradient,
)
nextafter = binary(
    "nextafter",
    nextafter_reference,
    lower=_lower_nextafter,
    vjp=lambda ct, out, x, y: (ct, None),
    cost=12,
)
ldexp: Primitive = binary(
    "ldexp",
    ldexp_reference,
    samples=_whole_exponents,
    vjp=lambda ct, out, x, n: (ldexp(ct, n), None),
    cost=24,
)
exponent = unary("exponent", exponent_reference, vjp=no_gradient, cost=12)
mantissa = unary(
    "mantissa",
    mantissa_reference,
    vjp=lambda ct, out, x: (ldexp(ct, -exponent(x)),),
    cost=12,
)
fmod = binary(
    "fmod",
    np.fmod,
    lower=_lower_fmod,
    dtypes=NUMBERS,
    vjp=lambda ct, out, x, y: (ct, -(ct * trunc(div(x, y)))),
    cost=30,
)
fmax = binary(
    "fmax",
    np.fmax,
    lower=_lower_fmax,
    vjp=lambda ct, out, x, y: _shared(ct, x, y, gt(x, y)),
    cost=3,
)
fmin = binary(
    "fmin",
    np.fmin,
    lower=_lower_fmin,
    vjp=lambda ct, out, x, y: _shared(ct, x, y, gt(y, x)),
    cost=3,
)
