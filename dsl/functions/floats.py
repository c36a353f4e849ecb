"""Parts of floats (signs, exponents, neighbours), and what passes over nan."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import primitives as p
from ..dtypes import DType, bfloat16, bool_, complex128, float64, int8, int32, int64, uint64
from ..errors import DTypeError
from ..primitive import Primitive
from ..primitives.families import zeros_like
from .accuracy import within
from .arithmetic import (
    clip,
    combine,
    floor_divide,
    maximum,
    minimum,
    power,
    remainder,
)
from .convert import (
    ArrayLike,
    asarray,
    broadcast,
    convert,
    inexact,
    lifted,
    real_only,
    result_type,
    to_dtype,
)
from .elementary import float_function, float_function_of_two, inexact_of_two
from .logic import equal, greater, isnan, less, where
from .outputs import store

if TYPE_CHECKING:
    from ..array import Array


def _as_float(x: ArrayLike) -> Array:
    x = asarray(x)
    return convert(x, inexact(x.dtype))


@within(0, np.fabs)
def fabs(x: ArrayLike) -> Array:
    """The magnitude, as a float.

    >>> fabs([-2, 3])
    array([2., 3.])
    """
    return float_function(p.abs_, real_only("fabs", x))


@within(0, np.rint)
def rint(x: ArrayLike) -> Array:
    """The nearest whole number, as a float; a half goes to the even neighbour.

    >>> rint([0.5, 1.5, -1.7])
    array([ 0.,  2., -2.])
    """
    x = asarray(x)
    return float_function(p.round_, x)


@within(0, np.trunc)
def fix(x: ArrayLike, out: Array | None = None) -> Array:
    """x without its fraction.

    >>> fix([2.9, -2.9])
    array([ 2., -2.])
    """
    x = asarray(x)
    return store("fix", p.trunc(x) if x.dtype.is_inexact else x, out)


def copysign(x: ArrayLike, y: ArrayLike) -> Array:
    """The magnitude of x with the sign of y.

    >>> copysign(2.0, [-0.0, 5.0])
    array([-2.,  2.])
    """
    return float_function_of_two("copysign", p.copysign, x, y)


def signbit(x: ArrayLike) -> Array:
    """Whether an element is negative, or a negative zero or nan.

    >>> signbit([-0.0, 1.0])
    array([ True, False])
    """
    x = asarray(x)
    return p.signbit(x) if x.dtype.is_inexact else p.lt(x, zeros_like(x))


def nextafter(x: ArrayLike, y: ArrayLike) -> Array:
    """The next number of the dtype from x towards y.

    >>> nextafter(1.0, 2.0) - 1.0
    array(2.22044605e-16)
    """
    return float_function_of_two("nextafter", p.nextafter, x, y)


def spacing_reference(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """NumPy's spacing, for halves too (where NumPy's own has no sign)."""
    size = np.abs(x)
    gap = np.nextafter(size, x.dtype.type(np.inf)) - size
    return np.asarray(np.where(x < 0, -gap, gap), x.dtype)


@within(0, spacing_reference)
def spacing(x: ArrayLike) -> Array:
    """The distance to the next number away from zero, with the sign of x.

    >>> spacing(1.0)
    array(2.22044605e-16)
    """
    x = _as_float(x)
    size = p.abs_(x)
    gap = p.nextafter(size, zeros_like(x) + math.inf) - size
    return where(less(x, 0), -gap, gap)


def ldexp(x: ArrayLike, n: ArrayLike) -> Array:
    """x * 2**n for whole n, rounded once.

    >>> ldexp(0.75, [1, -1])
    array([1.5  , 0.375])
    """
    x, n = _as_float(x), asarray(n)
    if n.dtype.is_float or n.dtype is uint64:
        raise DTypeError(
            f"ldexp: got exponents of {n.dtype}; they must be of a signed integer type"
        )
    limit = 250 if x.dtype.itemsize == 2 else 5000  # more changes nothing, and half types end there
    bounded = clip(convert(n, int64), -limit, limit)
    return p.ldexp(*broadcast("ldexp", x, convert(bounded, x.dtype)))


def frexp(x: ArrayLike) -> tuple[Array, Array]:
    """(m, e) with x = m * 2**e and 1/2 <= |m| < 1; e is int32, and 0 for zero, inf and nan.

    >>> frexp([8.0, -0.75])
    (array([ 0.5 , -0.75]), array([4, 0], dtype=int32))
    """
    x = _as_float(x)
    return p.mantissa(x), convert(p.exponent(x), int32)


def modf(x: ArrayLike) -> tuple[Array, Array]:
    """The fraction and the whole part of x, both with its sign.

    >>> modf([2.5, -0.25])
    (array([ 0.5 , -0.25]), array([ 2., -0.]))
    """
    x = _as_float(x)
    whole = p.trunc(x)
    # of an infinity the fraction is 0, not inf - inf
    rest = p.where(p.eq(x, whole), zeros_like(x), x - whole)
    return p.copysign(rest, x), whole


def fmod(x: ArrayLike, y: ArrayLike) -> Array:
    """The remainder of x / y with the sign of x; an integer by 0 gives 0.

    >>> fmod([7, -7], 3)
    array([ 1, -1])
    """
    given = lifted(x, y)
    dtype = result_type(*given)
    return combine("fmod", p.fmod, int8 if dtype is bool_ else dtype, *given)


def _passing_nan(
    name: str, primitive: Primitive, of_integers: Any, x: ArrayLike, y: ArrayLike
) -> Array:
    given = lifted(x, y)
    dtype = result_type(*given)
    if dtype.is_complex:  # as maximum and minimum, but for a NaN
        x, y = to_dtype(dtype, *given)
        return where(isnan(y), x, where(isnan(x), y, of_integers(x, y)))
    if dtype.is_float:
        return combine(name, primitive, dtype, *given)
    found: Array = of_integers(*given)
    return found


def fmax(x: ArrayLike, y: ArrayLike) -> Array:
    """The larger of x and y; nan only where both are.

    >>> fmax([1.0, float("nan")], 0.5)
    array([1. , 0.5])
    """
    return _passing_nan("fmax", p.fmax, maximum, x, y)


def fmin(x: ArrayLike, y: ArrayLike) -> Array:
    """The smaller of x and y; nan only where both are.

    >>> fmin([1.0, float("nan")], 0.5)
    array([0.5, 0.5])
    """
    return _passing_nan("fmin", p.fmin, minimum, x, y)


def divmod(x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    """(floor_divide(x, y), remainder(x, y)).

    >>> divmod([7, -7], 2)
    (array([ 3, -4]), array([1, 1]))
    """
    x, y = lifted(x, y)
    return floor_divide(x, y), remainder(x, y)


def float_power(x: ArrayLike, y: ArrayLike) -> Array:
    """x to the power y, in float64 or complex128.

    >>> float_power([2, 3], -1)
    array([0.5       , 0.33333333])
    """
    given = [asarray(z) for z in (x, y)]
    to = complex128 if any(z.dtype.is_complex for z in given) else float64
    return power(*(convert(z, to) for z in given))


def heaviside(x: ArrayLike, y: ArrayLike) -> Array:
    """The step function: 0 below 0, 1 above, y at 0.

    >>> heaviside([-1.0, 0.0, 2.0], 0.5)
    array([0. , 0.5, 1. ])
    """
    given = lifted(real_only("heaviside", x), y)
    x, y = broadcast("heaviside", *to_dtype(inexact_of_two(*given), *given))
    step = where(greater(x, 0), 1, where(less(x, 0), 0, x))
    return where(equal(x, 0), y, step)


def isposinf(x: ArrayLike, out: Array | None = None) -> Array:
    """Whether an element is infinite and positive.

    >>> isposinf([float("inf"), float("-inf"), 1.0])
    array([ True, False, False])
    """
    return store("isposinf", _equals(x, math.inf), out)


def isneginf(x: ArrayLike, out: Array | None = None) -> Array:
    """Whether an element is infinite and negative.

    >>> isneginf([float("inf"), float("-inf"), 1.0])
    array([False,  True, False])
    """
    return store("isneginf", _equals(x, -math.inf), out)


def _equals(x: ArrayLike, value: float) -> Array:
    x = real_only("isposinf" if value > 0 else "isneginf", x)
    return equal(x, value) if x.dtype.is_float else p.ne(x, x)


def nan_to_num(
    x: ArrayLike,
    copy: bool = True,
    nan: float = 0.0,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Array:
    """x with nan and the infinities replaced: by `nan`, and by `posinf` and `neginf` or else the
    largest and the lowest number of the dtype. With `copy=False` x itself is written.

    >>> nan_to_num([float("nan"), float("inf"), 1.0], posinf=9.0)
    array([0., 9., 1.])
    """
    x = asarray(x)
    if not x.dtype.is_inexact:
        return asarray(x, copy=copy or None)
    result = _finite_parts(x, nan, posinf, neginf)
    if copy:
        return result
    x[...] = result
    written: Array = x
    return written


def _finite_parts(x: Array, nan: float, posinf: float | None, neginf: float | None) -> Array:
    if x.dtype.is_complex:
        return p.join(*(_finite(part, nan, posinf, neginf) for part in (p.real(x), p.imag(x))))
    return _finite(x, nan, posinf, neginf)


def _finite(x: Array, nan: float, posinf: float | None, neginf: float | None) -> Array:
    largest = _largest(x.dtype)
    above = largest if posinf is None else posinf
    below = -largest if neginf is None else neginf
    found = where(isnan(x), nan, x)
    return where(isneginf(x), below, where(isposinf(x), above, found))


def _largest(dtype: DType) -> float:
    if dtype is bfloat16:
        return (2.0 - 2.0**-7) * 2.0**127
    return float(np.finfo(dtype.dtype).max)


__all__ = [
    "copysign",
    "divmod",
    "fabs",
    "fix",
    "float_power",
    "fmax",
    "fmin",
    "fmod",
    "frexp",
    "heaviside",
    "isneginf",
    "isposinf",
    "ldexp",
    "modf",
    "nan_to_num",
    "nextafter",
    "rint",
    "signbit",
    "spacing",
]
