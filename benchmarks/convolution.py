"""Convolutions: all distinct layers of ResNet-50 and MobileNetV2, batch 1 and 8, and gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .contest import JAX, TORCH, Contest, Entry, Made, ahead_of_best
from .harness import OURS, Options

FORWARD = ahead_of_best("convolutions, float32", 0.9, mean=1.1)
BACKWARD = ahead_of_best("gradients of convolutions, float32", mean=1.1)
BATCHES = (1, 8)


@dataclass(frozen=True)
class Layer:
    """Windows of `taps` x `taps` over `inputs` channels of images of `side` x `side`."""

    inputs: int
    side: int
    outputs: int
    taps: int = 1
    stride: int = 1
    groups: int = 1

    @property
    def name(self) -> str:
        kind = "depthwise " if self.groups > 1 else ""
        step = f"/{self.stride}" if self.stride > 1 else ""
        window = f"{self.taps}x{self.taps}"
        return f"{kind}{window}{step} {self.inputs} to {self.outputs} at {self.side}"

    def flops(self, batch: int) -> float:
        each = self.inputs // self.groups * self.taps**2
        return 2.0 * batch * self.outputs * each * (self.side // self.stride) ** 2

    def bytes(self, batch: int) -> float:
        weights = self.outputs * self.inputs // self.groups * self.taps**2
        pixels = self.inputs * self.side**2 + self.outputs * (self.side // self.stride) ** 2
        return 4.0 * (weights + batch * pixels)


def resnet_layers() -> list[Layer]:
    """The distinct convolutions of ResNet-50 (He et al., CVPR 2016; its version 1.5)."""
    found, inputs, side = [Layer(3, 224, 64, 7, 2)], 64, 56
    for width, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        after = side // stride
        found += [
            Layer(inputs, side, width),
            Layer(width, side, width, 3, stride),
            Layer(width, after, 4 * width),
            Layer(inputs, side, 4 * width, 1, stride),
            Layer(4 * width, after, width),
            Layer(width, after, width, 3),
        ]
        inputs, side = 4 * width, after
    return list(dict.fromkeys(found))


def mobilenet_layers() -> list[Layer]:
    """The distinct convolutions of MobileNetV2 (Sandler et al., CVPR 2018)."""
    found, inputs, side = [Layer(3, 224, 32, 3, 2)], 32, 112
    blocks = ((1, 16, 1), (6, 24, 2), (6, 32, 2), (6, 64, 2), (6, 96, 1), (6, 160, 2), (6, 320, 1))
    for wider, outputs, first in blocks:
        for stride in (first, 1):  # the first block of a stage, and those behind it
            inner = wider * inputs
            found += [Layer(inputs, side, inner)] if wider > 1 else []
            found.append(Layer(inner, side, inner, 3, stride, inner))
            side //= stride
            found.append(Layer(inner, side, outputs))
            inputs = outputs
            if outputs in (16, 320):
                break
    return list(dict.fromkeys([*found, Layer(320, 7, 1280)]))


def cases(options: Options) -> Iterator[Contest]:
    """Forward with the weights known, then the gradients by images and weights."""
    layers = {"ResNet-50": resnet_layers(), "MobileNetV2": mobilenet_layers()}
    for batch in BATCHES:
        for model, found in layers.items():
            for layer in found:
                yield _contest(f"{model}: {layer.name}, batch {batch}", layer, batch)
    for layer in layers["ResNet-50"]:
        yield _contest(f"gradient: {layer.name}, batch 8", layer, 8, is_gradient=True)


def _contest(name: str, layer: Layer, batch: int, is_gradient: bool = False) -> Contest:
    shape = (layer.outputs, layer.inputs // layer.groups, layer.taps, layer.taps)
    scale = (shape[1] * layer.taps**2) ** -0.5

    def inputs(rng: Any) -> list[Any]:
        images = rng.standard_normal((batch, layer.inputs, layer.side, layer.side), "float32")
        return [images, rng.standard_normal(shape, "float32") * np.float32(scale)]

    times = 3 if is_gradient else 1
    return Contest(
        name,
        inputs,
        {OURS: _by_names(layer), TORCH: _by_names(layer), JAX: _in_jax(layer, is_gradient)},
        BACKWARD if is_gradient else FORWARD,
        constants=() if is_gradient else (1,),
        gradient=(0, 1) if is_gradient else (),
        flops=layer.flops(batch) * times,
        bytes=layer.bytes(batch) * times,
        tolerance=1e-4 if is_gradient else 1e-5,
        reference=TORCH,
    )


def _by_names(layer: Layer) -> Callable[..., Any]:
    """PyTorch's names, by which ours go too."""

    def function(library: Any, images: Any, weights: Any) -> Any:
        conv2d = library.nn.functional.conv2d
        return conv2d(images, weights, None, layer.stride, layer.taps // 2, 1, layer.groups)

    return function


def _in_jax(layer: Layer, is_gradient: bool) -> Entry:
    """Channels first for gradients; else last, as XLA likes them best, turned before."""
    low = layer.taps // 2
    pads = [(low, low)] * 2

    def function(jax: Any, images: Any, weights: Any, order: str = "NCHW") -> Any:
        names = (order, "OIHW", order) if order == "NCHW" else (order, "HWIO", order)
        return jax.lax.conv_general_dilated(
            images, weights, (layer.stride,) * 2, pads, dimension_numbers=names,
            feature_group_count=layer.groups,
        )  # fmt: skip

    def make(jax: Any, images: Any, weights: Any) -> Callable[[], Any]:
        given = jax.block_until_ready((images.transpose(0, 2, 3, 1), weights.transpose(2, 3, 1, 0)))
        staged = jax.jit(lambda images, weights: function(jax, images, weights, "NHWC"))
        turned = jax.jit(lambda *arrays: staged(*arrays).transpose(0, 3, 1, 2))
        return lambda: turned(*given)

    return function if is_gradient else Made(make)
