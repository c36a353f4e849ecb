"""Transposes turned in registers, straight to the result or as tiles that a kernel reads."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from graph_support import Build, engine, run
from hypothesis import given, settings
from hypothesis import strategies as st

import tilewright as tw
from tilewright.dsl.sizes import symbol
from tilewright.lowering.machine import host

Array = np.ndarray[Any, Any]
LANES = host().vector_bytes // 4
# Around a vector, a tile's sides (32 and 64), and more than one tile.
SIZES = (1, LANES - 1, LANES, LANES + 1, 33, 63, 65, 131)


def numbers(*shape: int, dtype: str = "float32") -> Array:
    return np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)


@settings(max_examples=15)
@given(
    rows=st.sampled_from(SIZES),
    columns=st.sampled_from(SIZES),
    dtype=st.sampled_from(
        ["float32", "float64", "int32", "int64", "uint8", "float16", "complex64"]
    ),
)
def test_matrices(rows: int, columns: int, dtype: str) -> None:
    x = numbers(rows, columns, dtype=dtype)
    found = tw.jit(lambda x: tw.transpose(x))(tw.asarray(x))
    np.testing.assert_array_equal(found.numpy(), x.T)


@pytest.mark.parametrize("axes", list(permutations(range(3)))[1:])
def test_permutations(axes: tuple[int, ...]) -> None:
    x = numbers(37, 34, LANES + 3)
    found = tw.jit(lambda x: tw.transpose(x, axes))(tw.asarray(x))
    np.testing.assert_array_equal(found.numpy(), x.transpose(axes))


def test_a_kernel_reads_tiles_of_several_arrays() -> None:
    x, y, z = numbers(70, 45), -numbers(70, 45), numbers(45, 70) / 7
    staged = tw.jit(lambda x, y, z: (tw.sin(x.T / 100) * y.T + z, x.T - z))
    for found, expected in zip(
        staged(*map(tw.asarray, (x, y, z))), (np.sin(x.T / 100) * y.T + z, x.T - z), strict=True
    ):
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-5 * 70 * 45)


def test_unknown_sizes() -> None:
    b = Build()
    x = b.input((symbol("n"), symbol("m")))
    turned = b("transpose", x, axes=(1, 0))
    graph = b.graph(turned, b("exp", turned))
    for shape in ((0, 5), (1, 1), (40, 3), (67, 130)):
        given = numbers(*shape) / np.float32(1 + np.prod(shape))
        found = run(graph, given)
        np.testing.assert_array_equal(found[0], given.T)
        np.testing.assert_allclose(found[1], np.exp(given.T), rtol=1e-6)


def test_squares_are_turned_by_shuffles() -> None:
    b = Build()
    text = engine().stage(b.graph(b("transpose", b.input((96, 128)), axes=(1, 0))), "tir")
    assert text.count("llvm.vector.interleave2") == LANES // 2 * (LANES.bit_length() - 1)
