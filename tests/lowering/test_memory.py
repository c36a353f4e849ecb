"""The arena: no two values alive at once overlap, and the measured peak is the planned one."""

from __future__ import annotations

import gc

import numpy as np
from graph_support import Build, engine, run, to_cell
from hypothesis import given
from hypothesis import strategies as st

from tilewright import _native
from tilewright.dsl.graph import Graph
from tilewright.dsl.sizes import symbol
from tilewright.lowering.memory import Life, aligned, arrange, lower_bound


@given(
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 12), st.integers(0, 6)), max_size=25)
)
def test_nothing_alive_overlaps(spans: list[tuple[int, int, int]]) -> None:
    lives = [Life(f"b{i}", n, first, first + more) for i, (n, first, more) in enumerate(spans)]
    places, arena = arrange(lives)
    assert lower_bound(lives) <= arena <= sum(aligned(x.bytes) for x in lives)
    for i, p in enumerate(places):
        assert p.offset % 64 == 0 and p.offset + p.life.bytes <= arena
        for q in places[:i]:
            together = p.life.first <= q.life.last and q.life.first <= p.life.last
            apart = p.offset + p.life.bytes <= q.offset or q.offset + q.life.bytes <= p.offset
            assert apart or not together or not p.life.bytes or not q.life.bytes


def deep(b: Build, rows: object) -> Graph:
    """Products after one another, whose results must be stored."""
    x = b.input((rows, 40))  # type: ignore[arg-type]
    w = b.input((40, 40))
    for _ in range(5):
        x = b("tanh", b("matmul", x, w))
    return b.graph(x)


def test_the_measured_peak_is_the_planned_one() -> None:
    b = Build()
    graph = deep(b, 64)
    program = engine().program(graph)
    inputs = [to_cell(np.ones(v.aval.shape, np.float32)) for v in graph.inputs]
    program(*inputs)
    gc.collect()
    before = _native.memory_stats()["in_use"]
    _native.reset_peak()
    result = program(*inputs)
    peak = _native.memory_stats()["peak"] - before
    plan = engine().memory(graph)
    assert peak == plan.peak
    assert plan.arena == 2 * 64 * 40 * 4  # two results alive at once, however deep
    assert "arena" in str(plan) and result[0].shape == (64, 40)


def test_unknown_sizes_come_from_the_pool() -> None:
    b = Build()
    graph = deep(b, symbol("n"))
    program = engine().program(graph)
    for n in (3, 50):
        inputs = [to_cell(np.full((n, 40), 0.01, np.float32)), to_cell(np.eye(40, dtype="f4"))]
        program(*inputs)
        gc.collect()
        before = _native.memory_stats()["in_use"]
        _native.reset_peak()
        result = program(*inputs)
        peak = _native.memory_stats()["peak"] - before
        assert peak == engine().memory(graph, {"n": n}).peak
        del result


def test_dead_values_share_memory() -> None:
    b = Build()
    graph = deep(b, 10)
    run(graph, np.ones((10, 40), np.float32), np.eye(40, dtype=np.float32))
    offsets = [p.offset for p in engine().memory(graph).places]
    assert len(offsets) == 4 and len(set(offsets)) == 2
