"""Loops as kernels: a loop whose turns do little work becomes one kernel, with no launch a turn.

The pass replaces such nodes of control flow; a `while` keeps its instruction, but each turn of it
is a kernel that goes on for many turns, so that a loop without an end can be interrupted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from ..dsl.control import COND, SCAN, WHILE
from ..dsl.graph import Graph, Node, Var, subgraphs
from ..dsl.primitive import Contract, Control, Map, Reduce, Scatter
from .rewrites import RULES, Rule, rewrite

MOST_WORK = 1 << 14  # instructions of a turn, about: more is worth parallel kernels
MOST_BYTES = 1 << 15  # of the values of a turn, which lie on the stack
MOST_BUFFERS = 150  # of a kernel (core/kernel.h)
MOST_TURNS = 1 << 20  # of a `while` before the executor has a look

SCAN_KERNEL = replace(SCAN, name="scan_kernel", lower=Control("scan", is_kernel=True))


def _infer_while(*values: Any, n_turns: int, **params: Any) -> Any:
    del n_turns
    return WHILE.infer(*values, **params)


WHILE_KERNEL = replace(
    WHILE, name="while_kernel", lower=Control("while", is_kernel=True), infer=_infer_while
)


def with_loop_kernels(graph: Graph, rules: tuple[Rule, ...] = RULES) -> Graph:
    """The graph with its small loops as kernels, also inside the graphs of other control flow;
    what becomes part of a kernel is rewritten by `rules`."""
    nodes = tuple(_replaced(node, rules) for node in graph.nodes)
    return replace(graph, nodes=nodes) if nodes != graph.nodes else graph


def _replaced(node: Node, rules: tuple[Rule, ...]) -> Node:
    if not isinstance(node.primitive.lower, Control):
        return node
    params = {k: _mapped(partial(rewrite, rules=rules), v) for k, v in node.params.items()}
    small = replace(node, params=params)
    if _is_small(small):
        if node.primitive is SCAN:
            return replace(small, primitive=SCAN_KERNEL)
        if node.primitive is WHILE:
            return replace(small, params={**params, "body": _many_turns(small)})
    change = partial(with_loop_kernels, rules=rules)
    return replace(node, params={k: _mapped(change, v) for k, v in params.items()})


def _mapped(change: Callable[[Graph], Graph], value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_mapped(change, v) for v in value)
    return change(value) if isinstance(value, Graph) else value


def _many_turns(node: Node) -> Graph:
    """A body that goes on as long as the condition holds, but not for ever."""
    body = node.params["body"]
    inputs = tuple(Var(v.aval) for v in body.inputs)
    outputs = tuple(Var(v.aval) for v in body.outputs)
    params = {**node.params, "n_turns": MOST_TURNS}
    turns = Node(WHILE_KERNEL, inputs, params, outputs, node.source)
    return Graph(inputs, outputs, (turns,), name=body.name)


# --------------------------------------------------------------------------- what is small


def _is_small(node: Node) -> bool:
    """Whether control flow can be a part of a kernel, and should be."""
    if len(node.inputs) + len(node.outputs) > MOST_BUFFERS:
        return False
    work = _work_of_node(node)
    return work is not None and work[0] <= MOST_WORK and work[1] <= MOST_BYTES


def _work(graph: Graph) -> tuple[int, int] | None:
    """Instructions and bytes of a graph, about; None if it cannot be a part of a kernel."""
    found = [_work_of_node(node) for node in graph.nodes]
    if any(x is None for x in found) or not all(map(_is_known, graph.outputs)):
        return None
    known = [x for x in found if x is not None]
    return sum(x[0] for x in known), sum(x[1] for x in known)


def _is_known(var: Var) -> bool:
    return isinstance(var.aval.size, int)


def _work_of_node(node: Node) -> tuple[int, int] | None:
    if isinstance(node.primitive.lower, Control):
        return _work_of_control(node)
    if not all(map(_is_known, node.outputs)) or any(
        v.aval.dtype.is_complex for v in (*node.inputs, *node.outputs)
    ):
        return None
    n_bytes = sum(v.aval.nbytes for v in node.outputs)
    count = _elements(node)
    return None if count is None or not isinstance(n_bytes, int) else (count, n_bytes)


def _elements(node: Node) -> int | None:
    lower, size = node.primitive.lower, node.output.aval.size
    if isinstance(lower, Map):
        count = size * max(lower.cost, 1)
    elif isinstance(lower, Reduce):
        count = node.inputs[0].aval.size * 4
    elif isinstance(lower, Contract):
        count = size * node.inputs[0].aval.shape[-1]
    elif isinstance(lower, Scatter):
        count = size + 4 * node.inputs[2].aval.size
    else:
        return None
    return count if isinstance(count, int) else None


def _work_of_control(node: Node) -> tuple[int, int] | None:
    """The work of one turn; of a loop inside a loop, of all its turns."""
    if node.primitive not in (COND, SCAN, WHILE):
        return None
    parts = [_work(graph) for graph in subgraphs(node)]
    known = [x for x in parts if x is not None]
    if len(known) != len(parts) or not known:
        return None
    if node.primitive is COND:
        results = sum(map(_bytes, node.outputs))
        return max(x[0] for x in known), sum(x[1] for x in known) + results
    return sum(x[0] for x in known), sum(x[1] for x in known) + _carried(node)


def _carried(node: Node) -> int:
    """The bytes of what a loop hands from turn to turn."""
    first = node.params["n_constants"]
    count = node.params.get("n_carries", len(node.inputs) - first)
    return sum(_bytes(v) for v in node.inputs[first : first + count])


def _bytes(var: Var) -> int:
    n = var.aval.nbytes
    return n if isinstance(n, int) else MOST_BYTES + 1
