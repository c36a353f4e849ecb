"""Places in sorted numbers, and what is read off there: bins, counts, straight lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import primitives as p
from .. import record
from ..dtypes import bool_, float64, int64
from ..errors import ArgumentError, DTypeError
from .arithmetic import divide, maximum, minimum, multiply, remainder, subtract
from .convert import ArrayLike, asarray, convert, on_host, real_only, same_dtype
from .logic import equal, isnan, less, less_equal, logical_and, logical_not, logical_or, where
from .reductions import max as max_
from .reductions import min as min_
from .shapes import ravel, reshape

if TYPE_CHECKING:
    from ..array import Array


def search(points: Array, x: Array, *, right: bool) -> Array:
    """How many of the sorted `points` lie before each element: those below it, or (`right`) also
    those equal to it. nan comes after all numbers. log2(n) steps of a binary search.
    """
    points, x = same_dtype(points, x)
    size = points.shape[0]
    found = p.full(shape=x.shape, value=0, dtype=int64)
    if size == 0:
        return found
    step = 1
    while step * 2 <= size:
        step *= 2
    while step:
        reached = found + step
        fits = less_equal(reached, size)
        at = p.gather(points, minimum(reached, size) - 1, axis=0)
        found = where(logical_and(fits, _is_before(at, x, right)), reached, found)
        step //= 2
    return found


def _is_before(at: Array, x: Array, right: bool) -> Array:
    """Whether a point comes before an element, in the order that puts nan last."""
    before = less_equal(at, x) if right else less(at, x)
    if not x.dtype.is_inexact:
        return before
    last = isnan(x) if right else logical_and(isnan(x), logical_not(isnan(at)))
    return logical_or(before, last)


def digitize(x: ArrayLike, bins: ArrayLike, right: bool = False) -> Array:
    """The number of the bin that each element falls into; 0 is before the first edge.

    Edges rise or fall; a bin holds its lower edge, or (`right`) its upper one.

    >>> digitize([0.5, 1.0, 7.0], [0, 1, 2])
    array([1, 2, 3])
    """
    x, edges = real_only("digitize", x), asarray(bins)
    if edges.ndim != 1:
        raise ArgumentError(f"digitize: got bins of shape {edges.shape}; they have one axis")
    host = on_host(bins)
    rises = bool((host[:-1] <= host[1:]).all())
    if not rises and not (host[:-1] >= host[1:]).all():
        raise ArgumentError("digitize: got bins that neither rise nor fall")
    if rises:
        return search(edges, x, right=not right)
    return edges.shape[0] - search(edges[::-1], x, right=not right)


def interp(
    x: ArrayLike,
    xp: ArrayLike,
    fp: ArrayLike,
    left: float | None = None,
    right: float | None = None,
    period: float | None = None,
) -> Array:
    """The piecewise straight line through the points (xp, fp), read at x; xp must rise.

    Outside it has the values `left` and `right`, by default those at the ends. With a `period`
    the points repeat, in any order, and there is no outside.

    >>> interp([0.5, 1.5, 9.0], [0, 1, 2], [0, 10, 20])
    array([ 5., 15., 20.])
    """
    at = convert(asarray(x), float64)
    points, values = (convert(asarray(z), float64) for z in (xp, fp))
    if points.ndim != 1 or values.ndim != 1 or points.shape != values.shape:
        raise ArgumentError(f"interp: got xp {points.shape} and fp {values.shape}; equal, 1-D")
    count = points.shape[0]
    if count == 0:
        raise ArgumentError("interp: got no points; it takes at least one")
    if period is not None:
        at, points, values = _repeated(at, points, values, abs(period))
        count, left, right = count + 2, None, None
    before = maximum(search(points, at, right=True) - 1, 0)
    j = minimum(before, max(count - 2, 0))
    after = minimum(j + 1, count - 1)
    x0, y0, x1, y1 = (p.gather(z, i, axis=0) for i in (j, after) for z in (points, values))
    slope = divide(subtract(y1, y0), subtract(x1, x0))
    line = multiply(slope, subtract(at, x0)) + y0
    # Where a value or a slope is infinite: from the other end, or flat.
    line = where(isnan(line), multiply(slope, subtract(at, x1)) + y1, line)
    line = where(logical_and(isnan(line), equal(y0, y1)), y0, line)
    exact = equal(at, p.gather(points, before, axis=0))
    line = where(exact, p.gather(values, before, axis=0), line)
    low, high = (values[0] if left is None else left), (values[-1] if right is None else right)
    line = where(less(at, points[0]), low, where(less(points[-1], at), high, line))
    return where(isnan(at), at, line)


def _repeated(at: Array, points: Array, values: Array, period: float) -> tuple[Array, ...]:
    """Everything within one period, and the points' neighbours in the ones beside it."""
    if period == 0:
        raise ArgumentError("interp: got a period of 0; it must be another number")
    inside = remainder(points, period)
    order = p.argsort(inside, axis=0, reverse=False)
    rising, given = (p.gather(z, order, axis=0) for z in (inside, values))
    around = p.concatenate(rising[-1:] - period, rising, rising[:1] + period, axis=0)
    return remainder(at, period), around, p.concatenate(given[-1:], given, given[:1], axis=0)


# --------------------------------------------------------------------------- membership


_CHUNK = 1 << 22  # comparisons at once


def isin(
    element: ArrayLike,
    test_elements: ArrayLike,
    assume_unique: bool = False,
    invert: bool = False,
    *,
    kind: str | None = None,
) -> Array:
    """Whether each element is among the test elements.

    `kind`: "table" looks integers up in a table of their range, "sort" compares; by default a
    table is taken where it is not larger than the arrays.

    >>> isin([1, 2, 3], [2, 5])
    array([False,  True, False])
    """
    x, wanted = asarray(element), ravel(test_elements)
    if kind not in (None, "sort", "table"):
        raise ArgumentError(f"isin: got kind {kind!r}; it is None, 'sort' or 'table'")
    whole = all(z.dtype.is_integer or z.dtype is bool_ for z in (x, wanted))
    if kind == "table" and not whole:
        raise ArgumentError(f"isin: got {x.dtype} and {wanted.dtype}; a table takes integers")
    if whole and kind != "sort" and not record.is_tracing() and wanted.size and x.size:
        low, high = int(min_(wanted)), int(max_(wanted))
        if kind == "table" or high - low <= 6 * (x.size + wanted.size):
            return _looked_up(x, wanted, low, high, invert)
    found = _compared(*same_dtype(ravel(x), wanted))
    return reshape(logical_not(found) if invert else found, x.shape)


def _looked_up(x: Array, wanted: Array, low: int, high: int, invert: bool) -> Array:
    size = high - low + 1
    empty = p.full(shape=(size,), value=invert, dtype=bool_)
    held = p.full(shape=wanted.shape, value=not invert, dtype=bool_)
    table = p.scatter_set(empty, convert(wanted, int64) - low, held, axis=0)
    inside = logical_and(less_equal(low, x), less_equal(x, high))
    at = where(inside, convert(x, int64), low) - low
    return where(inside, p.gather(table, at, axis=0), invert)


def _compared(x: Array, wanted: Array) -> Array:
    """Each with each, so many at once that the comparisons stay small."""
    found = p.full(shape=x.shape, value=False, dtype=bool_)
    step = max(_CHUNK // max(int(x.size), 1), 1)
    for begin in range(0, int(wanted.size), step):
        some = wanted[begin : begin + step]
        pairs = equal(reshape(x, (-1 if x.size else 0, 1)), some)
        found = p.bitwise_or(found, p.max_(pairs, axes=(1,)))
    return found


# --------------------------------------------------------------------------- counts


def bincount(x: ArrayLike, /, weights: ArrayLike | None = None, minlength: int = 0) -> Array:
    """How often each number from 0 occurs, or the sum of the weights where it does.

    Raises ArgumentError (a ValueError) for negative numbers and more than one axis, DTypeError for
    floats. Not in staged code, as the length depends on the values.

    >>> bincount([0, 2, 2])
    array([1, 0, 2])
    """
    has_type = hasattr(x, "dtype")  # an empty list has none, and is taken
    x = asarray(x)
    if x.ndim != 1:
        raise ArgumentError(f"bincount: got {x.shape}; it takes one axis")
    if x.dtype.is_float and (x.size or has_type):
        raise DTypeError(f"bincount: got {x.dtype}; it takes integers")
    if minlength < 0:
        raise ArgumentError(f"bincount: got minlength {minlength}; it must not be negative")
    length = minlength
    if x.size:
        if x.dtype.kind == "i" and int(min_(x)) < 0:
            raise ArgumentError("bincount: got a negative number")
        length = max(int(max_(x)) + 1, minlength)
    return count_into(convert(x, int64), weights, length)


def count_into(places: Array, weights: ArrayLike | None, length: int) -> Array:
    """How often each place 0..length-1 is named, or the sum of its weights."""
    if weights is None:
        ones = p.full(shape=places.shape, value=1, dtype=int64)
        return p.scatter_add(p.full(shape=(length,), value=0, dtype=int64), places, ones, axis=0)
    given = convert(asarray(weights), float64)
    if given.shape != places.shape:
        raise ArgumentError(f"bincount: got {given.shape} weights for {places.shape} numbers")
    zeros = p.full(shape=(length,), value=0, dtype=float64)
    return p.scatter_add(zeros, places, given, axis=0)


__all__ = ["bincount", "digitize", "interp", "isin"]
