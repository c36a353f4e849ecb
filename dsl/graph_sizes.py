"""Graphs in other sizes: with tracked ones, unknown ones, or numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .graph import Aval, Graph, Node, Var, subgraphs
from .sizes import Dim, Size, evaluate, substitute, symbols
from .tracked import Tracked, Tracker, plain
from .unknowns import NotGeneral, multiple


def with_sizes(graph: Graph, change: Callable[[Any], Any]) -> Graph:
    """The graph with every size (a tracked int or a Size) replaced by what `change` makes of it;
    the graphs inside it, too."""
    known: dict[Var, Var] = {}

    def changed(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(changed, value))
        if isinstance(value, Graph):
            return with_sizes(value, change)
        return change(value) if isinstance(value, Tracked | Size) else value

    def var(old: Var) -> Var:
        if old not in known:
            known[old] = Var(Aval(changed(tuple(old.aval.shape)), old.aval.dtype))
        return known[old]

    def variables(olds: Sequence[Var]) -> tuple[Var, ...]:
        return tuple(map(var, olds))

    nodes = tuple(
        Node(
            n.primitive, variables(n.inputs), {k: changed(v) for k, v in n.params.items()},
            variables(n.outputs), n.source,
        )
        for n in graph.nodes
    )  # fmt: skip
    constants = tuple((var(v), host) for v, host in graph.constants)
    inputs, outputs = variables(graph.inputs), variables(graph.outputs)
    return replace(graph, inputs=inputs, outputs=outputs, nodes=nodes, constants=constants)


def general(graph: Graph, tracker: Tracker, known: Mapping[str, Dim]) -> Graph:
    """A graph that was traced with tracked sizes, as one of unknown sizes; `known` says what has
    become of some."""

    def change(n: Tracked | Size) -> Dim:
        if isinstance(n, Tracked):
            return substitute(n.dim, known) if n.tracker is tracker else plain(n)
        return substitute(n, known)

    return with_sizes(graph, change)


def at_sizes(graph: Graph, values: Mapping[str, int]) -> Graph:
    """The graph at given sizes."""
    return with_sizes(graph, lambda n: plain(n) if isinstance(n, Tracked) else evaluate(n, values))


def tracked_at(graph: Graph, tracker: Tracker) -> Graph:
    """A graph of unknown sizes with tracked ints, to trace on."""
    return with_sizes(graph, lambda n: plain(n) if isinstance(n, Tracked) else tracker.size(n))


# --------------------------------------------------------------------------- where sizes come from


def bound_names(inputs: Iterable[Var]) -> set[str]:
    """The unknowns that a program reads off the shapes of these inputs."""
    found = (multiple(dim) for var in inputs for dim in var.aval.shape)
    return {m[1] for m in found if m is not None}


def used_names(graph: Graph) -> set[str]:
    """The unknowns in a graph's own types and parameters, and in those of the graphs inside."""
    names: set[str] = set()
    for var in (*graph.inputs, *(v for n in graph.nodes for v in n.outputs)):
        names.update(*map(symbols, var.aval.shape))
    for node in graph.nodes:
        names.update(*map(symbols, _sizes(tuple(node.params.values()))))
        names.update(*map(used_names, subgraphs(node)))
    return names


def _sizes(value: Any) -> Iterator[Size]:
    if isinstance(value, tuple):
        for item in value:
            yield from _sizes(item)
    elif isinstance(value, Size):
        yield value


def require_bound(graph: Graph) -> Graph:
    """The graph itself; NotGeneral if a program cannot read its sizes, or those of a branch or a
    loop in it, off the shapes of the inputs."""
    missing = used_names(graph) - bound_names(graph.inputs)
    if missing:
        raise NotGeneral(
            f"{graph.name} depends on a size that is not one of its inputs' ({sorted(missing)[0]})"
        )
    for node in graph.nodes:
        for inner in subgraphs(node):
            require_bound(inner)
    return graph
