"""New arrays: filled with a value, counted, triangles."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .. import device as placing
from .. import primitives as p
from .. import record
from ..device import DeviceLike
from ..dtypes import DType, DTypeLike, bool_, dtype, float64, int64
from ..errors import ArgumentError, DivisionError, ShapeError
from ..tracked import Tracked, is_integer
from .axes import check_order
from .convert import ArrayLike, as_index, asarray, broadcast, convert, is_scalar, result_type
from .shapes import ShapeLike, as_shape

if TYPE_CHECKING:
    from ..array import Array


def full(
    shape: ShapeLike,
    fill_value: ArrayLike,
    dtype: DTypeLike | None = None,
    order: str = "C",
    *,
    device: DeviceLike | None = None,
) -> Array:
    """An array of this shape with one value everywhere, on `device` or on the current one.

    >>> full((2,), 7)
    array([7, 7])
    """
    check_order("full", order)
    sizes = as_shape("full", shape)
    with record.at(device):
        if not is_scalar(fill_value):
            fill_value = asarray(fill_value, device=device)
        wanted = _dtype(dtype) if dtype is not None else result_type(fill_value)
        if is_scalar(fill_value):
            return p.full(shape=sizes, value=_fitting(fill_value, wanted), dtype=wanted)
        return asarray(p.broadcast_to(asarray(fill_value, wanted), shape=sizes), copy=True)


def _float(wanted: DTypeLike | None, device: DeviceLike | None) -> DType:
    """The dtype of an array that nothing else says the dtype of."""
    if wanted is not None:
        return _dtype(wanted)
    return (placing.current() if device is None else placing.device(device)).default_float


def _exact() -> DType:
    """The widest float of the current device."""
    return placing.current().fitting_float(float64)


_dtype = dtype


def _fitting(value: complex, to: DType) -> complex:
    """A Python scalar of the kind of `to`, so that equal programs have equal parameters."""
    if isinstance(value, Tracked) and to.kind in "iuf":
        return value
    kind: Any = {"b": bool, "f": float, "c": complex}.get(to.kind, int)
    return kind(value)  # type: ignore[no-any-return]


def zeros(
    shape: ShapeLike,
    dtype: DTypeLike | None = None,
    order: str = "C",
    *,
    device: DeviceLike | None = None,
) -> Array:
    """Zeros, by default of the device's float type.

    >>> zeros((2, 2))
    array([[0., 0.],
           [0., 0.]])
    """
    return full(shape, 0, _float(dtype, device), order, device=device)


def ones(
    shape: ShapeLike,
    dtype: DTypeLike | None = None,
    order: str = "C",
    *,
    device: DeviceLike | None = None,
) -> Array:
    """Ones, by default of the device's float type."""
    return full(shape, 1, _float(dtype, device), order, device=device)


def empty(
    shape: ShapeLike,
    dtype: DTypeLike | None = None,
    order: str = "C",
    *,
    device: DeviceLike | None = None,
) -> Array:
    """An array whose values are not to be relied on (they are zeros)."""
    return full(shape, 0, _float(dtype, device), order, device=device)


def full_like(
    a: ArrayLike,
    fill_value: ArrayLike,
    dtype: DTypeLike | None = None,
    order: str = "K",
    subok: bool = True,
    shape: ShapeLike | None = None,
    *,
    device: DeviceLike | None = None,
) -> Array:
    """One value everywhere, in the shape and dtype of `a` and where `a` is, unless others are
    given.

    There are no subclasses, so `subok` changes nothing.
    """
    x = asarray(a)
    wanted = x.shape if shape is None else shape
    return full(wanted, fill_value, x.dtype if dtype is None else dtype, order, device=device)


def zeros_like(
    a: ArrayLike,
    dtype: DTypeLike | None = None,
    order: str = "K",
    subok: bool = True,
    shape: ShapeLike | None = None,
    *,
    device: DeviceLike | None = None,
) -> Array:
    """Zeros in the shape and dtype of `a`."""
    return full_like(a, 0, dtype, order, shape=shape, device=device)


def ones_like(
    a: ArrayLike,
    dtype: DTypeLike | None = None,
    order: str = "K",
    subok: bool = True,
    shape: ShapeLike | None = None,
    *,
    device: DeviceLike | None = None,
) -> Array:
    """Ones in the shape and dtype of `a`."""
    return full_like(a, 1, dtype, order, shape=shape, device=device)


def empty_like(
    prototype: ArrayLike,
    /,
    dtype: DTypeLike | None = None,
    order: str = "K",
    subok: bool = True,
    shape: ShapeLike | None = None,
    *,
    device: DeviceLike | None = None,
) -> Array:
    """An array like the prototype whose values are not to be relied on."""
    return full_like(prototype, 0, dtype, order, shape=shape, device=device)


def arange(
    start_or_stop: float,
    /,
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
    begin, end = (0, start_or_stop) if stop is None else (start_or_stop, stop)
    if step == 0:
        raise DivisionError("arange: got step 0; it must not be 0")
    count = _steps(begin, end, step)
    with record.at(device):
        wanted = _dtype(dtype) if dtype is not None else result_type(begin, end, step)
        if (begin, step) == (0, 1) and wanted is not bool_:
            return p.iota(size=count, dtype=wanted)
        exact = _exact() if wanted.is_float else int64
        numbers = p.iota(size=count, dtype=exact) * _fitting(step, exact) + _fitting(begin, exact)
        return convert(numbers, wanted)


def _steps(begin: Any, end: Any, step: Any) -> int:
    """How many numbers there are from begin to before end."""
    if any(isinstance(n, Tracked) for n in (begin, end, step)) and all(
        map(is_integer, (begin, end, step))
    ):
        span, by = (end - begin, step) if step > 0 else (begin - end, -step)
        count: int = (span + by - 1) // by if span > 0 else 0
        return count
    exact = (end - begin) / step
    if not math.isfinite(exact):
        raise ArgumentError(f"arange: got {begin}, {end}, {step}; they must be finite")
    whole: int = math.ceil(exact)
    return max(whole, 0)


def eye(
    N: int,
    M: int | None = None,
    k: int = 0,
    dtype: DTypeLike | None = None,
    order: str = "C",
    *,
    device: DeviceLike | None = None,
) -> Array:
    """Ones on the k-th diagonal of an N by M matrix, zeros elsewhere.

    >>> eye(2)
    array([[1., 0.],
           [0., 1.]])
    """
    check_order("eye", order)
    with record.at(device):
        return convert(_below(N, N if M is None else M, k, p.eq), _float(dtype, device))


def identity(n: int, dtype: DTypeLike | None = None, *, device: DeviceLike | None = None) -> Array:
    """The square matrix with ones on its diagonal."""
    return eye(n, dtype=dtype, device=device)


def _below(rows: int, columns: int, k: int, compare: object) -> Array:
    """Where (bool) column - row is equal to, or at most, k."""
    rows, columns, k = (as_index("eye", n) for n in (rows, columns, k))
    if isinstance(rows, int) and isinstance(columns, int):
        k = max(-rows, min(k, columns))  # what lies farther out than any int64 is outside, too
    row = p.reshape(p.iota(size=rows, dtype=int64), shape=(rows, 1))
    column = p.reshape(p.iota(size=columns, dtype=int64), shape=(1, columns))
    return compare(*broadcast("eye", column, row + k))  # type: ignore[operator,no-any-return]


def tri(
    N: int,
    M: int | None = None,
    k: int = 0,
    dtype: DTypeLike | None = None,
    *,
    device: DeviceLike | None = None,
) -> Array:
    """Ones on and below the k-th diagonal, zeros above."""
    with record.at(device):
        return convert(_below(N, N if M is None else M, k, p.le), _float(dtype, device))


def _triangle(x: ArrayLike, k: int, keep_lower: bool) -> Array:
    x = asarray(x)
    if x.ndim == 0:
        raise ShapeError(f"tril: got {x.shape}; it takes one axis or more")
    if x.ndim < 2:
        x = p.broadcast_to(x, shape=(x.shape[0], x.shape[0]))
    lower = _below(x.shape[-2], x.shape[-1], k, p.le)
    mask = p.broadcast_to(lower, shape=x.shape)
    zero = zeros_like(x)
    return p.where(mask, x, zero) if keep_lower else p.where(mask, zero, x)


def tril(m: ArrayLike, k: int = 0) -> Array:
    """m on and below the k-th diagonal of its last two axes, zero above.

    >>> tril([[1, 2], [3, 4]])
    array([[1, 0],
           [3, 4]])
    """
    return _triangle(m, k, True)


def triu(m: ArrayLike, k: int = 0) -> Array:
    """m on and above the k-th diagonal of its last two axes, zero below."""
    return _triangle(m, k - 1, False)


__all__ = [
    "arange",
    "empty",
    "empty_like",
    "eye",
    "full",
    "full_like",
    "identity",
    "ones",
    "ones_like",
    "tri",
    "tril",
    "triu",
    "zeros",
    "zeros_like",
]
