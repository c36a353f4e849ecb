"""Reductions along other axes than the last, with maps around them: one kernel, in every shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tilewright as tw

F32 = np.float32
Axes = tuple[int, ...]


def normal(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(F32)


def kernels(function: Any, *args: Any) -> list[str]:
    """The kinds of the kernels of a staged function."""
    text = function.ir(*args, stage="kernels")
    return [line.split("[")[0] for line in text.splitlines() if "] reads" in line]


def softmax(x: Any, axes: Axes) -> Any:
    x = x.astype(np.float64)
    powers = np.exp(x - x.max(axes, keepdims=True))
    return powers / powers.sum(axes, keepdims=True)


def standard(x: Any, axes: Axes) -> Any:
    x = x.astype(np.float64)
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)


FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "softmax": (lambda x, axes: tw.softmax(x, axis=axes), softmax),
    "standard": (
        lambda x, axes: (
            (x - x.mean(axes, keepdims=True)) / (x.var(axes, keepdims=True) + 1e-5) ** 0.5
        ),
        standard,
    ),
    "log_softmax": (
        lambda x, axes: tw.log_softmax(x, axis=axes),
        lambda x, axes: np.log(softmax(x, axes)),
    ),
}
# Shapes around the lanes, strips and rows that are taken at once; the axes that are reduced.
CASES: list[tuple[tuple[int, ...], Axes]] = [
    ((2, 512), (0,)),
    ((3, 1027), (0,)),
    ((5, 16 * 40 + 1), (0,)),
    ((257, 516), (0,)),
    ((3, 7, 300), (1,)),
    ((40, 4, 17), (1,)),
    ((4, 3, 5, 130), (1, 2)),
    ((2, 9, 3, 5), (0, 2, 3)),
    ((3, 8, 2), (0, 2)),
    ((2, 11, 129), (0, 2)),
    ((5, 8, 64), (0, 2)),
]


@pytest.mark.parametrize(("shape", "axes"), CASES)
def test_one_kernel_for_each(shape: tuple[int, ...], axes: Axes) -> None:
    x = normal(*shape)
    for name, (ours, reference) in FUNCTIONS.items():
        f = tw.jit(lambda x, ours=ours: ours(x, axes))
        assert kernels(f, tw.asarray(x)) == ["columns"], name
        found = f(tw.asarray(x)).numpy()
        np.testing.assert_allclose(found, reference(x, axes), 2e-5, 1e-6, err_msg=name)


@settings(max_examples=12)
@given(
    outer=st.sampled_from([1, 2, 5]),
    length=st.sampled_from([0, 1, 2, 4, 5, 31]),
    inner=st.sampled_from([1, 15, 16, 103, 521]),
)
def test_any_size(outer: int, length: int, inner: int) -> None:
    x = normal(outer, length, inner)
    found = tw.jit(lambda x: tw.softmax(x, axis=1))(tw.asarray(x)).numpy()
    expected = softmax(x, (1,)) if length else x
    np.testing.assert_allclose(found, expected, 2e-6, 1e-7)


def test_results_of_several_kinds() -> None:
    """Places, tests and counts beside values, some for each column, some for each element."""
    x = normal(37, 530)

    def ours(x: tw.Array) -> tuple[tw.Array, ...]:
        highest = x.max(axis=0)
        return x - highest, highest, x.argmax(axis=0), (x > 0).any(axis=0), (x > 0).sum(axis=0)

    f = tw.jit(ours)
    highest = x.max(0)
    expected = (x - highest, highest, x.argmax(0), (x > 0).any(0), (x > 0).sum(0))
    for found, want in zip(f(tw.asarray(x)), expected, strict=True):
        np.testing.assert_array_equal(found.numpy(), want)
    assert "columns" in kernels(f, tw.asarray(x))


def test_a_weight_along_the_reduced_axis() -> None:
    """It has as many elements as there are results, and is none."""
    x, w = normal(512, 512), normal(512)
    f = tw.jit(lambda x, w: (x * w[:, None]).sum(axis=0) + x * (x * w[:, None]).sum(axis=0))
    found = f(tw.asarray(x), tw.asarray(w)).numpy()
    total = (x.astype(np.float64) * w[:, None]).sum(0)
    np.testing.assert_allclose(found, total + x * total, 1e-4, 1e-4)


def test_weights_of_channels_need_no_division() -> None:
    """A group norm walks each row in pieces that have one weight."""
    for shape in ((2, 32, 7, 7), (2, 64, 4, 4), (3, 32, 1, 3), (1, 96, 5, 7)):
        x, w, b = normal(*shape), normal(shape[1]), normal(shape[1] + 1)[1:]
        f = tw.jit(lambda x, w, b: tw.nn.functional.group_norm(x, 16, w, b))
        groups = standard(x.reshape(shape[0], 16, -1), (2,)).reshape(shape)
        expected = groups * w[:, None, None] + b[:, None, None]
        found = f(*map(tw.asarray, (x, w, b))).numpy()
        np.testing.assert_allclose(found, expected, 1e-4, 1e-5)


@pytest.mark.parametrize(("shape", "axes"), CASES[1:4] + CASES[7:9] + [((35000, 520), (0,))])
def test_the_same_bits_in_the_reproducible_mode(shape: tuple[int, ...], axes: Axes) -> None:
    """Fused, alone and by any number of threads."""
    x = tw.asarray(normal(*shape))
    before = tw.get_num_threads()
    with tw.config(reproducible=True):

        def centred(x: tw.Array) -> tw.Array:
            return x - x.sum(axis=axes, keepdims=True)

        expected = centred(x).numpy()
        try:
            for threads in (1, 2):
                tw.set_num_threads(threads)
                f = tw.jit(centred)
                assert kernels(f, x) == ["columns"]
                np.testing.assert_array_equal(f(x).numpy(), expected)
        finally:
            tw.set_num_threads(before)


def test_siblings_share_a_pass() -> None:
    """Reductions of one array along the same axes are one kernel."""
    for axis, kind, shape in ((0, "columns", (130, 600)), (1, "row", (130, 600))):
        x = normal(*shape)
        f = tw.jit(lambda x, axis=axis: (x.sum(axis), x.max(axis)))
        assert kernels(f, tw.asarray(x)) == [kind]
        total, highest = f(tw.asarray(x))
        np.testing.assert_allclose(total.numpy(), x.astype(np.float64).sum(axis), 1e-5, 1e-4)
        np.testing.assert_array_equal(highest.numpy(), x.max(axis))
