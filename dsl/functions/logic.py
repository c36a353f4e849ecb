"""Comparisons, logic on bools, bits of integers, and the choice between arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import primitives as p
from ..dtypes import bool_, int8
from ..errors import DTypeError
from ..primitive import Primitive
from .arithmetic import combine
from .convert import (
    ArrayLike,
    asarray,
    boolean,
    broadcast,
    is_array,
    lifted,
    result_type,
    same_dtype,
)

if TYPE_CHECKING:
    from ..array import Array


def _compare(name: str, primitive: Primitive, x: ArrayLike, y: ArrayLike) -> Array:
    given = lifted(x, y)
    return combine(name, primitive, result_type(*given), *given)


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
    if dtype.is_float:
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
    if x.dtype.is_float:
        raise DTypeError(f"invert: got {x.dtype}; it takes integers and bool")
    return p.bitwise_not(x)


bitwise_not = invert


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
    if not x.dtype.is_float:
        return p.ne(x, x)
    return equal(p.abs_(x), float("inf"))


def isfinite(x: ArrayLike) -> Array:
    """Whether an element is neither infinite nor nan."""
    x = asarray(x)
    if not x.dtype.is_float:
        return p.eq(x, x)
    return less(p.abs_(x), float("inf"))


def where(condition: ArrayLike, x: ArrayLike, y: ArrayLike) -> Array:
    """x where the condition holds, else y.

    >>> where([True, False], [1, 2], 0)
    array([1, 0])
    """
    x, y = same_dtype(x, y)
    return p.where(*broadcast("where", boolean(condition), x, y))


def array_equal(x: ArrayLike, y: ArrayLike) -> bool:
    """Whether two arrays have the same shape and elements. Waits for the values."""
    x, y = asarray(x), asarray(y)
    if x.shape != y.shape:
        return False
    same = equal(x, y)
    return bool(p.min_(same, axes=tuple(range(same.ndim)))) if same.size else True


def isclose(x: ArrayLike, y: ArrayLike, rtol: float = 1e-5, atol: float = 1e-8) -> Array:
    """Whether |x - y| <= atol + rtol * |y|; equal infinities are close."""
    x, y = same_dtype(x, y)
    if not x.dtype.is_float:
        x, y = (asarray(z, "float64") for z in (x, y))
    near = less_equal(abs(x - y), abs(y) * rtol + atol)
    return logical_or(logical_and(near, isfinite(y)), equal(x, y))


def allclose(x: ArrayLike, y: ArrayLike, rtol: float = 1e-5, atol: float = 1e-8) -> bool:
    """Whether all elements are close. Waits for the values."""
    close = isclose(x, y, rtol, atol)
    return bool(p.min_(close, axes=tuple(range(close.ndim)))) if close.size else True


def isscalar(x: object) -> bool:
    """Whether x is a Python scalar, not an array."""
    return not is_array(x) and isinstance(x, bool | int | float)


__all__ = [
    "allclose",
    "array_equal",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
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
