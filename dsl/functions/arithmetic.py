"""Elementwise mathematics, with NumPy's names, promotion and broadcasting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import primitives as p
from .. import record
from ..dtypes import DType, bool_, float64, int8
from ..errors import ArgumentError, DTypeError
from ..primitive import Primitive
from .convert import (
    ArrayLike,
    asarray,
    broadcast,
    convert,
    is_array,
    is_scalar,
    lifted,
    result_type,
    to_dtype,
)
from .outputs import store

if TYPE_CHECKING:
    from ..array import Array


def _whole(primitive: Primitive, x: ArrayLike) -> Array:
    """floor and its like: integers are whole already."""
    x = asarray(x)
    return primitive(x) if x.dtype.is_inexact else x


def _no_bool(name: str, dtype: DType, instead: str) -> None:
    if dtype is bool_:
        raise DTypeError(f"{name}: got bool; use {instead}")


def combine(name: str, primitive: Primitive, dtype: DType, *given: Any) -> Array:
    """Apply an elementwise primitive in `dtype` to arrays and scalars of any fitting shapes."""
    return primitive(*broadcast(name, *to_dtype(dtype, *given)))


def _binary(name: str, primitive: Primitive, x: ArrayLike, y: ArrayLike) -> Array:
    given = lifted(x, y)
    return combine(name, primitive, result_type(*given), *given)


def _binary_or_bool(
    name: str, primitive: Primitive, on_bool: Primitive, x: ArrayLike, y: ArrayLike
) -> Array:
    given = lifted(x, y)
    dtype = result_type(*given)
    return combine(name, on_bool if dtype is bool_ else primitive, dtype, *given)


def add(x: ArrayLike, y: ArrayLike) -> Array:
    """x + y; of bools, whether either holds.

    >>> add([1.0, 2.0], 0.5)
    array([1.5, 2.5])
    """
    return _binary_or_bool("add", p.add, p.bitwise_or, x, y)


def subtract(x: ArrayLike, y: ArrayLike) -> Array:
    """x - y."""
    given = lifted(x, y)
    dtype = result_type(*given)
    _no_bool("subtract", dtype, "logical_xor")
    return combine("subtract", p.sub, dtype, *given)


def multiply(x: ArrayLike, y: ArrayLike) -> Array:
    """x * y; of bools, whether both hold."""
    return _binary_or_bool("multiply", p.mul, p.bitwise_and, x, y)


def divide(x: ArrayLike, y: ArrayLike) -> Array:
    """x / y, in float64 for integers.

    >>> divide([1, 2], 4)
    array([0.25, 0.5 ])
    """
    given = lifted(x, y)
    dtype = result_type(*given)
    return combine("divide", p.div, dtype if dtype.is_inexact else float64, *given)


true_divide = divide


def _integer_division(name: str, primitive: Primitive, x: ArrayLike, y: ArrayLike) -> Array:
    given = lifted(x, y)
    dtype = result_type(*given)
    return combine(name, primitive, int8 if dtype is bool_ else dtype, *given)


def floor_divide(x: ArrayLike, y: ArrayLike) -> Array:
    """x / y rounded down; an integer over 0 gives 0.

    >>> floor_divide([7, -7], 2)
    array([ 3, -4])
    """
    return _integer_division("floor_divide", p.floordiv, x, y)


def remainder(x: ArrayLike, y: ArrayLike) -> Array:
    """x - y * floor_divide(x, y), with the sign of y; an integer over 0 gives 0.

    >>> remainder([7, -7], 3)
    array([1, 2])
    """
    return _integer_division("remainder", p.mod, x, y)


mod = remainder


def power(x: ArrayLike, y: ArrayLike) -> Array:
    """x to the power y; integers stay integers and wrap.

    >>> power([2, 3], 5)
    array([ 32, 243])
    """
    given = lifted(x, y)
    dtype = result_type(*given)
    if not dtype.is_inexact:
        return _integer_power(int8 if dtype is bool_ else dtype, *given)
    if is_scalar(given[1]) and is_array(given[0]):
        simple = _simple_power(convert(given[0], dtype), complex(given[1]))
        if simple is not None:
            return simple
    return combine("power", p.pow_, dtype, *given)


pow = power


def _simple_power(x: Array, exponent: complex) -> Array | None:
    """NumPy's shortcuts for exponents that have them."""
    if exponent == 2.0:
        return p.mul(x, x)
    if exponent == 1.0:
        return asarray(x, copy=True)
    if exponent == 0.5:
        return p.sqrt(x)
    return 1 / x if exponent == -1.0 else None


def _integer_power(dtype: DType, x: Any, y: Any) -> Array:
    """Repeated squaring over the bits of the exponent, as many as it can have."""
    negative = "power: got a negative integer exponent for integers; use a float, as in 2.0 ** x"
    if is_scalar(y):
        if y < 0:
            raise ValueError(negative)
        return _power_by_int(to_dtype(dtype, x)[0], int(y))
    base, exponent = broadcast("power", *to_dtype(dtype, x, y))
    bits = dtype.bits - (dtype.kind == "i")
    if not record.is_tracing() and exponent.size:
        if dtype.kind == "i" and p.min_(exponent, axes=tuple(range(exponent.ndim))).item() < 0:
            raise ValueError(negative)
        largest = p.max_(exponent, axes=tuple(range(exponent.ndim))).item()
        bits = int(largest).bit_length()
    result = base * 0 + 1
    for bit in range(bits):
        is_set = p.ne(exponent & (1 << bit), exponent * 0)
        result = p.where(is_set, result * base, result)
        base = base * base
    return result


def _power_by_int(x: Array, exponent: int) -> Array:
    result = None
    while exponent:
        if exponent & 1:
            result = x if result is None else result * x
        exponent >>= 1
        x = x * x if exponent else x
    return x * 0 + 1 if result is None else asarray(result, copy=result is x or None)


def maximum(x: ArrayLike, y: ArrayLike) -> Array:
    """The larger of x and y; nan where either is nan.

    >>> maximum([1.0, 5.0], 2.0)
    array([2., 5.])
    """
    return _binary_or_bool("maximum", p.maximum, p.bitwise_or, x, y)


def minimum(x: ArrayLike, y: ArrayLike) -> Array:
    """The smaller of x and y; nan where either is nan."""
    return _binary_or_bool("minimum", p.minimum, p.bitwise_and, x, y)


def clip(
    a: ArrayLike,
    min: ArrayLike | None = None,
    max: ArrayLike | None = None,
    out: Array | None = None,
    *,
    a_min: ArrayLike | None = None,
    a_max: ArrayLike | None = None,
) -> Array:
    """a brought into [min, max], which NumPy also calls a_min and a_max; None is no limit.

    >>> clip([1, 5, 9], 2, 8)
    array([2, 5, 8])
    """
    if (a_min is not None or a_max is not None) and (min is not None or max is not None):
        raise ArgumentError("clip: got a_min or a_max and min or max; they are the same limits")
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    result = asarray(a)
    given = lifted(result, low, high) if low is not None and high is not None else []
    wanted = result_type(*given) if given else bool_
    if given and wanted is not bool_ and not wanted.is_complex:
        result = combine("clip", p.clip, wanted, *given)
    else:
        result = result if low is None else maximum(result, low)
        result = result if high is None else minimum(result, high)
    return result if out is None else store("clip", result, out)


def negative(x: ArrayLike) -> Array:
    """-x."""
    x = asarray(x)
    _no_bool("negative", x.dtype, "logical_not")
    return p.neg(x)


def positive(x: ArrayLike) -> Array:
    """+x: a copy."""
    x = asarray(x)
    _no_bool("positive", x.dtype, "the array itself")
    return asarray(x, copy=True)


def absolute(x: ArrayLike) -> Array:
    """The magnitude of each element.

    >>> absolute([-1.5, 2.0])
    array([1.5, 2. ])
    """
    x = asarray(x)
    return x if x.dtype is bool_ else p.abs_(x)


abs = absolute


def sign(x: ArrayLike) -> Array:
    """-1, 0 or 1; nan for nan."""
    x = asarray(x)
    _no_bool("sign", x.dtype, "the array itself")
    return p.sign(x)


def floor(x: ArrayLike) -> Array:
    """The largest whole number that is not above x."""
    return _whole(p.floor, x)


def ceil(x: ArrayLike) -> Array:
    """The smallest whole number that is not below x."""
    return _whole(p.ceil, x)


def trunc(x: ArrayLike) -> Array:
    """x without its fraction."""
    return _whole(p.trunc, x)


def round(a: ArrayLike, decimals: int = 0, out: Array | None = None) -> Array:
    """a to `decimals` places; a half goes to the even neighbour.

    >>> round([0.5, 1.5, 2.5])
    array([0., 2., 2.])
    """
    x = asarray(a)
    if decimals < 0 or (x.dtype.is_inexact and decimals):
        scale = 10.0 ** (decimals if decimals > 0 else -decimals)
        y = x if x.dtype.is_inexact else convert(x, float64)
        near = p.round_(y * scale) / scale if decimals > 0 else p.round_(y / scale) * scale
        return store("round", convert(near, x.dtype), out)
    return store("round", _whole(p.round_, x), out)


around = round


def stop_gradient(x: ArrayLike) -> Array:
    """x, through which no gradient flows."""
    return p.stop_gradient(asarray(x))


__all__ = [
    "abs",
    "absolute",
    "add",
    "around",
    "ceil",
    "clip",
    "divide",
    "floor",
    "floor_divide",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "negative",
    "positive",
    "pow",
    "power",
    "remainder",
    "round",
    "sign",
    "stop_gradient",
    "subtract",
    "true_divide",
    "trunc",
]
