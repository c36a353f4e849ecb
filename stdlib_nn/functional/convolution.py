"""Convolutions and transposed convolutions over one to three axes."""

from __future__ import annotations

from typing import Any

from ...dsl import primitives as p
from ...dsl.array import Array
from ...dsl.errors import ArgumentError, DTypeError, ShapeError
from ...dsl.primitives.convolution import turned
from ...dsl.sizes import Shape
from .axes import IntOrInts, Ints, batched, channels_first, channels_last, per_axis, unbatched


def conv1d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: IntOrInts = 1,
    padding: IntOrInts | str = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
) -> Array:
    """As `conv2d`, over one axis: input (N, C, L), weight (O, C / groups, K) -> (N, O, L').

    >>> import tilewright as tw
    >>> conv1d(tw.ones((1, 1, 4)), tw.ones((1, 1, 3)), padding=1).tolist()
    [[[2.0, 3.0, 3.0, 2.0]]]
    """
    return _convolved("conv1d", 1, input, weight, bias, (stride, padding, dilation), groups)


def conv2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: IntOrInts = 1,
    padding: IntOrInts | str = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
) -> Array:
    """Sums of windows of the input times the weights (a correlation, as in PyTorch).

    input (N, C, H, W) or (C, H, W), weight (O, C / groups, KH, KW), bias (O,) -> (N, O, H', W')
    with H' = (H + 2 * padding - dilation * (KH - 1) - 1) // stride + 1. `padding` may be "valid"
    (none) or "same" (H' = H, for a stride of 1; the larger half of an odd one comes behind). All
    are of one dtype; half types are summed in float32. Raises ShapeError, DTypeError or
    ArgumentError for what does not fit.

    >>> import tilewright as tw
    >>> conv2d(tw.ones((1, 2, 4, 4)), tw.ones((3, 2, 3, 3)), stride=2, padding=1).shape
    (1, 3, 2, 2)
    """
    return _convolved("conv2d", 2, input, weight, bias, (stride, padding, dilation), groups)


def conv3d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: IntOrInts = 1,
    padding: IntOrInts | str = 0,
    dilation: IntOrInts = 1,
    groups: int = 1,
) -> Array:
    """As `conv2d`, over three axes: input (N, C, D, H, W), weight (O, C / groups, KD, KH, KW).

    >>> import tilewright as tw
    >>> conv3d(tw.ones((1, 1, 3, 3, 3)), tw.ones((1, 1, 3, 3, 3))).item()
    27.0
    """
    return _convolved("conv3d", 3, input, weight, bias, (stride, padding, dilation), groups)


def conv_transpose1d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: IntOrInts = 1,
    padding: IntOrInts = 0,
    output_padding: IntOrInts = 0,
    groups: int = 1,
    dilation: IntOrInts = 1,
) -> Array:
    """As `conv_transpose2d`, over one axis.

    >>> import tilewright as tw
    >>> conv_transpose1d(tw.ones((1, 1, 2)), tw.ones((1, 1, 2)), stride=2).tolist()
    [[[1.0, 1.0, 1.0, 1.0]]]
    """
    steps = stride, padding, output_padding, dilation
    return _transposed("conv_transpose1d", 1, input, weight, bias, steps, groups)


def conv_transpose2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: IntOrInts = 1,
    padding: IntOrInts = 0,
    output_padding: IntOrInts = 0,
    groups: int = 1,
    dilation: IntOrInts = 1,
) -> Array:
    """The gradient of `conv2d` by its input: each element adds its multiple of the weights.

    input (N, C, H, W) or (C, H, W), weight (C, O / groups, KH, KW), bias (O,) -> (N, O, H', W')
    with H' = (H - 1) * stride - 2 * padding + dilation * (KH - 1) + output_padding + 1. Raises
    ShapeError, DTypeError or ArgumentError for what does not fit.

    >>> import tilewright as tw
    >>> conv_transpose2d(tw.ones((1, 2, 4, 4)), tw.ones((2, 3, 2, 2)), stride=2).shape
    (1, 3, 8, 8)
    """
    steps = stride, padding, output_padding, dilation
    return _transposed("conv_transpose2d", 2, input, weight, bias, steps, groups)


def conv_transpose3d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: IntOrInts = 1,
    padding: IntOrInts = 0,
    output_padding: IntOrInts = 0,
    groups: int = 1,
    dilation: IntOrInts = 1,
) -> Array:
    """As `conv_transpose2d`, over three axes.

    >>> import tilewright as tw
    >>> conv_transpose3d(tw.ones((1, 1, 1, 1, 1)), tw.ones((1, 2, 2, 2, 2))).shape
    (1, 2, 2, 2, 2)
    """
    steps = stride, padding, output_padding, dilation
    return _transposed("conv_transpose3d", 3, input, weight, bias, steps, groups)


# --------------------------------------------------------------------------- what they share


def _convolved(
    name: str,
    rank: int,
    input: Array,
    weight: Array,
    bias: Array | None,
    steps: tuple[Any, Any, Any],
    groups: int,
) -> Array:
    x = batched(name, input, rank)
    _check(name, rank, x, weight, groups)
    if x.shape[1] != weight.shape[1] * groups:
        raise ShapeError(
            f"{name}: got an input {input.shape}, a weight {weight.shape} and groups={groups}; the "
            f"channels must be groups * {weight.shape[1]}"
        )
    if weight.shape[0] % groups:
        raise ShapeError(
            f"{name}: got a weight {weight.shape} and groups={groups}; the groups must divide its "
            "first size"
        )
    stride, dilation = (per_axis(name, k, v, rank) for k, v in _named(steps))
    low, high = _padding(name, steps[1], weight.shape[2:], stride, dilation)
    _check_fit(name, x, weight, dilation, low, high)
    out = p.convolution(
        channels_last(x),
        p.transpose(weight, axes=(*range(2, rank + 2), 1, 0)),
        strides=stride,
        dilation=dilation,
        low=low,
        high=high,
        spread=(1,) * rank,
        groups=groups,
    )
    return unbatched(channels_first(_with_bias(name, out, bias)), input)


def _transposed(
    name: str,
    rank: int,
    input: Array,
    weight: Array,
    bias: Array | None,
    steps: tuple[Any, Any, Any, Any],
    groups: int,
) -> Array:
    x = batched(name, input, rank)
    _check(name, rank, x, weight, groups)
    if x.shape[1] != weight.shape[0] or weight.shape[0] % groups:
        raise ShapeError(
            f"{name}: got an input {input.shape}, a weight {weight.shape} and groups={groups}; the "
            "weight's first size must be the channels, and divided by the groups"
        )
    stride, dilation = (per_axis(name, k, v, rank) for k, v in _named((steps[0], 0, steps[3])))
    padding = per_axis(name, "padding", steps[1], rank, 0)
    further = per_axis(name, "output_padding", steps[2], rank, 0)
    if any(n >= max(s, d) for n, s, d in zip(further, stride, dilation, strict=True)):
        raise ArgumentError(
            f"{name}: got output_padding={steps[2]!r}; it must be smaller than stride or dilation"
        )
    low = _reach(weight.shape[2:], dilation, padding)
    high = tuple(n + more for n, more in zip(low, further, strict=True))
    _check_fit(name, x, weight, dilation, low, high, stride)
    out = p.convolution(
        channels_last(x),
        turned(p.transpose(weight, axes=(*range(2, rank + 2), 1, 0)), groups),
        strides=(1,) * rank,
        dilation=dilation,
        low=low,
        high=high,
        spread=stride,
        groups=groups,
    )
    return unbatched(channels_first(_with_bias(name, out, bias)), input)


def _named(steps: tuple[Any, Any, Any]) -> tuple[tuple[str, Any], tuple[str, Any]]:
    return ("stride", steps[0]), ("dilation", steps[2])


def _reach(taps: Ints, dilation: Ints, padding: Ints) -> Ints:
    """How far the windows of a transposed convolution reach out."""
    return tuple(d * (k - 1) - n for k, d, n in zip(taps, dilation, padding, strict=True))


def _check(name: str, rank: int, x: Array, weight: Array, groups: int) -> None:
    if weight.ndim != rank + 2:
        raise ShapeError(f"{name}: got a weight {weight.shape}; it must have {rank + 2} axes")
    if not isinstance(groups, int) or groups < 1:
        raise ArgumentError(f"{name}: got groups={groups!r}; it must be an int, 1 or more")
    if x.dtype is not weight.dtype:
        raise DTypeError(f"{name}: got {x.dtype} and a weight of {weight.dtype}; must be equal")
    if 0 in weight.shape[2:]:
        raise ShapeError(f"{name}: got a weight {weight.shape}; its windows have no element")


def _padding(
    name: str, padding: Any, taps: Ints, stride: Ints, dilation: Ints
) -> tuple[Ints, Ints]:
    if padding == "valid":
        return (0,) * len(taps), (0,) * len(taps)
    if padding == "same":
        if any(s != 1 for s in stride):
            raise ArgumentError(f"{name}: got padding='same' and stride={stride}; it must be 1")
        total = [d * (k - 1) for k, d in zip(taps, dilation, strict=True)]
        return tuple(n // 2 for n in total), tuple(n - n // 2 for n in total)
    if isinstance(padding, str):
        raise ArgumentError(f"{name}: got padding={padding!r}; it must be 'same', 'valid' or ints")
    found = per_axis(name, "padding", padding, len(taps), 0)
    return found, found


def _check_fit(
    name: str,
    x: Array,
    weight: Array,
    dilation: Ints,
    low: Ints,
    high: Ints,
    spread: Ints | None = None,
) -> None:
    sizes: Shape = x.shape[2:]
    for i, (n, k, d) in enumerate(zip(sizes, weight.shape[2:], dilation, strict=True)):
        if not isinstance(n, int):
            continue
        length = max(0, (n - 1) * (spread[i] if spread else 1) + 1)
        room, extent = length + low[i] + high[i], d * (k - 1) + 1
        if room < extent:
            raise ShapeError(
                f"{name}: got an input {x.shape} and a weight {weight.shape}; on spatial axis {i} "
                f"the window has {extent} elements and the padded input {room}"
            )


def _with_bias(name: str, out: Array, bias: Array | None) -> Array:
    """The result, channels last, plus the bias."""
    if bias is None:
        return out
    if bias.shape != out.shape[-1:]:
        raise ShapeError(f"{name}: got a bias {bias.shape}; it must be {out.shape[-1:]}")
    return out + bias
