"""Pooling: maxima and averages of windows."""

from __future__ import annotations

from math import prod
from typing import Any

from ...dsl import functions as f
from ...dsl import primitives as p
from ...dsl.array import Array
from ...dsl.device import following
from ...dsl.dtypes import int64
from ...dsl.errors import ArgumentError, DTypeError, ShapeError
from ...dsl.sizes import Dim, ceil_divide, minimum
from .axes import IntOrInts, Ints, batched, channels_first, channels_last, per_axis, unbatched

# Windows of more elements are pooled along one axis after another.
MOST_AT_ONCE = 36


def max_pool1d(
    input: Array,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """As `max_pool2d`, over one axis.

    >>> import tilewright as tw
    >>> max_pool1d(tw.array([[[1.0, 3.0, 2.0, 5.0]]]), 2).tolist()
    [[[3.0, 5.0]]]
    """
    sizes = kernel_size, stride, padding, dilation, ceil_mode
    return _max_pool("max_pool1d", 1, input, sizes, return_indices)


def max_pool2d(
    input: Array,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The greatest element of each window; nan wins.

    input (N, C, H, W) or (C, H, W) -> (N, C, H', W'), with sizes as `conv2d` has them; the stride
    is that of `kernel_size` unless given. With `ceil_mode` windows may end behind the padding.
    With `return_indices` a pair: the result, and int64 places in H * W of its elements. The
    gradient goes to the first of equal elements. Raises ShapeError or ArgumentError.

    >>> import tilewright as tw
    >>> max_pool2d(tw.arange(16.0).reshape(1, 1, 4, 4), 2).tolist()
    [[[[5.0, 7.0], [13.0, 15.0]]]]
    """
    sizes = kernel_size, stride, padding, dilation, ceil_mode
    return _max_pool("max_pool2d", 2, input, sizes, return_indices)


def max_pool3d(
    input: Array,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    dilation: IntOrInts = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """As `max_pool2d`, over three axes.

    >>> import tilewright as tw
    >>> max_pool3d(tw.arange(8.0).reshape(1, 1, 2, 2, 2), 2).item()
    7.0
    """
    sizes = kernel_size, stride, padding, dilation, ceil_mode
    return _max_pool("max_pool3d", 3, input, sizes, return_indices)


def avg_pool1d(
    input: Array,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Array:
    """As `avg_pool2d`, over one axis.

    >>> import tilewright as tw
    >>> avg_pool1d(tw.array([[[1.0, 3.0, 2.0, 5.0]]]), 2).tolist()
    [[[2.0, 3.5]]]
    """
    sizes = kernel_size, stride, padding, 1, ceil_mode
    return _avg_pool("avg_pool1d", 1, input, sizes, count_include_pad, None)


def avg_pool2d(
    input: Array,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """The mean of each window.

    input (N, C, H, W) or (C, H, W) -> (N, C, H', W'), with sizes as `max_pool2d` has them. Sums
    are divided by the elements of the window that lie in the padded input, or without
    `count_include_pad` in the input, or by `divisor_override`. Raises ShapeError, DTypeError or
    ArgumentError.

    >>> import tilewright as tw
    >>> avg_pool2d(tw.arange(16.0).reshape(1, 1, 4, 4), 2).tolist()
    [[[[2.5, 4.5], [10.5, 12.5]]]]
    """
    sizes = kernel_size, stride, padding, 1, ceil_mode
    return _avg_pool("avg_pool2d", 2, input, sizes, count_include_pad, divisor_override)


def avg_pool3d(
    input: Array,
    kernel_size: IntOrInts,
    stride: IntOrInts | None = None,
    padding: IntOrInts = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """As `avg_pool2d`, over three axes.

    >>> import tilewright as tw
    >>> avg_pool3d(tw.arange(8.0).reshape(1, 1, 2, 2, 2), 2).item()
    3.5
    """
    sizes = kernel_size, stride, padding, 1, ceil_mode
    return _avg_pool("avg_pool3d", 3, input, sizes, count_include_pad, divisor_override)


# --------------------------------------------------------------------------- what they share


def _window_params(name: str, rank: int, x: Array, sizes: tuple[Any, ...]) -> dict[str, Any]:
    """The parameters of the window primitives for PyTorch's arguments."""
    kernel_size, stride, padding, dilation, ceil_mode = sizes
    taps = per_axis(name, "kernel_size", kernel_size, rank)
    strides = taps if stride is None else per_axis(name, "stride", stride, rank)
    pads = per_axis(name, "padding", padding, rank, 0)
    steps = per_axis(name, "dilation", dilation, rank)
    if any(2 * n > (k - 1) * d + 1 for n, k, d in zip(pads, taps, steps, strict=True)):
        raise ArgumentError(
            f"{name}: got padding={padding!r} for windows of {taps}; it must be at most half of one"
        )
    high = []
    columns = zip(x.shape[2:], taps, strides, pads, steps, strict=True)
    for n, k, s, pad, step in columns:
        high.append(_behind(name, n, (k - 1) * step + 1, s, pad, ceil_mode))
    return {
        "taps": taps, "strides": strides, "dilation": steps, "low": pads, "high": tuple(high),
        "spread": (1,) * rank,
    }  # fmt: skip


def _behind(name: str, n: Dim, extent: int, stride: int, pad: int, ceil_mode: bool) -> Dim:
    """How far the windows reach out behind an axis: with `ceil_mode` as many more as start inside
    the axis or the padding before it."""
    room = n + 2 * pad - extent
    if isinstance(room, int) and room < 0 and not (ceil_mode and room > -stride):
        raise ShapeError(
            f"{name}: got a window of {extent} elements for an axis of {n} with padding {pad}"
        )
    if not ceil_mode:
        return pad
    count = minimum(ceil_divide(room, stride) + 1, ceil_divide(n + pad, stride))
    return (count - 1) * stride + extent - n - pad


def _parts(params: dict[str, Any]) -> list[dict[str, Any]]:
    """Windows, or, if they are large, windows along one axis after another."""
    taps: Ints = params["taps"]
    if prod(taps) <= MOST_AT_ONCE:
        return [params]
    plain = {"taps": 1, "strides": 1, "dilation": 1, "low": 0, "high": 0, "spread": 1}
    rank, found = len(taps), []
    for axis in reversed(range(rank)):
        found.append({
            key: tuple(params[key][axis] if i == axis else value for i in range(rank))
            for key, value in plain.items()
        })  # fmt: skip
    return found


def _max_pool(
    name: str, rank: int, input: Array, sizes: tuple[Any, ...], return_indices: bool
) -> Any:
    x = batched(name, input, rank)
    if x.dtype.is_complex:
        raise DTypeError(f"{name}: got {x.dtype}, which has no order")
    params = _window_params(name, rank, x, sizes)
    last = channels_last(x)
    out = last
    for part in _parts(params):
        out = p.window_max(out, **part)
    out = unbatched(channels_first(out), input)
    if not return_indices:
        return out
    return out, unbatched(channels_first(_places(last, params)), input)


@following
def _places(x: Array, params: dict[str, Any]) -> Array:
    """Where the maxima of windows lie among the elements of the spatial axes."""
    tap = p.window_argmax(x, **params)
    rank = len(params["taps"])
    place: Any = 0
    rest, found = tap, []
    for k in reversed(params["taps"]):
        found.append(rest % k)
        rest = rest // k
    for axis, number in enumerate(reversed(found)):
        first = _along(tap.shape[axis + 1], axis, rank) * params["strides"][axis]
        at = first + number * params["dilation"][axis] - params["low"][axis]
        place = place * x.shape[axis + 1] + at
    return f.asarray(place)


def _along(n: Dim, axis: int, rank: int) -> Array:
    """0 to n - 1 along a spatial axis of (N, *spatial, C)."""
    shape = tuple(n if i == axis else 1 for i in range(rank))
    return p.reshape(p.iota(size=n, dtype=int64), shape=(1, *shape, 1))


@following
def _avg_pool(
    name: str,
    rank: int,
    input: Array,
    sizes: tuple[Any, ...],
    count_include_pad: bool,
    divisor: int | None,
) -> Array:
    x = batched(name, input, rank)
    if not x.dtype.is_inexact:
        raise DTypeError(f"{name}: got {x.dtype}; means are of floats")
    if divisor is not None and (not isinstance(divisor, int) or divisor == 0):
        raise ArgumentError(f"{name}: got divisor_override={divisor!r}; it must be an int, not 0")
    params = _window_params(name, rank, x, sizes)
    total = channels_last(x)
    for part in _parts(params):
        total = p.window_sum(total, **part)
    if divisor is None:
        divisor = _counts(x, total, params, count_include_pad, sizes[-1])
    out = total / divisor
    return unbatched(channels_first(out), input)


def _counts(
    x: Array, total: Array, params: dict[str, Any], include_pad: bool, ceil_mode: bool
) -> Any:
    """By how much the sum of each window is divided: one number where it is the same for all."""
    taps, rank = params["taps"], len(params["taps"])
    if (not any(params["low"]) and not ceil_mode) or (include_pad and not ceil_mode):
        return prod(taps)
    count: Any = 1
    for axis in range(rank):
        n, k, low = x.shape[axis + 2], taps[axis], params["low"][axis]
        start = _along(total.shape[axis + 1], axis, rank) * params["strides"][axis] - low
        stop = f.minimum(start + k, n + low if include_pad else n)
        count = (stop - (start if include_pad else f.maximum(start, 0))) * count
    return count.astype(x.dtype)
