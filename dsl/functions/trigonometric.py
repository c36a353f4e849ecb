"""Circular and hyperbolic functions and their inverses, in the float type that NumPy chooses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .. import primitives as p
from ..dtypes import float64
from ..primitives.families import zeros_like
from .accuracy import within
from .convert import ArrayLike, asarray, convert, inexact, real_only
from .elementary import float_function, float_function_of_two

if TYPE_CHECKING:
    from ..array import Array


def sin(x: ArrayLike) -> Array:
    """The sine, of radians."""
    return float_function(p.sin, x)


def cos(x: ArrayLike) -> Array:
    """The cosine, of radians."""
    return float_function(p.cos, x)


def tan(x: ArrayLike) -> Array:
    """The tangent, of radians.

    >>> tan([0.0, 0.25])
    array([0.        , 0.25534192])
    """
    return float_function(p.tan, x)


def arcsin(x: ArrayLike) -> Array:
    """The angle from -pi/2 to pi/2 with the sine x, in radians; nan beyond 1.

    >>> arcsin([0.0, 1.0])
    array([0.        , 1.57079633])
    """
    return float_function(p.asin, x)


def arccos(x: ArrayLike) -> Array:
    """The angle from 0 to pi with the cosine x, in radians; nan beyond 1.

    >>> arccos([0.0, 1.0])
    array([1.57079633, 0.        ])
    """
    return float_function(p.acos, x)


def arctan(x: ArrayLike) -> Array:
    """The angle from -pi/2 to pi/2 with the tangent x, in radians.

    >>> arctan([0.0, 1.0])
    array([0.        , 0.78539816])
    """
    return float_function(p.atan, x)


def arctan2(y: ArrayLike, x: ArrayLike) -> Array:
    """The angle from -pi to pi of the point (x, y), in radians.

    >>> arctan2([1.0, -1.0], [1.0, -1.0])
    array([ 0.78539816, -2.35619449])
    """
    return float_function_of_two("arctan2", p.atan2, y, x)


def hypot(x: ArrayLike, y: ArrayLike) -> Array:
    """sqrt(x**2 + y**2), without overflow on the way.

    >>> hypot(3e300, 4e300)
    array(5.e+300)
    """
    return float_function_of_two("hypot", p.hypot, x, y)


def sinc(x: ArrayLike) -> Array:
    """sin(pi x) / (pi x), and 1 at 0; exactly 0 at the other whole numbers. Float64 for integers.

    >>> sinc([0.0, 0.5, 1.0])
    array([1.        , 0.63661977, 0.        ])
    """
    x = asarray(x)
    if x.dtype.is_complex:
        turns = x * math.pi
        is_zero = p.eq(x, zeros_like(x))
        safe = p.where(is_zero, zeros_like(x) + 1, turns)
        return p.where(is_zero, zeros_like(x) + 1, p.sin(safe) / safe)
    return p.sinc(x if x.dtype.is_float else convert(x, float64))


@within(1.5, np.deg2rad)
def deg2rad(x: ArrayLike) -> Array:
    """Degrees as radians.

    >>> deg2rad(180.0)
    array(3.14159265)
    """
    x = real_only("deg2rad", x)
    return convert(x, inexact(x.dtype)) * (math.pi / 180)


@within(1.5, np.rad2deg)
def rad2deg(x: ArrayLike) -> Array:
    """Radians as degrees.

    >>> rad2deg(1.0)
    array(57.29577951)
    """
    x = real_only("rad2deg", x)
    return convert(x, inexact(x.dtype)) * (180 / math.pi)


def sinh(x: ArrayLike) -> Array:
    """The hyperbolic sine.

    >>> sinh([0.0, 1.0])
    array([0.        , 1.17520119])
    """
    return float_function(p.sinh, x)


def cosh(x: ArrayLike) -> Array:
    """The hyperbolic cosine.

    >>> cosh([0.0, 1.0])
    array([1.        , 1.54308063])
    """
    return float_function(p.cosh, x)


def tanh(x: ArrayLike) -> Array:
    """The hyperbolic tangent."""
    return float_function(p.tanh, x)


def arcsinh(x: ArrayLike) -> Array:
    """The number with the hyperbolic sine x.

    >>> arcsinh([0.0, 1.0])
    array([0.        , 0.88137359])
    """
    return float_function(p.asinh, x)


def arccosh(x: ArrayLike) -> Array:
    """The number that is not negative with the hyperbolic cosine x; nan below 1.

    >>> arccosh([1.0, 2.0])
    array([0.       , 1.3169579])
    """
    return float_function(p.acosh, x)


def arctanh(x: ArrayLike) -> Array:
    """The number with the hyperbolic tangent x; infinite at 1 and -1, nan beyond.

    >>> arctanh([0.0, 0.5])
    array([0.        , 0.54930614])
    """
    return float_function(p.atanh, x)


radians = deg2rad
degrees = rad2deg
asin, acos, atan, atan2 = arcsin, arccos, arctan, arctan2
asinh, acosh, atanh = arcsinh, arccosh, arctanh

__all__ = [
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cos",
    "cosh",
    "deg2rad",
    "degrees",
    "hypot",
    "rad2deg",
    "radians",
    "sin",
    "sinc",
    "sinh",
    "tan",
    "tanh",
]
