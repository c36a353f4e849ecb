"""Polynomials and linear algebra: fits by least squares, and zeros as eigenvalues."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import primitives as p
from .. import record
from ..dtypes import float32, float64
from ..errors import ArgumentError, DTypeError, ShapeError
from .convert import ArrayLike, asarray, convert
from .creation import eye
from .elementary import sqrt
from .joining import concatenate
from .linear import matmul, outer
from .numpy_eigenvalues import eigvals
from .products import vander
from .reductions import sum as sum_of
from .shapes import atleast_1d, reshape
from .solving import inv, lstsq

if TYPE_CHECKING:
    from ..array import Array


def roots(p: ArrayLike) -> Array:
    """The zeros of a polynomial given by its coefficients, the highest power first: the
    eigenvalues of its companion matrix, real if all are. Reads which coefficients are zero.

    >>> roots([1, 0, -4])
    array([-2.,  2.])
    """
    given = atleast_1d(p)
    if given.ndim != 1:
        raise ShapeError(f"roots: got {given.shape}; coefficients have one axis")
    x = given if given.dtype.is_float or given.dtype.is_complex else convert(given, float64)
    x = convert(x, float32) if x.dtype.is_float and x.dtype.itemsize < 4 else x
    places = np.flatnonzero(x.numpy())
    if places.size == 0:
        return x[:0]
    first, last = int(places[0]), int(places[-1])
    zeros = record.constant(np.zeros(given.shape[0] - 1 - last), x.dtype)
    kept = x[first : last + 1]
    n = last - first
    if n == 0:
        return zeros
    top = reshape(-(kept[1:] / kept[0]), (1, n))
    companion = concatenate([top, eye(n - 1, n, dtype=x.dtype)], 0)
    return concatenate([eigvals(companion), zeros])


def polyfit(
    x: ArrayLike, y: ArrayLike, deg: int, rcond: float | None = None, full: bool = False,
    w: ArrayLike | None = None, cov: bool | str = False,
) -> Any:  # fmt: skip
    """The polynomial of degree `deg` with the least sum of squared errors at the points (x, y),
    each weighted by w; the highest power first. y may have a second axis: a fit for each column.

    With `full` also the residuals, the rank, the singular values and rcond; with `cov` the
    covariance of the coefficients ("unscaled": not scaled by the errors). Works on concrete arrays.

    >>> polyfit([0.0, 1.0, 2.0], [1.0, 3.0, 5.0], 1).round(6)
    array([2., 1.])
    """
    order = int(deg) + 1
    at, values = _points(x, y, order)
    matrix = vander(at, order)
    if w is not None:
        weights = convert(asarray(w), matrix.dtype)
        if weights.ndim != 1 or weights.shape[0] != values.shape[0]:
            raise DTypeError(f"polyfit: got w of {weights.shape} for {values.shape}")
        column = reshape(weights, (weights.shape[0], 1))
        matrix = matrix * column
        values = values * (column if values.ndim == 2 else weights)
    limit = at.shape[0] * float(np.finfo(at.dtype.real.dtype).eps) if rcond is None else rcond
    scale = sqrt(sum_of(matrix * matrix, 0))
    scaled = matrix / scale
    fitted = lstsq(scaled, values, limit)
    found = fitted.x / (scale if values.ndim == 1 else reshape(scale, (order, 1)))
    if fitted.rank != order and not full:
        text = "polyfit: the points do not determine the polynomial"
        warnings.warn(text, np.exceptions.RankWarning, stacklevel=2)
    if full:
        return found, fitted.residuals, fitted.rank, fitted.singular_values, limit
    if not cov:
        return found
    return found, _covariance(scaled, scale, fitted.residuals, values, order, cov)


def _points(x: ArrayLike, y: ArrayLike, order: int) -> tuple[Array, Array]:
    at, values = asarray(x), asarray(y)
    at, values = (z if z.dtype.is_float else convert(z, float64) for z in (at, values))
    if order < 1:
        raise ArgumentError(f"polyfit: got degree {order - 1}; it must not be negative")
    if at.ndim != 1 or at.size == 0:
        raise DTypeError(f"polyfit: got x of {at.shape}; it takes points in one axis")
    if values.ndim not in (1, 2) or values.shape[0] != at.shape[0]:
        raise DTypeError(f"polyfit: got x of {at.shape} and y of {values.shape}")
    return at, values


def _covariance(
    scaled: Array, scale: Array, residuals: Array, values: Array, order: int, cov: bool | str
) -> Array:
    base: Array = inv(matmul(p.transpose(scaled, axes=(1, 0)), scaled)) / outer(scale, scale)
    if cov == "unscaled":
        factor: Array | float = 1.0
    else:
        free = values.shape[0] - order
        if free <= 0:
            raise ArgumentError(
                f"polyfit: got {values.shape[0]} points; the covariance takes more than {order}"
            )
        factor = residuals / free
    if values.ndim == 1:
        return base * factor
    return reshape(base, (order, order, 1)) * factor


__all__ = ["polyfit", "roots"]
