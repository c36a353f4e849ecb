"""Order statistics: median, percentile, quantile, and the same without NaN.

A line is sorted, and the quantile lies between two of its elements (R. Hyndman and Y. Fan, Sample
quantiles in statistical packages, 1996). Gradients flow to those two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import primitives as p
from .. import record
from ..dtypes import DType, bool_, float64, int64
from ..errors import ArgumentError, DTypeError
from ..sizes import product
from . import ordering
from .arithmetic import ceil as round_up
from .arithmetic import clip, floor
from .arithmetic import round as round_to_even
from .axes import Axis, many_axes
from .convert import ArrayLike, asarray, convert, inexact, is_array
from .logic import isnan, logical_not, where
from .outputs import store
from .reductions import any as any_of
from .reductions import count_nonzero
from .selection import take_along_axis
from .shapes import broadcast_to, moveaxis, reshape
from .weighted import weighted_quantiles, weights_of

if TYPE_CHECKING:
    from ..array import Array


def _between(alpha: float, beta: float) -> Callable[[Any, Any], Any]:
    return lambda n, q: n * q + (alpha + q * (1.0 - alpha - beta)) - 1.0


def _nearest_odd(n: Any, q: Any) -> Any:
    index = n * q - 1.5
    low = floor(index)
    stays = (index - low == 0) & (low % 2 == 1)
    return where(stays, low, low + 1)


# The place (from 0) of a quantile q among n elements, whole or between two.
_PLACES: dict[str, Callable[[Any, Any], Any]] = {
    "inverted_cdf": lambda n, q: round_up(n * q - 1),
    "averaged_inverted_cdf": lambda n, q: _half_where_whole(n * q - 1),
    "closest_observation": _nearest_odd,
    "interpolated_inverted_cdf": _between(0, 1),
    "hazen": _between(0.5, 0.5),
    "weibull": _between(0, 0),
    "linear": lambda n, q: (n - 1) * q,
    "median_unbiased": _between(1 / 3, 1 / 3),
    "normal_unbiased": _between(3 / 8, 3 / 8),
    "lower": lambda n, q: floor((n - 1) * q),
    "higher": lambda n, q: round_up((n - 1) * q),
    "midpoint": lambda n, q: (floor((n - 1) * q) + round_up((n - 1) * q)) * 0.5,
    "nearest": lambda n, q: round_to_even((n - 1) * q),
}
_WHOLE = {"inverted_cdf", "closest_observation", "lower", "higher", "nearest"}


def _half_where_whole(index: Any) -> Any:
    low = floor(index)
    return where(index == low, low + 0.5, low + 1.0)


def _fractions(name: str, q: ArrayLike, scale: float) -> Any:
    """The quantiles wanted, in 0..1, on the host."""
    if is_array(q) and (record.is_tracing() or not q._is_concrete):
        raise ArgumentError(f"{name}: got a traced q; it must be known when the program is made")
    fractions = np.asarray(q.numpy() if is_array(q) else q, np.float64) / scale
    if not ((fractions >= 0) & (fractions <= 1)).all():
        raise ArgumentError(f"{name}: got q {q}; it must be in 0..{scale:g}")
    return fractions


def _lines(name: str, a: Array, axis: Axis) -> tuple[Array, tuple[int, ...], Any]:
    """The reduced axes as one, last: (lines, n); which they are, and the shape of the rest."""
    axes = many_axes(name, axis, a.ndim)
    kept = tuple(i for i in range(a.ndim) if i not in axes)
    rest = tuple(a.shape[i] for i in kept)
    count = product(tuple(a.shape[i] for i in axes))
    flat = p.transpose(a, axes=(*kept, *axes))
    return reshape(flat, (product(rest), count)), axes, rest


def _quantiles(
    name: str, a: ArrayLike, q: ArrayLike, axis: Axis, method: str, keepdims: bool, scale: float,
    *, skip_nan: bool, weights: ArrayLike | None = None,
) -> Array:  # fmt: skip
    x = asarray(a)
    if x.dtype.is_complex and not name.endswith("median"):
        raise DTypeError(f"{name}: got {x.dtype}; it takes real numbers")
    if method not in _PLACES:
        raise ArgumentError(f"{name}: got method {method!r}; it must be one of {sorted(_PLACES)}")
    if x.dtype is bool_:
        raise DTypeError(f"{name}: got an array of bool; it takes numbers")
    fractions = _fractions(name, q, scale)
    lines, axes, rest = _lines(name, x, axis)
    wanted = fractions.ravel()
    if lines.shape[1] == 0:
        raise ArgumentError(f"{name}: got {x.shape}; there is no element over axes {axes}")
    if weights is None:
        found = _from_sorted(_ordered(lines, wanted, method, skip_nan), wanted, method, skip_nan)
    else:
        spread, _, _ = _lines(name, weights_of(name, x, weights, axis, method), axis)
        found = weighted_quantiles(name, lines, spread, wanted, skip_nan)
    result = reshape(moveaxis(found, 1, 0), (*fractions.shape, *rest))
    if not keepdims:
        return result
    kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    return reshape(result, (*fractions.shape, *kept))


def _ordered(lines: Array, wanted: Any, method: str, skip_nan: bool) -> Array:
    """The lines with the elements that count at their places in sorted order; all of them sorted
    where the places depend on how many are NaN."""
    size = lines.shape[1]
    if skip_nan or record.is_tracing() or not wanted.size:
        return ordering.sort(lines, 1)
    found = np.asarray(_PLACES[method](float(size), wanted))
    first, last = max(int(found.min()), 0), min(max(int(found.max()), 0) + 1, size - 1)
    return ordering.partition(lines, 1, min(first, last), last)


def _from_sorted(lines: Array, wanted: Any, method: str, skip_nan: bool) -> Array:
    """The quantiles of sorted lines: (lines, quantiles). NaN is last in a line."""
    is_float = lines.dtype.is_inexact
    q = record.constant(wanted[None, :], float64)
    nan = isnan(lines) if is_float else None
    if skip_nan and nan is not None:
        n = convert(count_nonzero(logical_not(nan), 1, keepdims=True), float64)
    else:
        n = record.constant([[lines.shape[1]]], float64)
    place = clip(broadcast_to(_PLACES[method](n, q), (lines.shape[0], wanted.size)), 0.0, n - 1.0)
    found = _at(lines, place, method, lines.dtype if is_float else inexact(lines.dtype))
    if nan is None or skip_nan:  # a line of NaN alone gives its first element
        return found
    spoilt = broadcast_to(any_of(nan, 1, keepdims=True), found.shape)
    return where(spoilt, float("nan"), found)


def _at(lines: Array, place: Array, method: str, result: DType) -> Array:
    low = clip(floor(place), 0.0)
    before = take_along_axis(lines, convert(low, int64), 1)
    if method in _WHOLE:
        return before
    last = float(lines.shape[1] - 1)
    after = take_along_axis(lines, convert(clip(low + 1.0, 0.0, last), int64), 1)
    weight = convert(place - low, result)
    a, b = convert(before, result), convert(after, result)
    # From the nearer end; an infinite neighbour that does not count must not give NaN.
    step = b - a
    between = where(weight >= 0.5, b - step * (1 - weight), a + step * weight)
    return where(weight == 0, a, between)


def quantile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Axis = None,
    out: Array | None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: ArrayLike | None = None,
) -> Array:
    """The q-th quantiles (q in 0..1) over axes; the axes of q come first in the result.

    `method` is one of NumPy's thirteen. NaN in a line makes its quantiles NaN. Integers give
    float64, but methods that take an element keep its dtype. `overwrite_input` changes nothing.
    With `weights` elements count by them, by the method "inverted_cdf". Raises ArgumentError,
    DTypeError.

    >>> quantile([1.0, 2.0, 4.0], 0.75)
    array(3.)
    """
    found = _quantiles(
        "quantile", a, q, axis, method, keepdims, 1.0, skip_nan=False, weights=weights
    )
    return store("quantile", found, out)


def percentile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Axis = None,
    out: Array | None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: ArrayLike | None = None,
) -> Array:
    """`quantile` with q in 0..100.

    >>> percentile([1.0, 2.0, 4.0], 50)
    array(2.)
    """
    found = _quantiles(
        "percentile", a, q, axis, method, keepdims, 100.0, skip_nan=False, weights=weights
    )
    return store("percentile", found, out)


def median(
    a: ArrayLike,
    axis: Axis = None,
    out: Array | None = None,
    overwrite_input: bool = False,
    keepdims: bool = False,
) -> Array:
    """The middle element over axes, or the mean of the two in the middle.

    >>> median([3.0, 1.0, 2.0, 9.0])
    array(2.5)
    """
    return store("median", _median("median", a, axis, keepdims, skip_nan=False), out)


def _median(name: str, a: ArrayLike, axis: Axis, keepdims: bool, *, skip_nan: bool) -> Array:
    x = asarray(a)
    if x.dtype is bool_ or not x.dtype.is_inexact:
        x = convert(x, float64)
    return _quantiles(name, x, 0.5, axis, "linear", keepdims, 1.0, skip_nan=skip_nan)


def nanquantile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Axis = None,
    out: Array | None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: ArrayLike | None = None,
) -> Array:
    """`quantile` of the elements that are not NaN; NaN where there is none."""
    found = _quantiles(
        "nanquantile", a, q, axis, method, keepdims, 1.0, skip_nan=True, weights=weights
    )
    return store("nanquantile", found, out)


def nanpercentile(
    a: ArrayLike,
    q: ArrayLike,
    axis: Axis = None,
    out: Array | None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: ArrayLike | None = None,
) -> Array:
    """`percentile` of the elements that are not NaN; NaN where there is none."""
    found = _quantiles(
        "nanpercentile", a, q, axis, method, keepdims, 100.0, skip_nan=True, weights=weights
    )
    return store("nanpercentile", found, out)


def nanmedian(
    a: ArrayLike,
    axis: Axis = None,
    out: Array | None = None,
    overwrite_input: bool = False,
    keepdims: bool = False,
) -> Array:
    """`median` of the elements that are not NaN; NaN where there is none.

    >>> nanmedian([1.0, float("nan"), 3.0])
    array(2.)
    """
    return store("nanmedian", _median("nanmedian", a, axis, keepdims, skip_nan=True), out)


__all__ = [
    "median",
    "nanmedian",
    "nanpercentile",
    "nanquantile",
    "percentile",
    "quantile",
]
