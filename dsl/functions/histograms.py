"""Histograms of one variable and of several."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import bool_, float64, int64, uint8
from ..errors import ArgumentError, DTypeError, ShapeError
from .arithmetic import divide, subtract
from .convert import ArrayLike, asarray, convert, on_host, result_type
from .creation import zeros
from .differences import diff
from .grids import ravel_multi_index
from .logic import equal, less, logical_and, where
from .quantiles import percentile
from .reductions import max as max_
from .reductions import min as min_
from .reductions import ptp, std
from .reductions import sum as sum_
from .searching import count_into, search
from .shapes import atleast_2d, ravel, reshape, transpose
from .spaces import linspace

if TYPE_CHECKING:
    from ..array import Array

Range = Sequence[float] | None
_RULES = ("auto", "doane", "fd", "rice", "scott", "sqrt", "stone", "sturges")


def _values(a: ArrayLike) -> Array:
    x = ravel(a)
    return convert(x, uint8) if x.dtype is bool_ else x


def _weights_of(x: Array, weights: ArrayLike | None, shape: Any) -> Array | None:
    if weights is None:
        return None
    given = asarray(weights)
    if given.shape != shape:
        raise ShapeError(f"histogram: got weights {given.shape} for {shape}; they must be equal")
    return ravel(given)


def _ends(x: Array, limits: Range) -> tuple[float, float]:
    """The lowest and the highest edge: as given, or those of the values."""
    if limits is not None:
        low, high = (float(v) for v in limits)
        if low > high:
            raise ArgumentError(f"histogram: got range {limits}; the first end must be the lower")
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ArgumentError(f"histogram: got range {limits}; its ends must be finite")
    elif x.size == 0:
        low, high = 0.0, 1.0
    else:
        low, high = float(min_(x)), float(max_(x))
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ArgumentError(f"histogram: got values from {low} to {high}; they must be finite")
    return (low - 0.5, high + 0.5) if low == high else (low, high)


def _width(x: Array, how: str) -> Any:
    """The width of bins that a rule gives, 0 where it gives none."""
    n, extent = int(x.size), float(ptp(x))
    if how == "sqrt":
        return extent / math.sqrt(n)
    if how == "sturges":
        return extent / (math.log2(n) + 1.0)
    if how == "rice":
        return extent / (2.0 * n ** (1.0 / 3))
    if how == "fd":
        upper, lower = (float(percentile(x, q)) for q in (75, 25))
        return 2.0 * (upper - lower) * n ** (-1.0 / 3.0)
    if how == "auto":  # by the spread or by Sturges, and no more than twice the root of n
        return min(max(_width(x, "fd"), _width(x, "sqrt") / 2), _width(x, "sturges"))
    deviation = float(std(convert(x, float64)))
    if how == "scott":
        return (24.0 * math.pi**0.5 / n) ** (1.0 / 3.0) * deviation
    if n <= 2 or deviation == 0:
        return 0.0
    unit = (6.0 * (n - 2) / ((n + 1.0) * (n + 3))) ** 0.5
    apart = divide(subtract(x, float(sum_(convert(x, float64))) / n), deviation)
    skew = abs(float(sum_(apart * apart * apart)) / n)
    return extent / (1.0 + math.log2(n) + math.log2(1.0 + skew / unit))


def _stone(x: Array, limits: Range) -> float:
    """The width with the least estimated square error by leaving one out (Stone, 1984)."""
    n, extent = int(x.size), float(ptp(x))
    if n <= 1 or extent == 0:
        return 0.0
    most = max(100, int(math.sqrt(n)))
    losses = []
    for count in range(1, most + 1):
        shares = histogram(x, count, limits)[0].numpy() / n
        losses.append((2 - (n + 1) * float(shares @ shares)) * count / extent)
    best = int(np.argmin(losses)) + 1
    if best == most:
        warnings.warn("histogram: 'stone' took the most bins it tries", RuntimeWarning, 4)
    return extent / best


def _count_of(x: Array, how: str, ends: tuple[float, float], limits: Range) -> int:
    if how not in _RULES:
        raise ArgumentError(f"histogram: got bins {how!r}; the rules are {', '.join(_RULES)}")
    if limits is not None:
        host = x.numpy()
        x = asarray(host[(host >= ends[0]) & (host <= ends[1])])
    if x.size == 0:
        return 1
    width = _stone(x, limits) if how == "stone" else _width(x, how)
    if x.dtype.is_integer and 0 < width < 1:
        width = 1.0
    return math.ceil((ends[1] - ends[0]) / width) if width else 1


def histogram_bin_edges(
    a: ArrayLike, bins: Any = 10, range: Range = None, weights: ArrayLike | None = None
) -> Array:
    """The edges of the bins that `histogram` counts in.

    `bins` is their number, their edges, or a rule: "auto", "doane",
    "fd", "rice", "scott", "sqrt", "stone", "sturges".

    >>> histogram_bin_edges([0.0, 1.0], 2)
    array([0. , 0.5, 1. ])
    """
    x = _values(a)
    _weights_of(x, weights, asarray(a).shape)
    if isinstance(bins, str):
        if weights is not None:
            raise DTypeError("histogram: got a rule and weights; a rule takes none")
        ends = _ends(x, range)
        return _even(ends, _count_of(x, bins, ends, range), x)
    if np.ndim(bins) == 0:
        try:
            count = bins.__index__()
        except (AttributeError, TypeError):
            raise DTypeError(f"histogram: got bins {bins!r}; an integer, a rule or edges") from None
        if count < 1:
            raise ArgumentError(f"histogram: got {count} bins; it takes one or more")
        return _even(_ends(x, range), count, x)
    edges = asarray(bins)
    if edges.ndim != 1:
        raise ArgumentError(f"histogram: got edges of shape {edges.shape}; they have one axis")
    host = on_host(bins)
    if (host[1:] < host[:-1]).any():
        raise ArgumentError("histogram: got edges that fall; they must rise")
    return edges


def _even(ends: tuple[float, float], count: int, x: Array) -> Array:
    kind = x.dtype if x.dtype.is_float else float64
    edges: Array = linspace(ends[0], ends[1], count + 1, dtype=result_type(kind, float64, x))
    return convert(edges, x.dtype) if x.dtype.is_float else edges


def _number(x: Array, edges: Array) -> tuple[Array, Array]:
    """The bin of each value, and whether it is in one; the last bin holds its upper edge."""
    found = search(edges, x, right=True)
    count = edges.shape[0] - 1
    found = where(equal(x, edges[-1]), count, found)
    inside = logical_and(less(0, found), less(found, count + 1))
    return found - 1, inside


def histogram(
    a: ArrayLike,
    bins: Any = 10,
    range: Range = None,
    density: bool | None = None,
    weights: ArrayLike | None = None,
) -> tuple[Array, Array]:
    """How many values fall into each bin (or their weights, or their density), and the edges.

    >>> histogram([1, 2, 1], bins=[0, 1, 2, 3])
    (array([0, 2, 1]), array([0, 1, 2, 3]))
    """
    x = _values(a)
    edges = histogram_bin_edges(a, bins, range, weights)
    factors = _weights_of(x, weights, asarray(a).shape)
    count = max(edges.shape[0] - 1, 0)
    if count == 0:
        kind = int64 if factors is None else factors.dtype
        return zeros((0,), kind), edges
    where_, inside = _number(x, edges)
    # What is in no bin goes to one more, which is cut off.
    places = where(inside, where_, count)
    counts = count_into(places, factors, count + 1)[:count]
    if factors is not None and not factors.dtype.is_float:
        counts = convert(counts, int64 if factors.dtype is bool_ else factors.dtype)
    elif factors is not None:
        counts = convert(counts, factors.dtype)
    if density:
        widths = convert(diff(edges), float64)
        return divide(divide(counts, widths), sum_(counts)), edges
    return asarray(counts, copy=True), edges


def histogramdd(
    sample: Any,
    bins: Any = 10,
    range: Sequence[Range] | None = None,
    density: bool | None = None,
    weights: ArrayLike | None = None,
) -> tuple[Array, list[Array]]:
    """How many points (rows of `sample`) fall into each cell of a grid, and its edges by axis."""
    points = _points(sample)
    n_axes = points.shape[1]
    given = [bins] * n_axes if np.ndim(bins) == 0 else list(bins)
    limits = [None] * n_axes if range is None else list(range)
    if len(given) != n_axes or len(limits) != n_axes:
        raise ArgumentError(f"histogramdd: got bins or ranges for other than {n_axes} axes")
    edges, places, inside = [], [], None
    for i, (of_axis, ends) in enumerate(zip(given, limits, strict=True)):
        column = points[:, i]
        edge = histogram_bin_edges(column, of_axis, ends)
        if edge.dtype.is_integer and np.ndim(of_axis) == 0:
            edge = convert(edge, float64)
        at, fits = _number(column, edge)
        edges.append(edge)
        places.append(where(fits, at, 0))
        inside = fits if inside is None else logical_and(inside, fits)
    shape = tuple(e.shape[0] - 1 for e in edges)
    total = math.prod(shape)
    flat = where(inside, ravel_multi_index(places, shape), total)
    factors = _weights_of(points, weights, (points.shape[0],))
    counts = reshape(convert(count_into(flat, factors, total + 1)[:total], float64), shape)
    if density:
        counts = divide(counts, sum_(counts))
        for i, edge in enumerate(edges):
            aligned = tuple(-1 if a == i else 1 for a in np.arange(n_axes))
            counts = divide(counts, reshape(diff(edge), aligned))
    return counts, edges


def _points(sample: Any) -> Array:
    """A point in each row; what is no matrix of points holds a coordinate in each row."""
    x = asarray(sample)
    if not (hasattr(sample, "shape") and x.ndim == 2):
        x = transpose(atleast_2d(x))
    if x.ndim != 2 or x.shape[1] == 0:
        raise ArgumentError(f"histogramdd: got {x.shape}; a point has one coordinate or more")
    return convert(x, x.dtype if x.dtype.is_float else float64)


def histogram2d(
    x: ArrayLike,
    y: ArrayLike,
    bins: Any = 10,
    range: Sequence[Range] | None = None,
    density: bool | None = None,
    weights: ArrayLike | None = None,
) -> tuple[Array, Array, Array]:
    """How many points (x, y) fall into each cell of a grid, and its edges along x and y.

    >>> histogram2d([0, 1], [0, 1], 2)[0].tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    first, second = asarray(x), asarray(y)
    if first.shape != second.shape:
        raise ShapeError(f"histogram2d: got {first.shape} and {second.shape}; must be equal")
    if np.ndim(bins) == 0 or (hasattr(bins, "__len__") and len(bins) in (1, 2)):
        of_axes = bins
    else:
        of_axes = [bins, bins]
    counts, edges = histogramdd([first, second], of_axes, range, density, weights)
    return counts, edges[0], edges[1]


__all__ = ["histogram", "histogram2d", "histogram_bin_edges", "histogramdd"]
