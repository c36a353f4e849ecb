"""A group that its schedule refuses is computed by a slower, safe one, which is told."""

from __future__ import annotations

import numpy as np
import pytest
from graph_support import Build, engine, softmax, to_cell, to_host

from tilewright.backends.cpu.compiler import SAFE, SCHEDULES
from tilewright.dsl.errors import CompileError
from tilewright.dsl.graph import Graph
from tilewright.dsl.sizes import symbol
from tilewright.lowering import machine
from tilewright.lowering.codegen import object_code
from tilewright.lowering.entry import KernelEntry
from tilewright.lowering.fusion import Group
from tilewright.lowering.kernel import KernelSource
from tilewright.lowering.knobs import Refused
from tilewright.lowering.pipeline import kernel_groups
from tilewright.lowering.program import Step, plan_program
from tilewright.lowering.rules import Rules
from tilewright.lowering.words import kernel_words, program_words


def refusing(name: str, group: Group, machine: object) -> KernelSource:
    raise Refused("of this test")


RULES = Rules(dict.fromkeys(SCHEDULES, refusing), machine.host(), SAFE)


def computed(graph: Graph, *arrays: object) -> object:
    """The one kernel of a graph by the safe schedule, run."""
    (group,) = kernel_groups(graph)
    source = RULES.schedule("safe", group)
    assert "refusing cannot take it (of this test): the safe, slower" in source.note
    assert RULES.describe("safe", group).note == source.note
    code = object_code(source, machine.host().target)
    entry = KernelEntry(code, kernel_words(source), source.tables, source.sizes)
    made = Graph(group.inputs, group.outputs, group.nodes, name="safe")
    words = program_words(plan_program(made, [Step(0, group, entry.sizes)]).layout)
    program = engine().backend.load_program(words, [engine().load_kernel(entry)], "safe")
    return to_host(program(*map(to_cell, arrays))[0])


@pytest.mark.parametrize("rows", [0, 1, 37])
def test_maps_rows_and_reductions_have_a_safe_schedule(rows: int) -> None:
    x = np.random.default_rng(rows).standard_normal((rows, 19)).astype(np.float32)
    b = Build()
    v = b.input((symbol("n"), 19))
    np.testing.assert_allclose(computed(b.graph(b("exp", v)), x), np.exp(x), rtol=1e-6)
    b = Build()
    graph = b.graph(softmax(b, b.input((symbol("n"), 19))))
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    np.testing.assert_allclose(
        computed(graph, x), powers / powers.sum(axis=1, keepdims=True), rtol=1e-5
    )
    b = Build()
    graph = b.graph(b("sum", b.input((symbol("n"), 19)), axes=(0,)))
    np.testing.assert_allclose(computed(graph, x), x.sum(axis=0), rtol=1e-5, atol=1e-5)


def test_a_kind_without_a_safe_schedule_is_an_error() -> None:
    b = Build()
    (group,) = kernel_groups(b.graph(b("matmul", b.input((8, 8)), b.input((8, 8)))))
    with pytest.raises(CompileError, match="refusing cannot take safe: of this test"):
        RULES.schedule("safe", group)
