"""Activations: elementwise but for the two softmax."""

from __future__ import annotations

from ...dsl import functions as f
from ...dsl.array import Array
from ...dsl.dtypes import DTypeLike
from ...dsl.errors import ArgumentError

relu, sigmoid, silu, tanh = f.relu, f.sigmoid, f.silu, f.tanh


def gelu(input: Array, approximate: str = "none") -> Array:
    """input times the normal distribution's probability below it (Hendrycks and Gimpel, 2016).

    `approximate`: "none", or "tanh" for the cheaper form. Raises ArgumentError for another.

    >>> gelu(f.asarray([0.0, 1.0]), approximate="tanh").tolist()
    [0.0, 0.8411919906082768]
    """
    if approximate not in ("none", "tanh"):
        raise ArgumentError(f"gelu: got approximate={approximate!r}; it must be 'none' or 'tanh'")
    return f.gelu(input, approximate=approximate == "tanh")


def softmax(input: Array, dim: int, dtype: DTypeLike | None = None) -> Array:
    """exp(input) / sum(exp(input)) over the axis `dim`, without overflow, computed in `dtype`.

    >>> softmax(f.asarray([0.0, 0.0]), dim=0).tolist()
    [0.5, 0.5]
    """
    return f.softmax(input if dtype is None else input.astype(dtype), axis=dim)


def log_softmax(input: Array, dim: int, dtype: DTypeLike | None = None) -> Array:
    """The logarithm of `softmax`, exact also where that underflows.

    >>> log_softmax(f.asarray([0.0, -1000.0]), dim=0).tolist()
    [0.0, -1000.0]
    """
    return f.log_softmax(input if dtype is None else input.astype(dtype), axis=dim)


def leaky_relu(input: Array, negative_slope: float = 0.01) -> Array:
    """input where it is positive, negative_slope * input elsewhere.

    >>> leaky_relu(f.asarray([-1.0, 2.0]), 0.5).tolist()
    [-0.5, 2.0]
    """
    return f.where(input > 0, input, input * negative_slope)


def elu(input: Array, alpha: float = 1.0) -> Array:
    """input where it is positive, alpha * (exp(input) - 1) elsewhere (Clevert et al., 2015).

    >>> elu(f.asarray([0.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    # The minimum keeps the side that is not taken from overflowing, and its gradient from nan.
    return f.where(input > 0, input, f.expm1(f.minimum(input, 0)) * alpha)


def softplus(input: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    """log(1 + exp(beta * input)) / beta; input itself where beta * input > threshold.

    >>> softplus(f.asarray([0.0, 30.0])).tolist()
    [0.6931471805599453, 30.0]
    """
    scaled = input * beta
    return f.where(scaled > threshold, input, f.softplus(scaled) / beta)


def logsigmoid(input: Array) -> Array:
    """log(sigmoid(input)), exact also where that underflows.

    >>> logsigmoid(f.asarray([-1000.0])).tolist()
    [-1000.0]
    """
    return -f.softplus(-input)


def hardtanh(input: Array, min_val: float = -1.0, max_val: float = 1.0) -> Array:
    """input held between `min_val` and `max_val`.

    >>> hardtanh(f.asarray([-3.0, 0.5])).tolist()
    [-1.0, 0.5]
    """
    return f.clip(input, min_val, max_val)


def relu6(input: Array) -> Array:
    """input held between 0 and 6.

    >>> relu6(f.asarray([-3.0, 9.0])).tolist()
    [0.0, 6.0]
    """
    return hardtanh(input, 0.0, 6.0)


def hardsigmoid(input: Array) -> Array:
    """relu6(input + 3) / 6 (Howard et al., 2019).

    >>> hardsigmoid(f.asarray([0.0])).tolist()
    [0.5]
    """
    return relu6(input + 3) / 6


def hardswish(input: Array) -> Array:
    """input * hardsigmoid(input) (Howard et al., 2019).

    >>> hardswish(f.asarray([3.0])).tolist()
    [3.0]
    """
    return input * hardsigmoid(input)


def mish(input: Array) -> Array:
    """input * tanh(log(1 + exp(input))) (Misra, 2019).

    >>> mish(f.asarray([0.0])).tolist()
    [0.0]
    """
    return input * f.tanh(f.softplus(input))
