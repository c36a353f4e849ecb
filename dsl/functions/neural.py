"""Activations and normalisations."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .. import primitives as p
from ..dtypes import DType, at_least_float32, promote
from ..errors import ShapeError
from ..primitives.families import zeros_like
from .arithmetic import maximum
from .axes import Axis, many_axes
from .convert import ArrayLike, asarray, convert, inexact
from .elementary import exp, log, reciprocal, rsqrt, square
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


def _wide(x: ArrayLike) -> tuple[Array, DType]:
    """x in the type in which it is computed, and the type of the result: half types through
    float32, as PyTorch has it."""
    a = _float(x)
    return convert(a, at_least_float32(a.dtype)), a.dtype


def softmax(x: ArrayLike, axis: Axis = -1) -> Array:
    """exp(x) / sum(exp(x)) over `axis`, without overflow; half types through float32.

    Where x has a NaN, all of its row are NaN. No element gives no element.

    >>> softmax([0.0, 0.0])
    array([0.5, 0.5])
    """
    a, dtype = _wide(x)
    axes = many_axes("softmax", axis, a.ndim)
    powers = exp(_below_largest(a, axes))
    # A product by the inverse: one rounding more, and a division a row, not one an element.
    return convert(powers * reciprocal(sum_(powers, axes, keepdims=True)), dtype)


def log_softmax(x: ArrayLike, axis: Axis = -1) -> Array:
    """The logarithm of `softmax`, exact also where that underflows."""
    a, dtype = _wide(x)
    axes = many_axes("log_softmax", axis, a.ndim)
    shifted = _below_largest(a, axes)
    return convert(shifted - log(sum_(exp(shifted), axes, keepdims=True)), dtype)


def _below_largest(a: Array, axes: tuple[int, ...]) -> Array:
    """a minus the largest number along the axes. A NaN need not be found among them, as it comes
    through the difference."""
    kept = tuple(1 if i in axes else n for i, n in enumerate(a.shape))
    return a - p.stop_gradient(p.reshape(p.largest(a, axes=axes), shape=kept))


def layer_norm(
    x: ArrayLike,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    *,
    axis: Axis = -1,
    eps: float = 1e-5,
) -> Array:
    """x moved and scaled to mean 0 and variance 1 over `axis`, times weight, plus bias.

    Half types are computed in float32.
    """
    a, dtype = _wide(x)
    axes = many_axes("layer_norm", axis, a.ndim)
    centred = a - mean(a, axes, keepdims=True)
    scale = rsqrt(mean(square(centred), axes, keepdims=True) + eps)
    return _affine("layer_norm", centred * scale, weight, bias, dtype)


def rms_norm(
    x: ArrayLike, weight: ArrayLike | None = None, *, axis: Axis = -1, eps: float = 1e-5
) -> Array:
    """x scaled to mean square 1 over `axis`, times weight; half types through float32."""
    a, dtype = _wide(x)
    axes = many_axes("rms_norm", axis, a.ndim)
    scaled = a * rsqrt(mean(square(a), axes, keepdims=True) + eps)
    return _affine("rms_norm", scaled, weight, None, dtype)


def _affine(
    name: str, x: Array, weight: ArrayLike | None, bias: ArrayLike | None, dtype: DType
) -> Array:
    """x * weight + bias in `dtype`, or in what a wider weight or bias asks for."""
    given = [None if p is None else asarray(p) for p in (weight, bias)]
    result = x
    if given[0] is not None:
        result = result * given[0]
    if given[1] is not None:
        result = result + given[1]
    if result.shape != x.shape:
        raise ShapeError(f"{name}: got weight or bias that do not fit {x.shape}")
    for other in given:
        dtype = dtype if other is None else promote(dtype, other.dtype)
    return convert(result, dtype)


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
