"""Derived forms of weights: computed when a cell changes, not at every call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from graph_support import Build, engine, to_cell, to_host

from tilewright import _native
from tilewright.dsl.graph import Graph
from tilewright.dsl.sizes import symbol
from tilewright.lowering.prepack import Prepacked


def linear(rows: Any, is_transposed: bool) -> Graph:
    b = Build()
    x = b.input((rows, 100))
    w, bias = b.input((130, 100) if is_transposed else (100, 130)), b.input((130,))
    right = b("transpose", w, axes=(1, 0)) if is_transposed else w
    twice = b("mul", b("exp", bias), b.full((130,), 2.0))
    return b.graph(b("add", b("matmul", x, right), b("broadcast_to", twice, shape=(rows, 130))))


@pytest.mark.parametrize("is_transposed", [False, True])
@pytest.mark.parametrize("rows", [5, 64, symbol("n")])
def test_packed_weights_follow_the_cell(rows: Any, is_transposed: bool) -> None:
    program = engine().prepacked(linear(rows, is_transposed), frozenset([1, 2]))
    assert isinstance(program, Prepacked)
    names = [n.primitive.name for n in program.split.main.nodes]
    assert "matmul_packed" in names and "exp" not in names
    random = np.random.default_rng(0)
    x = random.standard_normal((rows if isinstance(rows, int) else 33, 100)).astype(np.float32)
    shape = (130, 100) if is_transposed else (100, 130)
    weight, bias = random.standard_normal(shape).astype(np.float32), np.zeros(130, np.float32)
    w, cells = to_cell(weight), (to_cell(x), to_cell(bias))
    for factor in (1, 1, 3):
        if factor == 3:
            _native.write(w, to_cell(weight * 3))
        (out,) = program(cells[0], w, cells[1])
        expected = x @ ((weight.T if is_transposed else weight) * factor) + 2
        np.testing.assert_allclose(to_host(out), expected, rtol=1e-4, atol=1e-3)


def test_the_derived_part_runs_once() -> None:
    program = engine().prepacked(linear(64, False), frozenset([1, 2]))
    calls = []
    derive = program.derive
    program.derive = lambda *cells: calls.append(1) or derive(*cells)
    cells = [to_cell(np.ones(v.aval.shape, np.float32)) for v in linear(64, False).inputs]
    for _ in range(3):
        program(*cells)
    assert len(calls) == 1


def test_nothing_to_derive_is_a_plain_program() -> None:
    b = Build()
    x, y = b.input((4,)), b.input((4,))
    graph = b.graph(b("add", x, y))
    assert not isinstance(engine().prepacked(graph, frozenset([1])), Prepacked)
    assert not isinstance(engine().prepacked(graph, frozenset()), Prepacked)
