"""Parts of complex numbers, their angles and conjugates, and which numbers are real."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .. import primitives as p
from ..dtypes import bool_, complex128, complex_of, float64, int8
from ..primitives.families import zeros_like
from .arithmetic import positive
from .convert import ArrayLike, asarray, convert, inexact
from .ordering import sort
from .reductions import all as all_

if TYPE_CHECKING:
    from ..array import Array


def real(val: ArrayLike) -> Array:
    """The real parts: of a complex array a view, which can be written to; else the array itself.

    >>> real([1 + 2j, 3.0])
    array([1., 3.])
    """
    x = asarray(val)
    return p.real(x) if x.dtype.is_complex else x


def imag(val: ArrayLike) -> Array:
    """The imaginary parts: of a complex array a view, which can be written to; else zeros.

    >>> imag([1 + 2j, 3.0])
    array([2., 0.])
    """
    x = asarray(val)
    if x.dtype.is_complex:
        return p.imag(x)
    zeros: Array = zeros_like(x)
    return zeros


def conjugate(x: ArrayLike) -> Array:
    """The complex conjugates: x + iy for x - iy.

    >>> conjugate([1 + 2j, 3.0])
    array([1.-2.j, 3.-0.j])
    """
    x = asarray(x)
    if x.dtype.is_complex:
        return p.conj_(x)
    return convert(x, int8) if x.dtype is bool_ else positive(x)


conj = conjugate


def angle(z: ArrayLike, deg: bool = False) -> Array:
    """The argument of complex numbers, from -pi to pi: in radians, or with `deg` in degrees.

    >>> angle([1.0, 1j, -2.0])
    array([0.        , 1.57079633, 3.14159265])
    """
    x = asarray(z)
    if x.dtype.is_complex:
        found = p.atan2(p.imag(x), p.real(x))
    else:
        x = convert(x, float64 if x.dtype is bool_ else inexact(x.dtype))
        found = p.atan2(zeros_like(x), x)
    return found * (180 / math.pi) if deg else found


def isreal(x: ArrayLike) -> Array:
    """Whether an element has no imaginary part.

    >>> isreal([1 + 2j, 3.0])
    array([False,  True])
    """
    y = imag(x)
    return p.eq(y, zeros_like(y))


def iscomplex(x: ArrayLike) -> Array:
    """Whether an element has an imaginary part.

    >>> iscomplex([1 + 2j, 3.0])
    array([ True, False])
    """
    y = imag(x)
    return p.ne(y, zeros_like(y))


def real_if_close(a: ArrayLike, tol: float = 100) -> Array:
    """The real parts where all imaginary ones are below `tol`: as a number, or (above 1) in
    machine epsilons. Else the array itself. Waits for the values.

    >>> real_if_close([2.1 + 4e-15j])
    array([2.1])
    """
    x = asarray(a)
    if not x.dtype.is_complex:
        return x
    limit = tol * float(np.finfo(x.dtype.dtype).eps) if tol > 1 else tol
    y = p.abs_(p.imag(x))
    return asarray(p.real(x), copy=True) if bool(all_(p.lt(y, zeros_like(y) + limit))) else x


def sort_complex(a: ArrayLike) -> Array:
    """A sorted copy as complex numbers: by the real parts, equal ones by the imaginary parts.

    >>> sort_complex([3, 1 + 2j, 1 - 1j])
    array([1.-1.j, 1.+2.j, 3.+0.j])
    """
    x = asarray(a)
    small = x.dtype.is_integer and x.dtype.itemsize <= 2
    ordered: Array = sort(x, x.ndim - 1)
    if x.dtype.is_complex:
        return ordered
    to = complex_of(inexact(x.dtype)) if small or x.dtype.is_float else complex128
    return convert(ordered, to)


__all__ = [
    "angle",
    "conj",
    "conjugate",
    "imag",
    "iscomplex",
    "isreal",
    "real",
    "real_if_close",
    "sort_complex",
]
