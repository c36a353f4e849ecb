"""Order along an axis, of complex numbers too: by real parts, then by imaginary ones.

Complex numbers with NaN come last, as in NumPy: those with one in the imaginary part, then those
with one in the real part, then those with both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import primitives as p
from ..dtypes import int64, uint8
from ..primitives.families import zeros_like
from .convert import convert
from .selection import take_along_axis

if TYPE_CHECKING:
    from ..array import Array


def sort(x: Array, axis: int, reverse: bool = False) -> Array:
    """x sorted along an axis."""
    if not x.dtype.is_complex:
        return p.sort(x, axis=axis, reverse=reverse)
    return take_along_axis(x, argsort(x, axis, reverse), axis)


def argsort(x: Array, axis: int, reverse: bool = False) -> Array:
    """The positions (int64) that sort x along an axis; equal elements keep their order."""
    if not x.dtype.is_complex:
        return p.argsort(x, axis=axis, reverse=reverse)
    order: Array | None = None
    for key in _keys(x):
        moved = key if order is None else take_along_axis(key, order, axis)
        then = p.argsort(moved, axis=axis, reverse=reverse)
        order = then if order is None else take_along_axis(order, then, axis)
    assert order is not None
    return order


def partition(x: Array, axis: int, first: int, last: int) -> Array:
    """x with places first..last along an axis as sorting fills them, smaller ones before."""
    if x.dtype.is_complex or not x.size:
        return sort(x, axis)
    return p.partition(x, axis=axis, reverse=False, first=first, last=last)


def argpartition(x: Array, axis: int, first: int, last: int, reverse: bool = False) -> Array:
    """The positions (int64) that do so; equal elements keep their order at these places."""
    if x.dtype.is_complex or not x.size:
        return argsort(x, axis, reverse)
    return p.argpartition(x, axis=axis, reverse=reverse, first=first, last=last)


def _keys(x: Array) -> tuple[Array, Array, Array]:
    """What complex numbers are ordered by, the least important first."""
    real, imag = p.real(x), p.imag(x)
    no_real, no_imag = (convert(p.ne(part, part), uint8) for part in (real, imag))
    return imag, real, no_real * 2 + no_imag


def searchsorted(table: Array, values: Array, right: bool) -> Array:
    """Where to insert values into a sorted 1-D table (int64): log2(n) steps of a binary search
    where they are complex."""
    if not table.dtype.is_complex:
        return p.searchsorted(table, values, right=right)
    size = table.shape[0]
    found = p.full(shape=values.shape, value=0, dtype=int64)
    if size == 0:
        return found
    step = 1 << (size.bit_length() - 1)
    while step:
        reached = found + step
        at = p.gather(table, p.minimum(reached, _filled(size, reached)) - 1, axis=0)
        fits = p.le(reached, _filled(size, reached)) & _is_before(at, values, right)
        found = p.where(fits, reached, found)
        step //= 2
    return found


def _filled(value: int, like: Array) -> Array:
    return p.full(shape=like.shape, value=value, dtype=int64)


def _is_before(a: Array, b: Array, or_equal: bool) -> Array:
    """Whether a comes before b, or (`or_equal`) at its place."""
    result: Array | None = None
    for x, y in zip(_keys(_without_nan(a)), _keys(_without_nan(b)), strict=True):
        last = p.le if or_equal else p.lt
        result = last(x, y) if result is None else p.lt(x, y) | (p.eq(x, y) & result)
    (*_, class_a), (*_, class_b) = _keys(a), _keys(b)
    assert result is not None
    return p.lt(class_a, class_b) | (p.eq(class_a, class_b) & result)


def _without_nan(x: Array) -> Array:
    """x with 0 for every part that is NaN."""
    parts = (p.real(x), p.imag(x))
    return p.join(*(p.where(p.ne(v, v), zeros_like(v), v) for v in parts))
