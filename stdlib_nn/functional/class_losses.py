"""Losses of class numbers: composites of few primitives, which a staged program fuses."""

from __future__ import annotations

from dataclasses import dataclass

from ...dsl import functions as f
from ...dsl.array import Array
from ...dsl.device import following
from ...dsl.errors import ArgumentError, BoundsError, DTypeError, ShapeError
from ...dsl.functions.convert import ArrayLike
from ...dsl.record import is_tracing
from .losses import check_reduction


@following
def cross_entropy(
    input: Array,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Array:
    """The cross entropy of softmax(input) and class numbers, or probabilities of classes.

    `input`: float (C), (N, C) or (N, C, ...). `target`: integers of its shape without C, each from
    0 to C - 1 or `ignore_index` (then its loss is 0); or probabilities, floats of its shape.
    `weight` (C) is multiplied into the loss of each class. `label_smoothing` is the part of each
    target that is spread over all classes (C. Szegedy et al., 2016). `reduction`: "mean" (over the
    weights of the targets that count), "sum" or "none". Raises ShapeError, DTypeError,
    ArgumentError, and BoundsError for a target out of range (in a staged program, where it cannot
    raise, its loss is nan).

    >>> cross_entropy(f.asarray([[0.0, 0.0]]), f.asarray([1])).item()
    0.6931471805599453
    """
    name = "cross_entropy"
    if not 0.0 <= label_smoothing <= 1.0:
        raise ArgumentError(f"{name}: got label_smoothing={label_smoothing}; it is from 0 to 1")
    targets = f.asarray(target)
    axis = _class_axis(name, input)
    logs = f.log_softmax(input, axis=axis)
    if targets.dtype.is_float and targets.shape == input.shape:
        return _of_probabilities(name, logs, targets, weight, reduction, label_smoothing)
    classes = _Classes(name, logs, targets, weight, ignore_index)
    loss = classes.picked()
    if label_smoothing:
        spread = classes.spread() * (label_smoothing / logs.shape[axis])
        loss = loss * (1 - label_smoothing) + spread
    return classes.reduced(loss, reduction)


@following
def nll_loss(
    input: Array,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Array:
    """The negative log-likelihood of class numbers; as `cross_entropy`, which takes no logarithms
    of probabilities but what softmax makes them of.

    >>> nll_loss(f.asarray([[-1.0, -2.0]]), f.asarray([1])).item()
    2.0
    """
    classes = _Classes("nll_loss", input, f.asarray(target), weight, ignore_index)
    return classes.reduced(classes.picked(), reduction)


def _class_axis(name: str, input: Array) -> int:
    if input.ndim < 1:
        raise ShapeError(
            f"{name}: got an input {input.shape}; it must be (C), (N, C) or (N, C, ...)"
        )
    return 0 if input.ndim == 1 else 1


def _of_probabilities(
    name: str,
    logs: Array,
    targets: Array,
    weight: ArrayLike | None,
    reduction: str,
    smoothing: float,
) -> Array:
    check_reduction(name, reduction)
    axis = _class_axis(name, logs)
    classes = logs.shape[axis]
    if smoothing:
        targets = targets * (1 - smoothing) + smoothing / classes
    if weight is not None:
        targets = targets * _by_class(name, weight, logs, axis)
    loss = -(logs * targets).sum(axis=axis)
    if reduction == "none":
        return loss
    # PyTorch's mean: over the items, whatever the weights
    return loss.sum() if reduction == "sum" else loss.sum() / loss.size


def _by_class(name: str, weight: ArrayLike, scores: Array, axis: int) -> Array:
    """The weights of the classes, placed along their axis."""
    found = f.asarray(weight)
    if found.shape != (scores.shape[axis],):
        raise ShapeError(
            f"{name}: got a weight {found.shape} for scores {scores.shape}; it must be "
            f"({scores.shape[axis]},), one a class"
        )
    return found.reshape((-1, *(1 for _ in range(axis + 1, scores.ndim))))


@dataclass
class _Classes:
    """Log-probabilities and the class numbers that are wanted of them."""

    name: str
    logs: Array
    targets: Array
    weight: ArrayLike | None
    ignored: int

    def __post_init__(self) -> None:
        self.axis = _class_axis(self.name, self.logs)
        self.n_classes = self.logs.shape[self.axis]
        self._check()
        weight = self.weight
        self.weights = (
            None if weight is None else _by_class(self.name, weight, self.logs, self.axis)
        )
        places = f.arange(self.n_classes, dtype=self.targets.dtype)
        places = places.reshape((-1, *(1 for _ in range(self.axis + 1, self.logs.ndim))))
        # A comparison and a sum, which fuse with the softmax, where a gather would not.
        self.is_target = places == f.expand_dims(self.targets, self.axis)
        self.counts = self.targets != self.ignored

    def _check(self) -> None:
        scores, targets, axis = self.logs, self.targets, self.axis
        if not scores.dtype.is_float or not targets.dtype.is_integer:
            raise DTypeError(
                f"{self.name}: got {scores.dtype} scores and {targets.dtype} targets; they must be "
                "floats and integers (class numbers)"
            )
        wanted = (*scores.shape[:axis], *scores.shape[axis + 1 :])
        if targets.shape != wanted:
            raise ShapeError(
                f"{self.name}: got scores {scores.shape} and targets {targets.shape}; targets must "
                f"be {wanted}, the scores' shape without its classes (axis {axis})"
            )
        if not is_tracing() and targets.size:
            self._check_range()

    def _check_range(self) -> None:
        given = self.targets.numpy()
        given = given[given != self.ignored]
        if given.size and (given.min() < 0 or given.max() >= self.n_classes):
            raise BoundsError(
                f"{self.name}: got targets from {given.min()} to {given.max()}; with "
                f"{self.n_classes} classes they must be from 0 to {self.n_classes - 1}, or "
                f"{self.ignored} (ignore_index)"
            )

    def picked(self) -> Array:
        """Minus the log-probability of each target, times its weight."""
        logs = self.logs if self.weights is None else self.logs * self.weights
        loss = -f.where(self.is_target, logs, 0.0).sum(axis=self.axis)
        if is_tracing():
            inside = (self.targets >= 0) & (self.targets < self.n_classes)
            loss = f.where(inside, loss, float("nan"))
        return f.where(self.counts, loss, 0.0)

    def spread(self) -> Array:
        """Minus the log-probabilities of all classes, times their weights."""
        logs = self.logs if self.weights is None else self.logs * self.weights
        return f.where(self.counts, -logs.sum(axis=self.axis), 0.0)

    def reduced(self, loss: Array, reduction: str) -> Array:
        """The losses, their sum, or that over the weights of the targets that count."""
        check_reduction(self.name, reduction)
        if reduction == "none":
            return loss
        if reduction == "sum":
            return loss.sum()
        total = self.counts.astype(loss.dtype)
        if self.weights is not None:
            held = f.where(self.is_target, self.weights, 0.0).sum(axis=self.axis)
            total = f.where(self.counts, held, 0.0)
        return loss.sum() / total.sum()
