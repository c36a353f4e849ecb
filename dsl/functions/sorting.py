"""Order along an axis: sorting, selection and search, by the core's parallel routines.

NaN comes last. Every sort is stable, whatever `kind` is asked for. A partition sorts the whole
line, which is one of the results that NumPy allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .. import primitives as p
from ..dtypes import int64
from ..errors import ArgumentError, AxisError, BoundsError, ShapeError
from . import ordering
from .axes import one_axis
from .convert import ArrayLike, asarray, same_dtype
from .selection import take, take_along_axis
from .shapes import ravel

if TYPE_CHECKING:
    from ..array import Array

_KINDS = (None, "quicksort", "mergesort", "heapsort", "stable")


def _line(
    name: str, a: ArrayLike, axis: int | None, kind: str | None, order: None
) -> tuple[Array, int]:
    """The array and the axis to sort; None is the flattened array."""
    if order is not None:
        raise ArgumentError(
            f"{name}: got order {order!r}; it is of records, which do not exist here"
        )
    if kind not in _KINDS:
        raise ArgumentError(f"{name}: got kind {kind!r}; it must be one of {_KINDS[1:]}")
    x = asarray(a)
    if axis is None:
        return ravel(x), 0
    if x.ndim == 0:
        raise AxisError(f"{name}: got an array of no axes; pass axis=None")
    return x, one_axis(name, axis, x.ndim)


def sort(
    a: ArrayLike,
    axis: int | None = -1,
    kind: str | None = None,
    order: None = None,
    *,
    stable: bool | None = None,
    descending: bool = False,
) -> Array:
    """A sorted copy along an axis (of the flattened array for None); NaN comes last.

    `descending` puts the largest first (and NaN before it). The gradient goes back to where each
    element came from. Raises AxisError.

    >>> sort([[3, 1, 2], [9, 8, 7]])
    array([[1, 2, 3],
           [7, 8, 9]])
    """
    x, place = _line("sort", a, axis, kind, order)
    return ordering.sort(x, place, descending)


def argsort(
    a: ArrayLike,
    axis: int | None = -1,
    kind: str | None = None,
    order: None = None,
    *,
    stable: bool | None = None,
    descending: bool = False,
) -> Array:
    """The positions (int64) that sort an axis; equal elements keep their order.

    >>> argsort([30, 10, 20])
    array([1, 2, 0])
    """
    x, place = _line("argsort", a, axis, kind, order)
    return ordering.argsort(x, place, descending)


def _places(name: str, kth: int | Sequence[int], size: Any) -> dict[str, int]:
    """The first and the last place that must be in order."""
    places = list(kth) if isinstance(kth, Sequence) else [kth]
    for k in places:
        if isinstance(size, int) and not -size <= k < size:
            raise ArgumentError(f"{name}: got kth {k} for an axis of {size} elements")
        if not isinstance(size, int) and k < 0:
            raise ArgumentError(f"{name}: got kth {k} for an axis of unknown size")
    places = [k + size if k < 0 else k for k in places] or [0]
    return {"first": min(places), "last": max(places)}


def partition(
    a: ArrayLike,
    kth: int | Sequence[int],
    axis: int | None = -1,
    kind: str = "introselect",
    order: None = None,
) -> Array:
    """A copy in which element `kth` is where sorting puts it, smaller ones before it.

    >>> partition([3, 1, 2], 1)[1]
    array(2)
    """
    x, place = _line("partition", a, axis, None, order)
    places = _places("partition", kth, x.shape[place])
    return ordering.partition(x, place, **places)


def argpartition(
    a: ArrayLike,
    kth: int | Sequence[int],
    axis: int | None = -1,
    kind: str = "introselect",
    order: None = None,
) -> Array:
    """The positions (int64) that `partition` an axis.

    >>> argpartition([3, 1, 2], 0)[0]
    array(1)
    """
    x, place = _line("argpartition", a, axis, None, order)
    places = _places("argpartition", kth, x.shape[place])
    return ordering.argpartition(x, place, places["first"], places["last"])


def topk(x: ArrayLike, k: int, axis: int = -1, *, largest: bool = True) -> tuple[Array, Array]:
    """The k largest (or smallest) elements along an axis in order, and their positions (int64).

    Equal elements are taken in their order. Raises BoundsError unless 0 <= k <= the axis's size.

    >>> topk([5, 9, 7], 2)
    (array([9, 7]), array([1, 2]))
    """
    x = asarray(x)
    place = one_axis("topk", axis, x.ndim)
    size = x.shape[place]
    if k < 0 or (isinstance(size, int) and k > size):
        raise BoundsError(f"topk: got k {k} for an axis of {size} elements")
    order = ordering.argpartition(x, place, 0, max(k - 1, 0), largest)
    sizes = tuple(k if a == place else n for a, n in enumerate(x.shape))
    zeros, ones = (0,) * x.ndim, (1,) * x.ndim
    places = p.slice_(order, start=zeros, sizes=sizes, strides=ones)
    return take_along_axis(x, places, place), places


def lexsort(keys: ArrayLike | Sequence[ArrayLike], axis: int = -1) -> Array:
    """The positions (int64) that sort by several keys: by the last, among its equals by the one
    before it, and so on. All keys have one shape.

    >>> lexsort(([1, 0, 1], [5, 5, 3]))
    array([2, 1, 0])
    """
    listed = [asarray(key) for key in keys]
    if not listed:
        raise ArgumentError("lexsort: got no key; it takes at least one")
    if any(key.shape != listed[0].shape for key in listed):
        shapes = ", ".join(str(key.shape) for key in listed)
        raise ShapeError(f"lexsort: got keys of shapes {shapes}; they must be equal")
    if listed[0].ndim == 0:
        return p.full(shape=(), value=0, dtype=int64)
    place = one_axis("lexsort", axis, listed[0].ndim)
    order = ordering.argsort(listed[0], place)
    for key in listed[1:]:
        then = ordering.argsort(take_along_axis(key, order, place), place)
        order = take_along_axis(order, then, place)
    return order


def searchsorted(
    a: ArrayLike, v: ArrayLike, side: str = "left", sorter: ArrayLike | None = None
) -> Array:
    """Where to insert values into the sorted 1-D `a` so that it stays sorted (int64).

    `side` says whether before ("left") or after equal elements; `sorter` are positions that sort
    `a`. Raises ShapeError, ArgumentError.

    >>> searchsorted([1, 3, 5], [0, 3, 9])
    array([0, 1, 3])
    """
    if side not in ("left", "right"):
        raise ArgumentError(f"searchsorted: got side {side!r}; it must be 'left' or 'right'")
    table, values = same_dtype(a, v)
    if table.ndim != 1:
        raise ShapeError(f"searchsorted: got an array of shape {table.shape}; it must be 1-D")
    if sorter is not None:
        order = asarray(sorter)
        if order.shape != table.shape:
            raise ShapeError(
                f"searchsorted: got a sorter of shape {order.shape}; it must be {table.shape}"
            )
        table = take(table, order)
    return ordering.searchsorted(table, values, side == "right")


__all__ = [
    "argpartition",
    "argsort",
    "lexsort",
    "partition",
    "searchsorted",
    "sort",
    "topk",
]
