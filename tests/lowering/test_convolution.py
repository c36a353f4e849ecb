"""Convolutions against NumPy in float64: windows of all kinds, sizes around the tiles, types."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tilewright as tw
from tilewright.dsl import primitives as p
from tilewright.dsl.primitives.patches import whole_params
from tilewright.lowering.machine import for_level
from tilewright.lowering.schedules.convolution_tiles import choose_tiles

EPSILON = {"float32": 2.0**-24, "float64": 2.0**-53, "float16": 2.0**-11, "bfloat16": 2.0**-8}


@dataclass(frozen=True)
class Case:
    """Images (N, *spatial, C), windows, outputs."""

    shape: tuple[int, ...]
    taps: tuple[int, ...]
    outputs: int
    groups: int = 1
    given: dict[str, tuple[int, ...]] = field(default_factory=dict)
    dtype: str = "float32"

    @property
    def params(self) -> dict[str, Any]:
        return {**whole_params(len(self.taps), self.given), "groups": self.groups}

    def arrays(self) -> tuple[Any, Any]:
        rng = np.random.default_rng(7)
        weights = (*self.taps, self.shape[-1] // self.groups, self.outputs)
        made = (rng.standard_normal(s) for s in (self.shape, weights))
        x, w = (tw.asarray(a).astype(self.dtype) for a in made)
        return x, w


def check(case: Case, *, known_weights: bool = True) -> None:
    """With bias, activation and a sum fused behind; beside the bound for a sum of that length."""
    x, w = case.arrays()
    bias = tw.asarray(np.linspace(-1, 1, case.outputs)).astype(case.dtype)

    def layer(x: Any, w: Any) -> Any:
        y = p.convolution(x, w, **case.params)
        return y, tw.maximum(y + bias, 0) - y

    staged = tw.jit(lambda x: layer(x, w)) if known_weights else tw.jit(layer)
    found, behind = staged(x) if known_weights else staged(x, w)
    wide = [np.asarray(a.astype("float64").numpy()) for a in (x, w)]
    expected = p.convolution.reference(*wide, **case.params)
    size = p.convolution.reference(*map(np.abs, wide), **case.params)
    length = int(np.prod(case.taps)) * case.shape[-1] // case.groups
    summed = max(EPSILON[case.dtype], 2.0**-24) if case.dtype != "float64" else 2.0**-53
    bound = (length + 2) * (2.0**-24 if case.dtype != "float64" else summed) * size
    bound = bound + 2 * EPSILON[case.dtype] * np.abs(expected)
    error = np.abs(found.astype("float64").numpy() - expected)
    assert (error <= bound).all(), f"{error.max()} in {case}"
    after = np.maximum(expected + np.linspace(-1, 1, case.outputs), 0) - expected
    slack = 4 * bound + 8 * EPSILON[case.dtype] * (np.abs(expected) + 2)
    assert (np.abs(behind.astype("float64").numpy() - after) <= slack).all(), case


@st.composite
def cases(draw: Any) -> Case:
    rank = draw(st.sampled_from([1, 2, 2, 2, 3]))
    most = {1: 40, 2: 17, 3: 6}[rank]
    taps = tuple(draw(st.integers(1, 4)) for _ in range(rank))
    spatial = tuple(draw(st.sampled_from([*range(1, most)])) for _ in range(rank))
    groups = draw(st.sampled_from([1, 1, 1, 2, 3, 8]))
    alone = groups > 1 and draw(st.booleans())
    channels = groups * (1 if alone else draw(st.sampled_from([1, 2, 3, 5, 16])))
    outputs = channels if alone else groups * draw(st.sampled_from([1, 3, 15, 16, 17, 33, 49]))
    numbers = {
        "strides": st.integers(1, 3), "dilation": st.integers(1, 2), "low": st.integers(-1, 4),
        "high": st.integers(-1, 4), "spread": st.sampled_from([1, 1, 1, 2, 3]),
    }  # fmt: skip
    given_ = {k: tuple(draw(v) for _ in range(rank)) for k, v in numbers.items()}
    items = draw(st.sampled_from([0, 1, 1, 2, 3]))
    dtype = draw(st.sampled_from(["float32", "float32", "float32", "float64", "bfloat16"]))
    return Case((items, *spatial, channels), taps, outputs, groups, given_, dtype)


@given(cases(), st.booleans())
def test_any_windows(case: Case, known_weights: bool) -> None:
    check(case, known_weights=known_weights)


SAME = {"low": (1, 1), "high": (1, 1)}
LARGER = [
    *(Case((1, 3, width, 5), (3, 3), 33, 1, SAME) for width in (6, 7, 13, 14, 15, 28, 29, 57)),
    *(Case((2, 4, 7, 17), (3, 3), outputs, 1, SAME) for outputs in (1, 31, 32, 47, 48, 49, 97)),
    *(Case((1, 5, 15, c), (3, 3), c, c, SAME) for c in (1, 7, 15, 16, 17, 31, 32, 48, 100)),
    Case((1, 20, 19, 3), (7, 7), 64, 1, {"low": (3, 3), "high": (3, 3), "strides": (2, 2)}),
    Case((1, 9, 9, 64), (3, 3), 64, 1, {**SAME, "strides": (2, 2)}),
    Case((1, 9, 9, 24), (5, 5), 24, 24, {"low": (2, 2), "high": (2, 2), "strides": (2, 2)}),
]


@pytest.mark.parametrize("case", LARGER, ids=str)
def test_sizes_around_the_tiles(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("level", ["x86-64-v2", "x86-64-v3", "x86-64-v4", "generic"])
def test_tiles_fit_the_registers_of_every_machine(level: str) -> None:
    machine = for_level(level)
    for places in (1, 5, 7, 14, 56, 100):
        for outputs in (1, 8, 24, 64, 100):
            tiles = choose_tiles(machine, tw.dtypes.float32, places, outputs)
            used = tiles.width * tiles.vectors + tiles.vectors + 1
            assert tiles.width >= 1 and used <= machine.n_vector_registers


def test_a_batch_of_unknown_size_takes_the_template() -> None:
    x, w = Case((2, 9, 9, 8), (3, 3), 16).arrays()
    staged = tw.jit(lambda x: p.convolution(x, w, **Case(x.shape, (3, 3), 16).params))
    wide = np.asarray(w.numpy(), np.float64)
    for n in (2, 3, 4, 5):
        images = np.random.default_rng(n).standard_normal((n, 9, 9, 8)).astype(np.float32)
        expected = p.convolution.reference(images.astype(np.float64), wide,
                                           **Case(images.shape, (3, 3), 16).params)  # fmt: skip
        np.testing.assert_allclose(staged(tw.asarray(images)).numpy(), expected, atol=1e-4)
    assert "convolution_packed" in staged.ir(x, stage="kernels")


@pytest.mark.parametrize("with_bias", [False, True])
def test_lone_pixels_are_a_product_without_transposes(with_bias: bool) -> None:
    rng = np.random.default_rng(3)
    x, w, b = (rng.standard_normal(s).astype(np.float32) for s in ((2, 7, 24, 23), (9, 7, 1, 1), 9))
    weights, bias = tw.asarray(w), tw.asarray(b) if with_bias else None
    staged = tw.jit(lambda x: tw.nn.functional.conv2d(x, weights, bias))
    expected = np.einsum("nchw,oc->nohw", x.astype(np.float64), w[..., 0, 0].astype(np.float64))
    expected = expected + b[:, None, None] if with_bias else expected
    np.testing.assert_allclose(staged(tw.asarray(x)).numpy(), expected, rtol=1e-4, atol=1e-5)
    text = staged.ir(tw.asarray(x), stage="kernels").split("# at every call")[-1]
    assert "matmul" in text and "convolution" not in text


def test_layers_between_images_keep_channels_last() -> None:
    rng = np.random.default_rng(4)
    shapes = ((2, 3, 9, 9), (8, 3, 3, 3), (8, 8, 3, 3))
    x, v, w = (tw.asarray(rng.standard_normal(s).astype(np.float32)) for s in shapes)
    f = tw.nn.functional

    def network(x: Any) -> Any:
        y = f.relu(f.conv2d(x, v, padding=1))
        return f.max_pool2d(y + f.conv2d(y, w, padding=1), 2)

    staged = tw.jit(network)
    np.testing.assert_allclose(staged(x).numpy(), network(x).numpy(), rtol=1e-4, atol=1e-4)
    text = staged.ir(x, stage="kernels").split("# at every call")[-1]
    assert text.count("transpose") <= 2  # of the images, and of the result
