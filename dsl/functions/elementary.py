"""Roots, exponentials and logarithms, in the float type that NumPy computes in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import primitives as p
from ..dtypes import DType, float64, promote
from ..primitive import Primitive
from .accuracy import within
from .arithmetic import absolute, combine, divide, multiply
from .convert import ArrayLike, asarray, convert, inexact, is_scalar, lifted, result_type
from .logic import equal, where

if TYPE_CHECKING:
    from ..array import Array


def float_function(primitive: Primitive, x: ArrayLike) -> Array:
    """A primitive of floats, applied to x in the float type that NumPy would choose."""
    x = asarray(x)
    return primitive(convert(x, inexact(x.dtype)))


def float_function_of_two(name: str, primitive: Primitive, x: ArrayLike, y: ArrayLike) -> Array:
    """A primitive of two floats, applied in the float type that NumPy would choose."""
    given = lifted(x, y)
    return combine(name, primitive, inexact_of_two(*given), *given)


def inexact_of_two(x: Any, y: Any) -> DType:
    """The float type in which NumPy computes a function of two arrays or scalars: the smallest
    that holds each of them, so uint8 and int8 give float16."""
    if is_scalar(x) or is_scalar(y):
        return inexact(result_type(x, y))
    return promote(inexact(x.dtype), inexact(y.dtype))


def sqrt(x: ArrayLike) -> Array:
    """The square root; nan below 0."""
    return float_function(p.sqrt, x)


def rsqrt(x: ArrayLike) -> Array:
    """1 / sqrt(x)."""
    return float_function(p.rsqrt, x)


@within(0.5, np.square)
def square(x: ArrayLike) -> Array:
    """x * x."""
    x = asarray(x)
    return multiply(x, x)


@within(0.5, np.reciprocal)
def reciprocal(x: ArrayLike) -> Array:
    """1 / x; of integers, the whole part (0 for 0)."""
    x = asarray(x)
    if x.dtype.is_inexact:
        return divide(1, x)
    return where(equal(absolute(x), 1), x, 0)


def exp(x: ArrayLike) -> Array:
    """e to the power x.

    >>> exp([0.0, 1.0])
    array([1.        , 2.71828183])
    """
    return float_function(p.exp, x)


def exp2(x: ArrayLike) -> Array:
    """2 to the power x; exact for whole x.

    >>> exp2([3.0, -1.0])
    array([8. , 0.5])
    """
    return float_function(p.exp2, x)


def expm1(x: ArrayLike) -> Array:
    """exp(x) - 1, exact for small x."""
    return float_function(p.expm1, x)


def log(x: ArrayLike) -> Array:
    """The natural logarithm; -inf at 0, nan below."""
    return float_function(p.log, x)


def log1p(x: ArrayLike) -> Array:
    """log(1 + x), exact for small x."""
    return float_function(p.log1p, x)


def log2(x: ArrayLike) -> Array:
    """The logarithm to base 2; exact for powers of two.

    >>> log2([8.0, 0.25])
    array([ 3., -2.])
    """
    return float_function(p.log2, x)


def log10(x: ArrayLike) -> Array:
    """The logarithm to base 10; exact for powers of ten.

    >>> log10([1000.0, 1.0])
    array([3., 0.])
    """
    return float_function(p.log10, x)


def logaddexp(x: ArrayLike, y: ArrayLike) -> Array:
    """log(exp(x) + exp(y)), without overflow.

    >>> logaddexp(1000.0, 1000.0)
    array(1000.69314718)
    """
    return float_function_of_two("logaddexp", p.logaddexp, x, y)


def logaddexp2(x: ArrayLike, y: ArrayLike) -> Array:
    """log2(exp2(x) + exp2(y)), without overflow.

    >>> logaddexp2(1000.0, 1000.0)
    array(1001.)
    """
    return float_function_of_two("logaddexp2", p.logaddexp2, x, y)


def cbrt(x: ArrayLike) -> Array:
    """The cube root, of negative numbers too.

    >>> cbrt([27.0, -8.0])
    array([ 3., -2.])
    """
    return float_function(p.cbrt, x)


def erf(x: ArrayLike) -> Array:
    """The error function."""
    return float_function(p.erf, x)


def i0(x: ArrayLike) -> Array:
    """The modified Bessel function of the first kind of order 0. Float64 for integers.

    >>> i0([0.0, 1.0])
    array([1.        , 1.26606588])
    """
    x = asarray(x)
    return p.i0(x if x.dtype.is_inexact else convert(x, float64))


def sigmoid(x: ArrayLike) -> Array:
    """1 / (1 + exp(-x)).

    >>> sigmoid(0.0)
    array(0.5)
    """
    return float_function(p.sigmoid, x)


__all__ = [
    "cbrt",
    "erf",
    "exp",
    "exp2",
    "expm1",
    "i0",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "reciprocal",
    "rsqrt",
    "sigmoid",
    "sqrt",
    "square",
]
