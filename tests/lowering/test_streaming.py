"""Results that do not fit into the last cache may be written past it, whole and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from graph_support import Build, to_cell, to_host

from tilewright.backends.cpu import MANIFEST
from tilewright.backends.cpu.compiler import CpuCompiler
from tilewright.dsl.graph import Graph
from tilewright.lowering import pipeline
from tilewright.lowering.machine import host
from tilewright.lowering.schedules.streaming import BLOCK_BYTES

SMALL = replace(host(), l3=2048)  # a machine whose last cache is soon full
BLOCK = BLOCK_BYTES // 4


def run_on(graph: Graph, *arrays: Any) -> tuple[list[Any], str]:
    """The results of the graph's one kernel, made for the small machine and told to write past the
    cache, and its text."""
    compiler = CpuCompiler(SMALL)
    (group,) = pipeline.kernel_groups(graph)
    space = compiler.schedules.space(group)
    choice = space.encode(space.default | {"stream": True})
    entry = pipeline.build_kernel(group, compiler, choice)
    kernel = MANIFEST.load_kernel(entry.code, entry.words, entry.tables)
    outputs = [to_cell(np.full(v.aval.shape, -7, v.aval.dtype.name)) for v in group.outputs]
    kernel([*map(to_cell, arrays), *outputs], [])
    text = compiler.text(pipeline.source_of(group, compiler, choice), "tir")
    return [to_host(x) for x in outputs], text


@pytest.mark.parametrize("size", [512, 2 * BLOCK + 1, 5 * BLOCK - 1, 70_000])
def test_two_results(size: int) -> None:
    b = Build()
    x, y = b.input((size,)), b.input((size,))
    graph = b.graph(b("add", x, y), b("lt", x, y))
    rng = np.random.default_rng(size)
    given = [rng.standard_normal(size, dtype=np.float32) for _ in range(2)]
    found, text = run_on(graph, *given)
    assert "tw_stream_block" in text and "tw_stream_end" in text
    np.testing.assert_array_equal(found[0], given[0] + given[1])
    np.testing.assert_array_equal(found[1], given[0] < given[1])


def test_it_is_a_choice_for_what_does_not_fit() -> None:
    for size, is_choice in ((256, False), (4096, True)):
        b = Build()
        graph = b.graph(b("neg", b.input((size,))))
        (group,) = pipeline.kernel_groups(graph)
        compiler = CpuCompiler(SMALL)
        assert (True in compiler.schedules.space(group).choices["stream"]) is is_choice
        text = compiler.text(pipeline.source_of(group, compiler), "tir")
        assert "tw_stream" not in text
