"""Graphs made of functions of arrays, and the gradient of a graph: what the rules of control flow
are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from . import trace as tracing
from .autodiff import TapeNode, cotangent_of, enable_grad, node_of, snapshot, walk
from .control import Seeds, evaluate
from .effects import without_effects
from .graph import Aval, Graph, without_dead_code
from .primitives.families import zeros_like
from .record import read

if TYPE_CHECKING:
    from .array import Array


def pull_back(
    graph: Graph, inputs: Sequence[Array], wanted: Sequence[bool], seeds: Seeds
) -> list[Array]:
    """The cotangents of the wanted inputs of a graph, from those of its outputs, in the open
    trace: the graph is evaluated again, on a tape of its own."""
    with enable_grad():
        own = [
            snapshot(x, TapeNode("input", (), lambda cotangents, keep: ())) if w else x
            for x, w in zip(inputs, wanted, strict=True)
        ]
        outs = evaluate(without_effects(graph), own)
        pairs = [
            (y._node, s)
            for y, s in zip(outs, seeds, strict=True)
            if s is not None and node_of(y) is not None
        ]
        leaves = [x for x, w in zip(own, wanted, strict=True) if w]
        targets = frozenset(x._node for x in leaves)
        found = walk(pairs, targets, keep_graph=False) if pairs else {}
    return [cotangent_of(x, found) for x in leaves]


def graph_of(
    name: str, avals: Sequence[Aval], build: Callable[[list[Array]], Sequence[Array]]
) -> Graph:
    """A graph of its own of what `build` does with arrays of these kinds."""
    with tracing.open_trace(name) as trace:
        results = build([trace.add_input(a) for a in avals])
        outputs = tuple(tracing.traced_var(read(y), trace) for y in results)
        del results
    return without_dead_code(Graph(tuple(trace.inputs), outputs, tuple(trace.nodes), name=name))


def avals_of(cells: Sequence[Array]) -> list[Aval]:
    """The kinds of arrays."""
    return [Aval(c.shape, c.dtype) for c in cells]


def filled(seeds: Seeds, like: Sequence[Array]) -> list[Array]:
    """Cotangents of the float values among `like`: zeros where there is none."""
    return [
        zeros_like(y) if s is None else s
        for s, y in zip(seeds, like, strict=True)
        if y.dtype.is_inexact
    ]


def in_places(found: Seeds, wanted: Sequence[bool]) -> list[Array | None]:
    """What was found, at the places where it was wanted; None elsewhere."""
    picked = iter(found)
    return [next(picked) if w else None for w in wanted]
