"""Losses: composites of few primitives, which a staged program fuses."""

from __future__ import annotations

from typing import Any

from ..dsl.array import Array
from ..dsl.device import following
from ..dsl.errors import BoundsError, DTypeError, ShapeError
from ..dsl.functions import arange, asarray, log_softmax, where
from ..dsl.record import is_tracing

_REDUCTIONS = ("mean", "sum", "none")


@following
def cross_entropy(logits: Array, targets: Any, *, reduction: str = "mean") -> Array:
    """The cross entropy of softmax(logits) and class numbers.

    `logits`: float (..., classes); `targets`: integers (...), each from 0 to classes - 1.
    `reduction`: "mean", "sum" or "none". Raises ShapeError, DTypeError, and BoundsError for a
    target out of range (in a staged program, where it cannot raise, its loss is nan).

    >>> cross_entropy(asarray([[0.0, 0.0]]), asarray([1])).item()
    0.6931471805599453
    """
    targets = _checked("cross_entropy", logits, targets, reduction)
    return _picked(log_softmax(logits, axis=-1), targets, reduction)


@following
def nll_loss(log_probabilities: Array, targets: Any, *, reduction: str = "mean") -> Array:
    """The negative log-likelihood of class numbers; see `cross_entropy`, which takes logits.

    >>> nll_loss(asarray([[-1.0, -2.0]]), asarray([1])).item()
    2.0
    """
    targets = _checked("nll_loss", log_probabilities, targets, reduction)
    return _picked(log_probabilities, targets, reduction)


@following
def mse_loss(predictions: Array, targets: Any, *, reduction: str = "mean") -> Array:
    """The squared error. Shapes must be equal: broadcasting here is nearly always a mistake.

    >>> mse_loss(asarray([1.0, 2.0]), asarray([1.0, 4.0])).item()
    2.0
    """
    targets = asarray(targets)
    if predictions.shape != targets.shape:
        raise ShapeError(
            f"mse_loss: got predictions {predictions.shape} and targets {targets.shape}; they "
            "must be equal"
        )
    difference = predictions - targets
    return _reduced("mse_loss", difference * difference, reduction)


def _checked(name: str, scores: Array, given: Any, reduction: str) -> Array:
    targets = asarray(given)
    if not scores.dtype.is_float or not targets.dtype.is_integer:
        raise DTypeError(
            f"{name}: got {scores.dtype} scores and {targets.dtype} targets; they must be floats "
            "and integers (class numbers)"
        )
    if scores.ndim < 1 or scores.shape[:-1] != targets.shape:
        raise ShapeError(
            f"{name}: got scores {scores.shape} and targets {targets.shape}; scores have one axis "
            "more, the classes"
        )
    if reduction not in _REDUCTIONS:
        raise ValueError(f"{name}: got reduction={reduction!r}; it is one of {_REDUCTIONS}")
    if not is_tracing() and targets.size:
        lowest, highest = targets.numpy().min(), targets.numpy().max()
        if lowest < 0 or highest >= scores.shape[-1]:
            raise BoundsError(
                f"{name}: got targets from {lowest} to {highest}; with {scores.shape[-1]} classes "
                f"they must be from 0 to {scores.shape[-1] - 1}"
            )
    return targets


def _picked(log_probabilities: Array, targets: Array, reduction: str) -> Array:
    """Minus the log-probability of each target: a comparison and a sum, which fuse with the
    softmax, where a gather would not."""
    classes = log_probabilities.shape[-1]
    column = targets.reshape((*targets.shape, 1))
    is_target = arange(classes, dtype=targets.dtype) == column  # (..., classes)
    loss = -where(is_target, log_probabilities, 0.0).sum(axis=-1)
    if is_tracing():
        loss = where((targets >= 0) & (targets < classes), loss, float("nan"))
    return _reduced("cross_entropy", loss, reduction)


def _reduced(name: str, loss: Array, reduction: str) -> Array:
    if reduction not in _REDUCTIONS:
        raise ValueError(f"{name}: got reduction={reduction!r}; it is one of {_REDUCTIONS}")
    if reduction == "none":
        return loss
    return loss.mean() if reduction == "mean" else loss.sum()
