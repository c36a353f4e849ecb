"""`pad`, one axis after the other, with NumPy's modes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import primitives as p
from .. import record
from ..dtypes import int64
from ..errors import ArgumentError, DTypeError, ShapeError
from .convert import ArrayLike, asarray, convert, join_parts
from .cumulative import part
from .quantiles import median
from .reductions import max as max_
from .reductions import mean as mean_
from .reductions import min as min_
from .spaces import linspace

if TYPE_CHECKING:
    from ..array import Array

# The arguments that each mode takes.
_ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "constant": ("constant_values",),
    "edge": (),
    "empty": (),
    "linear_ramp": ("end_values",),
    "maximum": ("stat_length",),
    "mean": ("stat_length",),
    "median": ("stat_length",),
    "minimum": ("stat_length",),
    "reflect": ("reflect_type",),
    "symmetric": ("reflect_type",),
    "wrap": (),
}
_STATISTICS: Mapping[str, Callable[..., Array]] = {
    "maximum": max_, "mean": mean_, "median": median, "minimum": min_,
}  # fmt: skip


def pad(
    array: ArrayLike, pad_width: Any, mode: str | Callable[..., None] = "constant", **kwargs: Any
) -> Array:
    """An array surrounded on each axis: by one width, (before, after), a pair for each axis, or a
    dict of axes.

    `mode` says by what: "constant" (constant_values), "edge", "empty", "linear_ramp" (end_values),
    "maximum", "mean", "median" and "minimum" (stat_length), "reflect" and "symmetric"
    (reflect_type), "wrap", or a function that is called with each padded row, the widths, the axis
    and a dict.

    >>> pad([1, 2], (1, 2))
    array([0, 1, 2, 0, 0])
    >>> pad([1, 2, 3], 2, "reflect")
    array([3, 2, 1, 2, 3, 2, 1])
    """
    x = asarray(array)
    widths = _pairs("pad_width", _by_axis(pad_width, x.ndim), x.ndim)
    if any(not isinstance(w, int) for pair in widths for w in pair):
        raise DTypeError(f"pad: got pad_width {pad_width!r}; widths must be integers")
    if any(w < 0 for pair in widths for w in pair):
        raise ArgumentError(f"pad: got pad_width {pad_width!r}; widths must not be negative")
    if callable(mode):
        return _by_function(x, widths, mode, kwargs)
    _check_arguments(mode, kwargs)
    if mode in ("constant", "empty"):
        return _constant(x, widths, kwargs.get("constant_values", 0))
    for axis, pair in enumerate(widths):
        if pair != (0, 0):
            x = _along(x, axis, pair, mode, kwargs)
    return x if widths and any(map(any, widths)) else asarray(x, copy=True)


def _check_arguments(mode: str, kwargs: dict[str, Any]) -> None:
    if mode not in _ARGUMENTS:
        raise ArgumentError(f"pad: got mode {mode!r}; the modes are {', '.join(_ARGUMENTS)}")
    unknown = set(kwargs) - set(_ARGUMENTS[mode])
    if unknown:
        raise ArgumentError(f"pad: got {', '.join(sorted(unknown))}, which mode {mode!r} lacks")


def _by_axis(widths: Any, ndim: int) -> Any:
    if not isinstance(widths, Mapping):
        return widths
    pairs: list[Any] = [(0, 0)] * ndim
    for axis, width in widths.items():
        pairs[axis] = (width, width) if isinstance(width, int) else width
    return pairs


def _pairs(name: str, given: Any, ndim: int) -> list[tuple[Any, Any]]:
    """(before, after) for each axis, as NumPy repeats them: to the shape (ndim, 2)."""
    host = np.asarray(given)
    if host.dtype.kind not in "biuf":
        raise DTypeError(f"pad: got {name} {given!r}; it must hold numbers")
    try:
        rows = np.broadcast_to(host, (ndim, 2))
    except ValueError:
        raise ShapeError(f"pad: got {name} {given!r} for {ndim} axes") from None
    return [tuple(row) for row in rows.tolist()]


def _constant(x: Array, widths: list[tuple[int, int]], values: Any) -> Array:
    pairs = _pairs("constant_values", values, x.ndim)
    low, high = (tuple(w[i] for w in widths) for i in (0, 1))
    fillers = {value for pair in pairs for value in pair}
    if len(fillers) <= 1:
        value = _fitting(x, fillers.pop() if fillers else 0)
        return p.pad(x, low=low, high=high, value=value)
    for axis, (width, pair) in enumerate(zip(widths, pairs, strict=True)):
        for side in (0, 1):
            ends = [0] * x.ndim
            ends[axis] = width[side]
            both = (tuple(ends), (0,) * x.ndim)
            low, high = both if side == 0 else both[::-1]
            x = p.pad(x, low=low, high=high, value=_fitting(x, pair[side]))
    return x


def _fitting(x: Array, value: Any) -> Any:
    """A value in x's dtype, as a Python scalar."""
    return value if x.dtype.is_inexact else np.asarray(value).astype(x.dtype.dtype).item()


def _along(
    x: Array, axis: int, widths: tuple[int, int], mode: str, kwargs: dict[str, Any]
) -> Array:
    if x.shape[axis] == 0:
        raise ArgumentError(f"pad: got {x.shape}; axis {axis} is empty for mode {mode!r}")
    if mode in ("reflect", "symmetric"):
        kind = kwargs.get("reflect_type", "even")
        if kind not in ("even", "odd"):
            raise ArgumentError(f"pad: got reflect_type {kind!r}; it is 'even' or 'odd'")
        if kind == "odd":
            return _odd(x, axis, widths, mode)
    if mode in ("edge", "wrap", "reflect", "symmetric"):
        places = np.pad(np.arange(x.shape[axis]), widths, mode)  # type: ignore[call-overload]
        return p.gather(x, record.constant(places, int64), axis=axis)
    if mode == "linear_ramp":
        ends = _pairs("end_values", kwargs.get("end_values", 0), x.ndim)[axis]
        sides = [_ramp(x, axis, width, ends[i], i) for i, width in enumerate(widths)]
    else:
        lengths = kwargs.get("stat_length")
        pair = (None, None) if lengths is None else _pairs("stat_length", lengths, x.ndim)[axis]
        sides = [_statistic(x, axis, w, pair[i], i, mode) for i, w in enumerate(widths)]
    return join_parts([sides[0], x, sides[1]], axis)


def _odd(x: Array, axis: int, widths: tuple[int, int], mode: str) -> Array:
    """Turned about the ends in both directions. Each padded place is a sum of a few elements with
    whole coefficients, which NumPy's own padding of the unit vectors gives."""
    size = x.shape[axis]
    unit = _padded_unit_vectors(size, widths, mode)
    most = int((unit != 0).sum(1).max())
    total: Any = None
    for k in range(most):
        places = np.argsort(unit == 0, axis=1, kind="stable")[:, k]
        factors = np.take_along_axis(unit, places[:, None], 1)[:, 0]
        terms = p.gather(x, record.constant(places, int64), axis=axis)
        aligned = factors.reshape([-1 if a == axis else 1 for a in range(x.ndim)])
        term = terms * asarray(aligned, x.dtype)
        total = term if total is None else total + term
    return convert(total, x.dtype)


def _padded_unit_vectors(size: int, widths: tuple[int, int], mode: Any) -> Any:
    return np.pad(np.eye(size), [widths, (0, 0)], mode, reflect_type="odd")


def _ramp(x: Array, axis: int, width: int, end: Any, side: int) -> Array:
    """From the end value (at the outside) to the edge, which is not repeated."""
    last = x.shape[axis] - 1
    edge = part(x, axis, last if side else 0, 1)
    edge = p.reshape(edge, shape=tuple(n for a, n in enumerate(x.shape) if a != axis))
    ramp: Array = linspace(end, edge, width, endpoint=False, dtype=x.dtype, axis=axis)
    if side == 0:
        return ramp
    key = tuple(slice(None, None, -1 if a == axis else None) for a in range(x.ndim))
    return ramp[key]


def _statistic(x: Array, axis: int, width: int, length: Any, side: int, mode: str) -> Array:
    size = x.shape[axis]
    count = size if length is None else min(int(length), size)
    if count < 1:
        raise ArgumentError(f"pad: got stat_length {length}; it must be 1 or more")
    window = part(x, axis, size - count if side else 0, count)
    value = _STATISTICS[mode](window, axis, keepdims=True)
    if mode in ("mean", "median") and x.dtype.is_integer:
        value = p.round_(value)
    shape = tuple(width if a == axis else n for a, n in enumerate(x.shape))
    return p.broadcast_to(convert(value, x.dtype), shape=shape)


def _by_function(
    x: Array, widths: list[tuple[int, int]], function: Callable[..., None], kwargs: dict[str, Any]
) -> Array:
    """The function writes into each padded row, axis by axis."""
    padded = _constant(x, widths, 0)
    for axis, pair in enumerate(widths):
        others: Sequence[int] = [n for a, n in enumerate(padded.shape) if a != axis]
        for index in np.ndindex(*others):
            row = padded[(*index[:axis], slice(None), *index[axis:])]
            function(row, pair, axis, kwargs)
    return padded


__all__ = ["pad"]
