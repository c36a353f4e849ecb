"""Gradients through a staged call: a program that also returns what the backward needs, and the
backward program, both made from the graph by the tape's own walk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import trace as tracing
from .autodiff import OutputNode, TapeNode, cotangent_of, enable_grad, node_of, snapshot, walk
from .control import evaluate
from .effects import without_effects
from .engine import engine
from .graph import Aval, Graph, Var, has_effect
from .primitives.families import zeros_like
from .record import read

if TYPE_CHECKING:
    from .array import Array


@dataclass(frozen=True, eq=False)
class Pair:
    """`forward` returns the outputs and the residuals; `backward` takes the residuals and a
    cotangent for each float output, and returns one for each wanted input."""

    forward: Graph
    backward: Graph
    n_outputs: int
    wanted: tuple[bool, ...]
    differentiable: tuple[int, ...]  # positions of the float outputs


def build(graph: Graph, wanted: tuple[bool, ...]) -> Pair:
    """Trace forward and backward together, then cut the graph in two at the residuals."""
    with tracing.open_trace(f"{graph.name}_gradient") as trace, enable_grad():
        variables = (*graph.inputs, *(v for v, _ in graph.constants))
        inputs = [trace.add_input(v.aval) for v in variables]
        for cell, is_wanted in zip(inputs, wanted, strict=True):
            if is_wanted:
                cell._node = TapeNode("input", (), lambda cotangents, keep: ())
        outputs = evaluate(graph, inputs)
        n_forward = len(trace.nodes)
        floats = tuple(i for i, y in enumerate(outputs) if node_of(y) is not None)
        seeds = [trace.add_input(Aval(outputs[i].shape, outputs[i].dtype)) for i in floats]
        targets = frozenset(x._node for x in inputs if x._node is not None)
        pairs = [(outputs[i]._node, s) for i, s in zip(floats, seeds, strict=True)]
        grads = walk(pairs, targets, keep_graph=False)
        found = [cotangent_of(x, grads) for x in inputs if x._node is not None]
        var_of = lambda cell: tracing.traced_var(read(cell), trace)  # noqa: E731
        return _cut(
            trace,
            n_forward,
            tuple(map(var_of, inputs)),
            tuple(map(var_of, outputs)),
            tuple(map(var_of, seeds)),
            tuple(map(var_of, found)),
            (wanted, floats),
        )


def _cut(
    trace: tracing.Trace,
    n_forward: int,
    inputs: tuple[Var, ...],
    outputs: tuple[Var, ...],
    seeds: tuple[Var, ...],
    grads: tuple[Var, ...],
    about: tuple[tuple[bool, ...], tuple[int, ...]],
) -> Pair:
    first, second = trace.nodes[:n_forward], _needed(trace.nodes[n_forward:], grads)
    made = {v for n in first for v in n.outputs} | set(inputs)
    used = dict.fromkeys(v for n in second for v in n.inputs if v in made)
    used.update(dict.fromkeys(v for v in grads if v in made))
    residuals = tuple(used)
    name = trace.name
    forward = Graph(inputs, outputs + residuals, tuple(first), (), f"{name}_forward")
    backward = Graph((*residuals, *seeds), grads, tuple(second), (), f"{name}_backward")
    return Pair(forward, backward, len(outputs), *about)


def _needed(nodes: Sequence[Any], outputs: tuple[Var, ...]) -> list[Any]:
    """The nodes on which `outputs` depend, and those with effects, in order."""
    wanted = set(outputs)
    kept = []
    for node in reversed(nodes):
        if wanted.intersection(node.outputs) or has_effect(node):
            kept.append(node)
            wanted.update(node.inputs)
    return kept[::-1]


def call(pair: Pair, inputs: Sequence[Array]) -> list[Array]:
    """Run the forward program and put the call on the tape as one node."""
    values = [read(x) for x in inputs]
    results = engine().program(pair.forward)(*values)
    outputs, residuals = list(results[: pair.n_outputs]), results[pair.n_outputs :]
    nodes = [node_of(v) for v in values]
    edges = tuple(n for n, w in zip(nodes, pair.wanted, strict=True) if w)
    sources = [snapshot(v, n) for v, n in zip(values, nodes, strict=True)]

    def vjp(cotangents: Sequence[Array | None], keep_graph: bool) -> Sequence[Array | None]:
        seeds = [
            zeros_like(avals[i]) if c is None else c
            for i, c in zip(pair.differentiable, cotangents, strict=True)
        ]
        if keep_graph or tracing.current() is not None:
            return _replay(pair, sources, seeds)
        return list(engine().program(pair.backward)(*residuals, *map(read, seeds)))

    avals = [Aval(y.shape, y.dtype) for y in outputs]
    parent = TapeNode(pair.forward.name, edges, vjp, len(pair.differentiable))
    for index, position in enumerate(pair.differentiable):
        outputs[position]._node = OutputNode(parent, index)
    return outputs


def _replay(pair: Pair, sources: Sequence[Array], seeds: Sequence[Array]) -> list[Array]:
    """The backward as recorded operations: the residuals are computed again on the tape."""
    recomputed = evaluate(without_effects(pair.forward), sources)[pair.n_outputs :]
    return evaluate(pair.backward, [*recomputed, *seeds])
