"""ResNet-50 (He et al., CVPR 2016) and MobileNetV2 (Sandler et al., CVPR 2018) at 224 x 224."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..contest import Contest, Made
from .vocabulary import Normal, Spec, contest, of

SIDE, CLASSES = 224, 1000
STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))  # width, blocks, first stride
# Of MobileNetV2: how much wider inside, channels, blocks, first stride.
INVERTED = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
    (6, 320, 1, 1),
)  # fmt: skip


@dataclass(frozen=True)
class Convolution:
    """A convolution of square windows, padded by half of them, then a norm by running figures."""

    inputs: int
    outputs: int
    window: int = 1
    stride: int = 1
    groups: int = 1

    @property
    def specs(self) -> list[Spec]:
        """Weights, scale, shift, mean and variance."""
        rest, shape = self.inputs // self.groups, (self.outputs,)
        fan = rest * self.window**2
        weights = Normal((self.outputs, rest, self.window, self.window), (2 / fan) ** 0.5)
        near_one, near_zero = Normal(shape, 0.1, 1.0), Normal(shape, 0.1)
        return [weights, near_one, near_zero, near_zero, near_one]

    def flops(self, side: int) -> float:
        """For an image of this side; the next layer's is `side // stride`."""
        per_pixel = self.outputs * (self.inputs // self.groups) * self.window**2
        return 2.0 * per_pixel * (side // self.stride) ** 2

    def apply(self, f: Any, x: Any, given: Iterator[Any]) -> Any:
        """The norm of the convolution."""
        y = f.conv2d(x, next(given), None, self.stride, self.window // 2, 1, self.groups)
        scale, shift, mean, variance = (next(given) for _ in range(4))
        return f.batch_norm(y, mean, variance, scale, shift)


@dataclass(frozen=True)
class Block:
    """Convolutions one after the other; the input, or a convolution of it, is added at the end."""

    layers: tuple[Convolution, ...]
    shortcut: Convolution | None = None
    adds: bool = True

    @property
    def parts(self) -> list[Convolution]:
        """In the order of their weights."""
        return [*self.layers, *([self.shortcut] if self.shortcut else [])]

    def apply(self, f: Any, x: Any, given: Iterator[Any], act: Callable[[Any], Any]) -> Any:
        """The sum, with an activation between the layers alone."""
        y = x
        for layer in self.layers[:-1]:
            y = act(layer.apply(f, y, given))
        y = self.layers[-1].apply(f, y, given)
        if not self.adds:
            return y
        return y + (self.shortcut.apply(f, x, given) if self.shortcut else x)


def classifiers(batch: int) -> Iterator[Contest]:
    """Both, from images (B, 3, 224, 224) to the scores of 1000 classes."""
    for name, model, blocks, stem, features in (
        ("ResNet-50", resnet, residual_blocks(), Convolution(3, 64, 7, 2), []),
        ("MobileNetV2", mobilenet, inverted_blocks(), Convolution(3, 32, 3, 2), [TOP]),
    ):
        last = features[-1].outputs if features else blocks[-1].layers[-1].outputs
        parts = [stem, *(part for block in blocks for part in block.parts), *features]
        head = [Normal((CLASSES, last), last**-0.5), Normal((CLASSES,), 0.1)]
        yield contest(
            f"{name}, batch {batch}",
            model,
            [Normal((batch, 3, SIDE, SIDE))],
            [*(spec for part in parts for spec in part.specs), *head],
            batch * _flops(stem, blocks, features, pooled=model is resnet)
            + 2.0 * batch * last * CLASSES,
            Made(partial(_in_jax, model)),
        )


TOP = Convolution(320, 1280)


def residual_blocks() -> list[Block]:
    """ResNet-50's, with the strides at the windows of 3 (its version 1.5)."""
    blocks, inputs = [], 64
    for width, n, first in STAGES:
        for i in range(n):
            stride = first if i == 0 else 1
            layers = (
                Convolution(inputs, width),
                Convolution(width, width, 3, stride),
                Convolution(width, 4 * width),
            )
            shortcut = Convolution(inputs, 4 * width, 1, stride) if i == 0 else None
            blocks.append(Block(layers, shortcut))
            inputs = 4 * width
    return blocks


def inverted_blocks() -> list[Block]:
    """MobileNetV2's: wide inside, where each channel has a window of its own."""
    blocks, inputs = [], 32
    for factor, outputs, n, first in INVERTED:
        for i in range(n):
            stride, inner = first if i == 0 else 1, factor * inputs
            wider = (Convolution(inputs, inner),) if factor > 1 else ()
            layers = (
                *wider,
                Convolution(inner, inner, 3, stride, inner),
                Convolution(inner, outputs),
            )
            blocks.append(Block(layers, adds=stride == 1 and inputs == outputs))
            inputs = outputs
    return blocks


def resnet(library: Any, images: Any, *weights: Any) -> Any:
    """images (B, 3, 224, 224) -> scores (B, 1000)."""
    f, given = of(library), iter(weights)
    x = f.relu(Convolution(3, 64, 7, 2).apply(f, images, given))
    x = f.max_pool2d(x, 3, 2, 1)
    for block in residual_blocks():
        x = f.relu(block.apply(f, x, given, f.relu))
    return _scores(f, x, given)


def mobilenet(library: Any, images: Any, *weights: Any) -> Any:
    """images (B, 3, 224, 224) -> scores (B, 1000)."""
    f, given = of(library), iter(weights)
    x = f.relu6(Convolution(3, 32, 3, 2).apply(f, images, given))
    for block in inverted_blocks():
        x = block.apply(f, x, given, f.relu6)
    return _scores(f, f.relu6(TOP.apply(f, x, given)), given)


def _scores(f: Any, x: Any, given: Iterator[Any]) -> Any:
    means = f.adaptive_avg_pool2d(x, 1).reshape(x.shape[0], -1)
    return f.linear(means, next(given), next(given))


def _flops(
    stem: Convolution, blocks: Sequence[Block], features: Sequence[Convolution], pooled: bool
) -> float:
    """Of one image's convolutions."""
    total, side = stem.flops(SIDE), SIDE // stem.stride // (2 if pooled else 1)
    for block in blocks:
        inner = side
        for layer in block.layers:
            total += layer.flops(inner)
            inner //= layer.stride
        total += block.shortcut.flops(side) if block.shortcut else 0.0
        side = inner
    return total + sum(layer.flops(side) for layer in features)


def _in_jax(model: Callable[..., Any], jax: Any, *arrays: Any) -> Callable[[], Any]:
    """Jitted on arrays turned before: images to (B, H, W, C), weights to (H, W, C / groups, O)."""
    images, *weights = arrays
    turned = [w.transpose(2, 3, 1, 0) if w.ndim == 4 else w for w in weights]
    given = jax.block_until_ready([images.transpose(0, 2, 3, 1), *turned])
    staged = jax.jit(lambda *arrays: model(jax, *arrays))
    return lambda: staged(*given)
