"""An index of `x[...]` read once, into plain data: a window and the positions of index arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _native
from . import record
from .dtypes import bool_
from .errors import BoundsError, DTypeError, ShapeError, TraceError
from .functions.convert import asarray
from .functions.selection import is_on_host, positions
from .sizes import Dim, Shape
from .tracked import window

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


def parse(key: Key, shape: Shape) -> Plan:
    """Read an index for an array of this shape; raises BoundsError, DTypeError."""
    items = _items(key, shape)
    reader = _Reader(any(is_index_array(item) for item in items))
    axis = 0
    for place, item in enumerate(items):
        if _takes_an_axis(item):
            reader.read(place, item, axis, shape[axis])
            axis += 1
        else:
            reader.add_axis(place, item)
    return reader.plan(Ellipsis not in _as_tuple(key))


class _Reader:
    """What is known of an index after each of its items."""

    def __init__(self, has_arrays: bool) -> None:
        self.has_arrays = has_arrays  # then integers are index arrays, too
        self.start: list[Dim] = []
        self.sizes: list[Dim] = []
        self.strides: list[int] = []
        self.result: list[Dim] = []
        self.arrays: list[tuple[int, Any]] = []
        self.places: list[int] = []  # of index arrays among the items: do they stand together?

    def read(self, place: int, item: Any, axis: int, size: Dim) -> None:
        """Take in an item for an axis of x."""
        if isinstance(item, slice):
            begin, count, step = _slice(item, size)
            self.result.append(count)
        elif is_index_array(item) or self.has_arrays:
            self._take(place, _checked(item, axis, size))
            begin, count, step = 0, size, 1
            self.result.append(count)
        else:
            begin, count, step = _integer(item, axis, size), 1, 1
        self.start.append(begin)
        self.sizes.append(count)
        self.strides.append(step)

    def add_axis(self, place: int, item: Any) -> None:
        """Take in None or a single bool: a new axis of one element, from which the bool chooses."""
        if item is not None:
            self._take(place, item.index)
        self.result.append(1)

    def _take(self, place: int, index: Any) -> None:
        self.places.append(place)
        self.arrays.append((len(self.result), index))

    def plan(self, no_dots: bool) -> Plan:
        """The index as a whole."""
        apart = bool(self.places) and self.places[-1] - self.places[0] != len(self.places) - 1
        return Plan(
            start=tuple(self.start), sizes=tuple(self.sizes), strides=tuple(self.strides),
            shape=tuple(self.result), arrays=tuple(self.arrays), apart=apart,
            is_element=no_dots and not self.arrays and not self.result,
        )  # fmt: skip


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
    used = sum(1 for item in given if _takes_an_axis(item))
    if used > len(shape):
        raise BoundsError(f"index: got {used} indices for an array of {len(shape)} axes")
    dots = [i for i, item in enumerate(given) if item is Ellipsis]
    if len(dots) > 1:
        raise BoundsError("index: got more than one '...'")
    place = dots[0] if dots else len(given)
    rest = given[place + 1 :] if dots else []
    return [*given[:place], *[slice(None)] * (len(shape) - used), *rest]


@dataclass(frozen=True)
class Places:
    """Where a bool array holds, along one axis, which must have its size there; of a single bool
    (size None) along a new axis of one element."""

    index: np.ndarray[Any, Any]
    size: int | None


def _takes_an_axis(item: Any) -> bool:
    new = item is None or item is Ellipsis or (isinstance(item, Places) and item.size is None)
    return not new


def _expanded(item: Any) -> list[Any]:
    """An item as it is; a list as an array; a bool array as its positions, one array an axis."""
    if item is None or item is Ellipsis or isinstance(item, slice):
        return [item]
    if isinstance(item, list):
        item = _listed(item)
    if isinstance(item, bool | np.bool_ | np.ndarray | _native.Cell):
        mask = np.asarray(item) if isinstance(item, bool) else item
        if mask.dtype == bool_:
            return _places(_host_mask(mask))
        if mask.dtype.kind not in "iu":
            raise BoundsError(f"index: got an array of {mask.dtype}; it must hold integers or bool")
        return [mask]
    if not hasattr(item, "__index__"):
        raise BoundsError(
            f"index: got {item!r}; an index is an integer, a slice, '...', None or an array of "
            "integers or bool"
        )
    return [item.__index__()]


def _listed(item: list[Any]) -> Any:
    """A list of positions or bools as an array."""
    found = asarray(item) if _holds_cells(item) else _as_numpy(item)
    return found if found.size or found.ndim != 1 else np.zeros(0, np.int64)


def _holds_cells(item: Any) -> bool:
    if isinstance(item, list):
        return any(map(_holds_cells, item))
    return isinstance(item, _native.Cell)


def _as_numpy(item: list[Any]) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(item)
    except ValueError as error:
        raise ShapeError(f"index: got {item!r}: {error}") from None


def _places(mask: np.ndarray[Any, Any]) -> list[Any]:
    if mask.ndim == 0:
        return [Places(np.zeros(int(mask), np.int64), None)]
    return [Places(i, n) for i, n in zip(np.nonzero(mask), mask.shape, strict=True)]


def _host_mask(mask: Any) -> Any:
    if isinstance(mask, _native.Cell) and record.is_tracing():
        raise TraceError(
            "index: a bool array selects a number of elements that a staged program cannot know; "
            "use tw.where"
        )
    return np.asarray(mask)


def is_index_array(item: Any) -> bool:
    """Whether an item names positions by an array."""
    return isinstance(item, np.ndarray | _native.Cell | Places)


def _integer(item: int, axis: int, size: Dim) -> Dim:
    if not isinstance(size, int):
        return size + item if item < 0 else item
    if not -size <= item < size:
        raise BoundsError(f"index {item} is out of range for axis {axis} of size {size}")
    return item + size if item < 0 else item


def _slice(item: slice, size: Dim) -> tuple[Dim, Dim, int]:
    if item == slice(None):
        return 0, size, 1
    if not isinstance(size, int):
        return _symbolic_slice(item, size)
    try:
        begin, count, step = window(item, size)
    except (TypeError, AttributeError):
        raise DTypeError(f"index: got {item}; the ends of a slice must be integers") from None
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
    if isinstance(item, Places):
        if isinstance(size, int) and item.size not in (size, 0):
            raise BoundsError(f"index: got a bool array of size {item.size} for an axis of {size}")
        return item.index
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
