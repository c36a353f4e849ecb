"""Normalising layers, with PyTorch's arguments, attributes and names of weights."""

from __future__ import annotations

from typing import ClassVar

from ..dsl.array import Array
from ..dsl.dtypes import DTypeLike
from ..dsl.errors import ArgumentError, ShapeError
from ..dsl.functions import ones, zeros
from .functional import batch_norm, group_norm, instance_norm, rms_norm
from .module import Module, Parameter


class _ChannelNorm(Module):
    """What norms of channels share: weights, and running statistics that training writes."""

    ranks: ClassVar[tuple[int, ...]]  # how many axes an input may have

    def __init__(
        self, num_features: int, eps: float, momentum: float | None, affine: bool,
        track_running_stats: bool, dtype: DTypeLike,
    ) -> None:  # fmt: skip
        if num_features < 1:
            name = type(self).__name__
            raise ArgumentError(f"{name}: got num_features={num_features}; it must be at least 1")
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        size = (num_features,)
        self.weight = Parameter(ones(size, dtype=dtype)) if affine else None
        self.bias = Parameter(zeros(size, dtype=dtype)) if affine else None
        tracks = track_running_stats
        self.running_mean = zeros(size, dtype=dtype) if tracks else None
        self.running_var = ones(size, dtype=dtype) if tracks else None
        self.num_batches_tracked = zeros((), dtype="int64") if tracks else None

    def _check(self, input: Array) -> None:
        name = type(self).__name__
        if input.ndim not in self.ranks:
            axes = " or ".join(map(str, self.ranks))
            raise ShapeError(f"{name}: got an input {input.shape}; it must have {axes} axes")

    def describe(self) -> str:
        parts = [str(self.num_features), f"eps={self.eps:g}", f"momentum={self.momentum}"]
        parts += ["affine=False"] if self.weight is None else []
        return ", ".join(parts)


class _BatchNorm(_ChannelNorm):
    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1,
        affine: bool = True, track_running_stats: bool = True, *, dtype: DTypeLike = "float32",
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype)

    def forward(self, input: Array) -> Array:
        """(N, C, ...) -> the same shape. Raises ShapeError for other axes or channels."""
        self._check(input)
        momentum = self._next_momentum()
        training = self.training or self.running_mean is None
        return batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, training,
            momentum, self.eps,
        )  # fmt: skip

    def _next_momentum(self) -> float | Array:
        """How much of the statistics is new; counts the batch in training."""
        count = self.num_batches_tracked
        if count is not None and self.training:
            count += 1
            if self.momentum is None:  # the average over all batches
                return 1.0 / count.astype("float32")
        return 0.0 if self.momentum is None else self.momentum


class BatchNorm1d(_BatchNorm):
    """`batch_norm` of (N, C) or (N, C, L): S. Ioffe, C. Szegedy: "Batch normalization", 2015.

    In training the batch's own statistics count, and `momentum` parts of them are mixed into the
    running ones (None: the average over all batches); in evaluation the running ones do.

    >>> BatchNorm1d(2)(tw.array([[1.0, 2.0], [3.0, 2.0]], dtype="float32")).round(2).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """

    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """`batch_norm` of images (N, C, H, W); as BatchNorm1d.

    >>> BatchNorm2d(3)(tw.zeros((2, 3, 4, 4), dtype="float32")).shape
    (2, 3, 4, 4)
    """

    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """`batch_norm` of volumes (N, C, D, H, W); as BatchNorm1d.

    >>> BatchNorm3d(3)(tw.zeros((2, 3, 2, 4, 4), dtype="float32")).shape
    (2, 3, 2, 4, 4)
    """

    ranks = (5,)


class _InstanceNorm(_ChannelNorm):
    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
        track_running_stats: bool = False, *, dtype: DTypeLike = "float32",
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype)

    def forward(self, input: Array) -> Array:
        """(N, C, ...) or (C, ...) -> the same shape. Raises ShapeError for other axes or
        channels."""
        self._check(input)
        batch = input if input.ndim == self.ranks[-1] else input[None]
        by_input = self.training or self.running_mean is None
        found = instance_norm(
            batch, self.running_mean, self.running_var, self.weight, self.bias, by_input,
            self.momentum or 0.0, self.eps,
        )  # fmt: skip
        return found if batch is input else found[0]


class InstanceNorm1d(_InstanceNorm):
    """`instance_norm` of (N, C, L) or (C, L): D. Ulyanov, A. Vedaldi, V. Lempitsky, 2016.

    >>> InstanceNorm1d(1)(tw.array([[[1.0, 3.0]]], dtype="float32")).round(2).tolist()
    [[[-1.0, 1.0]]]
    """

    ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """`instance_norm` of (N, C, H, W) or (C, H, W); as InstanceNorm1d.

    >>> InstanceNorm2d(3)(tw.zeros((2, 3, 4, 4), dtype="float32")).shape
    (2, 3, 4, 4)
    """

    ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """`instance_norm` of (N, C, D, H, W) or (C, D, H, W); as InstanceNorm1d.

    >>> InstanceNorm3d(3)(tw.zeros((2, 3, 2, 4, 4), dtype="float32")).shape
    (2, 3, 2, 4, 4)
    """

    ranks = (4, 5)


class GroupNorm(Module):
    """`group_norm` of (N, C, ...): Y. Wu, K. He: "Group normalization", 2018.

    Raises ArgumentError where num_groups does not divide num_channels.

    >>> GroupNorm(2, 4)(tw.zeros((1, 4, 3), dtype="float32")).shape
    (1, 4, 3)
    """

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, *,
        dtype: DTypeLike = "float32",
    ) -> None:  # fmt: skip
        if num_groups < 1 or num_channels % num_groups:
            raise ArgumentError(
                f"GroupNorm: got num_groups={num_groups} for num_channels={num_channels}; it must "
                "divide them"
            )
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        size = (num_channels,)
        self.weight = Parameter(ones(size, dtype=dtype)) if affine else None
        self.bias = Parameter(zeros(size, dtype=dtype)) if affine else None

    def forward(self, input: Array) -> Array:
        """(N, C, ...) -> the same shape. Raises ShapeError for another C."""
        if input.ndim < 2 or input.shape[1] != self.num_channels:
            raise ShapeError(
                f"GroupNorm: got an input {input.shape}; it must be (N, {self.num_channels}, ...)"
            )
        return group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def describe(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps:g}"


class RMSNorm(Module):
    """`rms_norm` over the last axes, of the sizes `normalized_shape`: B. Zhang, R. Sennrich, 2019.

    `eps`: None is the smallest step of the input's type at 1, as in PyTorch.

    >>> RMSNorm(2)(tw.array([[1.0, 1.0]], dtype="float32")).round(3).tolist()
    [[1.0, 1.0]]
    """

    def __init__(
        self, normalized_shape: int | tuple[int, ...], eps: float | None = None,
        elementwise_affine: bool = True, *, dtype: DTypeLike = "float32",
    ) -> None:  # fmt: skip
        given = normalized_shape
        self.normalized_shape = (given,) if isinstance(given, int) else tuple(given)
        self.eps = eps
        made = Parameter(ones(self.normalized_shape, dtype=dtype)) if elementwise_affine else None
        self.weight = made

    def forward(self, input: Array) -> Array:
        """(..., *normalized_shape) -> the same shape. Raises ShapeError for other sizes."""
        return rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def describe(self) -> str:
        return ", ".join(map(str, self.normalized_shape))
