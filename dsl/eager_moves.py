"""Movement on the host, eagerly: windows on a value and native copies, no kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _native
from . import views
from .dtypes import DType, to_numpy
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


def assembly(name: str, params: Mapping[str, Any]) -> _native.Assembly:
    """What puts arrays together as primitive `name` does: `pad` takes its value as an array."""
    lists: dict[str, Callable[[], tuple[Any, ...]]] = {
        "concatenate": lambda: ((params["axis"],),),
        "pad": lambda: (params["low"], params["high"]),
        "update_slice": lambda: (params["start"], params["strides"]),
    }
    return _native.Assembly(name, lists[name]())


ASSEMBLIES = ("concatenate", "pad", "update_slice")


def filler(dtype: DType, params: Mapping[str, Any]) -> Array:
    """The value that `pad` puts around an array."""
    made: Array = _native.from_scalar(params["value"], dtype.code)
    return made


def pad(out: Aval, x: Array, **params: Any) -> Array:
    """`x` with a value around it."""
    return assembly("pad", params)(x, filler(out.dtype, params))


def concatenate(out: Aval, *parts: Array, axis: int) -> Array:
    """Arrays joined along an axis."""
    return assembly("concatenate", {"axis": axis})(*parts)


def update_slice(out: Aval, x: Array, update: Array, **params: Any) -> Array:
    """`x` with a window replaced."""
    return assembly("update_slice", params)(x, update)


def reinterpreted(out: Aval, x: Array) -> Array:
    """The same bytes, as complex numbers or as their floats."""
    made: Array = _native.reinterpret(x, out.dtype.code, known(out.shape))
    return made


def same(out: Aval, x: Array, **params: Any) -> Array:
    """The value itself, off the tape."""
    value: Array = _native.alias(x)
    value._node = None
    return value
