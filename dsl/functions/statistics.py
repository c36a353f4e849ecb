"""Weighted means, covariance, and how much two variables have in common."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..dtypes import DTypeLike, float64
from ..errors import ArgumentError, DivisionError, DTypeError, ShapeError
from ..primitives import join
from .arithmetic import clip, divide, multiply
from .axes import Axis, many_axes
from .complex_numbers import conjugate, imag, real
from .convert import ArrayLike, asarray, convert, result_type
from .diagonals import diag
from .elementary import sqrt
from .joining import concatenate
from .linear import dot
from .logic import equal, less
from .reductions import any as any_
from .reductions import mean
from .reductions import sum as sum_
from .shapes import atleast_2d, broadcast_to, expand_dims, reshape, transpose

if TYPE_CHECKING:
    from ..array import Array


def average(
    a: ArrayLike,
    axis: Axis = None,
    weights: ArrayLike | None = None,
    returned: bool = False,
    *,
    keepdims: bool = False,
) -> Any:
    """The mean over `axis`, with weights; with `returned` also the sum of the weights.

    Raises DivisionError (a ZeroDivisionError) where the weights add up to 0.

    >>> average([1.0, 2.0], weights=[3, 1])
    array(1.25)
    """
    x = asarray(a)
    if weights is None:
        middle = mean(x, axis, keepdims=keepdims)
        return (middle, _spread_count(x, middle)) if returned else middle
    factors = _aligned(x, asarray(weights), axis)
    wanted = result_type(x, factors, *(() if x.dtype.is_inexact else (float64,)))
    scale = sum_(factors, axis, wanted, keepdims=keepdims)
    if bool(any_(equal(scale, 0))):
        raise DivisionError("average: got weights that add up to 0")
    total = sum_(multiply(convert(x, wanted), convert(factors, wanted)), axis, keepdims=keepdims)
    middle = divide(total, scale)
    return (middle, scale) if returned else middle


def _spread_count(x: Array, middle: Array) -> Array:
    count = float(x.size) / float(middle.size) if middle.size else 0.0
    return asarray(broadcast_to(asarray(count, middle.dtype), middle.shape), copy=True)


def _aligned(x: Array, weights: Array, axis: Axis) -> Array:
    """Weights in the shape of x: they have it, or the sizes of the axes that are averaged."""
    if weights.shape == x.shape:
        return weights
    if axis is None:
        raise DTypeError(f"average: got {x.shape} and weights {weights.shape}, and no axis")
    given = (axis,) if isinstance(axis, int) else tuple(axis)
    places = [p % x.ndim for p in given if many_axes("average", given, x.ndim)]
    if weights.shape != tuple(x.shape[p] for p in places):
        raise ShapeError(f"average: got {x.shape} and weights {weights.shape} over axis {axis}")
    # The weights' axes follow the order in which the axes were named.
    ordered = transpose(weights, sorted(range(len(places)), key=places.__getitem__))
    aligned = tuple(n if a in places else 1 for a, n in enumerate(x.shape))
    return broadcast_to(reshape(ordered, aligned), x.shape)


def _variables(m: ArrayLike, y: ArrayLike | None, rowvar: bool, to: Any) -> Array:
    """A variable in each row, in a float type."""
    x = asarray(m)
    if x.ndim > 2:
        raise ArgumentError(f"cov: got {x.shape}; it takes one axis or two")
    other = None if y is None else asarray(y)
    if other is not None and other.ndim > 2:
        raise ArgumentError(f"cov: got y of shape {other.shape}; it takes one axis or two")
    kinds = [x] if other is None else [x, other]
    wanted = result_type(*kinds, float64) if to is None else to
    rows = convert(atleast_2d(x), wanted)
    if not rowvar and x.ndim != 1:
        rows = transpose(rows)
    if other is None:
        return rows
    more = convert(atleast_2d(other), wanted)
    if not rowvar and more.shape[0] != 1:
        more = transpose(more)
    return concatenate([rows, more], 0)


def _checked_weights(name: str, given: ArrayLike, count: int) -> Array:
    weights = asarray(given)
    if name == "fweights" and not weights.dtype.is_integer:
        host = weights.numpy()
        if (host != host.round()).any():
            raise DTypeError("cov: got fweights that are no integers")
    if weights.ndim > 1:
        raise RuntimeError(f"cov: got {name} of shape {weights.shape}; they have one axis")
    if weights.shape[0] != count:
        raise RuntimeError(f"cov: got {weights.shape[0]} {name} for {count} observations")
    if bool(any_(less(weights, 0))):
        raise ArgumentError(f"cov: got {name} below 0")
    return convert(weights, float64)


def _weights(fweights: ArrayLike | None, aweights: ArrayLike | None, count: int) -> Array | None:
    """The weight of each observation, or None where all count alike."""
    given = {"fweights": fweights, "aweights": aweights}
    checked = [_checked_weights(name, w, count) for name, w in given.items() if w is not None]
    return math.prod(checked[1:], start=checked[0]) if checked else None


def _freedom(x: Array, weights: Array | None, total: Array, aweights: Any, freedom: int) -> Any:
    """What the sum of products is divided by."""
    if weights is None:
        return x.shape[1] - freedom
    if freedom == 0 or aweights is None:
        return total[0] - freedom
    return total[0] - divide(sum_(weights * asarray(aweights)), total[0]) * freedom


def cov(
    m: ArrayLike,
    y: ArrayLike | None = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: ArrayLike | None = None,
    aweights: ArrayLike | None = None,
    *,
    dtype: DTypeLike | None = None,
) -> Array:
    """The covariance of variables, one in a row (or a column, without `rowvar`), over
    observations.

    Divided by the number of observations less 1 (`bias`: less 0; `ddof`: less that). Observations
    may count several times (fweights) or have a weight (aweights).

    >>> cov([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]).tolist()
    [[1.0, 2.0], [2.0, 4.0]]
    """
    if ddof is not None and ddof != int(ddof):
        raise ArgumentError(f"cov: got ddof {ddof}; it must be an integer")
    x = _variables(m, y, rowvar, dtype and asarray(0, dtype).dtype)
    if x.shape[0] == 0:
        return reshape(x[:0, :0], (0, 0))
    freedom = (0 if bias else 1) if ddof is None else int(ddof)
    weights = _weights(fweights, aweights, x.shape[1])
    middle, total = average(x, axis=1, weights=weights, returned=True)
    left = _freedom(x, weights, total, aweights, freedom)
    left = clip(asarray(left, x.dtype.real), 0, None)
    apart = x - expand_dims(middle, 1)
    scaled = apart if weights is None else apart * weights
    found = divide(dot(apart, conjugate(transpose(scaled))), left)
    return reshape(found, ()) if found.size == 1 else found


def corrcoef(
    x: ArrayLike, y: ArrayLike | None = None, rowvar: bool = True, *, dtype: DTypeLike | None = None
) -> Array:
    """The correlation of variables: their covariance over the product of standard deviations.

    >>> corrcoef([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]).round(12).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return divide(c, c)
    deviation = sqrt(real(diag(c)))
    scaled = divide(divide(c, expand_dims(deviation, 1)), expand_dims(deviation, 0))
    if scaled.dtype.is_complex:
        return join(clip(real(scaled), -1, 1), clip(imag(scaled), -1, 1))
    return clip(scaled, -1, 1)


__all__ = ["average", "corrcoef", "cov"]
