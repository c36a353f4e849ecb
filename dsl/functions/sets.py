"""Distinct elements and sets of them, by sorting.

How many elements there are depends on the values, so these work on concrete arrays only: in a
staged function they raise TraceError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .. import primitives as p
from .. import record
from ..dtypes import bool_, int64
from ..errors import TraceError
from ..sizes import product
from . import ordering
from .axes import one_axis
from .convert import ArrayLike, asarray, same_dtype
from .logic import isnan, logical_and, logical_not
from .selection import places_of, take
from .shapes import moveaxis, ravel, reshape
from .sorting import searchsorted

if TYPE_CHECKING:
    from ..array import Array


class UniqueAll(NamedTuple):
    """What `unique_all` gives."""

    values: Array
    indices: Array
    inverse_indices: Array
    counts: Array


class UniqueCounts(NamedTuple):
    """What `unique_counts` gives."""

    values: Array
    counts: Array


class UniqueInverse(NamedTuple):
    """What `unique_inverse` gives."""

    values: Array
    inverse_indices: Array


def _concrete(name: str, *arrays: Array) -> None:
    if record.is_tracing() or not all(x._is_concrete for x in arrays):
        raise TraceError(
            f"{name}: the number of its elements depends on values, which a staged program does "
            "not know; call it outside of tw.jit"
        )


def _starts(ordered: Array, equal_nan: bool) -> Array:
    """Where (bool) in a sorted 1-D array an element differs from the one before it."""
    later, earlier = ordered[1:], ordered[:-1]
    differs = p.ne(later, earlier)
    if equal_nan and ordered.dtype.is_inexact:
        differs = logical_and(differs, logical_not(logical_and(isnan(later), isnan(earlier))))
    return _after_first(differs, ordered.shape[0])


def _after_first(differs: Array, size: Any) -> Array:
    first = p.full(shape=(1,), value=True, dtype=differs.dtype)
    return p.concatenate(first, differs, axis=0) if size else differs[:0]


class _Runs:
    """Equal elements as runs of the sorted array: where each starts, and what was where."""

    def __init__(self, starts: Array, order: Array) -> None:
        self.count = order.shape[0]
        self.order = order
        self.begin = places_of(starts)

    def first(self) -> Array:
        """The position of the first element of each run; sorting was stable."""
        return p.gather(self.order, self.begin, axis=0)

    def counts(self) -> Array:
        end = p.full(shape=(1,), value=self.count, dtype=int64)
        ends = p.concatenate(self.begin[1:], end, axis=0) if self.count else self.begin
        return ends - self.begin

    def inverse(self) -> Array:
        """The number of the run in which each element is."""
        number = searchsorted(self.begin, p.iota(size=self.count, dtype=int64), "right") - 1
        return p.scatter_set(p.iota(size=self.count, dtype=int64), self.order, number, axis=0)


def _flat_runs(x: Array, equal_nan: bool) -> tuple[Array, _Runs]:
    order = ordering.argsort(x, 0)
    ordered = p.gather(x, order, axis=0)
    runs = _Runs(_starts(ordered, equal_nan), order)
    return p.gather(ordered, runs.begin, axis=0), runs


def _row_runs(x: Array) -> tuple[Array, _Runs]:
    """Runs of equal slices along the first axis, ordered by their elements."""
    rows = reshape(x, (x.shape[0], product(x.shape[1:])))
    order = p.iota(size=x.shape[0], dtype=int64)
    for column in range(rows.shape[1] - 1, -1, -1):
        key = p.gather(rows[:, column], order, axis=0)
        order = p.gather(order, ordering.argsort(key, 0), axis=0)
    ordered = p.gather(rows, order, axis=0)
    later, earlier = ordered[1:], ordered[:-1]
    differs = p.max_(p.ne(later, earlier), axes=(1,)) if rows.shape[1] else later[:, :0].any(1)
    runs = _Runs(_after_first(differs, x.shape[0]), order)
    return p.gather(x, runs.first(), axis=0), runs


def unique(
    ar: ArrayLike,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Any:
    """The distinct elements in order (with `axis`: the distinct slices along it); if asked for,
    also the position of each one's first occurrence, the number of each element's value, and how
    often each occurs (all int64), as a tuple. `equal_nan` takes all NaN for one.

    >>> unique([3, 1, 3])
    array([1, 3])
    """
    x = asarray(ar)
    _concrete("unique", x)
    if not (return_index or return_inverse or return_counts or axis is not None):
        return _distinct(ravel(x), equal_nan)
    if axis is None:
        values, runs = _flat_runs(ravel(x), equal_nan)
        inverse_shape = x.shape
    else:
        place = one_axis("unique", axis, x.ndim)
        values, runs = _row_runs(moveaxis(x, place, 0))
        values = moveaxis(values, 0, place)
        inverse_shape = (x.shape[place],)
    found = [values]
    found += [runs.first()] if return_index else []
    found += [reshape(runs.inverse(), inverse_shape)] if return_inverse else []
    found += [runs.counts()] if return_counts else []
    return tuple(found) if len(found) > 1 else values


def _distinct(x: Array, equal_nan: bool) -> Array:
    ordered = ordering.sort(x, 0)
    return p.gather(ordered, places_of(_starts(ordered, equal_nan)), axis=0)


def unique_values(x: ArrayLike) -> Array:
    """The distinct elements in order; every NaN is one of its own.

    >>> unique_values([2, 1, 2])
    array([1, 2])
    """
    a = asarray(x)
    _concrete("unique_values", a)
    return _distinct(ravel(a), False)


def unique_counts(x: ArrayLike) -> UniqueCounts:
    """The distinct elements in order, and how often each occurs (int64)."""
    return UniqueCounts(*unique(x, return_counts=True, equal_nan=False))


def unique_inverse(x: ArrayLike) -> UniqueInverse:
    """The distinct elements in order, and the number of each element's value, in x's shape."""
    return UniqueInverse(*unique(x, return_inverse=True, equal_nan=False))


def unique_all(x: ArrayLike) -> UniqueAll:
    """The distinct elements in order, each one's first position, the number of each element's
    value, and how often each occurs."""
    return UniqueAll(*unique(x, True, True, True, equal_nan=False))


def _two(name: str, ar1: ArrayLike, ar2: ArrayLike) -> tuple[Array, Array]:
    a, b = (ravel(x) for x in same_dtype(ar1, ar2))
    _concrete(name, a, b)
    return a, b


def _member(values: Array, table: Array) -> Array:
    """Which values (bool) are in a sorted table."""
    if table.shape[0] == 0:
        return p.full(shape=values.shape, value=False, dtype=bool_)
    places = ordering.searchsorted(table, values, False)
    return p.eq(p.gather(table, places, axis=0), values)  # gather brings places into range


def union1d(ar1: ArrayLike, ar2: ArrayLike) -> Array:
    """The distinct elements of both arrays, in order.

    >>> union1d([1, 3], [2, 3])
    array([1, 2, 3])
    """
    a, b = _two("union1d", ar1, ar2)
    return _distinct(p.concatenate(a, b, axis=0), True)


def intersect1d(
    ar1: ArrayLike, ar2: ArrayLike, assume_unique: bool = False, return_indices: bool = False
) -> Any:
    """The distinct elements that are in both arrays, in order; with `return_indices` also their
    first positions in each.

    >>> intersect1d([1, 3, 4], [3, 4, 5])
    array([3, 4])
    """
    a, b = _two("intersect1d", ar1, ar2)
    (first, runs), (second, others) = _flat_runs(a, True), _flat_runs(b, True)
    kept = places_of(_member(first, second))
    values = p.gather(first, kept, axis=0)
    if not return_indices:
        return values
    if not values.shape[0]:
        return values, kept, kept
    there = p.gather(others.first(), ordering.searchsorted(second, values, False), axis=0)
    return values, p.gather(runs.first(), kept, axis=0), there


def setdiff1d(ar1: ArrayLike, ar2: ArrayLike, assume_unique: bool = False) -> Array:
    """The distinct elements of the first array that are not in the second, in order (in their
    own order with `assume_unique`).

    >>> setdiff1d([3, 1, 2], [2])
    array([1, 3])
    """
    a, b = _two("setdiff1d", ar1, ar2)
    values = a if assume_unique else _distinct(a, True)
    return take(values, places_of(logical_not(_member(values, ordering.sort(b, 0)))))


def setxor1d(ar1: ArrayLike, ar2: ArrayLike, assume_unique: bool = False) -> Array:
    """The distinct elements that are in one array only, in order.

    >>> setxor1d([1, 2], [2, 3])
    array([1, 3])
    """
    a, b = (_distinct(x, True) for x in _two("setxor1d", ar1, ar2))
    apart = p.concatenate(setdiff1d(a, b, True), setdiff1d(b, a, True), axis=0)
    return ordering.sort(apart, 0)


__all__ = [
    "intersect1d",
    "setdiff1d",
    "setxor1d",
    "union1d",
    "unique",
    "unique_all",
    "unique_counts",
    "unique_inverse",
    "unique_values",
]
