"""Numbers that are evenly spaced: on a line, on a logarithmic scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import device as placing
from .. import primitives as p
from .. import record
from ..device import DeviceLike
from ..dtypes import DTypeLike, dtype, float64
from ..errors import ArgumentError
from .arithmetic import absolute, floor, power, sign
from .convert import ArrayLike, asarray, broadcast, convert, on_host, result_type, same_dtype
from .elementary import log10
from .logic import equal, where
from .shapes import moveaxis

if TYPE_CHECKING:
    from ..array import Array

_dtype = dtype


def linspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: DTypeLike | None = None,
    axis: int = 0,
    *,
    device: DeviceLike | None = None,
) -> Any:
    """`num` numbers from start to stop, evenly spaced; arrays give a new axis. With `retstep` also
    the distance.

    >>> linspace(0, 1, 5)
    array([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    count = _count("linspace", num)
    with record.at(device):
        result, step = _spaced(start, stop, count, endpoint, dtype, axis)
    return (result, step) if retstep else result


def _spaced(
    start: ArrayLike,
    stop: ArrayLike,
    count: int,
    endpoint: bool,
    dtype: DTypeLike | None,
    axis: int,
) -> tuple[Array, Array]:
    first, last = broadcast("linspace", *same_dtype(_float(start), _float(stop)))
    kind = first.dtype
    div = count - 1 if endpoint else count
    places = p.reshape(p.iota(size=count, dtype=kind.real), shape=(count, *(1,) * first.ndim))
    step = (last - first) / div if div > 0 else first * float("nan")
    # A step that has vanished (or none at all): the range is taken apart first, as NumPy does.
    tiny = places / max(div, 1) * (last - first)
    spread = where(equal(step, 0), tiny, places * step) if div > 0 else places * (last - first)
    numbers = spread + first
    if endpoint and count > 1:  # the last is `stop` itself, not a rounding of it
        is_last = places >= float(count - 1)
        numbers = p.where(*broadcast("linspace", is_last, last, numbers))
    wanted = kind if dtype is None else _dtype(dtype)
    whole = floor(numbers) if wanted.is_integer else numbers
    return convert(moveaxis(whole, 0, axis) if axis else whole, wanted), step


def _count(name: str, num: Any) -> int:
    if not hasattr(num, "__index__"):
        raise TypeError(f"{name}: got {num!r} numbers; it must be an integer")
    count: int = num.__index__()
    if count < 0:
        raise ArgumentError(f"{name}: got {num} numbers; it must not be negative")
    return count


def _float(x: ArrayLike) -> Array:
    x = asarray(x)
    return convert(x, x.dtype if x.dtype.is_inexact else placing.current().fitting_float(float64))


def logspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    base: ArrayLike = 10.0,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Array:
    """`base` to the power of evenly spaced numbers.

    >>> logspace(0, 2, 3)
    array([  1.,  10., 100.])
    """
    base = asarray(base)
    if base.ndim:
        given = same_dtype(_float(start), _float(stop), _float(base))
        first, last, base = broadcast("logspace", *given)
        base = p.reshape(base, shape=(1, *base.shape))
    else:
        first, last = _float(start), _float(stop)
    numbers = power(base, linspace(first, last, num, endpoint))
    numbers = moveaxis(numbers, 0, axis) if axis else numbers
    wanted = result_type(first, last, float64) if dtype is None else _dtype(dtype)
    return convert(numbers, wanted)


def geomspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Array:
    """`num` numbers from start to stop, each the same multiple of the one before.

    Raises ArgumentError (a ValueError) if either end is 0, or their signs differ.

    >>> geomspace(1, 8, 4)
    array([1., 2., 4., 8.])
    """
    first, last = broadcast("geomspace", *same_dtype(_float(start), _float(stop)))
    signs = np.sign(on_host(start)), np.sign(on_host(stop))
    if (signs[0] == 0).any() or (signs[1] == 0).any():
        raise ArgumentError("geomspace: got an end that is 0; a geometric sequence cannot hold it")
    if (signs[0] != signs[1]).any():
        raise ArgumentError("geomspace: got ends of different sign; between them lies 0")
    count = _count("geomspace", num)
    ends = log10(absolute(first)), log10(absolute(last))
    numbers = logspace(*ends, count, endpoint) * sign(first)
    place = p.reshape(p.iota(size=count, dtype=first.dtype), shape=(count, *(1,) * first.ndim))
    numbers = where(equal(place, 0), first, numbers)
    if endpoint and count > 1:
        numbers = where(equal(place, count - 1), last, numbers)
    numbers = moveaxis(numbers, 0, axis) if axis else numbers
    return convert(numbers, numbers.dtype if dtype is None else _dtype(dtype))


__all__ = ["geomspace", "linspace", "logspace"]
