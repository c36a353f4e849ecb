"""Convolution over one to three axes, channels last.

Channels last, because a tap of a window is then a row of neighbouring numbers, and the sum over
taps and channels is a matrix product whose operands need no copies. Convolutions with channels
first are transposes around it (`tw.nn.functional`), which lowering moves to the borders of a graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import DType
from ..errors import DTypeError, ShapeError
from ..graph import Aval
from ..primitive import Convolve, Lanes, Primitive, Sample, register
from .families import check_dtype, ulps
from .movement import reshape, transpose
from .patches import (
    DTYPES,
    GEOMETRIES,
    Ints,
    all_items,
    check_windows,
    host_counts,
    host_position,
    joined_lanes,
    parted_lanes,
    spread_length,
    whole_params,
    windows_of,
)
from .samples import Numpy, smooth
from .sources import full
from .windows import slice_

if TYPE_CHECKING:
    from ..array import Array


def _infer(x: Aval, w: Aval, *, groups: int, **params: Any) -> Aval:
    if x.dtype is not w.dtype:
        raise DTypeError(f"convolution: got {x.dtype} and {w.dtype}; they must be equal")
    check_dtype("convolution", x.dtype, DTYPES)
    if x.ndim != w.ndim:
        raise ShapeError(
            f"convolution: got {x.shape} and {w.shape}; they must be (N, *spatial, C) and "
            "(*window, C / groups, O)"
        )
    windows = check_windows("convolution", x, w.shape[:-2], params)
    channels, (per_group, outputs) = x.shape[-1], w.shape[-2:]
    if groups < 1 or per_group * groups != channels:
        raise ShapeError(
            f"convolution: got {channels} channels in {groups} groups and weights for {per_group} "
            "channels a group; channels must be groups times that"
        )
    if isinstance(outputs, int) and outputs % groups:
        raise ShapeError(
            f"convolution: got {outputs} outputs in {groups} groups; the groups must divide them"
        )
    return Aval((x.shape[0], *(w.count for w in windows), outputs), x.dtype)


def _reference(x: Numpy, w: Numpy, *, groups: int, **params: Any) -> Numpy:
    taps, (per_group, outputs) = w.shape[:-2], w.shape[-2:]
    windows = windows_of(x.shape, taps, params)
    counts = host_counts(windows)
    out = np.zeros((x.shape[0], *counts, groups, outputs // groups), x.dtype)
    parted = x.reshape(*x.shape[:-1], groups, per_group)
    weights = w.reshape(*taps, per_group, groups, outputs // groups)
    for place in product(*map(range, counts)):
        for tap in product(*map(range, taps)):
            at = host_position(windows, place, tap)
            if at is not None:
                out[all_items(place)] += np.einsum("ngc,cgo->ngo", parted[at], weights[tap])
    return out.reshape(*out.shape[:-2], outputs)


# --------------------------------------------------------------------------- gradients


def turned(w: Array, groups: int) -> Array:
    """Weights with each window turned round and inputs and outputs exchanged: those of the
    gradient by the input, and of a transposed convolution."""
    taps, (per_group, outputs) = w.shape[:-2], w.shape[-2:]
    rank = len(taps)
    start = (*(n - 1 for n in taps), 0, 0)
    w = slice_(w, start=start, sizes=w.shape, strides=(-1,) * rank + (1, 1))
    w = reshape(w, shape=(*taps, per_group, groups, outputs // groups))
    w = transpose(w, axes=(*range(rank), rank + 2, rank + 1, rank))
    return reshape(w, shape=(*taps, outputs // groups, groups * per_group))


def _vjp(
    ct: Array, out: Array, x: Array, w: Array, *, groups: int, **params: Any
) -> tuple[Array, Array]:
    windows = windows_of(x.shape, w.shape[:-2], params)
    return (
        _input_gradient(ct, turned(w, groups), windows, groups),
        _weight_gradient(ct, x, windows, groups),
    )


def _input_gradient(ct: Array, weights: Array, windows: Any, groups: int) -> Array:
    """dx[q] = sum over taps of ct[p] w[t] where p * stride + t * dilation - low = q * spread."""
    low = tuple(v.extent - 1 - v.low for v in windows)
    high = tuple(
        (v.n - 1) * v.spread - spread_length(v.count, v.stride) - before + v.extent
        for v, before in zip(windows, low, strict=True)
    )
    return convolution(
        ct,
        weights,
        strides=tuple(v.spread for v in windows),
        dilation=tuple(v.dilation for v in windows),
        low=low,
        high=high,
        spread=tuple(v.stride for v in windows),
        groups=groups,
    )


def _weight_gradient(ct: Array, x: Array, windows: Any, groups: int) -> Array:
    """A convolution whose windows are all of ct, with items of the batch as channels and channels
    as items."""
    rank, per_group = len(windows), x.shape[-1] // groups
    if any(v.count == 0 for v in windows):  # nothing was seen, and windows of nothing are none
        shape = (*(v.taps for v in windows), per_group, ct.shape[-1])
        return full(shape=shape, value=0.0, dtype=x.dtype)
    x = reshape(x, shape=(*x.shape[:-1], groups, per_group))
    x = transpose(x, axes=(rank + 2, *range(1, rank + 1), rank + 1, 0))
    x = reshape(x, shape=(*x.shape[:-2], x.shape[-2] * x.shape[-1]))
    high = tuple(
        (v.taps - 1) * v.dilation + spread_length(v.count, v.stride) - v.length - v.low
        for v in windows
    )
    found = convolution(
        x,
        transpose(ct, axes=(*range(1, rank + 1), 0, rank + 1)),
        strides=tuple(v.dilation for v in windows),
        dilation=tuple(v.stride for v in windows),
        low=tuple(v.low for v in windows),
        high=high,
        spread=tuple(v.spread for v in windows),
        groups=groups,
    )  # (C / groups, *taps, O)
    return transpose(found, axes=(*range(1, rank + 1), 0, rank + 1))


# --------------------------------------------------------------------------- lanes


def _batch(lanes: Lanes, x: Array, w: Array, *, groups: int, **params: Any) -> Array:
    """Lanes are items of the batch, further outputs, or further groups."""
    if not lanes.batched[1]:
        found = convolution(joined_lanes(lanes, x), w, groups=groups, **params)
        return parted_lanes(lanes, found)
    count, rank = lanes.count, w.ndim - 3
    taps, (per_group, outputs) = w.shape[1:-2], w.shape[-2:]
    if lanes.batched[0]:
        axes = (1, *range(2, rank + 2), 0, rank + 2)
        x = transpose(x, axes=axes)  # (N, *spatial, lanes, C)
        x = reshape(x, shape=(*x.shape[:-2], count * x.shape[-1]))
        w = transpose(w, axes=(*range(1, rank + 2), 0, rank + 2))
        w = reshape(w, shape=(*taps, per_group, count * outputs))
        found = convolution(x, w, groups=count * groups, **params)
        found = reshape(found, shape=(*found.shape[:-1], count, outputs))
        return transpose(found, axes=(rank + 1, *range(rank + 1), rank + 2))
    w = reshape(w, shape=(count, *taps, per_group, groups, outputs // groups))
    w = transpose(w, axes=(*range(1, rank + 3), 0, rank + 3))
    w = reshape(w, shape=(*taps, per_group, count * outputs))
    found = convolution(x, w, groups=groups, **params)
    found = reshape(found, shape=(*found.shape[:-1], groups, count, outputs // groups))
    found = transpose(found, axes=(rank + 2, *range(rank + 2), rank + 3))
    return reshape(found, shape=(*found.shape[:-2], outputs))


# --------------------------------------------------------------------------- samples


def _samples(dtype: DType) -> Iterator[Sample]:
    for i, (shape, taps, given) in enumerate(GEOMETRIES):
        channels = shape[-1]
        params: dict[str, Any] = whole_params(len(taps), given)
        w = smooth(dtype, *taps, channels, 2 + i, seed=1)
        yield Sample((smooth(dtype, *shape), w), {**params, "groups": 1})
    plain = whole_params(2, {"low": (1, 1), "high": (1, 1)})
    for shape, taps, outputs, groups, given in _MORE:
        params = whole_params(len(taps), given) if given else plain
        w = smooth(dtype, *taps, shape[-1] // groups, outputs, seed=1)
        yield Sample((smooth(dtype, *shape), w), {**params, "groups": groups})


_MORE: tuple[tuple[Ints, Ints, int, int, dict[str, Ints]], ...] = (
    ((1, 3, 4, 4), (3, 3), 6, 2, {}),  # groups
    ((1, 4, 4, 3), (3, 3), 3, 3, {}),  # depthwise
    ((1, 3, 17, 5), (3, 3), 35, 1, {}),  # more than a tile
    ((2, 3, 3, 5), (1, 1), 7, 1, {"strides": (2, 1)}),
)

convolution: Primitive = register(
    Primitive(
        name="convolution",
        infer=_infer,
        lower=Convolve(),
        vjp=_vjp,
        batch=_batch,
        reference=_reference,
        samples=_samples,
        dtypes=DTYPES,
        ulp=ulps(8),
    )
)
