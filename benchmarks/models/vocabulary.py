"""The functions that models are written in: PyTorch's names, by which ours go too, and JAX's.

A model is one text for all: `model(library, *arrays)` asks for its functions by `of(library)`.
JAX's take images with the channels last, as XLA's convolutions on a processor like them best;
`images.py` turns its arrays before anything is timed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..contest import JAX, TORCH, Contest, Entry, ahead_of_best
from ..harness import OURS

GOAL = ahead_of_best("models of batch 1 and 8, random weights", mean=1.15)
TOLERANCE = 1e-4  # of the largest result: tens of layers in float32, in any order of sums
Model = Callable[..., Any]  # model(library, *arrays)


@dataclass(frozen=True)
class Normal:
    """An array of normal numbers, float32."""

    shape: tuple[int, ...]
    scale: float = 1.0
    mean: float = 0.0
    is_looked_up: bool = False  # few of its rows are read

    def make(self, rng: np.random.Generator) -> Any:
        """The array."""
        found = rng.standard_normal(self.shape, dtype=np.float32)
        found *= np.float32(self.scale)
        found += np.float32(self.mean)
        return found


@dataclass(frozen=True)
class Places:
    """An array of rows of a table, int64."""

    shape: tuple[int, ...]
    below: int
    is_looked_up: bool = False

    def make(self, rng: np.random.Generator) -> Any:
        """The array."""
        return rng.integers(0, self.below, self.shape)


Spec = Normal | Places


class JaxFunctions:
    """PyTorch's functions, as far as the models need them, in JAX's names."""

    def __init__(self, jax: Any) -> None:
        self.jax, self.numpy, self.lax = jax, jax.numpy, jax.lax
        self.relu, self.relu6 = jax.nn.relu, jax.nn.relu6

    def linear(self, x: Any, weight: Any, bias: Any = None) -> Any:
        """x @ weight.T + bias, as one product of matrices: XLA takes four times as long for a step
        of decoding if it is told by `matmul`."""
        rows = x.reshape(-1, x.shape[-1])
        product = self.lax.dot_general(rows, weight, (((1,), (1,)), ((), ())))
        product = product.reshape(*x.shape[:-1], -1)
        return product if bias is None else product + bias

    def gelu(self, x: Any, approximate: str = "none") -> Any:
        """Exact, or by tanh."""
        return self.jax.nn.gelu(x, approximate=approximate == "tanh")

    def layer_norm(self, x: Any, shape: Sequence[int], scale: Any, shift: Any, eps: float) -> Any:
        """Over the last axis."""
        mean = x.mean(-1, keepdims=True)
        variance = ((x - mean) ** 2).mean(-1, keepdims=True)
        return (x - mean) * self.lax.rsqrt(variance + eps) * scale + shift

    def scaled_dot_product_attention(self, q: Any, k: Any, v: Any) -> Any:
        """On (B, H, T, D), where no score is left out."""
        scores = self.numpy.matmul(q * q.shape[-1] ** -0.5, k.swapaxes(-1, -2))
        return self.numpy.matmul(self.jax.nn.softmax(scores, axis=-1), v)

    def conv2d(
        self, x: Any, weight: Any, bias: Any, stride: int, padding: int, dilation: int, groups: int
    ) -> Any:
        """On images (N, H, W, C) and weights (H, W, C / groups, O)."""
        assert bias is None and dilation == 1
        return self.lax.conv_general_dilated(
            x, weight, (stride, stride), [(padding, padding)] * 2,
            dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=groups,
        )  # fmt: skip

    def batch_norm(self, x: Any, mean: Any, variance: Any, scale: Any, shift: Any) -> Any:
        """With the statistics that are given, over the last axis."""
        factor = scale * self.lax.rsqrt(variance + 1e-5)
        return x * factor + (shift - mean * factor)

    def max_pool2d(self, x: Any, size: int, stride: int, padding: int) -> Any:
        """On images (N, H, W, C)."""
        around = ((0, 0), (padding, padding), (padding, padding), (0, 0))
        window, steps = (1, size, size, 1), (1, stride, stride, 1)
        return self.lax.reduce_window(x, -np.inf, self.lax.max, window, steps, around)

    def adaptive_avg_pool2d(self, x: Any, size: int) -> Any:
        """The mean of each channel."""
        assert size == 1
        return x.mean((1, 2), keepdims=True)


def of(library: Any) -> Any:
    """The functions of a library."""
    return JaxFunctions(library) if library.__name__ == "jax" else library.nn.functional


def joined(library: Any, parts: Sequence[Any], axis: int) -> Any:
    """The parts side by side."""
    if library.__name__ == "torch":
        return library.cat(list(parts), dim=axis)
    numpy = library.numpy if library.__name__ == "jax" else library
    return numpy.concatenate(parts, axis=axis)


def contest(
    name: str,
    model: Model,
    inputs: Sequence[Spec],
    weights: Sequence[Spec],
    flops: float,
    in_jax: Entry = None,
) -> Contest:
    """A model in every library that can run one; its arrays are the inputs, then the weights,
    which are constants."""
    specs = [*inputs, *weights]
    functions: dict[str, Entry] = {
        OURS: model,
        TORCH: model,
        JAX: in_jax or model,
    }
    numbers = sum(int(np.prod(spec.shape)) for spec in specs if not spec.is_looked_up)
    return Contest(
        name,
        lambda rng: [spec.make(rng) for spec in specs],
        functions,
        GOAL,
        constants=tuple(range(len(inputs), len(specs))),
        flops=flops,
        bytes=4.0 * numbers,
        tolerance=TOLERANCE,
    )
