"""Elements in another order or repeated: turned, rolled, tiled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import primitives as p
from .. import record
from ..dtypes import int64
from ..errors import ArgumentError, ShapeError
from ..sizes import product
from .axes import Axis, many_axes, one_axis
from .convert import ArrayLike, asarray, join_parts
from .cumulative import part
from .shapes import ShapeLike, as_shape, ravel, reshape, transpose

if TYPE_CHECKING:
    from ..array import Array


def flip(m: ArrayLike, axis: Axis = None) -> Array:
    """The elements in reverse order along these axes (all by default), a view.

    >>> flip([1, 2, 3])
    array([3, 2, 1])
    """
    x = asarray(m)
    axes = many_axes("flip", axis, x.ndim)
    turned = [a in axes and x.shape[a] != 0 for a in range(x.ndim)]
    start = tuple(n - 1 if t else 0 for n, t in zip(x.shape, turned, strict=True))
    return p.slice_(x, start=start, sizes=x.shape, strides=tuple(-1 if t else 1 for t in turned))


def flipud(m: ArrayLike) -> Array:
    """The first axis in reverse order."""
    x = asarray(m)
    if x.ndim < 1:
        raise ShapeError(f"flipud: got {x.shape}; it takes one axis or more")
    return flip(x, 0)


def fliplr(m: ArrayLike) -> Array:
    """The second axis in reverse order."""
    x = asarray(m)
    if x.ndim < 2:
        raise ShapeError(f"fliplr: got {x.shape}; it takes two axes or more")
    return flip(x, 1)


def rot90(m: ArrayLike, k: int = 1, axes: Sequence[int] = (0, 1)) -> Array:
    """Turned by 90 degrees k times in the plane of two axes, from the first to the second.

    >>> rot90([[1, 2], [3, 4]]).tolist()
    [[2, 4], [1, 3]]
    """
    x = asarray(m)
    if len(axes) != 2:
        raise ArgumentError(f"rot90: got axes {axes}; there must be two")
    first, second = (one_axis("rot90", axis, x.ndim) for axis in axes)
    if first == second:
        raise ArgumentError(f"rot90: got axes {axes}; they must be distinct")
    order = list(range(x.ndim))
    order[first], order[second] = order[second], order[first]
    turns = k % 4
    if turns == 0:
        return x[...]
    if turns == 2:
        return flip(flip(x, first), second)
    return transpose(flip(x, second), order) if turns == 1 else flip(transpose(x, order), second)


def roll(
    a: ArrayLike, shift: int | Sequence[int], axis: int | Sequence[int] | None = None
) -> Array:
    """Elements moved on along an axis (of the flattened array by default); what leaves at the end
    comes in at the front.

    >>> roll([1, 2, 3, 4], 1)
    array([4, 1, 2, 3])
    """
    x = asarray(a)
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), x.shape)
    shifts, axes = np.broadcast_arrays(np.asarray(shift), np.asarray(axis))
    if shifts.ndim > 1:
        raise ArgumentError(f"roll: got shifts {shift} and axes {axis}; they must be 1-D")
    result = asarray(x, copy=True)
    for by, along in zip(shifts.flat, axes.flat, strict=True):
        place = one_axis("roll", int(along), x.ndim)
        size = x.shape[place]
        by = int(by) % size if size else 0
        if by:
            ends = part(result, place, size - by, by), part(result, place, 0, size - by)
            result = join_parts(ends, place)
    return result


def tile(A: ArrayLike, reps: ShapeLike) -> Array:
    """The array laid side by side: `reps` times along each axis.

    >>> tile([1, 2], 2)
    array([1, 2, 1, 2])
    """
    x = asarray(A)
    counts = as_shape("tile", reps)
    counts = (1,) * (x.ndim - len(counts)) + counts
    shape = (1,) * (len(counts) - x.ndim) + tuple(x.shape)
    apart = p.reshape(x, shape=tuple(n for size in shape for n in (1, size)))
    spread = tuple(n for count, size in zip(counts, shape, strict=True) for n in (count, size))
    whole = tuple(count * size for count, size in zip(counts, shape, strict=True))
    return asarray(p.reshape(p.broadcast_to(apart, shape=spread), shape=whole), copy=True)


def repeat(a: ArrayLike, repeats: Any, axis: int | None = None) -> Array:
    """Each element `repeats` times in a row; with a sequence, each as often as it says.

    >>> repeat([1, 2], 2)
    array([1, 1, 2, 2])
    """
    x = asarray(a)
    if axis is None:
        x, axis = ravel(x), 0
    place = one_axis("repeat", axis, x.ndim)
    if not isinstance(repeats, int):
        return _repeat_each(x, repeats, place)
    if repeats < 0:
        raise ArgumentError(f"repeat: got {repeats} repeats; it must not be negative")
    head, size, tail = x.shape[:place], x.shape[place], x.shape[place + 1 :]
    apart = p.reshape(x, shape=(*head, size, 1, *tail))
    spread = p.broadcast_to(apart, shape=(*head, size, repeats, *tail))
    return asarray(p.reshape(spread, shape=(*head, size * repeats, *tail)), copy=True)


def _repeat_each(x: Array, repeats: Any, place: int) -> Array:
    counts = np.asarray(repeats)
    if counts.size and counts.dtype.kind not in "iub":
        raise TypeError(f"repeat: got repeats of {counts.dtype}; they must be integers")
    counts = counts.reshape(-1).astype(np.int64)
    if counts.size not in (1, x.shape[place]):
        raise ShapeError(f"repeat: got {counts.size} repeats for {x.shape[place]} places")
    if (counts < 0).any():
        raise ArgumentError("repeat: got a negative repeat; it must not be negative")
    if counts.size == 1:
        return repeat(x, int(counts[0]), place)
    order = np.repeat(np.arange(x.shape[place]), counts)
    return p.gather(x, record.constant(order, int64), axis=place)


def resize(a: ArrayLike, new_shape: ShapeLike) -> Array:
    """An array of another shape, filled with the elements again and again.

    >>> resize([1, 2, 3], (2, 2)).tolist()
    [[1, 2], [3, 1]]
    """
    x = ravel(a)
    shape = as_shape("resize", new_shape)
    if any(isinstance(n, int) and n < 0 for n in shape):
        raise ArgumentError(f"resize: got shape {shape}; sizes must not be negative")
    total = product(shape)
    if x.size == 0 or total == 0:
        return p.full(shape=shape, value=0, dtype=x.dtype)
    whole = tile(x, -(-total // x.size))
    return asarray(reshape(part(whole, 0, 0, total), shape), copy=True)


__all__ = ["flip", "fliplr", "flipud", "repeat", "resize", "roll", "rot90", "tile"]
