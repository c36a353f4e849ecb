"""Normalisations to mean 0 and variance 1 of rows, groups, channels and batches."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...dsl import functions as f
from ...dsl.array import Array
from ...dsl.autodiff import no_grad
from ...dsl.dtypes import at_least_float32
from ...dsl.errors import ArgumentError, ShapeError
from ...dsl.primitives import stop_gradient


def layer_norm(
    input: Array,
    normalized_shape: int | Sequence[int],
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> Array:
    """input moved and scaled to mean 0 and variance 1 over its last axes, * weight + bias.

    `normalized_shape` is the sizes of these axes, and the shape of weight and bias. Half types are
    computed in float32. J. Ba, J. Kiros, G. Hinton: "Layer normalization", 2016. Raises ShapeError
    where shapes do not fit.

    >>> layer_norm(f.asarray([1.0, 3.0]), 2, eps=0.0).tolist()
    [-1.0, 1.0]
    """
    axes = _last_axes("layer_norm", input, normalized_shape, weight, bias)
    return f.layer_norm(input, weight, bias, axis=axes, eps=eps)


def rms_norm(
    input: Array,
    normalized_shape: int | Sequence[int],
    weight: Array | None = None,
    eps: float | None = None,
) -> Array:
    """input scaled to mean square 1 over its last axes, * weight.

    `eps` (by default the distance from 1 to the next number of the type) is added to the mean
    square. B. Zhang, R. Sennrich: "Root mean square layer normalization", 2019. Raises ShapeError
    where shapes do not fit.

    >>> rms_norm(f.asarray([3.0, -3.0]), (2,), eps=0.0).tolist()
    [1.0, -1.0]
    """
    axes = _last_axes("rms_norm", input, normalized_shape, weight, None)
    least = float(f.finfo(input.dtype).eps) if eps is None else eps
    return f.rms_norm(input, weight, axis=axes, eps=least)


def _last_axes(
    name: str,
    input: Array,
    given: int | Sequence[int],
    weight: Array | None,
    bias: Array | None,
) -> tuple[int, ...]:
    sizes = (given,) if isinstance(given, int) else tuple(given)
    if not sizes or input.shape[-len(sizes) :] != sizes:
        raise ShapeError(
            f"{name}: got an input {input.shape} and normalized_shape {sizes}; these must be its "
            "last sizes"
        )
    for role, array in (("weight", weight), ("bias", bias)):
        if array is not None and array.shape != sizes:
            raise ShapeError(f"{name}: got a {role} {array.shape}; it must be {sizes}")
    return tuple(range(-len(sizes), 0))


def group_norm(
    input: Array,
    num_groups: int,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> Array:
    """input (N, C, ...) to mean 0 and variance 1 over each of `num_groups` groups of channels,
    * weight (C) + bias (C).

    Y. Wu, K. He: "Group normalization", 2018. Raises ShapeError where shapes do not fit, and
    ArgumentError where num_groups does not divide C.

    >>> group_norm(f.asarray([[1.0, 3.0]]), 1, eps=0.0).tolist()
    [[-1.0, 1.0]]
    """
    channels = _channels("group_norm", input, weight=weight, bias=bias)
    if num_groups < 1 or channels % num_groups:
        raise ArgumentError(
            f"group_norm: got num_groups={num_groups} for {channels} channels; it must divide them"
        )
    split = (num_groups, channels // num_groups)
    grouped = input.reshape((input.shape[0], *split, *input.shape[2:]))
    own = (*split, *(1 for _ in input.shape[2:]))
    found = f.layer_norm(
        grouped,
        None if weight is None else weight.reshape(own),
        None if bias is None else bias.reshape(own),
        axis=tuple(range(2, grouped.ndim)),
        eps=eps,
    )
    return found.reshape(input.shape)


def batch_norm(
    input: Array,
    running_mean: Array | None,
    running_var: Array | None,
    weight: Array | None = None,
    bias: Array | None = None,
    training: bool = False,
    momentum: float | Array = 0.1,
    eps: float = 1e-5,
) -> Array:
    """input (N, C, ...) to mean 0 and variance 1 in each channel, * weight (C) + bias (C).

    In training by the statistics of the batch, which are mixed into running_mean (C) and
    running_var (C, of the unbiased variance) in place, `momentum` parts of them; otherwise by the
    running ones. S. Ioffe, C. Szegedy: "Batch normalization", 2015. Raises ShapeError where shapes
    do not fit, and ArgumentError where there are no statistics, or one element a channel to make
    them of.

    >>> batch_norm(f.asarray([[1.0], [3.0]]), None, None, training=True, eps=0.0).tolist()
    [[-1.0], [1.0]]
    """
    name, running = "batch_norm", (running_mean, running_var)
    _channels(
        name, input, weight=weight, bias=bias, running_mean=running_mean, running_var=running_var
    )
    if not training:
        if running_mean is None or running_var is None:
            raise ArgumentError(
                f"{name}: got no running statistics; without training it needs them"
            )
        return _by_statistics(input, running_mean, running_var, weight, bias, eps)
    axes = (0, *range(2, input.ndim))
    return _by_input(name, input, axes, running, weight, bias, momentum, eps)


def _by_input(
    name: str, input: Array, axes: tuple[int, ...], running: Sequence[Array | None],
    weight: Array | None, bias: Array | None, momentum: float | Array, eps: float,
) -> Array:  # fmt: skip
    """By the statistics of the input over `axes`, which are mixed into the running ones."""
    _enough(name, input, axes)
    if any(r is not None for r in running):
        _mix(input, axes, running, momentum)
    own = (1, input.shape[1], *(1 for _ in input.shape[2:]))
    scale, shift = (None if p is None else p.reshape(own) for p in (weight, bias))
    return f.layer_norm(input, scale, shift, axis=axes, eps=eps)


def _by_statistics(
    input: Array, mean: Array, var: Array, weight: Array | None, bias: Array | None, eps: float
) -> Array:
    """One product and one sum an element: the rest is a few operations a channel."""
    wide = at_least_float32(input.dtype)
    own = (1, input.shape[1], *(1 for _ in input.shape[2:]))
    scale = f.rsqrt(var.astype(wide) + eps)
    scale = scale if weight is None else scale * weight.astype(wide)
    shift = -(mean.astype(wide) * scale)
    shift = shift if bias is None else shift + bias.astype(wide)
    found = input.astype(wide) * scale.reshape(own) + shift.reshape(own)
    return found.astype(input.dtype)


def _mix(
    input: Array, axes: tuple[int, ...], running: Sequence[Array | None], momentum: float | Array
) -> None:
    """Statistics over `axes` into the running ones, averaged over the items if each has its own."""
    with no_grad():
        wide = stop_gradient(input).astype(at_least_float32(input.dtype))
        found = [f.mean(wide, axes), f.var(wide, axes, ddof=1)]
        found = found if 0 in axes else [f.mean(x, 0) for x in found]
        for cell, value in zip(running, found, strict=True):
            if cell is not None:
                cell[...] = cell * (1 - momentum) + value.astype(cell.dtype) * momentum


def _enough(name: str, input: Array, axes: tuple[int, ...]) -> None:
    sizes = [input.shape[a] for a in axes]
    if all(isinstance(n, int) for n in sizes) and math.prod(sizes) == 1:
        raise ArgumentError(
            f"{name}: got an input {input.shape}; training needs more than one element a channel"
        )


def instance_norm(
    input: Array,
    running_mean: Array | None = None,
    running_var: Array | None = None,
    weight: Array | None = None,
    bias: Array | None = None,
    use_input_stats: bool = True,
    momentum: float | Array = 0.1,
    eps: float = 1e-5,
) -> Array:
    """input (N, C, ...) to mean 0 and variance 1 in each channel of each item, * weight (C) +
    bias (C).

    By the statistics of the input, whose averages over the items are mixed into the running ones as
    in `batch_norm`; without `use_input_stats` by the running ones. D. Ulyanov, A. Vedaldi,
    V. Lempitsky: "Instance normalization", 2016. Raises as `batch_norm`.

    >>> instance_norm(f.asarray([[[1.0, 3.0]]]), eps=0.0).tolist()
    [[[-1.0, 1.0]]]
    """
    name, running = "instance_norm", (running_mean, running_var)
    _channels(
        name, input, weight=weight, bias=bias, running_mean=running_mean, running_var=running_var
    )
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise ArgumentError(f"{name}: got no running statistics; it needs them or the input's")
        return _by_statistics(input, running_mean, running_var, weight, bias, eps)
    axes = tuple(range(2, input.ndim))
    if not axes:
        raise ShapeError(f"{name}: got an input {input.shape}; it takes (N, C, ...)")
    return _by_input(name, input, axes, running, weight, bias, momentum, eps)


def _channels(name: str, input: Array, **given: Array | None) -> int:
    """The number of channels of (N, C, ...), which is the size of all that is given for each."""
    if input.ndim < 2:
        raise ShapeError(f"{name}: got an input {input.shape}; it takes (N, C, ...)")
    channels = input.shape[1]
    for role, array in given.items():
        if array is not None and array.shape != (channels,):
            raise ShapeError(f"{name}: got a {role} {array.shape}; it must be ({channels},)")
    return int(channels)
