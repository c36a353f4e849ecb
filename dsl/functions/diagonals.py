"""Diagonals, traces and the places of diagonals and triangles."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import primitives as p
from .. import record
from ..dtypes import DTypeLike, int64
from ..errors import ArgumentError, ShapeError
from .axes import one_axis
from .convert import ArrayLike, as_index, asarray
from .creation import ones, zeros
from .logic import equal, where
from .reductions import sum as sum_
from .selection import nonzero
from .shapes import ravel, reshape, transpose

if TYPE_CHECKING:
    from ..array import Array


def diagonal(a: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """The diagonals of the planes of two axes, along a new last axis.

    >>> diagonal([[1, 2], [3, 4]])
    array([1, 4])
    """
    x = asarray(a)
    if x.ndim < 2:
        raise ArgumentError(f"diagonal: got {x.shape}; it takes two axes or more")
    first, second = (one_axis("diagonal", axis, x.ndim) for axis in (axis1, axis2))
    if first == second:
        raise ArgumentError(f"diagonal: got axes {axis1} and {axis2}; they must be distinct")
    others = [axis for axis in range(x.ndim) if axis not in (first, second)]
    moved = transpose(x, (*others, first, second))
    rows, columns = moved.shape[-2:]
    begin = -offset * columns if offset < 0 else offset
    count = max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)
    # A step by a row and a column, in the plane as one axis.
    flat = reshape(moved, (*moved.shape[:-2], rows * columns))
    return flat[..., begin : begin + count * (columns + 1) : columns + 1][..., :count]


def diag(v: ArrayLike, k: int = 0) -> Array:
    """The k-th diagonal of a matrix; the matrix with the k-th diagonal v, if v is 1-D.

    >>> diag([1, 2]).tolist()
    [[1, 0], [0, 2]]
    """
    x = asarray(v)
    if x.ndim == 2:
        return asarray(diagonal(x, k), copy=True)
    if x.ndim != 1:
        raise ArgumentError(f"diag: got {x.shape}; it takes one or two axes")
    side = x.shape[0] + abs(k)
    if x.shape[0] == 0:
        return zeros((side, side), x.dtype)
    row = p.reshape(p.iota(size=side, dtype=int64), shape=(side, 1))
    column = p.reshape(p.iota(size=side, dtype=int64), shape=(1, side))
    # Along rows or columns, whichever the first element of v begins.
    spread = p.pad(x, low=(0,), high=(abs(k),), value=0)
    elements = p.reshape(spread, shape=(side, 1) if k >= 0 else (1, side))
    return where(equal(column, row + k), elements, zeros((), x.dtype))


def diagflat(v: ArrayLike, k: int = 0) -> Array:
    """The matrix whose k-th diagonal holds the flattened v."""
    return diag(ravel(v), k)


def trace(
    a: ArrayLike,
    offset: int = 0,
    axis1: int = 0,
    axis2: int = 1,
    dtype: DTypeLike | None = None,
    out: Array | None = None,
) -> Array:
    """The sum along the diagonals of the planes of two axes.

    >>> trace([[1, 2], [3, 4]])
    array(5)
    """
    return sum_(diagonal(a, offset, axis1, axis2), -1, dtype, out)


def fill_diagonal(a: Array, val: ArrayLike, wrap: bool = False) -> None:
    """Write the main diagonal of `a` (all sizes equal, if it has more than two axes); `wrap`
    starts again below the square of a tall matrix. Values are repeated as often as needed.
    """
    if a.ndim < 2:
        raise ArgumentError(f"fill_diagonal: got {a.shape}; it takes two axes or more")
    end: int | None = None
    if a.ndim == 2:
        step = a.shape[1] + 1
        end = None if wrap else a.shape[1] * a.shape[1]
    else:
        if len(set(a.shape)) > 1:
            raise ArgumentError(f"fill_diagonal: got {a.shape}; all sizes must be equal")
        step = 1 + sum(math.prod(a.shape[:i]) for i in range(1, a.ndim))
    count = len(range(*slice(None, end, step).indices(a.size)))
    new = ravel(asarray(val, a.dtype))
    if new.size == 0 or count == 0:
        return
    places = np.arange(count) % new.size
    flat = asarray(ravel(a), copy=True)
    flat[:end:step] = p.gather(new, record.constant(places, int64), axis=0)
    a[...] = reshape(flat, a.shape)


# --------------------------------------------------------------------------- places


def diag_indices(n: int, ndim: int = 2) -> tuple[Array, ...]:
    """The index of the main diagonal of an array with `ndim` axes of size n.

    >>> diag_indices(2)
    (array([0, 1]), array([0, 1]))
    """
    places = p.iota(size=as_index("diag_indices", n), dtype=int64)
    count: int = as_index("diag_indices", ndim)
    return (places,) * count


def diag_indices_from(arr: ArrayLike) -> tuple[Array, ...]:
    """The index of the main diagonal of an array, all of whose sizes are equal."""
    x = asarray(arr)
    if x.ndim < 2 or len(set(x.shape)) > 1:
        raise ArgumentError(f"diag_indices_from: got {x.shape}; two axes or more, of one size")
    return diag_indices(x.shape[0], x.ndim)


def _places(mask: Any) -> tuple[Array, ...]:
    return tuple(record.constant(i, int64) for i in np.nonzero(mask))


def tril_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Array, ...]:
    """The index of the places on and below the k-th diagonal of an n by m matrix.

    >>> tril_indices(2)
    (array([0, 1, 1]), array([0, 0, 1]))
    """
    return _places(np.tri(n, n if m is None else m, k, dtype=bool))


def triu_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Array, ...]:
    """The index of the places on and above the k-th diagonal of an n by m matrix."""
    return _places(~np.tri(n, n if m is None else m, k - 1, dtype=bool))


def _matrix_shape(name: str, arr: ArrayLike) -> tuple[int, int]:
    x = asarray(arr)
    if x.ndim != 2:
        raise ShapeError(f"{name}: got {x.shape}; it takes two axes")
    rows, columns = x.shape
    return rows, columns


def tril_indices_from(arr: ArrayLike, k: int = 0) -> tuple[Array, ...]:
    """The index of the places on and below the k-th diagonal of a matrix."""
    rows, columns = _matrix_shape("tril_indices_from", arr)
    return tril_indices(rows, k, columns)


def triu_indices_from(arr: ArrayLike, k: int = 0) -> tuple[Array, ...]:
    """The index of the places on and above the k-th diagonal of a matrix."""
    rows, columns = _matrix_shape("triu_indices_from", arr)
    return triu_indices(rows, k, columns)


def mask_indices(n: int, mask_func: Callable[..., Array], k: int = 0) -> tuple[Array, ...]:
    """The index of the places of an n by n matrix that `mask_func(ones, k)` leaves.

    >>> mask_indices(2, tw.triu)
    (array([0, 0, 1]), array([0, 1, 1]))
    """
    return nonzero(mask_func(ones((n, n), int64), k))


__all__ = [
    "diag",
    "diag_indices",
    "diag_indices_from",
    "diagflat",
    "diagonal",
    "fill_diagonal",
    "mask_indices",
    "trace",
    "tril_indices",
    "tril_indices_from",
    "triu_indices",
    "triu_indices_from",
]
