"""Sums and maxima of windows, channels last; windows are described as in patches.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import DType, int64
from ..errors import ShapeError
from ..graph import Aval
from ..primitive import REGISTRY, Expr, Lanes, Map, Primitive, Reader, Sample, Vocabulary, register
from .families import check_dtype, no_gradient, ulps
from .patches import (
    DTYPES,
    GEOMETRIES,
    Index,
    Ints,
    check_windows,
    fold,
    host_patches,
    joined_lanes,
    parted_lanes,
    read_tap,
    whole_params,
    windows_of,
)
from .reductions import lowest
from .samples import Numpy, smooth

if TYPE_CHECKING:
    from ..array import Array


def _infer(name: str, x: Aval, *, taps: Ints, **params: Any) -> Aval:
    check_dtype(name, x.dtype, DTYPES)
    windows = check_windows(name, x, taps, params)
    if any(n < 1 for n in taps):
        raise ShapeError(f"{name}: got windows {taps}; they must have an element")
    dtype = int64 if name == "window_argmax" else x.dtype
    return Aval((x.shape[0], *(w.count for w in windows), x.shape[-1]), dtype)


def _elements(
    t: Vocabulary, index: Index, x: Reader, taps: Ints, value: Expr, params: Any
) -> Iterator[Expr]:
    """What the taps of a window see, in row-major order."""
    windows = windows_of(x.aval.shape, taps, params)
    for tap in product(*map(range, taps)):
        if 0 in x.aval.shape:
            yield value
        else:
            places = [t.size(k) for k in tap]
            yield t.call("let", read_tap(t, windows, x, index, places, value))


def _lower_sum(
    t: Vocabulary, index: Index, x: Reader, *, out: Aval, taps: Ints, **params: Any
) -> Expr:
    total: Expr = None
    for element in _elements(t, index, x, taps, t.const(0, out.dtype), params):
        total = element if total is None else t.call("let", total + element)
    return total


def _lower_max(
    t: Vocabulary, index: Index, x: Reader, *, out: Aval, taps: Ints, **params: Any
) -> Expr:
    best: Expr = None
    for element in _elements(t, index, x, taps, t.const(lowest(out.dtype), out.dtype), params):
        best = element if best is None else t.call("let", t.call("maximum", best, element))
    return best


def _lower_argmax(
    t: Vocabulary, index: Index, x: Reader, *, out: Aval, taps: Ints, **params: Any
) -> Expr:
    dtype = x.aval.dtype
    best: Expr = None
    place: Expr = None
    elements = _elements(t, index, x, taps, t.const(lowest(dtype), dtype), params)
    for number, element in enumerate(elements):
        if best is None:
            best, place = element, t.const(number, int64)
            continue
        better = t.call("let", _is_better(t, element, best, dtype))
        best = t.call("let", t.select(better, element, best))
        place = t.call("let", t.select(better, t.const(number, int64), place))
    return place


def _is_better(t: Vocabulary, x: Expr, best: Expr, dtype: DType) -> Expr:
    """Greater, or the first nan."""
    better = t.call("gt", x, best)
    if not dtype.is_float:
        return better
    first_nan = t.call("bitwise_and", t.call("ne", x, x), t.call("eq", best, best))
    return t.call("bitwise_or", better, first_nan)


def _host_argmax(x: Numpy, **params: Any) -> Numpy:
    if x.dtype.kind == "V":  # bfloat16, in which NumPy cannot compare
        x = x.astype(np.float32)
    value = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    found: Numpy = np.argmax(host_patches(x, value=value, **params), axis=-2)
    return found


def _host_max(x: Numpy, **params: Any) -> Numpy:
    value = -np.inf if x.dtype.kind in "fV" else np.iinfo(x.dtype).min
    found: Numpy = np.max(host_patches(x, value=value, **params), axis=-2)
    return found


def _host_sum(x: Numpy, **params: Any) -> Numpy:
    found: Numpy = np.sum(host_patches(x, value=0, **params), axis=-2, dtype=x.dtype)
    return found


# --------------------------------------------------------------------------- gradients


def _vjp_sum(ct: Array, out: Array, x: Array, *, taps: Ints, **params: Any) -> tuple[Array]:
    return (fold(_for_taps(ct, taps), taps=taps, sizes=x.shape[1:-1], **params),)


def _vjp_max(ct: Array, out: Array, x: Array, *, taps: Ints, **params: Any) -> tuple[Array]:
    """To the first of equal maxima alone, as in PyTorch."""
    total = int(np.prod(taps))
    first = _for_taps(window_argmax(x, taps=taps, **params), taps)
    number = REGISTRY["reshape"](REGISTRY["iota"](size=total, dtype=int64), shape=(total, 1))
    number = REGISTRY["broadcast_to"](number, shape=first.shape)
    is_first = REGISTRY["eq"](first, number)
    spread = _for_taps(ct, taps)
    zeros = REGISTRY["full"](shape=spread.shape, value=0.0, dtype=ct.dtype)
    chosen = REGISTRY["where"](is_first, spread, zeros)
    return (fold(chosen, taps=taps, sizes=x.shape[1:-1], **params),)


def _for_taps(y: Array, taps: Ints) -> Array:
    """A value of each window, repeated for each of its taps."""
    *before, channels = y.shape
    y = REGISTRY["reshape"](y, shape=(*before, 1, channels))
    return REGISTRY["broadcast_to"](y, shape=(*before, int(np.prod(taps)), channels))


# --------------------------------------------------------------------------- records


def _samples(dtype: DType) -> Iterator[Sample]:
    for shape, taps, given in GEOMETRIES:
        params: dict[str, Any] = whole_params(len(taps), given)
        yield Sample((smooth(dtype, *shape),), {**params, "taps": taps})


def _window(
    name: str,
    lower: Callable[..., Expr],
    reference: Callable[..., Any],
    vjp: Callable[..., Any],
    **rules: Any,
) -> Primitive:
    def infer(x: Aval, **params: Any) -> Aval:
        return _infer(name, x, **params)

    def batch(lanes: Lanes, x: Array, **params: Any) -> Array:
        return parted_lanes(lanes, REGISTRY[name](joined_lanes(lanes, x), **params))

    rule = Map(lower, cost=20)
    return register(
        Primitive(name, infer, rule, reference, _samples, vjp=vjp, batch=batch, **rules)
    )


window_sum = _window("window_sum", _lower_sum, _host_sum, _vjp_sum, dtypes=DTYPES, ulp=ulps(8))
window_max = _window("window_max", _lower_max, _host_max, _vjp_max, dtypes=DTYPES)
window_argmax = _window("window_argmax", _lower_argmax, _host_argmax, no_gradient, dtypes=DTYPES)
