"""Positions: grids of coordinates, and flat positions against positions along axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import primitives as p
from .. import record
from ..dtypes import DTypeLike, bool_, dtype, int64
from ..errors import ArgumentError, DTypeError, ShapeError
from ..sizes import Dim, product
from .arithmetic import clip, floor_divide, remainder
from .convert import ArrayLike, asarray, broadcast, convert
from .reductions import max as max_
from .reductions import min as min_
from .selection import nonzero
from .shapes import ShapeLike, as_shape, ravel, reshape

if TYPE_CHECKING:
    from ..array import Array

_dtype = dtype


def indices(dimensions: ShapeLike, dtype: DTypeLike = int, sparse: bool = False) -> Any:
    """The positions along each axis of an array of this shape: one array with a leading axis, or a
    tuple of arrays that broadcast, if `sparse`.

    >>> indices((2, 2)).tolist()
    [[[0, 0], [1, 1]], [[0, 1], [0, 1]]]
    """
    sizes = as_shape("indices", dimensions)
    to = _dtype(dtype)
    parts = []
    for axis, size in enumerate(sizes):
        aligned = tuple(size if a == axis else 1 for a in range(len(sizes)))
        parts.append(p.reshape(p.iota(size=size, dtype=to), shape=aligned))
    if sparse:
        return tuple(parts)
    if not parts:
        return p.full(shape=(0,), value=0, dtype=to)
    spread = [p.broadcast_to(x, shape=sizes) for x in parts]
    return p.concatenate(*(p.reshape(x, shape=(1, *sizes)) for x in spread), axis=0)


def fromfunction(
    function: Callable[..., Any], shape: ShapeLike, *, dtype: DTypeLike = float, **kwargs: Any
) -> Any:
    """What `function` gives for the positions along each axis of an array of this shape.

    >>> fromfunction(lambda i, j: i + j, (2, 2), dtype=int).tolist()
    [[0, 1], [1, 2]]
    """
    return function(*indices(shape, dtype), **kwargs)


def meshgrid(
    *arrays: ArrayLike, copy: bool = True, sparse: bool = False, indexing: str = "xy"
) -> tuple[Array, ...]:
    """Coordinates of a grid from those along its axes; with "xy" the first two change places.

    >>> [x.tolist() for x in meshgrid([1, 2], [3, 4])]
    [[[1, 2], [1, 2]], [[3, 3], [4, 4]]]
    """
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"meshgrid: got indexing {indexing!r}; it is 'xy' or 'ij'")
    rows = [ravel(x) for x in arrays]
    order = list(range(len(rows)))
    if indexing == "xy" and len(rows) > 1:
        order[:2] = 1, 0
    parts = [
        reshape(x, tuple(x.shape[0] if order[i] == a else 1 for a in range(len(rows))))
        for i, x in enumerate(rows)
    ]
    if not sparse and parts:
        parts = broadcast("meshgrid", *parts)
    return tuple(asarray(x, copy=True) for x in parts) if copy else tuple(parts)


def ix_(*args: ArrayLike) -> tuple[Array, ...]:
    """1-D sequences as an index of every combination of their positions.

    >>> [x.shape for x in ix_([0, 1], [2, 4, 5])]
    [(2, 1), (1, 3)]
    """
    parts = []
    for i, given in enumerate(args):
        x = asarray(given) if np.size(given) or hasattr(given, "shape") else asarray(given, int64)
        if x.ndim != 1:
            raise ShapeError(f"ix_: got {x.shape}; each argument has one axis")
        if x.dtype is bool_:
            (x,) = nonzero(x)
        parts.append(reshape(x, tuple(x.shape[0] if a == i else 1 for a in range(len(args)))))
    return tuple(parts)


def argwhere(a: ArrayLike) -> Array:
    """The positions of the elements that are not zero, one in a row. Not in staged code.

    >>> argwhere([[0, 1], [2, 0]]).tolist()
    [[0, 1], [1, 0]]
    """
    host = np.argwhere(asarray(a).numpy())
    return record.constant(host, int64)


def flatnonzero(a: ArrayLike) -> Array:
    """The positions in the flattened array of the elements that are not zero.

    >>> flatnonzero([0, 3, 4])
    array([1, 2])
    """
    return nonzero(ravel(a))[0]


# --------------------------------------------------------------------------- flat positions


def _positions(name: str, given: ArrayLike) -> Array:
    x = asarray(given) if np.size(given) else asarray(given, int64)
    if not x.dtype.is_integer:
        raise DTypeError(f"{name}: got positions of {x.dtype}; they must be integers")
    return convert(x, int64)


def _out_of_range(x: Array, size: Dim) -> bool:
    """Whether a known position is out of range; a staged program's are taken to be in it."""
    if record.is_tracing() or x.size == 0 or not isinstance(size, int):
        return False
    return int(min_(x)) < 0 or int(max_(x)) >= size


def unravel_index(indices: ArrayLike, shape: ShapeLike, order: str = "C") -> tuple[Array, ...]:
    """Flat positions as positions along the axes of an array of this shape.

    >>> unravel_index([1, 5], (2, 3))
    (array([0, 1]), array([1, 2]))
    """
    x = _positions("unravel_index", indices)
    sizes = as_shape("unravel_index", shape)
    total = product(sizes)
    if order not in ("C", "F"):
        raise ArgumentError(f"unravel_index: got order {order!r}; it is 'C' or 'F'")
    if _out_of_range(x, total):
        raise ArgumentError(f"unravel_index: got a position out of range 0..{total - 1} of {sizes}")
    found: list[Array] = []
    for size in sizes if order == "F" else reversed(sizes):
        found.append(remainder(x, size))
        x = floor_divide(x, size)
    return tuple(found if order == "F" else reversed(found))


def ravel_multi_index(
    multi_index: Sequence[ArrayLike],
    dims: ShapeLike,
    mode: str | Sequence[str] = "raise",
    order: str = "C",
) -> Array:
    """Positions along axes as flat positions; one out of range is refused, or brought into it by
    the mode "wrap" or "clip".

    >>> ravel_multi_index(([0, 1], [1, 2]), (2, 3))
    array([1, 5])
    """
    sizes = as_shape("ravel_multi_index", dims)
    modes = (mode,) * len(sizes) if isinstance(mode, str) else tuple(mode)
    given = [_positions("ravel_multi_index", x) for x in multi_index]
    if len(given) != len(sizes) or len(modes) != len(sizes):
        raise ShapeError(f"ravel_multi_index: got {len(given)} positions for {len(sizes)} axes")
    if order not in ("C", "F"):
        raise ArgumentError(f"ravel_multi_index: got order {order!r}; it is 'C' or 'F'")
    parts = [_brought(x, n, m) for x, n, m in zip(given, sizes, modes, strict=True)]
    total: Array | None = None
    pairs = list(zip(parts, sizes, strict=True))
    for x, size in pairs if order == "C" else reversed(pairs):
        total = x if total is None else total * size + x
    if total is None:
        raise ArgumentError("ravel_multi_index: got no axis; it takes one or more")
    return total


def _brought(x: Array, size: Any, mode: str) -> Array:
    if mode == "wrap":
        return remainder(x, size)
    if mode == "clip":
        return clip(x, 0, size - 1)
    if mode != "raise":
        raise ArgumentError(f"ravel_multi_index: got mode {mode!r}; 'raise', 'wrap' or 'clip'")
    if _out_of_range(x, size):
        raise ArgumentError(f"ravel_multi_index: got a position out of range 0..{size - 1}")
    return x


class _Grid:
    """`mgrid` and `ogrid`: coordinates written as slices, `mgrid[0:2, 0:1:5j]`."""

    def __init__(self, sparse: bool) -> None:
        self._sparse = sparse

    def __getitem__(self, key: Any) -> Any:
        made = (np.ogrid if self._sparse else np.mgrid)[key]
        if isinstance(made, tuple | list):
            return tuple(asarray(x) for x in made)
        return asarray(made)


mgrid, ogrid = _Grid(sparse=False), _Grid(sparse=True)


__all__ = [
    "argwhere",
    "flatnonzero",
    "fromfunction",
    "indices",
    "ix_",
    "meshgrid",
    "mgrid",
    "ogrid",
    "ravel_multi_index",
    "unravel_index",
]
