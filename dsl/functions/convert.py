"""From what users hand over to arrays: conversion, promotion and broadcasting."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import _native
from .. import device as placing
from .. import primitives as p
from .. import record
from .. import trace as tracing
from ..device import DeviceLike
from ..dtypes import (
    DType,
    DTypeLike,
    bfloat16,
    bool_,
    complex128,
    complex_of,
    dtype,
    float16,
    float32,
    float64,
    int64,
    promote,
    promote_scalar,
    set_constructor,
)
from ..errors import ArgumentError, DTypeError, ShapeError
from ..sizes import Dim, Shape, Size
from ..tracked import Tracked, plain
from .axes import check_order

if TYPE_CHECKING:
    from ..array import Array

ArrayLike = Any  # an Array, a Python scalar, nested lists, a NumPy array, a DLPack object


def is_scalar(x: Any) -> bool:
    """Whether x is a Python scalar, whose type is weak in promotion (NEP 50)."""
    return type(x) in (bool, int, float, complex) or isinstance(x, Tracked)


def is_array(x: Any) -> bool:
    """Whether x is an Array."""
    return isinstance(x, _native.Cell)


def on_host(x: ArrayLike) -> Any:
    """Values that decide what is to be done. What is no Array is known in staged code too."""
    return x.numpy() if is_array(x) else np.asarray(x)


def asarray(
    a: ArrayLike,
    dtype: DTypeLike | None = None,
    order: str | None = None,
    *,
    copy: bool | None = None,
    device: DeviceLike | None = None,
) -> Array:
    """An array of `a`; an Array of this dtype on this device is returned as it is.

    `copy=False` shares foreign memory (and raises where that is impossible), `copy=True` always
    copies; by default foreign memory is copied. Without `device` an Array stays where it is, and
    everything else goes to the current device.

    >>> asarray([1.0, 2.0])
    array([1., 2.])
    """
    check_order("asarray", order)
    wanted = None if dtype is None else _dtype(dtype)
    with record.at(device):
        if is_array(a):
            return _from_array(_placed(a, device, copy), wanted, copy)
        return _from_others(a, wanted, copy)


def _placed(x: Array, device: DeviceLike | None, copy: bool | None) -> Array:
    if device is None:
        return x
    to = placing.device(device)
    if copy is False and x._is_concrete and x._device != to.index:
        raise ValueError(
            f"asarray: got an array on {placing.by_index(x._device)}; it cannot be on {to} without "
            "a copy"
        )
    return record.transfer(x, to)


def _from_others(a: Any, wanted: DType | None, copy: bool | None) -> Array:
    if copy is False:
        return _shared(a, wanted)
    if isinstance(a, Tracked):
        return record.constant(a, wanted or _weak(int64))
    if isinstance(a, np.ndarray | np.generic):
        return _from_host(np.asarray(a), wanted)
    if hasattr(a, "__dlpack__"):
        host = _native.from_dlpack(a, True)
        return _from_array(record.transfer(host, placing.current()), wanted, None)
    if _holds_arrays(a):
        parts = [asarray(part) for part in a]
        rows = (p.reshape(x, shape=(1, *x.shape)) for x in same_dtype(*parts))
        joined = join_parts([*rows], 0)
        return joined if wanted is None else converted(joined, wanted)
    found = _read(a, wanted)
    if wanted is None and found.dtype != object and not _holds_numpy(a):
        wanted = _weak(dtype(found.dtype))
    return _from_host(found, wanted)


def _weak(of: DType) -> DType:
    """The dtype of an array made of Python numbers on the current device."""
    place = placing.current()
    if of is complex128:
        return complex_of(place.default_float)
    return {float64: place.default_float, int64: place.default_int}.get(of, of)


def _holds_numpy(a: Any) -> bool:
    if isinstance(a, list | tuple):
        return any(map(_holds_numpy, a))
    return isinstance(a, np.ndarray | np.generic)


def array(
    object: ArrayLike,
    dtype: DTypeLike | None = None,
    *,
    copy: bool | None = True,
    order: str | None = "K",
    ndmin: int = 0,
    ndmax: int = 0,
    device: DeviceLike | None = None,
) -> Array:
    """A new array of nested lists, a scalar, a NumPy array or another Array; with `ndmin`, of that
    many axes or more. It is on `device`, or where `asarray` puts it.

    >>> array([[1, 2], [3, 4]])
    array([[1, 2],
           [3, 4]])
    """
    made = asarray(object, dtype, order, copy=copy, device=device)
    if 0 < ndmax < made.ndim:
        raise ShapeError(f"array: got {made.ndim} axes; ndmax is {ndmax}, and deeper is no number")
    missing = ndmin - made.ndim
    return made if missing <= 0 else p.reshape(made, shape=(1,) * missing + tuple(made.shape))


_dtype = dtype


def _from_array(x: Array, wanted: DType | None, copy: bool | None) -> Array:
    if wanted is not None and wanted is not x.dtype:
        if copy is False:
            raise ValueError(f"asarray: got {x.dtype}, {wanted} cannot be made without a copy")
        return converted(x, wanted)
    return duplicate(x) if copy else x


def duplicate(x: Array) -> Array:
    """A cell of its own with the same value; the gradient flows through."""
    value = record.read(x)
    if value.requires_grad and _native.grad_enabled():
        # A leaf's node stands for the leaf: the copy, which may be written to, needs another.
        value = record.read(p.reshape(value, shape=value.shape))
    copy: Array = _native.alias(value)
    return copy


def _shared(obj: Any, wanted: DType | None) -> Array:
    if placing.current() is not placing.HOST:
        raise ValueError(
            f"asarray: memory of the host cannot be shared with {placing.current()}: copy=False"
        )
    if isinstance(obj, np.ndarray):
        found = dtype(obj.dtype)
        memory = obj.view(np.uint16) if found is bfloat16 else obj
        shared: Array = _native.from_buffer(memory, found.code, False)
    elif hasattr(obj, "__dlpack__"):
        shared = _native.from_dlpack(obj, False)
    else:
        raise ValueError(f"asarray: got a {type(obj).__name__}, which cannot be shared: copy=False")
    return _from_array(shared, wanted, False)


def _from_host(host: np.ndarray[Any, Any], wanted: DType | None) -> Array:
    if host.dtype == object:
        raise DTypeError(f"asarray: got elements of type {type(host.flat[0]).__name__}")
    found = dtype(host.dtype)
    if wanted is None or wanted is found:
        return record.constant(host, found)
    return record.constant(host.astype(wanted.dtype), wanted)


def _read(obj: Any, wanted: DType | None) -> np.ndarray[Any, Any]:
    """Numbers and nested lists of them, on the host, as NumPy reads them: an integer that does not
    fit `wanted` is an OverflowError."""
    try:
        return np.asarray(obj, None if wanted is None else wanted.dtype)
    except ValueError as error:
        raise ShapeError(f"asarray: got what is no array: {error}") from None
    except TypeError as error:
        raise DTypeError(f"asarray: got what {wanted} cannot hold: {error}") from None


def _holds_arrays(obj: Any) -> bool:
    if not isinstance(obj, list | tuple):
        return False
    return any(is_array(part) or _holds_arrays(part) for part in obj)


def convert(x: Array, to: DType) -> Array:
    """x with elements of another type; x itself if it has it.

    Raises DTypeError where imaginary parts would be lost: only `astype` and its like do that."""
    if x.dtype.is_complex and not to.is_complex and to is not bool_:
        raise DTypeError(f"got {x.dtype}; it does not convert to {to}: take the real part")
    return x if x.dtype is to else p.cast(x, dtype=to)


def converted(x: Array, to: DType) -> Array:
    """x with elements of another type, as the user asks for it: of complex numbers that are to be
    real the imaginary parts are discarded, with NumPy's warning."""
    if x.dtype.is_complex and not to.is_complex and to is not bool_:
        record.is_tracing()  # no recipe for a call that warns
        text = "Casting complex values to real discards the imaginary part"
        warnings.warn(text, np.exceptions.ComplexWarning, stacklevel=4)
        return p.cast(x, dtype=to)
    return convert(x, to)


def real_only(name: str, x: ArrayLike) -> Array:
    """x as an array; DTypeError if it is complex."""
    found = asarray(x)
    if found.dtype.is_complex:
        raise DTypeError(f"{name}: got {found.dtype}; it takes real numbers")
    return found


set_constructor(asarray)


def join_parts(parts: Sequence[Array], axis: int) -> Array:
    """Arrays of one dtype joined along an axis."""
    return p.concatenate(*parts, axis=axis)


# --------------------------------------------------------------------------- promotion


def result_type(*arrays_and_dtypes: Any) -> DType:
    """The dtype of an operation on these arrays, dtypes and (weak) Python scalars.

    >>> import tilewright as tw
    >>> tw.result_type(tw.float32, 2.5)
    tilewright.float32
    """
    operands = [plain(tracing.number_for(x)) for x in arrays_and_dtypes]
    scalars = [x for x in operands if is_scalar(x)]
    strong = [_dtype_of(x) for x in operands if not is_scalar(x)]
    if not strong:
        strong = [_weak(dtype(type(scalars.pop())))] if scalars else []
    if not strong:
        raise ArgumentError("result_type: got nothing; it takes arrays, dtypes and scalars")
    found = strong[0]
    for other in strong[1:]:
        found = promote(found, other)
    for scalar in scalars:
        found = promote_scalar(found, scalar)
    if found.is_float and found not in strong:  # it need not be one that the device lacks
        found = placing.current().fitting_float(found)
    return found


def _dtype_of(x: Any) -> DType:
    if is_array(x):
        found: DType = x.dtype
        return found
    if isinstance(x, np.ndarray | np.generic):
        return dtype(x.dtype)
    return dtype(x)


def lifted(*operands: ArrayLike) -> list[Any]:
    """Operands as arrays; Python scalars stay what they are."""
    return [x if is_array(x) or is_scalar(x) else asarray(x) for x in operands]


def same_dtype(*operands: ArrayLike) -> list[Array]:
    """Operands as arrays of their common dtype."""
    given = lifted(*operands)
    return to_dtype(result_type(*given), *given)


def to_dtype(to: DType, *operands: Any) -> list[Array]:
    """Operands (arrays or Python scalars) as arrays of one dtype."""
    made = [convert(x, to) if is_array(x) else record.constant(x, to) for x in operands]
    return tracing.keep_weak(operands, made)


def inexact(of: DType) -> DType:
    """The float or complex type in which NumPy computes `exp` and its like."""
    if of.is_inexact:
        return of
    wanted = {1: float16, 2: float32}.get(of.itemsize, float64)
    return placing.current().fitting_float(wanted)


# --------------------------------------------------------------------------- shapes


def broadcast_shapes(*shapes: Shape | Dim) -> Shape:
    """The common shape of arrays that are combined elementwise; a number is a 1-D shape.

    >>> broadcast_shapes((3, 1), (4,))
    (3, 4)
    """
    return common_shape("broadcast_shapes", *(_sizes(x) for x in shapes))


def as_index(name: str, n: Any) -> Any:
    """A size or a position as an int (a size that is not known yet stays what it is)."""
    if isinstance(n, Size | int):
        return n
    try:
        return n.__index__()
    except (AttributeError, TypeError):
        raise DTypeError(f"{name}: got {n!r}; it must be an integer") from None


def common_shape(name: str, *shapes: Shape) -> Shape:
    """The common shape of the operands of an operation, which errors name."""
    ndim = max(map(len, shapes), default=0)
    result: list[Any] = [1] * ndim
    for shape in shapes:
        for axis, size in enumerate(shape, ndim - len(shape)):
            if size == 1 or size == result[axis]:
                continue
            if result[axis] != 1:
                text = " and ".join(str(tuple(s)) for s in shapes)
                raise ShapeError(
                    f"{name}: got {text}; the sizes {result[axis]} and {size} must be equal or 1"
                )
            result[axis] = size
    return tuple(result)


def _sizes(shape: Any) -> tuple[Any, ...]:
    return tuple(shape) if isinstance(shape, Sequence) else (shape,)


def broadcast(name: str, *arrays: Array) -> list[Array]:
    """Arrays repeated to their common shape."""
    first = arrays[0].shape
    if all(x.shape == first for x in arrays):
        return list(arrays)
    shape = common_shape(name, *(x.shape for x in arrays))
    return [x if x.shape == shape else p.broadcast_to(x, shape=shape) for x in arrays]


def boolean(x: ArrayLike) -> Array:
    """x as bool: whether each element is not zero."""
    return convert(asarray(x), bool_)


__all__ = ["array", "asarray", "broadcast_shapes", "result_type"]
