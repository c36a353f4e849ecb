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
from .device import following
from .dtypes import DType, bool_, int64
from .errors import BoundsError, ShapeError, TraceError
from .functions.convert import asarray, boolean, common_shape, is_scalar
from .functions.selection import count_of, is_on_host, is_written_in_place, picked, places_of
from .index_plan import Key, Plan, parse
from .sizes import Shape, known, product

if TYPE_CHECKING:
    from .array import Array


def get(x: Array, key: Key) -> Array:
    """x[key]: a view for basic indices, an element or a gathered copy for others."""
    if _is_mask(x, key) and record.is_tracing():
        raise TraceError(
            "index: a bool array selects a number of elements that a staged program cannot know; "
            "use tw.where"
        )
    if _is_mask(x, key):
        return _selected(x, boolean(key))
    if _is_positions(x, key):
        return picked("index", x, key, 0)
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
    rows = p.reshape(x, shape=(product(x.shape[: mask.ndim]), *x.shape[mask.ndim :]))
    flat = p.reshape(mask, shape=(product(mask.shape),))
    if is_on_host(flat) and is_on_host(rows) and rows.shape[:1] == flat.shape:
        return p.compress(rows, flat, count=count_of(flat))
    return p.gather(rows, places_of(flat), axis=0)


def _is_mask(x: Array, key: Key) -> bool:
    """Whether the key is one bool array of x's shape (or of its first axes)."""
    is_array = isinstance(key, np.ndarray | _native.Cell)
    return is_array and key.dtype == bool_ and key.ndim <= x.ndim


def _is_positions(x: Array, key: Key) -> bool:
    """Whether the key is one Array of integers: positions along the first axis."""
    return isinstance(key, _native.Cell) and key.dtype.is_integer and x.ndim > 0


def _check_mask(x: Array, mask: Array) -> None:
    """A mask has x's sizes, or in their place 0, as in NumPy: then it selects nothing."""
    if any(n not in (size, 0) for n, size in zip(mask.shape, x.shape, strict=False)):
        raise BoundsError(f"index: got a bool array {mask.shape} for an array {x.shape}")


@following
def put(x: Array, key: Key, value: Any) -> None:
    """x[key] = value: written through x, whatever x is a view of."""
    if _is_mask(x, key) and np.ndim(value) == 0:
        _put_masked(x, key, value)
        return
    plan = parse(key, x.shape)
    view = window(x, plan)
    new = _converted(value, x.dtype)
    if plan.arrays and is_written_in_place(view, new):
        _put(view, plan, new)
    elif plan.arrays:
        record.write(view, _scatter(view, plan, new))
    else:
        record.write(view, _fitted(new, view.shape))


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


def _converted(value: Any, to: DType) -> Array:
    """A value in an array's data type; a Python integer that does not fit is an OverflowError."""
    return record.constant(value, to) if is_scalar(value) else asarray(value, to)


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


def slice_moves(
    start: tuple[int, ...], sizes: tuple[int, ...], strides: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[Any, ...]:
    """The moves of a view that the native core has made for a basic index."""
    params = {"start": start, "sizes": sizes, "strides": strides}
    sliced = (p.slice_, tuple(params.items()))
    return (sliced,) if shape == sizes else (sliced, (p.reshape, (("shape", shape),)))


def window(x: Array, plan: Plan) -> Array:
    """The view of x that the basic part of a plan gives."""
    view = x
    if plan.sizes != x.shape or any(s != 1 for s in plan.strides):
        view = p.slice_(x, start=plan.start, sizes=plan.sizes, strides=plan.strides)
    return view if plan.shape == view.shape else p.reshape(view, shape=plan.shape)


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
    try:
        shape = common_shape("index", *(tuple(i.shape) for i in indices))
    except ShapeError as error:
        raise BoundsError(str(error)) from None  # as in NumPy: the fault is the index's
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
        if not is_on_host(index):  # a position out of range stays in its own row
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
    if mask.shape != x.shape[: mask.ndim]:
        return
    aligned = p.reshape(mask, shape=(*mask.shape, *(1,) * (x.ndim - mask.ndim)))
    scalar = p.broadcast_to(_converted(value, x.dtype), shape=x.shape)
    record.write(x, p.where(p.broadcast_to(aligned, shape=x.shape), scalar, record.read(x)))
