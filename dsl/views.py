"""Movement primitives as windows into a buffer, and their inverses for writes.

A window is (shape, strides, offset) in elements into the base's contiguous buffer, as NumPy's
views are; the parts of complex numbers are windows in steps of floats. Where no window can say it
(a reshape of a transposed array), the result is a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .primitive import REGISTRY, Primitive
from .sizes import Shape

if TYPE_CHECKING:
    from .array import Array

Window = tuple[tuple[int, ...], tuple[int, ...], int]
Bind = Callable[[Primitive, tuple["Array", ...], dict[str, Any]], "Array"]


def window(name: str, cell: Array, params: dict[str, Any]) -> Window | None:
    """The window that movement primitive `name` gives on the window of `cell`."""
    return MOVES[name](cell.shape, cell._steps, cell._offset, **params)


def after(shape: Shape, moves: Sequence[tuple[Primitive, Any]]) -> Window | None:
    """The window that moves give on a whole array. Of sizes that are not known nothing can be said:
    they are taken for a contiguous window."""
    sizes = tuple(n for n in shape if isinstance(n, int))
    if len(sizes) != len(shape):
        return (), (), 0
    found: Window | None = (sizes, row_major(sizes), 0)
    for primitive, params in moves:
        if found is not None:
            found = MOVES[primitive.name](*found, **dict(params))
    return found


def _reshape(
    old: tuple[int, ...], strides: tuple[int, ...], offset: int, *, shape: tuple[int, ...]
) -> Window | None:
    if 0 in old:
        return shape, row_major(shape), offset
    runs = merged(old, strides)
    new: list[int] = []
    for size in reversed(shape):
        if size == 1:
            new.append(1)
            continue
        while runs and runs[-1][0] == 1:
            runs.pop()
        length, step = runs[-1]
        if length % size:
            return None
        new.append(step)
        runs[-1] = (length // size, step * size)
    return shape, tuple(reversed(new)), offset


def merged(shape: tuple[int, ...], strides: tuple[int, ...]) -> list[tuple[int, int]]:
    """Axes joined where one steps over exactly the next one's extent: (length, step)."""
    runs: list[tuple[int, int]] = []
    for size, step in zip(shape, strides, strict=True):
        if size == 1:
            continue
        if runs and runs[-1][1] == size * step:
            runs[-1] = (runs[-1][0] * size, step)
        else:
            runs.append((size, step))
    return runs or [(1, 1)]


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides, in elements, of a C-contiguous array."""
    strides: list[int] = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def _transpose(
    old: tuple[int, ...], strides: tuple[int, ...], offset: int, *, axes: tuple[int, ...]
) -> Window:
    return tuple(old[a] for a in axes), tuple(strides[a] for a in axes), offset


def _broadcast_to(
    old: tuple[int, ...], strides: tuple[int, ...], offset: int, *, shape: tuple[int, ...]
) -> Window:
    lead = len(shape) - len(old)
    steps = [
        0 if size == 1 and wanted != 1 else step
        for size, step, wanted in zip(old, strides, shape[lead:], strict=True)
    ]
    return shape, (0,) * lead + tuple(steps), offset


def _slice(
    old: tuple[int, ...],
    old_strides: tuple[int, ...],
    offset: int,
    *,
    start: tuple[int, ...],
    sizes: tuple[int, ...],
    strides: tuple[int, ...],
) -> Window:
    if 0 not in sizes:
        offset += sum(s * step for s, step in zip(start, old_strides, strict=True))
    steps = tuple(s * step for s, step in zip(strides, old_strides, strict=True))
    return sizes, steps, offset


def _part(number: int) -> Callable[..., Window]:
    """The real (0) or the imaginary (1) parts, in steps of floats."""

    def window(old: tuple[int, ...], strides: tuple[int, ...], offset: int) -> Window:
        return old, tuple(2 * s for s in strides), 2 * offset + number

    return window


MOVES: dict[str, Callable[..., Window | None]] = {
    "reshape": _reshape,
    "transpose": _transpose,
    "broadcast_to": _broadcast_to,
    "slice": _slice,
    "real": _part(0),
    "imag": _part(1),
}


def put_back(
    bind: Bind, primitive: Primitive, params: dict[str, Any], value: Array, new: Array
) -> Array:
    """`value` with what `primitive` moved out of it replaced by `new`; writes are unique there."""
    if primitive.name == "reshape":
        return bind(primitive, (new,), {"shape": value.shape})
    if primitive.name == "transpose":
        inverse = tuple(int(i) for i in np.argsort(params["axes"]))
        return bind(primitive, (new,), {"axes": inverse})
    if primitive.name == "slice":
        kept = {"start": params["start"], "strides": params["strides"]}
        return bind(REGISTRY["update_slice"], (value, new), kept)
    if primitive.name in ("real", "imag"):
        is_real = primitive.name == "real"
        other = bind(REGISTRY["imag" if is_real else "real"], (value,), {})
        return bind(REGISTRY["complex"], (new, other) if is_real else (other, new), {})
    raise ValueError("assignment destination is read-only: it is a broadcast view")


def exportable(host: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The same memory in a format that the buffer protocol knows (it has no bfloat16)."""
    return host.view(np.uint16) if host.dtype.name == "bfloat16" else host
