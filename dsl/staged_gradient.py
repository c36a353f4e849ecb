"""Gradients through a staged call: a program that also returns what the backward needs, and the
backward program, both made from the graph by the tape's own walk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from . import trace as tracing
from .autodiff import OutputNode, TapeNode, cotangent_of, enable_grad, node_of, snapshot, walk
from .comparing import form_of, is_same
from .control import evaluate
from .effects import without_effects
from .engine import engine
from .graph import Aval, Graph, Var, has_effect, verify
from .graph_sizes import at_sizes, bound_names, general, require_bound, tracked_at, used_names
from .primitives.families import zeros_like
from .record import read
from .tracked import ZERO, Guard, Tracker, tracking
from .unknowns import NotGeneral, other_sizes

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
    sizes: Mapping[str, int] | None = None  # those for which alone it was made
    guards: tuple[Guard, ...] = ()

    def takes(self, sizes: Mapping[str, int]) -> bool:
        """Whether it is the one for these sizes."""
        if self.sizes is not None:
            return self.sizes == sizes
        return all(g.holds(sizes) for g in self.guards)

    def prepare(self) -> None:
        """Have the forward program made, if it is not."""
        engine().program(self.forward)


def make(
    graph: Graph, wanted: tuple[bool, ...], sizes: Mapping[str, int], least: Mapping[str, int]
) -> Pair:
    """The programs for a graph whose unknown sizes are `sizes` now: for others, too, where the
    gradient decides nothing by them that another size would decide otherwise."""
    exact = build(at_sizes(graph, sizes), wanted)
    if not sizes:
        return exact
    tracker = Tracker(sizes, least)
    try:
        with tracking(tracker):
            found = build(tracked_at(graph, tracker), wanted)
        if any(g.kind is ZERO and g.truth for g in tracker.guards):
            raise NotGeneral("the gradient holds for sizes of this kind alone")
        parts = [verify(general(g, tracker, {})) for g in (found.forward, found.backward)]
        whole = replace(found, forward=parts[0], backward=parts[1], guards=tracker.guards)
        _check_elsewhere(whole, graph, sizes, least)
        whole = _with_sizes_of_inputs(whole)
        require_bound(whole.backward)
    except Exception:  # it cannot be had for unknown sizes
        return replace(exact, sizes=dict(sizes))
    return whole


def _check_elsewhere(
    pair: Pair, graph: Graph, here: Mapping[str, int], least: Mapping[str, int]
) -> None:
    """Raise NotGeneral if the gradient is another one at other sizes."""
    values = other_sizes(here, pair.guards, least)
    found = build(at_sizes(graph, values), pair.wanted)
    for ours, theirs in ((pair.forward, found.forward), (pair.backward, found.backward)):
        if not is_same(form_of(at_sizes(ours, values)), form_of(theirs)):
            raise NotGeneral("the gradient is another program for other sizes")


def _with_sizes_of_inputs(pair: Pair) -> Pair:
    """The backward reads its unknown sizes off shapes: where residuals and cotangents do not tell
    them all, inputs of the forward that do are handed on."""
    missing = used_names(pair.backward) - bound_names(pair.backward.inputs)
    handed: list[Var] = []
    for var in pair.forward.inputs:
        if missing & bound_names([var]):
            missing -= bound_names([var])
            handed.append(var)
    n_residuals = len(pair.forward.outputs) - pair.n_outputs
    taken = list(pair.backward.inputs)
    taken[n_residuals:n_residuals] = [Var(var.aval) for var in handed]
    return replace(
        pair,
        forward=replace(pair.forward, outputs=(*pair.forward.outputs, *handed)),
        backward=replace(pair.backward, inputs=tuple(taken)),
    )


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


def call(pair: Pair, inputs: Sequence[Array], sizes: Mapping[str, int]) -> list[Array]:
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
            return _replay(pair, sources, seeds, sizes)
        return list(engine().program(pair.backward)(*residuals, *map(read, seeds)))

    avals = [Aval(y.shape, y.dtype) for y in outputs]
    parent = TapeNode(pair.forward.name, edges, vjp, len(pair.differentiable))
    for index, position in enumerate(pair.differentiable):
        outputs[position]._node = OutputNode(parent, index)
    return outputs


def _replay(
    pair: Pair, sources: Sequence[Array], seeds: Sequence[Array], sizes: Mapping[str, int]
) -> list[Array]:
    """The backward as recorded operations: the residuals are computed again on the tape."""
    forward, backward = (at_sizes(g, sizes) for g in (pair.forward, pair.backward))
    recomputed = evaluate(without_effects(forward), sources)[pair.n_outputs :]
    return evaluate(backward, [*recomputed, *seeds])
