"""`x[...]` and `x[...] = v`.

An index is parsed once into plain data: a window (basic indexing: integers, slices, None, ...),
which makes a view, and the positions of index arrays (advanced indexing), which gather a copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _native
from . import primitives as p
from . import record
from .autodiff import is_tracked
from .device import following
from .dtypes import bool_, int64
from .errors import BoundsError, DTypeError, ShapeError, TraceError
from .functions.convert import asarray, boolean, common_shape
from .functions.selection import count_of, is_on_host, places_of, positions
from .sizes import Dim, Shape, known, product

if TYPE_CHECKING:
    from .array import Array

Key = Any


@dataclass(frozen=True)
class Plan:
    """A parsed index.

    The window (`start`, `sizes`, `strides`, one entry an axis of x) and then `shape`: axes dropped
    and added. `arrays` are index arrays by axis of that shape; `apart` says that other
    axes stand between them, which puts their axes first in the result.
    """

    start: Shape
    sizes: Shape
    strides: tuple[int, ...]
    shape: Shape
    arrays: tuple[tuple[int, Any], ...] = ()
    apart: bool = False
    is_element: bool = False  # an integer for each axis: a value, not a view


@following
def get(x: Array, key: Key) -> Array:
    """x[key]: a view for basic indices, an element or a gathered copy for others."""
    if _is_mask(x, key) and record.is_tracing():
        raise TraceError(
            "index: a bool array selects a number of elements that a staged program cannot know; "
            "use tw.where"
        )
    if _is_mask(x, key):
        return _selected(x, boolean(key))
    plan = parse(key, x.shape)
    view = window(x, plan)
    if plan.arrays:
        return _gather(view, plan)
    if plan.is_element:
        element: Array = _native.alias(record.read(view))
        return element
    return view


def _selected(x: Array, mask: Array) -> Array:
    """x[mask]: the elements (or slices, if x has more axes) where the mask is true, in order."""
    _check_mask(x, mask)
    rows = p.reshape(x, shape=(product(mask.shape), *x.shape[mask.ndim :]))
    flat = p.reshape(mask, shape=(product(mask.shape),))
    if is_on_host(flat) and is_on_host(rows):
        return p.compress(rows, flat, count=count_of(flat))
    return p.gather(rows, places_of(flat), axis=0)


def _check_mask(x: Array, mask: Array) -> None:
    if mask.shape != x.shape[: mask.ndim]:
        raise BoundsError(f"index: got a bool array {mask.shape} for an array {x.shape}")


@following
def put(x: Array, key: Key, value: Any) -> None:
    """x[key] = value: written through x, whatever x is a view of."""
    if _is_mask(x, key) and np.ndim(value) == 0:
        _put_masked(x, key, value)
        return
    plan = parse(key, x.shape)
    view = window(x, plan)
    new = asarray(value, x.dtype)
    if plan.arrays and _is_in_place(view, new):
        _put(view, plan, new)
    elif plan.arrays:
        record.write(view, _scatter(view, plan, new))
    else:
        record.write(view, _fitted(new, view.shape))


def _is_in_place(view: Array, new: Array) -> bool:
    """Whether elements may be written where they lie: no trace and no tape wants to know."""
    if not is_on_host(view) or not is_on_host(new) or not view._contiguous:
        return False
    root = view if view._base is None else view._base
    return not (_native.grad_enabled() and (is_tracked(root) or is_tracked(new)))


def _put(view: Array, plan: Plan, new: Array) -> None:
    flat = _flatten(view, plan)
    rest, place = flat.rest, flat.place
    if flat.order != tuple(range(view.ndim)):
        record.write(view, _scatter(view, plan, new))
        return
    wanted = (*rest[:place], *flat.index.shape, *rest[place:])
    value = new if new.ndim == 0 else _fitted(new, wanted)
    sizes = known((product(rest[:place]), product(flat.indexed), product(rest[place:])))
    _native.put(view, flat.index, value, *sizes)


def _fitted(value: Array, shape: Shape) -> Array:
    """A value for a window: leading axes of one element may go, others are repeated."""
    while value.ndim > len(shape) and value.shape[0] == 1:
        value = p.reshape(value, shape=value.shape[1:])
    if value.shape == shape:
        return value
    lead = len(shape) - value.ndim
    if lead < 0 or any(n not in (1, m) for n, m in zip(value.shape, shape[lead:], strict=True)):
        raise ShapeError(f"assignment: got a value of shape {value.shape} for a window {shape}")
    return p.broadcast_to(value, shape=shape)


def window(x: Array, plan: Plan) -> Array:
    """The view of x that the basic part of a plan gives."""
    view = x
    if plan.sizes != x.shape or any(s != 1 for s in plan.strides):
        view = p.slice_(x, start=plan.start, sizes=plan.sizes, strides=plan.strides)
    return view if plan.shape == view.shape else p.reshape(view, shape=plan.shape)


# --------------------------------------------------------------------------- parsing


def parse(key: Key, shape: Shape) -> Plan:
    """Read an index for an array of this shape; raises BoundsError, DTypeError."""
    items = _items(key, shape)
    has_arrays = any(_is_index_array(item) for item in items)
    start: list[Dim] = []
    sizes: list[Dim] = []
    strides: list[int] = []
    result: list[Dim] = []
    arrays: list[tuple[int, Any]] = []
    places: list[int] = []  # of index arrays among the items, to see whether they stand together
    axis = 0
    for place, item in enumerate(items):
        if item is None:
            result.append(1)
            continue
        size = shape[axis]
        if isinstance(item, slice):
            begin, count, step = _slice(item, size)
            result.append(count)
        elif _is_index_array(item) or has_arrays:
            places.append(place)
            arrays.append((len(result), _checked(item, axis, size)))
            begin, count, step = 0, size, 1
            result.append(count)
        else:
            begin, count, step = _integer(item, axis, size), 1, 1
        start.append(begin)
        sizes.append(count)
        strides.append(step)
        axis += 1
    apart = bool(places) and places[-1] - places[0] != len(places) - 1
    full = not arrays and not result and Ellipsis not in _as_tuple(key)
    return Plan(
        tuple(start), tuple(sizes), tuple(strides), tuple(result), tuple(arrays), apart, full
    )


def _as_tuple(key: Key) -> list[Any]:
    items = list(key) if isinstance(key, tuple) else [key]
    # Comparing arrays with `in` would ask them for their truth.
    return [0 if _native_or_array(item) else item for item in items]


def _native_or_array(item: Any) -> bool:
    return isinstance(item, _native.Cell | np.ndarray | list)


def _items(key: Key, shape: Shape) -> list[Any]:
    """One item an axis (and None for new axes): `...` filled in, bool arrays as positions."""
    given: list[Any] = []
    for item in key if isinstance(key, tuple) else (key,):
        given += _expanded(item)
    used = sum(1 for item in given if item is not None and item is not Ellipsis)
    if used > len(shape):
        raise BoundsError(f"index: got {used} indices for an array of {len(shape)} axes")
    dots = [i for i, item in enumerate(given) if item is Ellipsis]
    if len(dots) > 1:
        raise BoundsError("index: got more than one '...'")
    place = dots[0] if dots else len(given)
    rest = given[place + 1 :] if dots else []
    return [*given[:place], *[slice(None)] * (len(shape) - used), *rest]


def _expanded(item: Any) -> list[Any]:
    """An item as it is; a list as an array; a bool array as its positions, one array an axis."""
    if item is None or item is Ellipsis or isinstance(item, slice):
        return [item]
    if isinstance(item, bool | np.bool_):
        raise DTypeError("index: got a bool; use tw.where, or an array of bool")
    if isinstance(item, list):
        item = np.asarray(item) if item else np.zeros(0, np.int64)
    if isinstance(item, np.ndarray | _native.Cell):
        if item.dtype == bool_:
            return list(np.nonzero(_host_mask(item)))
        if item.dtype.kind not in "iu":
            raise DTypeError(f"index: got an array of {item.dtype}; it must hold integers or bool")
        return [item]
    if not hasattr(item, "__index__"):
        raise DTypeError(
            f"index: got {item!r}; an index is an integer, a slice, '...', None or an array of "
            "integers or bool"
        )
    return [item.__index__()]


def _host_mask(mask: Any) -> Any:
    if isinstance(mask, _native.Cell) and record.is_tracing():
        raise TraceError(
            "index: a bool array selects a number of elements that a staged program cannot know; "
            "use tw.where"
        )
    return np.asarray(mask)


def _is_index_array(item: Any) -> bool:
    return isinstance(item, np.ndarray | _native.Cell)


def _is_mask(x: Array, key: Key) -> bool:
    """Whether the key is one bool array of x's shape (or of its first axes)."""
    return _is_index_array(key) and key.dtype == bool_ and key.ndim <= x.ndim


def _integer(item: int, axis: int, size: Dim) -> Dim:
    if not isinstance(size, int):
        return size + item if item < 0 else item
    if not -size <= item < size:
        raise BoundsError(f"index {item} is out of range for axis {axis} of size {size}")
    return item % size


def _slice(item: slice, size: Dim) -> tuple[Dim, Dim, int]:
    if item == slice(None):
        return 0, size, 1
    if not isinstance(size, int):
        return _symbolic_slice(item, size)
    try:
        begin, end, step = item.indices(size)
    except TypeError:
        raise DTypeError(f"index: got {item}; the ends of a slice must be integers") from None
    count = len(range(begin, end, step))
    return (begin if count else 0), count, step


def _symbolic_slice(item: slice, size: Dim) -> tuple[Dim, Dim, int]:
    """A slice of an axis of unknown size: its ends are taken to lie inside."""
    if item.step not in (None, 1):
        raise ShapeError(f"index: got step {item.step} on an axis of unknown size")
    begin, end = (
        default if end is None else (size + end if end < 0 else end)
        for end, default in ((item.start, 0), (item.stop, size))
    )
    return begin, end - begin, 1


def _checked(item: Any, axis: int, size: Dim) -> Any:
    """Positions along an axis as int64 from the front; on the host where they are known."""
    is_ours = isinstance(item, _native.Cell)
    if not isinstance(size, int) or (is_ours and not is_on_host(item)):
        return positions("index", item, axis, size)
    if not record.is_tracing():
        return positions("index", item, axis, size)
    host = np.asarray(item).astype(np.int64)
    wrong = host[(host < -size) | (host >= size)]
    if wrong.size:
        raise BoundsError(f"index {wrong.flat[0]} is out of range for axis {axis} of size {size}")
    return np.where(host < 0, host + size, host)


# --------------------------------------------------------------------------- index arrays


@dataclass(frozen=True)
class _Flat:
    """Index arrays as one: x with the indexed axes brought together at `place` and made one."""

    order: tuple[int, ...]
    place: int
    indexed: Shape  # their sizes
    index: Any  # flat positions, an Array
    rest: Shape  # the sizes of the other axes


def _flatten(x: Array, plan: Plan) -> _Flat:
    axes = [axis for axis, _ in plan.arrays]
    others = [axis for axis in range(x.ndim) if axis not in axes]
    place = 0 if plan.apart else axes[0]
    order = (*others[:place], *axes, *others[place:])
    indexed = tuple(x.shape[axis] for axis in axes)
    rest = tuple(x.shape[axis] for axis in others)
    return _Flat(order, place, indexed, _combine([i for _, i in plan.arrays], indexed), rest)


def _combine(indices: list[Any], sizes: Shape) -> Array:
    """Positions along several axes as positions along the flattened one."""
    shape = common_shape("index", *(tuple(i.shape) for i in indices))
    if all(isinstance(i, np.ndarray) for i in indices):
        host: Any = 0
        for i, size in zip(indices, sizes, strict=True):
            host = host * size + i
        return record.constant(np.broadcast_to(host, _known(shape)), int64)
    if len(indices) == 1 and not record.is_tracing() and is_on_host(indices[0]):
        return asarray(indices[0])  # checked, and all that there is
    total: Any = None
    for i, size in zip(indices, sizes, strict=True):
        index = asarray(i)
        # A staged position out of range stays in its own row.
        index = p.minimum(index, p.full(shape=index.shape, value=size - 1, dtype=int64))
        index = p.maximum(index, index * 0)
        total = index if total is None else total * size + index
    return p.broadcast_to(total, shape=shape)


def _known(shape: Shape) -> tuple[int, ...]:
    return tuple(n for n in shape if isinstance(n, int))


def _brought_together(x: Array, flat: _Flat) -> Array:
    moved = p.transpose(x, axes=flat.order) if flat.order != tuple(range(x.ndim)) else x
    rest, place = flat.rest, flat.place
    shape = (*rest[:place], product(flat.indexed), *rest[place:])
    return moved if moved.shape == shape else p.reshape(moved, shape=shape)


def _gather(x: Array, plan: Plan) -> Array:
    flat = _flatten(x, plan)
    return p.gather(_brought_together(x, flat), flat.index, axis=flat.place)


def _scatter(x: Array, plan: Plan, value: Array) -> Array:
    """x with `value` at the indexed places (the last wins where one is named twice)."""
    flat = _flatten(x, plan)
    rest, place = flat.rest, flat.place
    wanted = (*rest[:place], *flat.index.shape, *rest[place:])
    count = product(flat.index.shape)
    updates = p.reshape(_fitted(value, wanted), shape=(*rest[:place], count, *rest[place:]))
    places = p.reshape(flat.index, shape=(count,))
    new = p.scatter_set(_brought_together(x, flat), places, updates, axis=place)
    apart = p.reshape(new, shape=(*rest[:place], *flat.indexed, *rest[place:]))
    back = tuple(flat.order.index(axis) for axis in range(x.ndim))
    return p.transpose(apart, axes=back)


def _put_masked(x: Array, mask: Any, value: Any) -> None:
    """x[mask] = scalar: a choice, which also a staged program can make."""
    mask = boolean(mask)
    _check_mask(x, mask)
    aligned = p.reshape(mask, shape=(*mask.shape, *(1,) * (x.ndim - mask.ndim)))
    scalar = p.broadcast_to(asarray(value, x.dtype), shape=x.shape)
    record.write(x, p.where(p.broadcast_to(aligned, shape=x.shape), scalar, record.read(x)))
