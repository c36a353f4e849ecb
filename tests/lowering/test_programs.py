"""Whole graphs against NumPy: shapes around the vector sizes, empty, of one, and unknown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from graph_support import Build, call, engine, layer_norm, run, softmax
from hypothesis import given
from hypothesis import strategies as st

from tilewright import get_num_threads, set_num_threads
from tilewright.dsl.dtypes import bfloat16, float16, float32, int32, int64, to_numpy, uint32
from tilewright.dsl.sizes import symbol

SIZES = st.sampled_from([0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 257])
SOME_SIZES = st.sampled_from([1, 2, 3, 15, 16, 17, 33, 64, 97])


def normal(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_chain_with_unknown_size() -> None:
    n = symbol("n")
    b = Build()
    x, y = b.input((n,)), b.input((n,))
    total = b("add", b("mul", x, y), x)
    graph = b.graph(b("add", b("mul", b("tanh", total), b("exp", b("neg", y))), b("log", x)))
    program = engine().program(graph)
    for size in (0, 1, 2, 15, 16, 17, 100, 1000, 100_003):
        at, other = np.abs(normal(size)) + 0.1, normal(size, seed=1)
        expected = np.tanh(at * other + at) * np.exp(-other) + np.log(at)
        np.testing.assert_allclose(call(program, at, other)[0], expected, rtol=2e-5, atol=1e-5)


def test_softmax_with_unknown_sizes() -> None:
    b = Build()
    program = engine().program(b.graph(softmax(b, b.input((symbol("n"), symbol("k"))))))
    for shape in ((1, 1), (3, 10), (5, 16), (7, 33), (64, 1000)):
        at = normal(*shape)
        powers = np.exp(at - at.max(-1, keepdims=True))
        expected = powers / powers.sum(-1, keepdims=True)
        np.testing.assert_allclose(call(program, at)[0], expected, rtol=1e-5)


def test_layer_norm() -> None:
    b = Build()
    graph = b.graph(layer_norm(b, b.input((3, 5, 100)), b.input((100,)), b.input((100,))))
    at, gain, bias = normal(3, 5, 100), normal(100, seed=1), normal(100, seed=2)
    centred = at - at.mean(-1, keepdims=True)
    expected = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * gain + bias
    np.testing.assert_allclose(run(graph, at, gain, bias)[0], expected, rtol=1e-4, atol=1e-5)


@given(rows=SIZES, columns=SIZES, axes=st.sampled_from([(0,), (1,), (0, 1)]))
def test_sums_with_unknown_sizes(rows: int, columns: int, axes: tuple[int, ...]) -> None:
    b = Build()
    x = b.input((symbol("n"), symbol("k")))
    at = normal(rows, columns)
    (out,) = run(b.graph(b("sum", b("mul", x, x), axes=axes)), at)
    np.testing.assert_allclose(out, (at.astype(np.float64) ** 2).sum(axes), rtol=1e-6)


@pytest.mark.parametrize("shape", [(70_000, 3), (3, 70_000), (40, 3000), (2, 3, 5000)])
@pytest.mark.parametrize("name", ["sum", "max", "argmax", "prod"])
def test_reductions_in_blocks(shape: tuple[int, ...], name: str) -> None:
    for axis in range(len(shape)):
        b = Build()
        x = b.input(shape)
        at = np.sign(normal(*shape)) if name == "prod" else normal(*shape)
        (out,) = run(b.graph(b(name, x, axes=(axis,))), at)
        expected = getattr(np, name)(at.astype(np.float64), axis=axis)
        np.testing.assert_allclose(out, expected, rtol=1e-6, atol=1e-5)


def test_the_sum_of_many_equal_terms_is_exact() -> None:
    b = Build()
    graph = b.graph(b("sum", b.input((1 << 24,)), axes=(0,)))
    (out,) = run(graph, np.full(1 << 24, np.float32(0.1)))
    exact = np.float64(np.float32(0.1)) * (1 << 24)
    assert abs(float(out) - exact) <= 2 * np.spacing(np.float32(exact))


def test_the_bits_do_not_depend_on_the_number_of_threads() -> None:
    b = Build()
    x = b.input((300, 5000))
    graph = b.graph(b("sum", x, axes=(0, 1)), b("sum", x, axes=(0,)), softmax(b, x))
    at = normal(300, 5000)
    before = get_num_threads()
    try:
        found = []
        for count in (1, 2, 3):
            set_num_threads(count)
            found.append(run(graph, at))
    finally:
        set_num_threads(before)
    for other in found[1:]:
        for x_bits, y_bits in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(x_bits, y_bits)


@given(a=SOME_SIZES, b_=SOME_SIZES, c=st.sampled_from([1, 2, 17]), pattern=st.integers(0, 7))
def test_broadcasts(a: int, b_: int, c: int, pattern: int) -> None:
    shape = (a, c, b_)
    small = tuple(1 if pattern >> i & 1 else n for i, n in enumerate(shape))
    b = Build()
    x, y = b.input(shape), b.input(small)
    at, other = normal(*shape), normal(*small, seed=1)
    (out,) = run(b.graph(b("add", x, b("broadcast_to", y, shape=shape))), at, other)
    np.testing.assert_array_equal(out, at + other)


@given(
    sizes=st.tuples(SOME_SIZES, SOME_SIZES, st.sampled_from([1, 2, 5])),
    order=st.permutations([0, 1, 2]),
)
def test_transposes(sizes: tuple[int, int, int], order: list[int]) -> None:
    b = Build()
    at = normal(*sizes)
    (out,) = run(b.graph(b("neg", b("transpose", b.input(sizes), axes=tuple(order)))), at)
    np.testing.assert_array_equal(out, -at.transpose(order))


def test_half_types_round_after_every_operation() -> None:
    for kind in (float16, bfloat16):
        b = Build()
        x, y = b.input((1000,), kind), b.input((1000,), kind)
        graph = b.graph(b("add", b("mul", x, y), x))
        at = normal(1000).astype(to_numpy(kind))
        other = normal(1000, seed=1).astype(to_numpy(kind))
        np.testing.assert_array_equal(run(graph, at, other)[0], at * other + at)


def test_integers_wrap() -> None:
    for kind in (int32, uint32, int64):
        b = Build()
        x, y = b.input((40,), kind), b.input((40,), kind)
        graph = b.graph(b("neg", x), b("add", x, y), b("mul", x, y), b("sub", y, x))
        random = np.random.default_rng(0)
        bounds = np.iinfo(kind.name)
        at, other = (
            random.integers(bounds.min, bounds.max, 40, to_numpy(kind), endpoint=True)
            for _ in range(2)
        )
        with np.errstate(over="ignore"):
            expected = [-at, at + other, at * other, other - at]
        for found, right in zip(run(graph, at, other), expected, strict=True):
            np.testing.assert_array_equal(found, right)


def test_outputs_may_be_inputs_reshapes_and_repeated() -> None:
    b = Build()
    x = b.input((2, 3))
    y = b("exp", x)
    graph = b.graph(x, b("reshape", x, shape=(6,)), y, b("reshape", y, shape=(3, 2)), y)
    at = normal(2, 3)
    found = run(graph, at)
    for out, expected in zip(
        found, [at, at.reshape(6), np.exp(at), np.exp(at).reshape(3, 2), np.exp(at)], strict=True
    ):
        np.testing.assert_allclose(out, expected, rtol=1e-6)


def test_values_without_inputs() -> None:
    b = Build()
    graph = b.graph(b("full", shape=(3,), value=2.0, dtype=float32), b("iota", size=5, dtype=int32))
    ones, numbers = run(graph)
    assert ones.tolist() == [2, 2, 2] and numbers.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_limits_that_are_constants(name: str) -> None:
    """One instruction each, to NumPy's meaning of NaN on either side and of zeros."""
    x = np.asarray([-np.inf, -1.5, -0.0, 0.0, 0.5, 2.0, np.inf, np.nan] * 5, np.float32)
    for limit in (-1.5, 0.0, -0.0, 0.5, np.inf, -np.inf, np.nan):
        b = Build()
        given_x, at = b.input(x.shape), b("broadcast_to", b.full((), limit), shape=x.shape)
        found = run(b.graph(b(name, given_x, at), b(name, at, given_x)), x)
        expected = getattr(np, name)(x, np.float32(limit))
        for out in found:
            np.testing.assert_array_equal(out, expected)
