"""Losses of predictions and targets of one shape: composites, which a staged program fuses."""

from __future__ import annotations

import math

from ...dsl import functions as f
from ...dsl.array import Array
from ...dsl.device import following
from ...dsl.errors import ArgumentError, DTypeError, ShapeError
from ...dsl.functions.convert import ArrayLike

REDUCTIONS = ("mean", "sum", "none")


def reduced(name: str, loss: Array, reduction: str) -> Array:
    """The mean or the sum of the losses, or all of them. Raises ArgumentError for another word."""
    check_reduction(name, reduction)
    if reduction == "none":
        return loss
    return loss.mean() if reduction == "mean" else loss.sum()


def check_reduction(name: str, reduction: str, allowed: tuple[str, ...] = REDUCTIONS) -> None:
    """Raises ArgumentError for a word that is no reduction."""
    if reduction not in allowed:
        raise ArgumentError(f"{name}: got reduction={reduction!r}; it is one of {allowed}")


@following
def mse_loss(input: Array, target: ArrayLike, reduction: str = "mean") -> Array:
    """The squared error. Shapes must be equal: broadcasting here is nearly always a mistake.

    `reduction`: "mean", "sum" or "none". Raises ShapeError, DTypeError and ArgumentError.

    >>> mse_loss(f.asarray([1.0, 2.0]), f.asarray([1.0, 4.0])).item()
    2.0
    """
    difference = input - _like("mse_loss", input, target)
    return reduced("mse_loss", difference * difference, reduction)


@following
def l1_loss(input: Array, target: ArrayLike, reduction: str = "mean") -> Array:
    """The absolute error; else as `mse_loss`.

    >>> l1_loss(f.asarray([1.0, 2.0]), f.asarray([1.0, 4.0])).item()
    1.0
    """
    return reduced("l1_loss", f.abs(input - _like("l1_loss", input, target)), reduction)


@following
def smooth_l1_loss(
    input: Array, target: ArrayLike, reduction: str = "mean", beta: float = 1.0
) -> Array:
    """The squared error / (2 beta) below `beta`, the absolute one less beta / 2 above.

    R. Girshick: "Fast R-CNN", 2015. Raises as `mse_loss`, and ArgumentError for a negative beta.

    >>> smooth_l1_loss(f.asarray([0.0, 0.0]), f.asarray([1.0, 4.0])).item()
    2.0
    """
    if beta < 0:
        raise ArgumentError(f"smooth_l1_loss: got beta={beta}; it must be at least 0")
    if beta == 0:
        return l1_loss(input, target, reduction)
    loss = _huber(input - _like("smooth_l1_loss", input, target), beta) * (1 / beta)
    return reduced("smooth_l1_loss", loss, reduction)


@following
def huber_loss(
    input: Array, target: ArrayLike, reduction: str = "mean", delta: float = 1.0
) -> Array:
    """Half the squared error below `delta`, delta times the absolute one less delta / 2 above.

    P. Huber: "Robust estimation of a location parameter", 1964. Raises as `mse_loss`, and
    ArgumentError for a delta that is not above 0.

    >>> huber_loss(f.asarray([0.0, 0.0]), f.asarray([1.0, 4.0]), delta=2.0).item()
    3.25
    """
    if delta <= 0:
        raise ArgumentError(f"huber_loss: got delta={delta}; it must be above 0")
    return reduced(
        "huber_loss", _huber(input - _like("huber_loss", input, target), delta), reduction
    )


def _huber(difference: Array, delta: float) -> Array:
    size = f.abs(difference)
    near = difference * difference * 0.5
    return f.where(size < delta, near, (size - 0.5 * delta) * delta)


@following
def binary_cross_entropy(
    input: Array, target: ArrayLike, weight: ArrayLike | None = None, reduction: str = "mean"
) -> Array:
    """-(target log(input) + (1 - target) log(1 - input)) of probabilities; logarithms are at least
    -100. `weight` is multiplied in, and may be broadcast. Raises as `mse_loss`.

    >>> binary_cross_entropy(f.asarray([0.5, 1.0]), f.asarray([1.0, 1.0]), reduction="sum").item()
    0.6931471805599453
    """
    name, t = "binary_cross_entropy", _like("binary_cross_entropy", input, target)
    least = math.exp(-100)
    yes, no = f.log(f.maximum(input, least)), f.log(f.maximum(1 - input, least))
    return reduced(name, _weighted(name, -(t * yes + (1 - t) * no), weight), reduction)


@following
def binary_cross_entropy_with_logits(
    input: Array, target: ArrayLike, weight: ArrayLike | None = None, reduction: str = "mean",
    pos_weight: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """`binary_cross_entropy` of sigmoid(input), without overflow; `pos_weight` is multiplied into
    what comes of the target, and may be broadcast. Raises as `mse_loss`.

    >>> binary_cross_entropy_with_logits(f.asarray([0.0]), f.asarray([1.0])).item()
    0.6931471805599453
    """
    name = "binary_cross_entropy_with_logits"
    t = _like(name, input, target)
    size = f.abs(input)
    # log(1 + exp(-x)), whose slope at 0 is -1/2 as it should be
    below = f.log1p(f.exp(-size)) + (size - input) * 0.5
    if pos_weight is not None:
        below = below * (1 + (f.asarray(pos_weight) - 1) * t)
    return reduced(name, _weighted(name, (1 - t) * input + below, weight), reduction)


@following
def kl_div(
    input: Array, target: ArrayLike, reduction: str = "mean", log_target: bool = False
) -> Array:
    """target * (log(target) - input), for an input of logarithms; 0 where the target is 0.

    `reduction`: "mean" over all elements, "batchmean" (the sum over the first size), "sum" or
    "none"; with `log_target` the target holds logarithms too. Raises as `mse_loss`.

    >>> kl_div(f.asarray([0.0, -1.0]), f.asarray([1.0, 0.0]), reduction="sum").item()
    0.0
    """
    name = "kl_div"
    check_reduction(name, reduction, (*REDUCTIONS, "batchmean"))
    t = _like(name, input, target)
    if log_target:
        loss = f.exp(t) * (t - input)
    else:
        held = t > 0
        loss = f.where(held, t * (f.log(f.where(held, t, 1.0)) - input), 0.0)
    if reduction != "batchmean":
        return reduced(name, loss, reduction)
    if input.ndim < 1:
        raise ShapeError(f"{name}: got an input {input.shape}; 'batchmean' needs a first size")
    return loss.sum() / input.shape[0]


def _like(name: str, input: Array, target: ArrayLike) -> Array:
    """The target as an array of the input's shape and type."""
    found = f.asarray(target)
    if input.shape != found.shape:
        raise ShapeError(
            f"{name}: got an input {input.shape} and a target {found.shape}; they must be equal"
        )
    if not input.dtype.is_float or found.dtype.is_complex:
        raise DTypeError(
            f"{name}: got an input of {input.dtype} and a target of {found.dtype}; the input must "
            "be of floats, the target of real numbers"
        )
    return found if found.dtype.is_float else found.astype(input.dtype)


def _weighted(name: str, loss: Array, weight: ArrayLike | None) -> Array:
    if weight is None:
        return loss
    found = loss * f.asarray(weight)
    if found.shape != loss.shape:
        raise ShapeError(f"{name}: got a weight that does not fit losses {loss.shape}")
    return found
