"""Layers."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..dsl.array import Array
from ..dsl.dtypes import DTypeLike
from ..dsl.errors import ShapeError
from ..dsl.functions import (
    gelu,
    layer_norm,
    ones,
    random,
    relu,
    sigmoid,
    tanh,
    zeros,
)
from .functional import dropout, embedding
from .module import Module, Parameter


def kaiming_uniform(shape: tuple[int, ...], fan_in: int, dtype: DTypeLike) -> Array:
    """Values uniform in +-1 / sqrt(fan_in), from the library's generator (`tw.seed`).

    K. He et al.: "Delving deep into rectifiers", 2015, with PyTorch's gain of sqrt(1/3)."""
    bound = 1.0 / math.sqrt(max(fan_in, 1))
    return random.uniform(-bound, bound, shape, dtype=dtype)


class Linear(Module):
    """`x @ weight + bias`: x (..., inputs) -> (..., outputs); weight (inputs, outputs).

    >>> Linear(3, 2)(tw.ones((4, 3), dtype="float32")).shape
    (4, 2)
    """

    def __init__(
        self, inputs: int, outputs: int, *, bias: bool = True, dtype: DTypeLike = "float32"
    ) -> None:
        self.weight = Parameter(kaiming_uniform((inputs, outputs), inputs, dtype))
        self.bias = Parameter(kaiming_uniform((outputs,), inputs, dtype)) if bias else None

    def forward(self, x: Array) -> Array:
        """x (..., inputs) -> (..., outputs). Raises ShapeError for another last size."""
        if x.ndim < 1 or x.shape[-1] != self.weight.shape[0]:
            raise ShapeError(
                f"Linear: got an input {x.shape}; its last size must be {self.weight.shape[0]}"
            )
        y = x @ self.weight
        return y if self.bias is None else y + self.bias

    def describe(self) -> str:
        inputs, outputs = self.weight.shape
        return f"{inputs}, {outputs}" + ("" if self.bias is not None else ", bias=False")


class ReLU(Module):
    """`maximum(x, 0)`.

    >>> ReLU()(tw.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """

    def forward(self, x: Array) -> Array:
        return relu(x)


class Tanh(Module):
    """`tanh(x)`.

    >>> Tanh()(tw.array([0.0])).tolist()
    [0.0]
    """

    def forward(self, x: Array) -> Array:
        return tanh(x)


class Sigmoid(Module):
    """`1 / (1 + exp(-x))`.

    >>> Sigmoid()(tw.array([0.0])).tolist()
    [0.5]
    """

    def forward(self, x: Array) -> Array:
        return sigmoid(x)


class GELU(Module):
    """`x * P(X <= x)` for a standard normal X: D. Hendrycks, K. Gimpel, 2016.

    >>> GELU()(tw.array([0.0])).tolist()
    [0.0]
    """

    def forward(self, x: Array) -> Array:
        return gelu(x)


class Dropout(Module):
    """In training: zero each element with probability `p`, and scale the others by 1 / (1 - p).

    In evaluation: the identity. Draws from the library's generator (`tw.seed`), so a staged step
    draws anew at each call. Raises ValueError for p outside [0, 1].

    >>> Dropout(0.5).eval()(tw.array([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """

    def __init__(self, p: float = 0.5) -> None:
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"Dropout: got p={p}; it must be from 0 to 1")
        self.p = float(p)

    def forward(self, x: Array) -> Array:
        return dropout(x, self.p, self.training)

    def describe(self) -> str:
        return f"p={self.p:g}"


class Flatten(Module):
    """Joins all axes from `start` on: (a, b, c) -> (a, b * c) by default.

    >>> Flatten()(tw.zeros((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, start: int = 1) -> None:
        self.start = start

    def forward(self, x: Array) -> Array:
        """Raises ShapeError when x has no axis `start`."""
        if not 0 <= self.start < x.ndim:
            raise ShapeError(f"Flatten: got an input {x.shape} and start={self.start}")
        lead = x.shape[: self.start]
        return x.reshape((*lead, math.prod(x.shape[self.start :])))


class LayerNorm(Module):
    """`(x - mean) / sqrt(var + eps) * weight + bias` over the last axis, of size `size`.

    J. Ba, J. Kiros, G. Hinton: "Layer normalization", 2016.

    >>> LayerNorm(2)(tw.array([[1.0, 3.0]], dtype="float32")).round(3).tolist()
    [[-1.0, 1.0]]
    """

    def __init__(self, size: int, *, eps: float = 1e-5, dtype: DTypeLike = "float32") -> None:
        self.eps = eps
        self.weight = Parameter(ones((size,), dtype=dtype))
        self.bias = Parameter(zeros((size,), dtype=dtype))

    def forward(self, x: Array) -> Array:
        """x (..., size) -> (..., size). Raises ShapeError for another last size."""
        if x.ndim < 1 or x.shape[-1:] != self.weight.shape:
            raise ShapeError(
                f"LayerNorm: got an input {x.shape}; its last size must be {self.weight.shape[0]}"
            )
        return layer_norm(x, self.weight, self.bias, eps=self.eps)

    def describe(self) -> str:
        return f"{self.weight.shape[0]}"


class Embedding(Module):
    """Rows of a table: integers (...) -> (..., width); the weight is (count, width).

    >>> Embedding(10, 4)(tw.array([1, 2])).shape
    (2, 4)
    """

    def __init__(self, count: int, width: int, *, dtype: DTypeLike = "float32") -> None:
        self.weight = Parameter(kaiming_uniform((count, width), width, dtype))

    def forward(self, indices: Array) -> Array:
        return embedding(indices, self.weight)

    def describe(self) -> str:
        return ", ".join(map(str, self.weight.shape))


class Sequential(Module):
    """Modules applied one after another; also a sequence of them.

    >>> Sequential(Linear(4, 8), ReLU(), Linear(8, 2))
    Sequential(
      0: Linear(4, 8)
      1: ReLU()
      2: Linear(8, 2)
    )
    """

    def __init__(self, *layers: Module) -> None:
        for position, layer in enumerate(layers):
            if not callable(layer):
                raise TypeError(f"Sequential: item {position} is {type(layer).__name__}, no Module")
            setattr(self, str(position), layer)

    def forward(self, x: Array) -> Array:
        for layer in self:
            x = layer(x)
        return x

    def __iter__(self) -> Iterator[Module]:
        return (v for k, v in vars(self).items() if k.isdigit())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, position: int) -> Module:
        return list(self)[position]
