"""Quantiles of elements that count by their weights (NumPy's method "inverted_cdf")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import primitives as p
from .. import record
from ..dtypes import float64, int64
from ..errors import ArgumentError, DTypeError
from .axes import Axis, many_axes
from .convert import ArrayLike, asarray, convert
from .cumulative import cumsum
from .logic import isnan, where
from .reductions import any as any_of
from .reductions import count_nonzero
from .reductions import sum as sum_of
from .selection import take_along_axis
from .shapes import broadcast_to, reshape, transpose

if TYPE_CHECKING:
    from ..array import Array


def weights_of(name: str, x: Array, weights: ArrayLike, axis: Axis, method: str) -> Array:
    """Weights as float64 of the shape of x: those given, or repeated along the other axes."""
    if method != "inverted_cdf":
        raise ArgumentError(f"{name}: got weights and {method!r}; they are for 'inverted_cdf'")
    given = convert(asarray(weights), float64)
    if given.shape != x.shape:
        if axis is None:
            raise DTypeError(f"{name}: got weights {given.shape} for {x.shape}, and no axis")
        order = [axis] if isinstance(axis, int) else list(axis)
        axes = [many_axes(name, a, x.ndim)[0] for a in order]
        if given.shape != tuple(x.shape[a] for a in axes):
            raise ArgumentError(f"{name}: got weights {given.shape} for axes {axes} of {x.shape}")
        turned = transpose(given, tuple(sorted(range(len(axes)), key=axes.__getitem__)))
        aligned = tuple(n if a in axes else 1 for a, n in enumerate(x.shape))
        given = broadcast_to(reshape(turned, aligned), x.shape)
    if given._is_concrete and bool(any_of(given < 0)):
        raise ArgumentError(f"{name}: got a negative weight; they must not be negative")
    return given


def weighted_quantiles(
    name: str, lines: Array, weights: Array, wanted: Any, skip_nan: bool
) -> Array:
    """(lines, quantiles): the first element at which the share of the weights reaches q."""
    nan = isnan(lines) if lines.dtype.is_float else None
    if nan is not None and skip_nan:
        weights = where(nan, 0.0, weights)
    order = p.argsort(lines, axis=1, reverse=False)
    values = take_along_axis(lines, order, 1)
    total = sum_of(weights, 1, keepdims=True)
    _check_total(name, total, skip_nan)
    shares = cumsum(take_along_axis(weights, order, 1), 1) / total
    shares = shares / shares[:, -1:]
    places = []
    for q in wanted:
        below = (shares < float(q)) | (shares == 0.0)
        places.append(count_nonzero(below, 1, keepdims=True))
    if not places:
        return values[:, :0]
    last = record.constant(lines.shape[1] - 1, int64)
    place = p.concatenate(*places, axis=1)
    found = take_along_axis(values, p.minimum(place, broadcast_to(last, place.shape)), 1)
    if nan is None:
        return found
    spoilt = total == 0.0 if skip_nan else any_of(nan, 1, keepdims=True)
    return where(broadcast_to(spoilt, found.shape), float("nan"), found)


def _check_total(name: str, total: Array, skip_nan: bool) -> None:
    if not total._is_concrete:
        return
    known = total.numpy()
    if not (known < float("inf")).all() or (not skip_nan and not known.all()):
        raise ArgumentError(f"{name}: got weights that hold nan or inf, or are all zero")
