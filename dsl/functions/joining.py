"""Arrays joined: along an axis, along a new one, in blocks; with parts put in or left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import primitives as p
from .. import record
from ..dtypes import DTypeLike, bool_, dtype, int64
from ..errors import ArgumentError, BoundsError, DTypeError, ShapeError
from .axes import one_axis
from .convert import ArrayLike, asarray, convert, is_array, join_parts, same_dtype
from .outputs import casts, store
from .shapes import atleast_1d, atleast_2d, atleast_3d, expand_dims, moveaxis, ravel, reshape

if TYPE_CHECKING:
    from ..array import Array

_dtype = dtype


def _parts(
    name: str, arrays: Any, wanted: DTypeLike | None, casting: str, out: Any = None
) -> list[Array]:
    """The arrays to join, of one dtype."""
    if wanted is not None and out is not None:
        raise DTypeError(f"{name}: got out and dtype; give one of them")
    given = [asarray(x) for x in arrays]
    if not given:
        raise ShapeError(f"{name}: got no array; it takes at least one")
    if wanted is None:
        return same_dtype(*given)
    to = _dtype(wanted)
    for x in given:
        if not casts(x.dtype, to, casting):
            raise DTypeError(f"{name}: got {x.dtype}, which does not cast to {to} by {casting!r}")
    return [convert(x, to) for x in given]


def concatenate(
    arrays: Sequence[ArrayLike],
    /,
    axis: int | None = 0,
    out: Array | None = None,
    *,
    dtype: DTypeLike | None = None,
    casting: str = "same_kind",
) -> Array:
    """Arrays joined along an axis (None: all flattened first).

    >>> concatenate([[1, 2], [3]])
    array([1, 2, 3])
    """
    parts = _parts("concatenate", arrays, dtype, casting, out)
    if axis is None:
        parts, axis = [ravel(x) for x in parts], 0
    if parts[0].ndim == 0:
        raise ShapeError("concatenate: got arrays without axes; use stack")
    joined = join_parts(parts, one_axis("concatenate", axis, parts[0].ndim))
    return store("concatenate", joined, out, casting)


concat = concatenate


def stack(
    arrays: Sequence[ArrayLike],
    axis: int = 0,
    out: Array | None = None,
    *,
    dtype: DTypeLike | None = None,
    casting: str = "same_kind",
) -> Array:
    """Arrays of one shape joined along a new axis.

    >>> stack([[1, 2], [3, 4]], axis=1)
    array([[1, 3],
           [2, 4]])
    """
    parts = _parts("stack", arrays, dtype, casting, out)
    for x in parts:
        if x.shape != parts[0].shape:
            raise ShapeError(f"stack: got {parts[0].shape} and {x.shape}; they must be equal")
    place = one_axis("stack", axis, parts[0].ndim + 1)
    return store("stack", join_parts([expand_dims(x, place) for x in parts], place), out, casting)


def _listed(made: Any) -> list[Array]:
    return list(made) if isinstance(made, tuple) else [made]


def vstack(
    tup: Sequence[ArrayLike], *, dtype: DTypeLike | None = None, casting: str = "same_kind"
) -> Array:
    """Arrays one below the other; 1-D arrays are rows.

    >>> vstack([[1, 2], [3, 4]]).tolist()
    [[1, 2], [3, 4]]
    """
    return concatenate(_listed(atleast_2d(*tup)), 0, dtype=dtype, casting=casting)


row_stack = vstack


def hstack(
    tup: Sequence[ArrayLike], *, dtype: DTypeLike | None = None, casting: str = "same_kind"
) -> Array:
    """Arrays side by side: along the second axis, or the only one.

    >>> hstack([[1, 2], [3]])
    array([1, 2, 3])
    """
    parts = _listed(atleast_1d(*tup))
    axis = 0 if parts and parts[0].ndim == 1 else 1
    return concatenate(parts, axis, dtype=dtype, casting=casting)


def dstack(tup: Sequence[ArrayLike]) -> Array:
    """Arrays one behind the other, along the third axis."""
    return concatenate(_listed(atleast_3d(*tup)), 2)


def column_stack(tup: Sequence[ArrayLike]) -> Array:
    """Arrays side by side as columns of a matrix; 1-D arrays are columns.

    >>> column_stack([[1, 2], [3, 4]]).tolist()
    [[1, 3], [2, 4]]
    """
    parts = [asarray(x) for x in tup]
    return concatenate([x if x.ndim > 1 else reshape(x, (x.size, 1)) for x in parts], 1)


def block(arrays: Any) -> Array:
    """An array put together of nested lists of blocks: the innermost are joined along the last
    axis, those around them along the last but one, and so on.

    >>> one = asarray([[1]])
    >>> block([[one, 2 * one], [3 * one, 4 * one]]).tolist()
    [[1, 2], [3, 4]]
    """
    depth = _depth(arrays, ())
    ndim = max(depth, *(x.ndim for x in _leaves(arrays)))
    return _joined(arrays, depth, ndim)


def _depth(arrays: Any, path: tuple[int, ...]) -> int:
    """How deep the lists are nested, which must be equal everywhere."""
    if isinstance(arrays, tuple):
        raise DTypeError(f"block: got a tuple at {path}; blocks are nested in lists alone")
    if not isinstance(arrays, list):
        return 0
    if not arrays:
        raise ArgumentError(f"block: got an empty list at {path}")
    depths = [_depth(x, (*path, i)) for i, x in enumerate(arrays)]
    if len(set(depths)) > 1:
        raise ArgumentError(f"block: got lists nested {depths} deep at {path}; they must be equal")
    return depths[0] + 1


def _leaves(arrays: Any) -> list[Array]:
    if isinstance(arrays, list):
        return [leaf for x in arrays for leaf in _leaves(x)]
    return [asarray(arrays)]


def _joined(arrays: Any, depth: int, ndim: int) -> Array:
    if not isinstance(arrays, list):
        x = asarray(arrays)
        return asarray(reshape(x, (1,) * (ndim - x.ndim) + tuple(x.shape)), copy=True)
    return concatenate([_joined(x, depth - 1, ndim) for x in arrays], -depth)


def append(arr: ArrayLike, values: ArrayLike, axis: int | None = None) -> Array:
    """`values` after the elements of `arr`: along `axis`, or both flattened.

    >>> append([1, 2], [[3, 4]])
    array([1, 2, 3, 4])
    """
    if axis is None:
        return concatenate([ravel(arr), ravel(values)])
    return concatenate([asarray(arr), asarray(values)], axis)


# --------------------------------------------------------------------------- by position


def _flat_or_axis(name: str, arr: ArrayLike, axis: int | None) -> tuple[Array, int]:
    x = asarray(arr)
    if axis is None:
        return ravel(x), 0
    return x, one_axis(name, axis, x.ndim)


def _places(name: str, obj: Any, size: int) -> Any:
    """The positions that `obj` (an int, a slice, a sequence, a mask) names, on the host."""
    if isinstance(obj, slice):
        return np.arange(*obj.indices(size))
    host = np.asarray(obj)
    if host.dtype == np.bool_:
        if host.shape != (size,) and name == "delete":
            raise ArgumentError(f"{name}: got a mask of shape {host.shape} for {size} places")
        return np.flatnonzero(host)
    if host.size == 0 and not is_array(obj):
        host = host.astype(np.int64)
    if host.dtype.kind not in "iu" or host.ndim > 1:
        raise BoundsError(f"{name}: got {obj!r}; positions are integers in one axis")
    return host.astype(np.int64)


def _check_places(name: str, where: Any, lowest: int, highest: int) -> Any:
    wrong = where[(where < lowest) | (where > highest)] if where.ndim else where.reshape(1)
    wrong = wrong[(wrong < lowest) | (wrong > highest)]
    if wrong.size:
        raise BoundsError(f"{name}: position {wrong[0]} is out of range {lowest}..{highest}")
    return where


def delete(arr: ArrayLike, obj: Any, axis: int | None = None) -> Array:
    """`arr` without the places that `obj` names: an int, a slice, integers or a mask.

    >>> delete([1, 2, 3, 4], [0, 2])
    array([2, 4])
    """
    x, place = _flat_or_axis("delete", arr, axis)
    size = x.shape[place]
    where = _check_places("delete", _places("delete", obj, size), -size, size - 1)
    kept = np.ones(size, bool)
    kept[where] = False
    return p.gather(x, record.constant(np.flatnonzero(kept), int64), axis=place)


def insert(arr: ArrayLike, obj: Any, values: ArrayLike, axis: int | None = None) -> Array:
    """`arr` with `values` put in before the places that `obj` names.

    >>> insert([1, 2, 3], 1, 9)
    array([1, 9, 2, 3])
    """
    x, place = _flat_or_axis("insert", arr, axis)
    size = x.shape[place]
    where = _check_places("insert", _places("insert", obj, size), -size, size)
    new = asarray(values, x.dtype)
    new = reshape(new, (1,) * (x.ndim - new.ndim) + tuple(new.shape))
    if where.ndim == 0:
        new = moveaxis(new, 0, place)
    count = new.shape[place] if where.size == 1 else where.size
    where = np.repeat(where.reshape(-1), count if where.size == 1 else 1)
    shape = tuple(count if a == place else n for a, n in enumerate(x.shape))
    both = join_parts([x, p.broadcast_to(new, shape=shape)], place)
    order = record.constant(_woven(np.where(where < 0, where + size, where), size), int64)
    return p.gather(both, order, axis=place)


def _woven(where: Any, size: int) -> Any:
    """The order in which old places (0..size-1) and new ones (from size on) follow each other."""
    ranks = np.argsort(where, kind="stable")
    targets = where[ranks] + np.arange(where.size)
    order = np.full(size + where.size, -1, np.int64)
    order[targets] = size + ranks
    order[order < 0] = np.arange(size)
    return order


def trim_zeros(filt: ArrayLike, trim: str = "fb", axis: int | Sequence[int] | None = None) -> Array:
    """Without the zeros at the front ("f"), at the back ("b") or at both ends of each axis.

    >>> trim_zeros([0, 0, 1, 0, 2, 0])
    array([1, 0, 2])
    """
    if trim.lower() not in ("f", "b", "fb", "bf", ""):
        raise ArgumentError(f"trim_zeros: got trim {trim!r}; it is 'f', 'b' or 'fb'")
    x = asarray(filt)
    if x.ndim == 0:
        return x
    axes = range(x.ndim) if axis is None else _trimmed_axes(axis, x.ndim)
    held = np.asarray(x if x.dtype is bool_ else x != 0).nonzero()
    key: list[slice] = [slice(None)] * x.ndim
    for a in axes:
        if not held[a].size:
            key[a] = slice(0, 0)
            continue
        first = held[a].min() if "f" in trim.lower() else 0
        last = held[a].max() + 1 if "b" in trim.lower() else x.shape[a]
        key[a] = slice(int(first), int(last))
    return x[tuple(key)]


def _trimmed_axes(axis: int | Sequence[int], ndim: int) -> list[int]:
    given = list(axis) if isinstance(axis, Sequence) else [axis]
    places = [one_axis("trim_zeros", a, ndim) for a in given]
    if len(set(places)) != len(places):
        raise ArgumentError(f"trim_zeros: got axes {given}; an axis is named twice")
    return places


__all__ = [
    "append",
    "block",
    "column_stack",
    "concat",
    "concatenate",
    "delete",
    "dstack",
    "hstack",
    "insert",
    "row_stack",
    "stack",
    "trim_zeros",
    "vstack",
]
