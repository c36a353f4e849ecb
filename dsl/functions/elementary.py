"""Roots, exponentials, logarithms and their like, in the float type that NumPy computes in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import primitives as p
from ..primitive import Primitive
from .arithmetic import absolute, divide, multiply, power
from .convert import ArrayLike, asarray, convert, inexact
from .logic import equal, where

if TYPE_CHECKING:
    from ..array import Array


def _float_function(primitive: Primitive, x: ArrayLike) -> Array:
    x = asarray(x)
    return primitive(convert(x, inexact(x.dtype)))


def sqrt(x: ArrayLike) -> Array:
    """The square root; nan below 0."""
    return _float_function(p.sqrt, x)


def rsqrt(x: ArrayLike) -> Array:
    """1 / sqrt(x)."""
    return _float_function(p.rsqrt, x)


def square(x: ArrayLike) -> Array:
    """x * x."""
    x = asarray(x)
    return multiply(x, x)


def reciprocal(x: ArrayLike) -> Array:
    """1 / x; of integers, the whole part (0 for 0)."""
    x = asarray(x)
    if x.dtype.is_float:
        return divide(1, x)
    return where(equal(absolute(x), 1), x, 0)


def exp(x: ArrayLike) -> Array:
    """e to the power x.

    >>> exp([0.0, 1.0])
    array([1.        , 2.71828183])
    """
    return _float_function(p.exp, x)


def exp2(x: ArrayLike) -> Array:
    """2 to the power x."""
    x = asarray(x)
    return power(2.0, convert(x, inexact(x.dtype)))


def expm1(x: ArrayLike) -> Array:
    """exp(x) - 1, exact for small x."""
    return _float_function(p.expm1, x)


def log(x: ArrayLike) -> Array:
    """The natural logarithm; -inf at 0, nan below."""
    return _float_function(p.log, x)


def log1p(x: ArrayLike) -> Array:
    """log(1 + x), exact for small x."""
    return _float_function(p.log1p, x)


def log2(x: ArrayLike) -> Array:
    """The logarithm to base 2."""
    return log(x) * 1.4426950408889634


def log10(x: ArrayLike) -> Array:
    """The logarithm to base 10."""
    return log(x) * 0.4342944819032518


def sin(x: ArrayLike) -> Array:
    """The sine, of radians."""
    return _float_function(p.sin, x)


def cos(x: ArrayLike) -> Array:
    """The cosine, of radians."""
    return _float_function(p.cos, x)


def tanh(x: ArrayLike) -> Array:
    """The hyperbolic tangent."""
    return _float_function(p.tanh, x)


def erf(x: ArrayLike) -> Array:
    """The error function."""
    return _float_function(p.erf, x)


def sigmoid(x: ArrayLike) -> Array:
    """1 / (1 + exp(-x)).

    >>> sigmoid(0.0)
    array(0.5)
    """
    return _float_function(p.sigmoid, x)


__all__ = [
    "cos",
    "erf",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "reciprocal",
    "rsqrt",
    "sigmoid",
    "sin",
    "sqrt",
    "square",
    "tanh",
]
