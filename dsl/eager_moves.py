"""Movement on the host, eagerly: windows on a value and native copies, no kernels."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _native
from . import views
from .dtypes import to_numpy
from .graph import Aval
from .sizes import Shape, known

if TYPE_CHECKING:
    from .array import Array


def move(name: str, x: Array, **params: Any) -> Array:
    """A movement as a window on the value of `x`, or a copy."""
    found = views.window(name, x, params)
    if found is None:
        x = _native.contiguous(x)
        found = views.window(name, x, params)
    assert found is not None, f"{name} of a contiguous array is always a window"
    base = x if x._base is None else x._base
    dtype = x.dtype.real if name in ("real", "imag") else x.dtype
    moved: Array = _native.view(base, *found, (), dtype.code)
    return moved


def reshaped(x: Array, shape: Shape) -> Array:
    """The elements in another shape, as an array of its own."""
    return x if x.shape == shape else _native.contiguous(move("reshape", x, shape=shape))


def window_copy(name: str) -> Callable[..., Array]:
    """The rule of movement primitive `name`."""
    return lambda out, x, **params: move(name, x, **params)


def full(out: Aval, *, value: Any, shape: Any, dtype: Any) -> Array:
    """One value everywhere."""
    scalar = _native.from_scalar(value, dtype.code)
    return scalar if shape == () else _native.contiguous(move("broadcast_to", scalar, shape=shape))


def iota(out: Aval, **params: Any) -> Array:
    """The numbers from 0."""
    host = np.arange(known(out.shape)[0], dtype=np.int64).astype(to_numpy(out.dtype))
    made: Array = _native.from_buffer(views.exportable(host), out.dtype.code, True)
    return made


def _put(target: Array, value: Array, start: Any, strides: Any) -> None:
    """Copy `value` into a window of the fresh array `target`."""
    params = {"start": tuple(start), "sizes": value.shape, "strides": tuple(strides)}
    _native.write(move("slice", target, **params), value)


_SMALL = 1 << 16  # elements up to which one more pass costs less than windows do


def pad(out: Aval, x: Array, *, low: Any, high: Any, value: Any) -> Array:
    """`x` with `value` around it."""
    if prod(known(out.shape)) <= _SMALL:
        padded = full(out, value=value, shape=out.shape, dtype=out.dtype)
    else:
        padded = _native.empty(known(out.shape), out.dtype.code)
        _fill_borders(padded, _native.from_scalar(value, out.dtype.code), low, high)
    _put(padded, x, low, (1,) * x.ndim)
    return padded


def _fill_borders(padded: Array, value: Array, low: Any, high: Any) -> None:
    """`value` before and after the inside along each axis, within the inside of those before."""
    start, sizes = [0] * padded.ndim, list(padded.shape)
    for axis, (before, after) in enumerate(zip(low, high, strict=True)):
        size = padded.shape[axis]
        for begin, length in ((0, before), (size - after, after)):
            if length:
                start[axis], sizes[axis] = begin, length
                border = move("broadcast_to", value, shape=tuple(sizes))
                _put(padded, border, start, (1,) * padded.ndim)
        start[axis], sizes[axis] = before, size - before - after


def concatenate(out: Aval, *parts: Array, axis: int) -> Array:
    """Arrays joined along an axis."""
    joined: Array = _native.empty(known(out.shape), out.dtype.code)
    start = [0] * out.ndim
    for part in parts:
        _put(joined, part, start, (1,) * out.ndim)
        start[axis] += part.shape[axis]
    return joined


def update_slice(out: Aval, x: Array, update: Array, *, start: Any, strides: Any) -> Array:
    """`x` with a window replaced."""
    copy: Array = _native.empty(known(out.shape), out.dtype.code)
    _native.write(copy, x)
    _put(copy, update, start, strides)
    return copy


def reinterpreted(out: Aval, x: Array) -> Array:
    """The same bytes, as complex numbers or as their floats."""
    made: Array = _native.reinterpret(x, out.dtype.code, known(out.shape))
    return made


def same(out: Aval, x: Array, **params: Any) -> Array:
    """The value itself, off the tape."""
    value: Array = _native.alias(x)
    value._node = None
    return value
