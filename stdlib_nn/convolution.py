"""Layers of windows: convolutions, transposed ones, pooling; weights as PyTorch lays them out."""

from __future__ import annotations

from math import prod
from typing import Any

from ..dsl.array import Array
from ..dsl.dtypes import DTypeLike
from ..dsl.errors import ArgumentError
from . import functional as F
from .functional.axes import IntOrInts, per_axis
from .layers import kaiming_uniform
from .module import Module, Parameter


class _Convolution(Module):
    """What convolutions share: `weight` and `bias` with PyTorch's names and shapes."""

    rank: int
    is_transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrInts,
        stride: IntOrInts = 1,
        padding: IntOrInts | str = 0,
        dilation: IntOrInts = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        output_padding: IntOrInts = 0,
        dtype: DTypeLike = "float32",
    ) -> None:
        name = type(self).__name__
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ArgumentError(
                f"{name}: got {in_channels} and {out_channels} channels and groups={groups}; the "
                "groups must divide both"
            )
        taps = per_axis(name, "kernel_size", kernel_size, self.rank)
        self.kernel_size, self.stride, self.padding = taps, stride, padding
        self.dilation, self.groups, self.output_padding = dilation, groups, output_padding
        self.in_channels, self.out_channels = in_channels, out_channels
        sides = (out_channels, in_channels // groups)
        if self.is_transposed:
            sides = (in_channels, out_channels // groups)
        fan_in = sides[1] * prod(taps)  # PyTorch's, also of transposed ones
        self.weight = Parameter(kaiming_uniform((*sides, *taps), fan_in, dtype))
        self.bias = Parameter(kaiming_uniform((out_channels,), fan_in, dtype)) if bias else None

    def forward(self, x: Array) -> Array:
        """x (N, C, *spatial) or (C, *spatial). Raises ShapeError for what does not fit."""
        function: Any = getattr(F, f"conv{self.rank}d")
        steps = self.stride, self.padding, self.dilation
        out: Array = function(x, self.weight, self.bias, *steps, self.groups)
        return out

    def describe(self) -> str:
        said = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        for key, plain in (("stride", 1), ("padding", 0), ("dilation", 1), ("groups", 1)):
            value = getattr(self, key)
            said += "" if value == plain else f", {key}={value}"
        return said + ("" if self.bias is not None else ", bias=False")


class _Transposed(_Convolution):
    is_transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrInts,
        stride: IntOrInts = 1,
        padding: IntOrInts = 0,
        output_padding: IntOrInts = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: IntOrInts = 1,
        *,
        dtype: DTypeLike = "float32",
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            output_padding=output_padding, dtype=dtype,
        )  # fmt: skip

    def forward(self, x: Array) -> Array:
        """x (N, C, *spatial) or (C, *spatial). Raises ShapeError for what does not fit."""
        function: Any = getattr(F, f"conv_transpose{self.rank}d")
        steps = self.stride, self.padding, self.output_padding, self.groups, self.dilation
        out: Array = function(x, self.weight, self.bias, *steps)
        return out


class Conv1d(_Convolution):
    """`functional.conv1d` with a weight (O, C / groups, K) and a bias (O,) of its own.

    >>> Conv1d(3, 4, 3)(tw.zeros((2, 3, 8), dtype="float32")).shape
    (2, 4, 6)
    """

    rank = 1


class Conv2d(_Convolution):
    """`functional.conv2d` with a weight (O, C / groups, KH, KW) and a bias (O,) of its own.

    >>> Conv2d(3, 4, 3, padding=1)
    Conv2d(3, 4, kernel_size=(3, 3), padding=1)
    """

    rank = 2


class Conv3d(_Convolution):
    """`functional.conv3d` with a weight (O, C / groups, KD, KH, KW) and a bias (O,) of its own.

    >>> Conv3d(1, 2, 2)(tw.zeros((1, 1, 3, 3, 3), dtype="float32")).shape
    (1, 2, 2, 2, 2)
    """

    rank = 3


class ConvTranspose1d(_Transposed):
    """`functional.conv_transpose1d` with a weight (C, O / groups, K) and a bias (O,) of its own.

    >>> ConvTranspose1d(3, 4, 2, stride=2)(tw.zeros((2, 3, 8), dtype="float32")).shape
    (2, 4, 16)
    """

    rank = 1


class ConvTranspose2d(_Transposed):
    """`functional.conv_transpose2d` with a weight (C, O / groups, KH, KW) and a bias (O,).

    >>> ConvTranspose2d(3, 4, 2, stride=2)(tw.zeros((3, 8, 8), dtype="float32")).shape
    (4, 16, 16)
    """

    rank = 2


class ConvTranspose3d(_Transposed):
    """`functional.conv_transpose3d` with a weight (C, O / groups, KD, KH, KW) and a bias (O,).

    >>> ConvTranspose3d(1, 2, 2)(tw.zeros((1, 1, 3, 3, 3), dtype="float32")).shape
    (1, 2, 4, 4, 4)
    """

    rank = 3


class _Pooling(Module):
    """What pooling shares: `sizes`, the arguments of its function behind the input."""

    sizes: tuple[Any, ...]

    def describe(self) -> str:
        return f"{self.sizes[0]}, stride={self.sizes[1]}, padding={self.sizes[2]}"


class MaxPool2d(_Pooling):
    """`functional.max_pool2d` with these arguments.

    >>> MaxPool2d(2)(tw.zeros((1, 3, 8, 8), dtype="float32")).shape
    (1, 3, 4, 4)
    """

    def __init__(
        self,
        kernel_size: IntOrInts,
        stride: IntOrInts | None = None,
        padding: IntOrInts = 0,
        dilation: IntOrInts = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        self.sizes = kernel_size, stride, padding, dilation, ceil_mode, return_indices

    def forward(self, x: Array) -> Any:
        return F.max_pool2d(x, *self.sizes)


class AvgPool2d(_Pooling):
    """`functional.avg_pool2d` with these arguments.

    >>> AvgPool2d(2)(tw.zeros((1, 3, 8, 8), dtype="float32")).shape
    (1, 3, 4, 4)
    """

    def __init__(
        self,
        kernel_size: IntOrInts,
        stride: IntOrInts | None = None,
        padding: IntOrInts = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        self.sizes = kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override

    def forward(self, x: Array) -> Array:
        return F.avg_pool2d(x, *self.sizes)


class AdaptiveAvgPool2d(Module):
    """`functional.adaptive_avg_pool2d` to one size.

    >>> AdaptiveAvgPool2d(1)(tw.zeros((1, 3, 8, 8), dtype="float32")).shape
    (1, 3, 1, 1)
    """

    def __init__(self, output_size: Any) -> None:
        self.output_size = output_size

    def forward(self, x: Array) -> Array:
        return F.adaptive_avg_pool2d(x, self.output_size)

    def describe(self) -> str:
        return f"{self.output_size}"
