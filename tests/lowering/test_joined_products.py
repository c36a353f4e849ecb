"""Products that share their left operand become one, where the right ones are weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tilewright as tw

WIDTH = 96


def weights(*sizes: int) -> list[tw.Array]:
    rng = np.random.default_rng(0)
    return [tw.asarray(rng.standard_normal((WIDTH, n), dtype=np.float32)) for n in sizes]


def leaves(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


def check(function: Callable[[tw.Array], Any], products: int, rows: int = 7) -> None:
    """The number of products that every call runs, and the result beside eager code's."""
    staged = tw.jit(function)
    x = tw.asarray(np.random.default_rng(1).standard_normal((2, rows, WIDTH), dtype=np.float32))
    text = staged.ir(x, stage="kernels").rpartition("# at every call")[2]
    assert text.count("matmul_packed(") + text.count("matmul(") == products
    for found, expected in zip(leaves(staged(x)), leaves(function(x)), strict=True):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=2e-5, atol=2e-4)


def test_queries_keys_and_values_are_one_product() -> None:
    ws = weights(64, 32, 32)
    biases = [tw.ones((n,), dtype="float32") * i for i, n in enumerate((64, 32, 32))]

    def heads(x: tw.Array) -> Any:
        q, k, v = (x @ w + b for w, b in zip(ws, biases, strict=True))
        return tw.tanh(q), tw.exp(k / 9) * v

    check(heads, 1)
    check(heads, 1, rows=1)


def test_turned_weights_and_no_bias() -> None:
    ws = [tw.asarray(w.numpy().T) for w in weights(40, 50)]
    check(lambda x: tuple(tw.tanh(x @ w.T) for w in ws), 1)


def test_a_layer_of_attention() -> None:
    layer = tw.nn.MultiheadAttention(WIDTH, 4, batch_first=True)
    layer.eval()
    check(lambda x: layer(x, x, x, need_weights=False)[0], 2)


def test_what_stays_apart() -> None:
    first, second, other = weights(32, 32, 48)
    bias = tw.ones((32,), dtype="float32")
    # other left operands
    check(lambda x: (tw.tanh(x @ first), tw.tanh((x + 1) @ second)), 2)
    # results that leave the program would be copied out of the common one
    check(lambda x: (x @ first, x @ second), 2)
    # one with a vector added, one without
    check(lambda x: (tw.tanh(x @ first + bias), tw.tanh(x @ other)), 2)


def test_operands_that_change_stay_apart() -> None:
    first, second = weights(32, 32)
    staged = tw.jit(lambda x, w, v: tw.tanh(x @ w) * tw.tanh(x @ v))
    x = tw.ones((5, WIDTH), dtype="float32")
    assert staged.ir(x, first, second, stage="kernels").count(" = matmul(") == 2


def test_the_joined_weights_follow_the_cells() -> None:
    first, second = weights(32, 32)
    staged = tw.jit(lambda x: tw.tanh(x @ first) - tw.tanh(x @ second))
    x = tw.asarray(np.full((4, WIDTH), 0.01, np.float32))
    for _ in range(2):
        expected = np.tanh(x.numpy() @ first.numpy()) - np.tanh(x.numpy() @ second.numpy())
        np.testing.assert_allclose(staged(x).numpy(), expected, rtol=1e-4, atol=1e-5)
        second[:, :7] = 0.5


@pytest.mark.parametrize("column", [False, True])
def test_a_vector_is_added_to_columns_only(column: bool) -> None:
    """A column of as many elements is not added as a row would be."""
    ws = weights(7, 7)
    moved = tw.asarray(np.arange(7, dtype=np.float32).reshape((7, 1) if column else (7,)))
    check(lambda x: tuple(tw.tanh(x @ w + moved) for w in ws), 1, rows=7)
