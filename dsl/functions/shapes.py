"""Arrays in other shapes and orders, joined and taken apart. Views, where NumPy gives views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .. import primitives as p
from ..dtypes import DTypeLike
from ..errors import AxisError, ShapeError
from ..sizes import Dim, Shape, Size, divide, product
from .convert import (
    ArrayLike,
    Axis,
    asarray,
    broadcast,
    broadcast_shapes,
    join_parts,
    many_axes,
    one_axis,
    same_dtype,
)

if TYPE_CHECKING:
    from ..array import Array

ShapeLike = Dim | Sequence[Dim]


def as_shape(name: str, shape: ShapeLike) -> Shape:
    """A shape as a tuple; a single size is a 1-D shape."""
    sizes = tuple(shape) if isinstance(shape, Sequence) else (shape,)
    if any(isinstance(n, bool) or not hasattr(n, "__index__") for n in sizes if not _is_unknown(n)):
        raise ShapeError(f"{name}: got shape {shape!r}; sizes must be integers")
    return tuple(n if isinstance(n, Size) else n.__index__() for n in sizes)


def _is_unknown(size: object) -> bool:
    return isinstance(size, Size)


def reshape(x: ArrayLike, shape: ShapeLike) -> Array:
    """The elements in another shape; one size may be -1, for what is left.

    >>> reshape([1, 2, 3, 4], (2, -1))
    array([[1, 2],
           [3, 4]])
    """
    x = asarray(x)
    wanted = as_shape("reshape", shape)
    return p.reshape(x, shape=_filled(x, wanted) if -1 in wanted else wanted)


def _filled(x: Array, shape: Shape) -> Shape:
    rest, total = product(tuple(n for n in shape if n != -1)), product(x.shape)
    left = divide(total, rest) if rest != 0 else -1
    if shape.count(-1) > 1 or rest == 0 or left * rest != total:
        raise ShapeError(
            f"reshape: got {x.shape} and {shape}; one size may be -1, and {total} elements must "
            "fill the others"
        )
    return tuple(left if n == -1 else n for n in shape)


def ravel(x: ArrayLike) -> Array:
    """All elements in one axis."""
    return reshape(x, -1) if product(asarray(x).shape) != 0 else reshape(x, 0)


def transpose(x: ArrayLike, axes: Sequence[int] | None = None) -> Array:
    """The axes in another order; reversed by default.

    >>> transpose([[1, 2], [3, 4]])
    array([[1, 3],
           [2, 4]])
    """
    x = asarray(x)
    if axes is None:
        return p.transpose(x, axes=tuple(reversed(range(x.ndim))))
    order = tuple(one_axis("transpose", a, x.ndim) for a in axes)
    return p.transpose(x, axes=order)


def matrix_transpose(x: ArrayLike) -> Array:
    """The last two axes exchanged."""
    x = asarray(x)
    if x.ndim < 2:
        raise ShapeError(f"matrix_transpose: got {x.shape}; it takes two axes or more")
    return swapaxes(x, -1, -2)


def swapaxes(x: ArrayLike, axis1: int, axis2: int) -> Array:
    """Two axes exchanged."""
    x = asarray(x)
    a, b = (one_axis("swapaxes", axis, x.ndim) for axis in (axis1, axis2))
    order = list(range(x.ndim))
    order[a], order[b] = b, a
    return p.transpose(x, axes=tuple(order))


def moveaxis(x: ArrayLike, source: int | Sequence[int], destination: int | Sequence[int]) -> Array:
    """Axes moved to other places; the rest keep their order."""
    x = asarray(x)
    old = _places("moveaxis", source, x.ndim)
    new = _places("moveaxis", destination, x.ndim)
    if len(old) != len(new):
        raise AxisError(f"moveaxis: got {source} and {destination}; as many axes must go as come")
    order = [a for a in range(x.ndim) if a not in old]
    for place, axis in sorted(zip(new, old, strict=True)):
        order.insert(place, axis)
    return p.transpose(x, axes=tuple(order))


def _places(name: str, axes: int | Sequence[int], ndim: int) -> list[int]:
    given = list(axes) if isinstance(axes, Sequence) else [axes]
    places = [one_axis(name, a, ndim) for a in given]
    if len(set(places)) != len(places):
        raise AxisError(f"{name}: got axes {given}; an axis is named twice")
    return places


def expand_dims(x: ArrayLike, axis: int | Sequence[int]) -> Array:
    """New axes of size 1 at these places of the result.

    >>> expand_dims([1, 2], 0).shape
    (1, 2)
    """
    x = asarray(x)
    ndim = x.ndim + (len(axis) if isinstance(axis, Sequence) else 1)
    new, old = many_axes("expand_dims", axis, ndim), iter(x.shape)
    return p.reshape(x, shape=tuple(1 if a in new else next(old) for a in range(ndim)))


def squeeze(x: ArrayLike, axis: Axis = None) -> Array:
    """Without axes of size 1: those named, or all."""
    x = asarray(x)
    if axis is None:
        gone: tuple[int, ...] = tuple(a for a, n in enumerate(x.shape) if n == 1)
    else:
        gone = many_axes("squeeze", axis, x.ndim)
    for a in gone:
        if x.shape[a] != 1:
            raise ShapeError(f"squeeze: got axis {a} of {x.shape}; its size must be 1")
    return p.reshape(x, shape=tuple(n for a, n in enumerate(x.shape) if a not in gone))


def broadcast_to(x: ArrayLike, shape: ShapeLike) -> Array:
    """x repeated to `shape`, without a copy."""
    return p.broadcast_to(asarray(x), shape=as_shape("broadcast_to", shape))


def broadcast_arrays(*arrays: ArrayLike) -> list[Array]:
    """Arrays repeated to their common shape, without copies."""
    return broadcast("broadcast_arrays", *map(asarray, arrays))


def concatenate(arrays: Sequence[ArrayLike], axis: int | None = 0) -> Array:
    """Arrays joined along an axis (None: all flattened first).

    >>> concatenate([[1, 2], [3]])
    array([1, 2, 3])
    """
    if not len(arrays):
        raise ShapeError("concatenate: got no array; it takes at least one")
    parts = same_dtype(*map(asarray, arrays))
    if axis is None:
        parts, axis = [ravel(x) for x in parts], 0
    if parts[0].ndim == 0:
        raise ShapeError("concatenate: got arrays without axes; use stack")
    return join_parts(parts, one_axis("concatenate", axis, parts[0].ndim))


def stack(arrays: Sequence[ArrayLike], axis: int = 0) -> Array:
    """Arrays of one shape joined along a new axis.

    >>> stack([[1, 2], [3, 4]], axis=1)
    array([[1, 3],
           [2, 4]])
    """
    if not len(arrays):
        raise ShapeError("stack: got no array; it takes at least one")
    parts = same_dtype(*map(asarray, arrays))
    for part in parts:
        if part.shape != parts[0].shape:
            raise ShapeError(f"stack: got {parts[0].shape} and {part.shape}; they must be equal")
    place = one_axis("stack", axis, parts[0].ndim + 1)
    return join_parts([expand_dims(x, place) for x in parts], place)


def split(x: ArrayLike, sections: int | Sequence[int], axis: int = 0) -> list[Array]:
    """x cut along an axis into equal parts, or before the given positions.

    >>> split([1, 2, 3, 4], 2)
    [array([1, 2]), array([3, 4])]
    """
    x = asarray(x)
    place = one_axis("split", axis, x.ndim)
    size = x.shape[place]
    if isinstance(sections, int):
        if sections < 1 or size % sections:
            raise ShapeError(f"split: got {size} elements for {sections} parts; must divide evenly")
        cuts = [size // sections * i for i in range(1, sections)]
    else:
        cuts = [min(max(c + size if c < 0 else c, 0), size) for c in sections]
    bounds = zip([0, *cuts], [*cuts, size], strict=True)
    return [_part(x, place, begin, max(end - begin, 0)) for begin, end in bounds]


def _part(x: Array, axis: int, begin: int, size: int) -> Array:
    start = tuple(begin if a == axis and size else 0 for a in range(x.ndim))
    sizes = tuple(size if a == axis else n for a, n in enumerate(x.shape))
    return p.slice_(x, start=start, sizes=sizes, strides=(1,) * x.ndim)


def flip(x: ArrayLike, axis: Axis = None) -> Array:
    """The elements in reverse order along these axes (all by default)."""
    x = asarray(x)
    axes = many_axes("flip", axis, x.ndim)
    turned = [a in axes and x.shape[a] != 0 for a in range(x.ndim)]
    start = tuple(n - 1 if t else 0 for n, t in zip(x.shape, turned, strict=True))
    return p.slice_(x, start=start, sizes=x.shape, strides=tuple(-1 if t else 1 for t in turned))


Widths = int | Sequence[int] | Sequence[Sequence[int]]


def pad(
    x: ArrayLike, pad_width: Widths, mode: str = "constant", *, constant_values: float = 0
) -> Array:
    """x surrounded by a value: one width, (before, after), or such a pair for each axis.

    >>> pad([1, 2], (1, 2))
    array([0, 1, 2, 0, 0])
    """
    if mode != "constant":
        raise ValueError(f"pad: got mode {mode!r}; the mode is 'constant'")
    x = asarray(x)
    pairs = _width_pairs(pad_width, x.ndim)
    low, high = (tuple(pair[i] for pair in pairs) for i in (0, 1))
    value = x.dtype.dtype.type(constant_values).item() if x.dtype.kind != "f" else constant_values
    return p.pad(x, low=low, high=high, value=value)


def _width_pairs(widths: Widths, ndim: int) -> list[tuple[int, int]]:
    given = widths if isinstance(widths, Sequence) else (widths,)
    rows = [w for w in given if isinstance(w, Sequence)]
    if not rows:
        rows = [[w for w in given if isinstance(w, int)]]
    if len(rows) == 1:
        rows *= ndim
    if len(rows) != ndim or any(len(w) not in (1, 2) for w in rows):
        raise ShapeError(f"pad: got widths {widths} for {ndim} axes")
    return [(w[0], w[-1]) for w in rows]


def tile(x: ArrayLike, reps: ShapeLike) -> Array:
    """x laid side by side: `reps` times along each axis.

    >>> tile([1, 2], 2)
    array([1, 2, 1, 2])
    """
    x = asarray(x)
    counts = as_shape("tile", reps)
    counts = (1,) * (x.ndim - len(counts)) + counts
    shape = (1,) * (len(counts) - x.ndim) + tuple(x.shape)
    apart = p.reshape(x, shape=tuple(n for size in shape for n in (1, size)))
    spread = tuple(n for count, size in zip(counts, shape, strict=True) for n in (count, size))
    whole = tuple(count * size for count, size in zip(counts, shape, strict=True))
    return p.reshape(p.broadcast_to(apart, shape=spread), shape=whole)


def repeat(x: ArrayLike, repeats: int, axis: int | None = None) -> Array:
    """Each element `repeats` times in a row.

    >>> repeat([1, 2], 2)
    array([1, 1, 2, 2])
    """
    x = asarray(x)
    if axis is None:
        x, axis = ravel(x), 0
    place = one_axis("repeat", axis, x.ndim)
    head, size, tail = x.shape[:place], x.shape[place], x.shape[place + 1 :]
    apart = p.reshape(x, shape=(*head, size, 1, *tail))
    spread = p.broadcast_to(apart, shape=(*head, size, repeats, *tail))
    return p.reshape(spread, shape=(*head, size * repeats, *tail))


def astype(x: ArrayLike, dtype: DTypeLike, *, copy: bool = True) -> Array:
    """x with elements of another type; a copy also if it has that type already."""
    x = asarray(x)
    return asarray(x, dtype, copy=True if copy and x.dtype == dtype else None)


__all__ = [
    "astype",
    "broadcast_arrays",
    "broadcast_shapes",
    "broadcast_to",
    "concatenate",
    "expand_dims",
    "flip",
    "matrix_transpose",
    "moveaxis",
    "pad",
    "ravel",
    "repeat",
    "reshape",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "tile",
    "transpose",
]
