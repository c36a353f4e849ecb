"""The modified Bessel functions of the first kind, I0 (`np.i0`) and I1, its derivative."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..primitive import Primitive
from .comparison import eq, where
from .families import ulps, unary, zeros_like
from .samples import Numpy

if TYPE_CHECKING:
    from ..array import Array


def bessel_reference(order: int, x: Numpy) -> Numpy:
    """I0 or I1 in the precision of x: a series of positive terms up to 60, then the asymptotic
    one (Abramowitz and Stegun, 9.6.10 and 9.7.1)."""
    size, kind = np.abs(x), x.dtype.type
    small = np.minimum(size, kind(60)) / kind(2)
    term = total = small if order else np.ones_like(x)
    for k in range(1, 150):
        term = term * small**2 / kind(k * (k + order))
        total = total + term
    large = np.clip(size, kind(60), kind(800))
    term = rest = np.ones_like(x)
    for k in range(1, 60):
        term = term * kind((2 * k - 1) ** 2 - 4 * order) / (kind(8 * k) * large)
        rest = rest + term
    pi = np.arccos(kind(-1))
    # the exponential in two halves, which do not overflow where the result does not
    half = np.exp(large / kind(2))
    far = half * (half / np.sqrt(kind(2) * pi * large) * rest)
    result = np.where(size <= 60, total, np.where(size < np.inf, far, size))
    return np.asarray(np.copysign(result, x) if order else result, x.dtype)


def _vjp_i1(ct: Array, out: Array, x: Array) -> tuple[Array]:
    zero = zeros_like(x)
    at_zero = eq(x, zero)
    ratio = where(at_zero, zero + 0.5, i1(x) / where(at_zero, zero + 1, x))
    return (ct * (i0(x) - ratio),)


i0: Primitive = unary(
    "i0",
    partial(bessel_reference, 0),
    vjp=lambda ct, out, x: (ct * i1(x),),
    ulp=ulps(2),
    cost=150,
)
i1: Primitive = unary(
    "i1",
    partial(bessel_reference, 1),
    vjp=_vjp_i1,
    ulp=ulps(2),
    cost=150,
)
