"""Activations and normalisations."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .. import primitives as p
from ..errors import ShapeError
from ..primitives.families import zeros_like
from .arithmetic import maximum
from .axes import Axis, many_axes
from .convert import ArrayLike, asarray, convert, inexact
from .elementary import exp, log, rsqrt, square
from .reductions import max as max_
from .reductions import mean
from .reductions import sum as sum_

if TYPE_CHECKING:
    from ..array import Array


def _float(x: ArrayLike) -> Array:
    x = asarray(x)
    return convert(x, inexact(x.dtype))


def relu(x: ArrayLike) -> Array:
    """max(x, 0).

    >>> relu([-1.0, 2.0])
    array([0., 2.])
    """
    a = asarray(x)
    zero = zeros_like(a)
    return p.where(p.le(a, zero), zero, a)


def silu(x: ArrayLike) -> Array:
    """x * sigmoid(x)."""
    a = _float(x)
    return a * p.sigmoid(a)


def gelu(x: ArrayLike, *, approximate: bool = False) -> Array:
    """x times the normal distribution's probability below x, exactly or by a tanh."""
    a = _float(x)
    if approximate:
        inner = (a + a * a * a * 0.044715) * math.sqrt(2 / math.pi)
        return a * 0.5 * (p.tanh(inner) + 1)
    return a * 0.5 * (p.erf(a * math.sqrt(0.5)) + 1)


def softplus(x: ArrayLike) -> Array:
    """log(1 + exp(x)), without overflow."""
    x = _float(x)
    return maximum(x, 0) + p.log1p(p.exp(-p.abs_(x)))


def softmax(x: ArrayLike, axis: Axis = -1) -> Array:
    """exp(x) / sum(exp(x)) over `axis`, without overflow.

    >>> softmax([0.0, 0.0])
    array([0.5, 0.5])
    """
    x = _float(x)
    axes = many_axes("softmax", axis, x.ndim)
    powers = exp(x - p.stop_gradient(max_(x, axes, keepdims=True)))
    return powers / sum_(powers, axes, keepdims=True)


def log_softmax(x: ArrayLike, axis: Axis = -1) -> Array:
    """The logarithm of `softmax`, exact also where that underflows."""
    a = _float(x)
    axes = many_axes("log_softmax", axis, a.ndim)
    shifted: Array = a - p.stop_gradient(max_(a, axes, keepdims=True))
    return shifted - log(sum_(exp(shifted), axes, keepdims=True))


def layer_norm(
    x: ArrayLike,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    *,
    axis: Axis = -1,
    eps: float = 1e-5,
) -> Array:
    """x moved and scaled to mean 0 and variance 1 over `axis`, times weight, plus bias."""
    x = _float(x)
    axes = many_axes("layer_norm", axis, x.ndim)
    centred = x - mean(x, axes, keepdims=True)
    scale = rsqrt(mean(square(centred), axes, keepdims=True) + eps)
    return _affine(centred * scale, weight, bias)


def rms_norm(
    x: ArrayLike, weight: ArrayLike | None = None, *, axis: Axis = -1, eps: float = 1e-5
) -> Array:
    """x scaled to mean square 1 over `axis`, times weight."""
    x = _float(x)
    axes = many_axes("rms_norm", axis, x.ndim)
    return _affine(x * rsqrt(mean(square(x), axes, keepdims=True) + eps), weight, None)


def _affine(x: Array, weight: ArrayLike | None, bias: ArrayLike | None) -> Array:
    result = x
    if weight is not None:
        result = result * asarray(weight)
    if bias is not None:
        result = result + asarray(bias)
    if result.shape != x.shape:
        raise ShapeError(f"layer_norm: got weight or bias that do not fit {x.shape}")
    return result


__all__ = [
    "gelu",
    "layer_norm",
    "log_softmax",
    "relu",
    "rms_norm",
    "silu",
    "softmax",
    "softplus",
]
