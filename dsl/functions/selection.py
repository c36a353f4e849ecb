"""Elements at computed positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ... import _native
from .. import eager_routines, record
from .. import primitives as p
from ..autodiff import is_tracked
from ..dtypes import DTypeLike, dtype, float32, int64
from ..errors import ArgumentError, BoundsError, DTypeError, ShapeError, TraceError
from ..sizes import Dim, Shape, maximum, product
from .axes import one_axis
from .convert import ArrayLike, asarray, boolean, broadcast, common_shape, convert
from .outputs import store

if TYPE_CHECKING:
    from ..array import Array


def positions(name: str, indices: ArrayLike, axis: int, size: Dim) -> Array:
    """Indices as int64 within 0..size-1; negative ones count from the end.

    Values out of range raise BoundsError if they are on the host; on a device, which nothing waits
    for, and in a staged program they go to the nearest end.
    """
    x = _integers(name, indices)
    if not is_on_host(x) or not isinstance(size, int):
        from_end = x + p.full(shape=x.shape, value=size, dtype=int64)
        return p.where(*broadcast(name, x < 0, from_end, x))
    if not x.size:
        return x
    if eager_routines.are_within(x, size):
        return x
    host = np.asarray(x)
    wrong = host[(host < -size) | (host >= size)]
    if wrong.size:
        raise BoundsError(
            f"{name}: index {wrong.flat[0]} is out of range for axis {axis} of size {size}"
        )
    return record.constant(np.where(host < 0, host + size, host), int64)


def is_on_host(x: Array) -> bool:
    """Whether a value is known now, without waiting for a device."""
    return not record.is_tracing() and x._is_concrete and not x._device


def is_written_in_place(target: Array, new: Array) -> bool:
    """Whether elements of an array may be written where they lie: it is contiguous, and no trace
    and no tape wants to know."""
    if not is_on_host(target) or not is_on_host(new) or not target._contiguous:
        return False
    root = target if target._base is None else target._base
    return not (_native.grad_enabled() and (is_tracked(root) or is_tracked(new)))


def _integers(name: str, indices: ArrayLike) -> Array:
    if isinstance(indices, list | tuple) and not indices:
        indices = np.zeros(0, np.int64)
    x = asarray(indices)
    if not x.dtype.is_integer:
        raise DTypeError(f"{name}: got indices of {x.dtype}; they must be integers")
    return convert(x, int64)


def picked(name: str, x: Array, indices: ArrayLike, axis: int) -> Array:
    """Elements at positions along an axis; negative ones count from the end.

    One out of range raises BoundsError where values are known, as `positions` does."""
    where = _integers(name, indices)
    if not record.runs_on_host(x, where):
        return p.gather(x, positions(name, where, axis, x.shape[axis]), axis=axis)
    try:
        return p.take(x, where, axis=axis)
    except BoundsError:
        positions(name, where, axis, x.shape[axis])  # says it in the words of `name`
        raise


def take(
    a: ArrayLike,
    indices: ArrayLike,
    axis: int | None = None,
    out: Array | None = None,
    mode: str = "raise",
) -> Array:
    """Elements at positions along `axis` (of the flattened array by default); one out of range is
    refused, or brought into it by the mode "wrap" or "clip".

    >>> take([10, 20, 30], [2, 0])
    array([30, 10])
    """
    x = asarray(a)
    if axis is None:
        x, axis = p.reshape(x, shape=(product(x.shape),)), 0
    place = one_axis("take", axis, x.ndim)
    if mode == "raise":
        return store("take", picked("take", x, indices, place), out)
    where = _by_mode("take", indices, x.shape[place], mode)
    return store("take", p.gather(x, where, axis=place), out)


def _by_mode(name: str, indices: ArrayLike, size: Dim, mode: str) -> Array:
    """Positions within 0..size-1, by NumPy's rule for those that are not."""
    if mode not in ("wrap", "clip"):
        raise ArgumentError(f"{name}: got mode {mode!r}; it is 'raise', 'wrap' or 'clip'")
    x = _integers(name, indices)
    if mode == "wrap":
        return p.mod(*broadcast(name, x, p.full(shape=(), value=size, dtype=int64)))
    least = p.maximum(x, x * 0)
    return p.minimum(*broadcast(name, least, _last(size)))


def take_along_axis(arr: ArrayLike, indices: ArrayLike, axis: int | None = -1) -> Array:
    """Elements at positions along `axis`, chosen for each place of the other axes.

    >>> take_along_axis([[1, 2], [3, 4]], [[1], [0]], axis=1)
    array([[2],
           [3]])
    """
    x, where = asarray(arr), asarray(indices)
    if axis is None:
        x, axis = p.reshape(x, shape=(product(x.shape),)), 0
    place = one_axis("take_along_axis", axis, x.ndim)
    if where.ndim != x.ndim:
        raise ShapeError(f"take_along_axis: got {x.shape} and {where.shape}; ranks must be equal")
    where = positions("take_along_axis", where, place, x.shape[place])
    others = [tuple(1 if a == place else n for a, n in enumerate(z.shape)) for z in (x, where)]
    outer = common_shape("take_along_axis", *others)
    shape = tuple(where.shape[a] if a == place else n for a, n in enumerate(outer))
    whole = tuple(x.shape[a] if a == place else n for a, n in enumerate(outer))
    flat = p.reshape(p.broadcast_to(x, shape=whole), shape=(product(whole),))
    return p.gather(flat, _flat_positions(where, whole, shape, place), axis=0)


def _flat_positions(where: Array, whole: Shape, shape: Shape, axis: int) -> Array:
    """The position in an array of shape `whole` for each place of `shape`."""
    total = p.broadcast_to(_within(where, whole[axis]) * product(whole[axis + 1 :]), shape=shape)
    for a, size in enumerate(whole):
        if a != axis:
            step = p.iota(size=size, dtype=int64) * product(whole[a + 1 :])
            aligned = tuple(size if b == a else 1 for b in range(len(whole)))
            total = total + p.broadcast_to(p.reshape(step, shape=aligned), shape=shape)
    return total


def _within(where: Array, size: Dim) -> Array:
    """A staged index out of range stays in its own row."""
    if not record.is_tracing():
        return where
    return p.minimum(*broadcast("take_along_axis", p.maximum(where, where * 0), _last(size)))


def _last(size: Dim) -> Array:
    return p.full(shape=(), value=maximum(size - 1, 0), dtype=int64)


def one_hot(indices: ArrayLike, num_classes: int, *, dtype: DTypeLike = float32) -> Array:
    """A new last axis with a one at each index and zeros elsewhere.

    >>> one_hot([1, 0], 3)
    array([[0., 1., 0.],
           [1., 0., 0.]], dtype=float32)
    """
    x = asarray(indices)
    if not x.dtype.is_integer:
        raise DTypeError(f"one_hot: got indices of {x.dtype}; they must be integers")
    column = p.reshape(convert(x, int64), shape=(*x.shape, 1))
    classes = p.iota(size=num_classes, dtype=int64)
    return convert(p.eq(*broadcast("one_hot", column, classes)), _dtype(dtype))


_dtype = dtype


def scatter_add(x: ArrayLike, indices: ArrayLike, updates: ArrayLike, axis: int = 0) -> Array:
    """x with updates added at 1-D positions along an axis; positions may repeat.

    >>> scatter_add([0, 0, 0], [2, 2], [5, 6])
    array([ 0,  0, 11])
    """
    x = asarray(x)
    place = one_axis("scatter_add", axis, x.ndim)
    where = positions("scatter_add", indices, place, x.shape[place])
    if where.ndim != 1:
        raise ShapeError(f"scatter_add: got indices of shape {where.shape}; they must be 1-D")
    wanted = (*x.shape[:place], where.shape[0], *x.shape[place + 1 :])
    values = p.broadcast_to(asarray(updates, x.dtype), shape=wanted)
    return p.scatter_add(x, where, values, axis=place)


def nonzero(a: ArrayLike) -> tuple[Array, ...]:
    """The positions (int64) of the elements that are not zero, an array an axis.

    How many there are depends on the values: in staged code it is a TraceError, for an array
    without axes an ArgumentError.

    >>> nonzero([0, 7, 0, 9])
    (array([1, 3]),)
    """
    x = asarray(a)
    if x.ndim == 0:
        raise ArgumentError("nonzero: got an array of no axes; use atleast_1d(x)")
    places = places_of(p.reshape(boolean(x), shape=(product(x.shape),)))
    found: list[Array] = []
    for size in reversed(x.shape[1:]):
        found.insert(0, places % size)
        places = places // size
    return (places, *found)


def places_of(mask: Array) -> Array:
    """The positions (int64) at which a 1-D bool array is true; not in staged code."""
    if record.is_tracing() or not mask._is_concrete:
        raise TraceError(
            "nonzero: the number of places depends on values, which a staged program does not "
            "know; call it outside of tw.jit, or use tw.where"
        )
    if not is_on_host(mask):  # what comes back is a number of places, so the mask must anyway
        return record.constant(np.flatnonzero(mask.numpy()), int64)
    return p.nonzero_places(mask, count=count_of(mask))


def count_of(mask: Array) -> int:
    """How many elements of a bool array on the host are true."""
    return eager_routines.count(mask)


__all__ = ["nonzero", "one_hot", "scatter_add", "take", "take_along_axis"]
