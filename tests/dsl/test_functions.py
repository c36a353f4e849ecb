"""Composites: norms, making arrays, operators, errors, random numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from function_support import I32, U8, B, M, same
from hypothesis import given
from hypothesis import strategies as st

import tilewright as tw
from tilewright.dsl.dtypes import ALL, float16


def test_activations_and_norms() -> None:
    scipy_like = np.exp(M - M.max(1, keepdims=True))
    expected = scipy_like / scipy_like.sum(1, keepdims=True)
    x = tw.array(M)
    same(tw.softmax(x), expected)
    same(tw.log_softmax(x), np.log(expected))
    same(tw.softmax(x + 1000), expected)
    same(tw.logsumexp(x, 1), np.log(np.exp(M).sum(1)))
    assert tw.logsumexp(tw.array([-np.inf, -np.inf])).item() == -np.inf
    same(tw.relu(x), np.maximum(M, 0))
    same(tw.sigmoid(x), 1 / (1 + np.exp(-M)))
    same(tw.silu(x), M / (1 + np.exp(-M)))
    same(tw.softplus(x), np.log1p(np.exp(M)))
    scaled = (M - M.mean(1, keepdims=True)) / np.sqrt(M.var(1, keepdims=True) + 1e-5)
    same(tw.layer_norm(x), scaled)
    same(tw.layer_norm(x, [1.0, 2.0, 3.0], 1.0), scaled * [1, 2, 3] + 1)
    same(tw.rms_norm(x), M / np.sqrt((M * M).mean(1, keepdims=True) + 1e-5))
    assert tw.gelu(1.0).item() == pytest.approx(0.8413447460685429)
    assert tw.gelu(1.0, approximate=True).item() == pytest.approx(0.8411919906082768)
    same(tw.one_hot([2, 0], 3), np.eye(3, dtype=np.float32)[[2, 0]])
    assert tw.one_hot([5, -1], 3).sum().item() == 0


# --------------------------------------------------------------------------- making arrays


@pytest.mark.parametrize(
    "obj",
    [3, True, 2.5, [1, 2], [[1.0], [2.0]], [], [True], 2**63, np.float32(2), (1, 2.5), range(3)],
    ids=str,
)
def test_array_of(obj: Any) -> None:
    same(tw.array(obj), np.array(obj))


@pytest.mark.parametrize("dtype", [d.name for d in ALL])
def test_array_keeps_numpy_values(dtype: str) -> None:
    x = np.array([[0, 1], [1, 1]]).astype(tw.dtype(dtype).dtype)
    a = tw.array(x)
    assert a.dtype == dtype
    assert a.numpy().dtype == x.dtype
    np.testing.assert_array_equal(a.numpy(), x)
    np.testing.assert_array_equal(tw.array([[0, 1], [1, 1]], dtype).numpy(), x)


def test_array_of_arrays_is_a_stack() -> None:
    a, b = tw.array([1, 2]), tw.array([3.5, 4.0])
    same(tw.array([a, b]), np.array([[1, 2], [3.5, 4]]))
    staged = tw.jit(lambda x: tw.array([x[0], [x[1], 7.0]][0]))
    assert staged(b).item() == 3.5


def test_array_copies_and_asarray_does_not() -> None:
    a = tw.array([1.0, 2.0])
    assert tw.asarray(a) is a
    b = tw.array(a)
    b[0] = 5
    assert a.tolist() == [1.0, 2.0]
    host = np.array([1.0, 2.0])
    shared = tw.asarray(host, copy=False)
    host[0] = 9
    assert shared.tolist() == [9.0, 2.0]
    shared[1] = 4  # copy on write: foreign memory is not ours to change
    assert host.tolist() == [9.0, 2.0]
    with pytest.raises(ValueError, match="copy"):
        tw.asarray([1, 2], copy=False)


@pytest.mark.parametrize("obj", ["text", [[1], [1, 2]], None, {"a": 1}], ids=str)
def test_what_is_no_array(obj: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        tw.array(obj)


def test_print() -> None:
    for x in (M, I32, B, np.float32(1), U8[:0], np.arange(2000)):
        assert repr(tw.array(x)) == repr(np.asarray(x))
    with pytest.raises(tw.TraceError, match=r"array\(traced float64\[2, 3\]\)"):
        tw.jit(told)(tw.zeros((2, 3)))


def told(x: tw.Array) -> tw.Array:
    raise tw.TraceError(repr(x))


# --------------------------------------------------------------------------- operators


def test_operators_with_numpy_arrays() -> None:
    x = tw.array(M)
    for found in (x + M, M + x, M - x + x - M + x + M):
        assert isinstance(found, tw.Array)
    same(M / x, M / M)
    same(x == M, M == M)
    same([1.0, 2.0, 3.0] * x, [1.0, 2.0, 3.0] * M)
    with pytest.raises(TypeError):
        x + "text"


def test_operators_in_place() -> None:
    x = tw.array(I32)
    y = x
    x += 1
    assert y is x
    same(y, I32 + 1)
    x[0] *= 2
    same(y[0], (I32[0] + 1) * 2)
    with pytest.raises(tw.DTypeError, match="itruediv"):
        x /= 2
    with pytest.raises(tw.ShapeError):
        x += tw.ones((5, 2, 3), "int32")


def test_scalars_are_weak() -> None:
    x = tw.ones((2,), "float16")
    assert (x * 2.5).dtype is float16
    assert (1 / x).dtype is float16
    with pytest.raises(OverflowError):
        tw.ones((2,), "uint8") + 300


def test_conversion_to_python() -> None:
    assert float(tw.array(2.5)) == 2.5
    assert int(tw.array(7)) == 7
    assert [10, 20, 30][tw.array(1)] == 20
    assert f"{tw.array(2.5):.2f}" == "2.50"
    with pytest.raises(ValueError):
        bool(tw.array([True, False]))
    with pytest.raises(tw.TraceError, match=r"tw\.where"):
        tw.jit(lambda x: x if x.sum() > 0 else -x)(tw.ones(3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tw.zeros((2, 3)) + tw.zeros((4,)), tw.ShapeError, r"add: got \(2, 3\) and \(4,\)"),
        (lambda: tw.zeros((2, 3)) @ tw.zeros((4, 2)), tw.ShapeError, "inner sizes 3 and 4"),
        (lambda: tw.sum(tw.zeros((2, 3)), axis=2), tw.AxisError, "axis 2 for an array of 2 axes"),
        (lambda: tw.sum(tw.zeros((2, 3)), axis=(0, 0)), tw.ArgumentError, "named twice"),
        (lambda: tw.zeros((2, 3)).reshape(4, -1), tw.ShapeError, "one size may be -1"),
        (lambda: tw.max(tw.zeros((0,))), tw.ShapeError, "no element to reduce"),
        (lambda: tw.ones(2, bool) - tw.ones(2, bool), tw.DTypeError, "subtract: got bool"),
        (lambda: tw.take([1, 2], [2]), tw.BoundsError, "take: index 2 is out of range"),
        (lambda: tw.zeros(3, "int7"), tw.DTypeError, "int7"),
        (lambda: tw.power(tw.array([2]), -1), ValueError, "negative integer exponent"),
        (lambda: tw.zeros((-1,)), tw.ShapeError, "must not be negative"),
        (lambda: tw.concatenate([]), tw.ShapeError, "at least one"),
    ],
)
def test_errors(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


# --------------------------------------------------------------------------- random numbers


def test_seeds_repeat_and_calls_differ() -> None:
    tw.seed(3)
    a, b = tw.random.uniform(size=100), tw.random.uniform(size=100)
    tw.seed(3)
    assert tw.array_equal(a, tw.random.uniform(size=100))
    assert not tw.array_equal(a, b)
    assert tw.array_equal(b, tw.random.uniform(size=100))


def test_staged_draws_advance_the_generator() -> None:
    g = tw.Generator(5)
    eager = [g.uniform(size=(4,)).tolist() for _ in range(3)]
    g.seed(5)
    draw = tw.jit(lambda: g.uniform(size=(4,)))
    assert [draw().tolist() for _ in range(3)] == eager


def test_the_call_number_carries() -> None:
    g = tw.Generator(0)
    state = {"key": np.array([1, 2], np.uint32), "calls": 4 << 32 | 0xFFFFFFFF}
    g.bit_generator.state = {"bit_generator": "Philox4x32", "state": state}
    g.bits(1)
    assert g.bit_generator.state["state"]["calls"] == 5 << 32


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_uniform_and_normal(dtype: str) -> None:
    g = tw.Generator(1)
    u = g.uniform(size=20000, dtype=dtype)
    assert u.dtype == dtype
    host = u.numpy().astype(np.float64)
    assert host.min() >= 0 and host.max() < 1
    assert abs(host.mean() - 0.5) < 0.01 and abs(host.var() - 1 / 12) < 0.005
    n = g.normal(2.0, 3.0, 20000, dtype=dtype).numpy().astype(np.float64)
    assert abs(n.mean() - 2) < 0.1 and abs(n.std() - 3) < 0.1


def test_other_draws() -> None:
    g = tw.Generator(2)
    dice = tw.randint(1, 7, (6000,), generator=g)
    assert np.bincount(dice.numpy())[1:].min() > 850
    assert dice.dtype == "int64"
    assert abs(tw.bernoulli(0.25, (10000,), generator=g).numpy().mean() - 0.25) < 0.02
    assert sorted(g.permutation(50).tolist()) == list(range(50))


@given(st.integers(0, 2**64 - 1), st.integers(1, 40))
def test_any_seed_and_size(seed: int, n: int) -> None:
    """The first numbers do not depend on how many are drawn."""
    few, many = tw.Generator(seed).bits(n), tw.Generator(seed).bits(64)
    assert few.tolist() == many.tolist()[:n]
