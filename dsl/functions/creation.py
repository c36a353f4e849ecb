"""New arrays: filled with a value, counted, spaced evenly, triangles."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .. import device as placing
from .. import primitives as p
from .. import record
from ..device import DeviceLike
from ..dtypes import DType, DTypeLike, bool_, dtype, float64, int64
from .convert import ArrayLike, asarray, broadcast, convert, is_scalar, result_type
from .shapes import ShapeLike, as_shape

if TYPE_CHECKING:
    from ..array import Array


def full(
    shape: ShapeLike,
    fill_value: ArrayLike,
    dtype: DTypeLike | None = None,
    *,
    device: DeviceLike | None = None,
) -> Array:
    """An array of this shape with one value everywhere, on `device` or on the current one.

    >>> full((2,), 7)
    array([7, 7])
    """
    sizes = as_shape("full", shape)
    with record.at(device):
        if not is_scalar(fill_value):
            fill_value = asarray(fill_value, device=device)
        wanted = _dtype(dtype) if dtype is not None else result_type(fill_value)
        if is_scalar(fill_value):
            return p.full(shape=sizes, value=_fitting(fill_value, wanted), dtype=wanted)
        return asarray(p.broadcast_to(asarray(fill_value, wanted), shape=sizes), copy=True)


def _float(wanted: DTypeLike | None, device: DeviceLike | None) -> DTypeLike:
    """The dtype of an array that nothing else says the dtype of."""
    if wanted is not None:
        return wanted
    return (placing.current() if device is None else placing.device(device)).default_float


_dtype = dtype


def _fitting(value: bool | int | float, to: DType) -> bool | int | float:
    """A Python scalar of the kind of `to`, so that equal programs have equal parameters."""
    return {"b": bool, "f": float}.get(to.kind, int)(value)


def zeros(
    shape: ShapeLike, dtype: DTypeLike | None = None, *, device: DeviceLike | None = None
) -> Array:
    """Zeros, by default of the device's float type.

    >>> zeros((2, 2))
    array([[0., 0.],
           [0., 0.]])
    """
    return full(shape, 0, _float(dtype, device), device=device)


def ones(
    shape: ShapeLike, dtype: DTypeLike | None = None, *, device: DeviceLike | None = None
) -> Array:
    """Ones, by default of the device's float type."""
    return full(shape, 1, _float(dtype, device), device=device)


def empty(
    shape: ShapeLike, dtype: DTypeLike | None = None, *, device: DeviceLike | None = None
) -> Array:
    """An array whose values are not to be relied on (they are zeros)."""
    return full(shape, 0, _float(dtype, device), device=device)


def full_like(
    x: ArrayLike,
    fill_value: ArrayLike,
    dtype: DTypeLike | None = None,
    *,
    device: DeviceLike | None = None,
) -> Array:
    """One value everywhere, in the shape and dtype of x, on `device` or where x is."""
    x = asarray(x)
    return full(x.shape, fill_value, x.dtype if dtype is None else dtype, device=device)


def zeros_like(
    x: ArrayLike, dtype: DTypeLike | None = None, *, device: DeviceLike | None = None
) -> Array:
    """Zeros in the shape and dtype of x."""
    return full_like(x, 0, dtype, device=device)


def ones_like(
    x: ArrayLike, dtype: DTypeLike | None = None, *, device: DeviceLike | None = None
) -> Array:
    """Ones in the shape and dtype of x."""
    return full_like(x, 1, dtype, device=device)


def empty_like(
    x: ArrayLike, dtype: DTypeLike | None = None, *, device: DeviceLike | None = None
) -> Array:
    """An array like x whose values are not to be relied on."""
    return full_like(x, 0, dtype, device=device)


def arange(
    start: float,
    stop: float | None = None,
    step: float = 1,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
) -> Array:
    """The numbers from start (default 0) to before stop, `step` apart.

    >>> arange(2, 8, 2)
    array([2, 4, 6])
    """
    begin, end = (0, start) if stop is None else (start, stop)
    if step == 0:
        raise ValueError("arange: got step 0; it must not be 0")
    count = max(math.ceil((end - begin) / step), 0)
    with record.at(device):
        wanted = _dtype(dtype) if dtype is not None else result_type(begin, end, step)
        if (begin, step) == (0, 1) and wanted is not bool_:
            return p.iota(size=count, dtype=wanted)
        exact = _exact() if wanted.is_float else int64
        numbers = p.iota(size=count, dtype=exact) * _fitting(step, exact) + _fitting(begin, exact)
        return convert(numbers, wanted)


def _exact() -> DType:
    """The widest float of the current device."""
    return placing.current().fitting_float(float64)


def linspace(
    start: float,
    stop: float,
    num: int = 50,
    endpoint: bool = True,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
) -> Array:
    """`num` numbers from start to stop, evenly spaced.

    >>> linspace(0, 1, 5)
    array([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    if num < 0:
        raise ValueError(f"linspace: got {num} numbers; it must not be negative")
    steps = num - 1 if endpoint else num
    with record.at(device):
        exact = _exact()
        places = p.iota(size=num, dtype=exact)
        numbers = places * ((stop - start) / max(steps, 1)) + float(start)
        if endpoint and num > 1:  # the last is `stop` itself, not a rounding of it
            last = record.constant(float(stop), exact)
            numbers = p.where(*broadcast("linspace", places >= float(num - 1), last, numbers))
        return convert(numbers, _dtype(_float(dtype, device)))


def eye(
    rows: int,
    columns: int | None = None,
    k: int = 0,
    dtype: DTypeLike | None = None,
    *,
    device: DeviceLike | None = None,
) -> Array:
    """Ones on the k-th diagonal, zeros elsewhere.

    >>> eye(2)
    array([[1., 0.],
           [0., 1.]])
    """
    with record.at(device):
        below = _below(rows, rows if columns is None else columns, k, p.eq)
        return convert(below, _dtype(_float(dtype, device)))


def identity(n: int, dtype: DTypeLike | None = None, *, device: DeviceLike | None = None) -> Array:
    """The square matrix with ones on its diagonal."""
    return eye(n, dtype=dtype, device=device)


def _below(rows: int, columns: int, k: int, compare: object) -> Array:
    """Where (bool) column - row is equal to, or at most, k."""
    row = p.reshape(p.iota(size=rows, dtype=int64), shape=(rows, 1))
    column = p.reshape(p.iota(size=columns, dtype=int64), shape=(1, columns))
    return compare(*broadcast("eye", column, row + k))  # type: ignore[operator,no-any-return]


def tri(
    rows: int,
    columns: int | None = None,
    k: int = 0,
    dtype: DTypeLike | None = None,
    *,
    device: DeviceLike | None = None,
) -> Array:
    """Ones on and below the k-th diagonal, zeros above."""
    with record.at(device):
        below = _below(rows, rows if columns is None else columns, k, p.le)
        return convert(below, _dtype(_float(dtype, device)))


def _triangle(x: ArrayLike, k: int, keep_lower: bool) -> Array:
    x = asarray(x)
    if x.ndim < 2:
        x = p.broadcast_to(x, shape=(x.shape[0], x.shape[0]))
    lower = _below(x.shape[-2], x.shape[-1], k, p.le)
    mask = p.broadcast_to(lower, shape=x.shape)
    zero = zeros_like(x)
    return p.where(mask, x, zero) if keep_lower else p.where(mask, zero, x)


def tril(x: ArrayLike, k: int = 0) -> Array:
    """x on and below the k-th diagonal of its last two axes, zero above.

    >>> tril([[1, 2], [3, 4]])
    array([[1, 0],
           [3, 4]])
    """
    return _triangle(x, k, True)


def triu(x: ArrayLike, k: int = 0) -> Array:
    """x on and above the k-th diagonal of its last two axes, zero below."""
    return _triangle(x, k - 1, False)


__all__ = [
    "arange",
    "empty",
    "empty_like",
    "eye",
    "full",
    "full_like",
    "identity",
    "linspace",
    "ones",
    "ones_like",
    "tri",
    "tril",
    "triu",
    "zeros",
    "zeros_like",
]
