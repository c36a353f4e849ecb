"""Comparisons, logic on bools, bits of integers, and the choice between arrays."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from .. import primitives as p
from ..dtypes import DType, bool_, int8, uint64
from ..errors import ArgumentError, DTypeError, ShapeError
from ..primitive import Primitive
from .arithmetic import combine
from .convert import (
    ArrayLike,
    asarray,
    boolean,
    broadcast,
    is_array,
    is_scalar,
    lifted,
    result_type,
    same_dtype,
)
from .selection import nonzero

if TYPE_CHECKING:
    from ..array import Array


_COMPARISONS = {
    "equal": operator.eq, "not_equal": operator.ne, "less": operator.lt,
    "less_equal": operator.le, "greater": operator.gt, "greater_equal": operator.ge,
}  # fmt: skip


def _compare(name: str, primitive: Primitive, x: ArrayLike, y: ArrayLike) -> Array:
    given = lifted(x, y)
    dtype = result_type(*given)
    if dtype.is_integer and any(_is_beyond(dtype, v) for v in given):
        # Whatever the elements are, the answer is that of 0, which lies on the same side.
        answer = _COMPARISONS[name](*(v if is_scalar(v) else 0 for v in given))
        shape = next((v.shape for v in given if is_array(v)), ())
        return p.full(shape=shape, value=answer, dtype=bool_)
    if dtype.is_float and all(is_array(v) and v.dtype.is_integer for v in given):
        return _of_signs(name, primitive, *given)
    return combine(name, primitive, dtype, *given)


def _is_beyond(dtype: DType, v: Any) -> bool:
    """Whether v is a Python integer that the data type cannot hold."""
    low = -(2 ** (dtype.bits - 1)) if dtype.kind == "i" else 0
    return type(v) is int and not low <= v < low + 2**dtype.bits


def _of_signs(name: str, primitive: Primitive, x: Array, y: Array) -> Array:
    """uint64 with signed integers, exactly: what is negative is less than any unsigned number."""
    flip = x.dtype.kind == "u"
    signed = y if flip else x
    answer = _COMPARISONS[name](0, -1) if flip else _COMPARISONS[name](-1, 0)
    exact = combine(name, primitive, uint64, x, y)
    below = combine(name, p.lt, signed.dtype, signed, 0)
    return where(below, answer, exact)


def equal(x: ArrayLike, y: ArrayLike) -> Array:
    """x == y, elementwise.

    >>> equal([1, 2], 2)
    array([False,  True])
    """
    return _compare("equal", p.eq, x, y)


def not_equal(x: ArrayLike, y: ArrayLike) -> Array:
    """x != y, elementwise."""
    return _compare("not_equal", p.ne, x, y)


def less(x: ArrayLike, y: ArrayLike) -> Array:
    """x < y, elementwise."""
    return _compare("less", p.lt, x, y)


def less_equal(x: ArrayLike, y: ArrayLike) -> Array:
    """x <= y, elementwise."""
    return _compare("less_equal", p.le, x, y)


def greater(x: ArrayLike, y: ArrayLike) -> Array:
    """x > y, elementwise."""
    return _compare("greater", p.gt, x, y)


def greater_equal(x: ArrayLike, y: ArrayLike) -> Array:
    """x >= y, elementwise."""
    return _compare("greater_equal", p.ge, x, y)


def logical_not(x: ArrayLike) -> Array:
    """Whether an element is zero (false)."""
    return p.bitwise_not(boolean(x))


def logical_and(x: ArrayLike, y: ArrayLike) -> Array:
    """Whether both elements are not zero."""
    return p.bitwise_and(*broadcast("logical_and", boolean(x), boolean(y)))


def logical_or(x: ArrayLike, y: ArrayLike) -> Array:
    """Whether either element is not zero."""
    return p.bitwise_or(*broadcast("logical_or", boolean(x), boolean(y)))


def logical_xor(x: ArrayLike, y: ArrayLike) -> Array:
    """Whether exactly one element is not zero."""
    return p.bitwise_xor(*broadcast("logical_xor", boolean(x), boolean(y)))


def _bits(name: str, primitive: Primitive, x: ArrayLike, y: ArrayLike) -> Array:
    given = lifted(x, y)
    dtype = result_type(*given)
    if dtype.is_inexact:
        raise DTypeError(f"{name}: got {dtype}; it takes integers and bool")
    if dtype is bool_ and name.endswith("shift"):
        dtype = int8
    return combine(name, primitive, dtype, *given)


def bitwise_and(x: ArrayLike, y: ArrayLike) -> Array:
    """The bits that both have."""
    return _bits("bitwise_and", p.bitwise_and, x, y)


def bitwise_or(x: ArrayLike, y: ArrayLike) -> Array:
    """The bits that either has."""
    return _bits("bitwise_or", p.bitwise_or, x, y)


def bitwise_xor(x: ArrayLike, y: ArrayLike) -> Array:
    """The bits that exactly one has."""
    return _bits("bitwise_xor", p.bitwise_xor, x, y)


def left_shift(x: ArrayLike, y: ArrayLike) -> Array:
    """x with its bits moved up by y.

    >>> left_shift([1, 3], 2)
    array([ 4, 12])
    """
    return _bits("left_shift", p.shift_left, x, y)


def right_shift(x: ArrayLike, y: ArrayLike) -> Array:
    """x with its bits moved down by y; the sign stays."""
    return _bits("right_shift", p.shift_right, x, y)


def invert(x: ArrayLike) -> Array:
    """All bits turned over; `not` for bools."""
    x = asarray(x)
    if x.dtype.is_inexact:
        raise DTypeError(f"invert: got {x.dtype}; it takes integers and bool")
    return p.bitwise_not(x)


bitwise_not = bitwise_invert = invert
bitwise_left_shift, bitwise_right_shift = left_shift, right_shift


def isnan(x: ArrayLike) -> Array:
    """Whether an element is not a number.

    >>> isnan([1.0, float("nan")])
    array([False,  True])
    """
    x = asarray(x)
    return p.ne(x, x)


def isinf(x: ArrayLike) -> Array:
    """Whether an element is infinite."""
    x = asarray(x)
    if x.dtype.is_complex:
        return logical_or(isinf(p.real(x)), isinf(p.imag(x)))
    if not x.dtype.is_float:
        return p.ne(x, x)
    return equal(p.abs_(x), float("inf"))


def isfinite(x: ArrayLike) -> Array:
    """Whether an element is neither infinite nor nan."""
    x = asarray(x)
    if x.dtype.is_complex:
        return logical_and(isfinite(p.real(x)), isfinite(p.imag(x)))
    if not x.dtype.is_float:
        return p.eq(x, x)
    return less(p.abs_(x), float("inf"))


@overload
def where(condition: ArrayLike, /) -> tuple[Array, ...]: ...


@overload
def where(condition: ArrayLike, x: ArrayLike, y: ArrayLike, /) -> Array: ...


def where(condition: ArrayLike, x: ArrayLike | None = None, y: ArrayLike | None = None, /) -> Any:
    """x where the condition holds, else y; without them the places where it holds, as `nonzero`.

    >>> where([True, False], [1, 2], 0)
    array([1, 0])
    """
    if x is None and y is None:
        return nonzero(condition)
    if x is None or y is None:
        raise ArgumentError("where: got one of x and y; it takes both, or neither")
    x, y = same_dtype(x, y)
    return p.where(*broadcast("where", boolean(condition), x, y))


def _all(x: Array) -> bool:
    return bool(p.min_(x, axes=tuple(range(x.ndim)))) if x.size else True


def array_equal(a1: ArrayLike, a2: ArrayLike, equal_nan: bool = False) -> bool:
    """Whether two arrays have the same shape and elements. Waits for the values."""
    x, y = asarray(a1), asarray(a2)
    return x.shape == y.shape and _all(_same(x, y, equal_nan))


def array_equiv(a1: ArrayLike, a2: ArrayLike) -> bool:
    """Whether two arrays broadcast to equal ones. Waits for the values.

    >>> array_equiv([1, 1], 1)
    True
    """
    x, y = asarray(a1), asarray(a2)
    try:
        return _all(equal(x, y))
    except ShapeError:
        return False


def _same(x: Array, y: Array, equal_nan: bool) -> Array:
    same = equal(x, y)
    return logical_or(same, logical_and(isnan(x), isnan(y))) if equal_nan else same


def isclose(
    a: ArrayLike, b: ArrayLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Array:
    """Whether |a - b| <= atol + rtol * |b|; equal infinities are close."""
    x, y = same_dtype(a, b)
    if not x.dtype.is_inexact:
        x, y = (asarray(z, "float64") for z in (x, y))
    near = less_equal(abs(x - y), abs(y) * rtol + atol)
    return logical_or(logical_and(near, isfinite(y)), _same(x, y, equal_nan))


def allclose(
    a: ArrayLike, b: ArrayLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether all elements are close. Waits for the values."""
    return _all(isclose(a, b, rtol, atol, equal_nan))


def isscalar(element: object) -> bool:
    """Whether it is a number or text of Python or NumPy, not an array."""
    return not is_array(element) and bool(np.isscalar(element))


__all__ = [
    "allclose",
    "array_equal",
    "array_equiv",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "equal",
    "greater",
    "greater_equal",
    "invert",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "isscalar",
    "left_shift",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "not_equal",
    "right_shift",
    "where",
]
