"""Polynomials as their coefficients, the highest power first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import primitives as p
from .. import record
from ..dtypes import float64, int64
from ..errors import ArgumentError, ShapeError
from .arithmetic import add, divide, multiply, subtract
from .convert import ArrayLike, asarray, convert, same_dtype
from .creation import ones, zeros_like
from .joining import concatenate, trim_zeros
from .numpy_eigenvalues import eigvals
from .shapes import atleast_1d
from .signals import convolve

if TYPE_CHECKING:
    from ..array import Array


def _coefficients(name: str, given: ArrayLike) -> Array:
    x: Array = atleast_1d(given)
    if x.ndim != 1:
        raise ShapeError(f"{name}: got {x.shape}; coefficients have one axis")
    return x


def polyval(p: ArrayLike, x: ArrayLike) -> Array:
    """The polynomial with the coefficients p, at x (by Horner's rule).

    >>> polyval([1, 2, 3], 2)
    array(11)
    """
    coefficients, at = asarray(p), asarray(x)
    total = zeros_like(at)
    for coefficient in coefficients:
        total = add(multiply(total, at), coefficient)
    return total


def _lined_up(a1: ArrayLike, a2: ArrayLike) -> tuple[Array, Array]:
    x, y = same_dtype(*(_coefficients("polyadd", a) for a in (a1, a2)))
    size = max(x.shape[0], y.shape[0])
    first, second = (p.pad(z, low=(size - z.shape[0],), high=(0,), value=0) for z in (x, y))
    return first, second


def polyadd(a1: ArrayLike, a2: ArrayLike) -> Array:
    """The sum of two polynomials.

    >>> polyadd([1, 2], [9, 5, 4])
    array([9, 6, 6])
    """
    return add(*_lined_up(a1, a2))


def polysub(a1: ArrayLike, a2: ArrayLike) -> Array:
    """The difference of two polynomials."""
    return subtract(*_lined_up(a1, a2))


def polymul(a1: ArrayLike, a2: ArrayLike) -> Array:
    """The product of two polynomials.

    >>> polymul([1, 1], [1, -1])
    array([ 1,  0, -1])
    """
    return convolve(_without_lead(a1), _without_lead(a2))


def _without_lead(given: ArrayLike) -> Array:
    """Without leading zeros, of which the zero polynomial keeps one."""
    x = trim_zeros(_coefficients("polymul", given), "f")
    return x if x.size else p.full(shape=(1,), value=0, dtype=x.dtype)


def polyder(p: ArrayLike, m: int = 1) -> Array:
    """The m-th derivative.

    >>> polyder([1, 2, 3])
    array([2, 2])
    """
    if m < 0:
        raise ArgumentError(f"polyder: got order {m}; it must not be negative")
    x = _coefficients("polyder", p)
    for _ in range(m):
        count = x.shape[0] - 1 if x.shape[0] else 0
        x = multiply(x[:-1], _falling(count))
    return x


def _falling(count: int) -> Array:
    """count, ..., 2, 1."""
    return count - p.iota(size=count, dtype=int64)


def polyint(p: ArrayLike, m: int = 1, k: Any = None) -> Array:
    """The m-th integral, with the constants k (zeros by default).

    >>> polyint([2, 2])
    array([1., 2., 0.])
    """
    if m < 0:
        raise ArgumentError(f"polyint: got order {m}; it must not be negative")
    given = np.zeros(m) if k is None else np.atleast_1d(k)
    if given.size == 1 and m > 1:
        given = np.repeat(given, m)
    if given.size < m:
        raise ArgumentError(f"polyint: got {given.size} constants for order {m}")
    x = _coefficients("polyint", p)
    for constant in given[:m]:
        parts = divide(x, _falling(x.shape[0])), record.constant([constant], float64)
        x = concatenate(parts)
    return x


def polydiv(u: ArrayLike, v: ArrayLike) -> tuple[Array, Array]:
    """The quotient and the remainder of two polynomials.

    >>> polydiv([1, 0, -1], [1, 1])
    (array([ 1., -1.]), array([0.]))
    """
    over, by = same_dtype(_coefficients("polydiv", u), _coefficients("polydiv", v))
    if not over.dtype.is_inexact:
        over, by = convert(over, float64), convert(by, float64)
    m, n = over.shape[0] - 1, by.shape[0] - 1
    if m < n:
        return p.full(shape=(1,), value=0, dtype=over.dtype), over
    rest = over
    found = []
    for k in range(m - n + 1):
        factor = divide(rest[k : k + 1], by[:1])
        found.append(factor)
        taken = p.pad(multiply(factor, by), low=(k,), high=(m - n - k,), value=0)
        rest = subtract(rest, taken)
    return concatenate(found), _tidy(rest)


def _tidy(rest: Array) -> Array:
    """Without leading coefficients that are zero up to rounding, as NumPy's rule is."""
    host = rest.numpy()
    first = 0
    while first < host.size - 1 and np.allclose(host[first], 0, rtol=1e-14):
        first += 1
    return rest[first:]


def poly(seq_of_zeros: ArrayLike) -> Array:
    """The polynomial with these zeros (or the eigenvalues of a square matrix) and 1 before its
    highest power.

    >>> poly([1, 2])
    array([ 1., -3.,  2.])
    """
    x = atleast_1d(seq_of_zeros)
    if x.ndim == 2 and x.shape[0] == x.shape[1] != 0:
        x = eigvals(x)
    elif x.ndim != 1:
        raise ShapeError(f"poly: got {x.shape}; it takes zeros in one axis, or a square matrix")
    if x.shape[0] == 0:
        return asarray(1.0)
    kind = x.dtype if x.dtype.is_inexact and x.dtype.itemsize > 2 else float64
    total = ones((1,), kind)
    for zero in convert(x, kind):
        lifted = p.pad(total, low=(0,), high=(1,), value=0)
        total = subtract(lifted, p.pad(total * zero, low=(1,), high=(0,), value=0))
    return p.real(total) if _in_pairs(x) else total


def _in_pairs(zeros: Array) -> bool:
    """Whether complex zeros are known to be real or conjugates of each other."""
    if not zeros.dtype.is_complex or not zeros._is_concrete:
        return False
    host = zeros.numpy()
    return bool((np.sort(host) == np.sort(host.conjugate())).all())


__all__ = [
    "poly",
    "polyadd",
    "polyder",
    "polydiv",
    "polyint",
    "polymul",
    "polysub",
    "polyval",
]
