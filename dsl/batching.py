"""A graph evaluated for many lanes at once: each node by its primitive's batch rule.

A value is the same in all lanes, or it has a slice for each lane along its first axis. What no
lane's value reaches is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .control import SCAN, bind_control
from .errors import TraceError
from .graph import Aval, Graph, all_nodes, graphs_in
from .primitive import ONE_BY_ONE, Control, Effect, Lanes, Primitive
from .primitives.lanes import spread
from .pulling import graph_of
from .record import bind, read
from .sizes import Dim

if TYPE_CHECKING:
    from .array import Array

Flags = list[bool]  # which values have lanes
Found = tuple[list["Array"], Flags]

# rule(inputs, which have lanes, params, number of lanes), by the kind of control flow.
RULES: dict[str, Callable[[list[Array], Flags, dict[str, Any], Dim], Found]] = {}


def evaluate_lanes(
    graph: Graph, values: Sequence[Array], flags: Sequence[bool], count: Dim
) -> Found:
    """The outputs of a graph for all lanes, and which of them have lanes."""
    inputs = (*graph.inputs, *(v for v, _ in graph.constants))
    env = {v: (x, has) for v, x, has in zip(inputs, values, flags, strict=True)}
    for node in graph.nodes:
        cells = [env[v][0] for v in node.inputs]
        own = [env[v][1] for v in node.inputs]
        found, has = bind_lanes(node.primitive, cells, own, dict(node.params), count)
        env.update(zip(node.outputs, zip(found, has, strict=True), strict=True))
    return [read(env[v][0]) for v in graph.outputs], [env[v][1] for v in graph.outputs]


def bind_lanes(
    primitive: Primitive, cells: list[Array], flags: Flags, params: dict[str, Any], count: Dim
) -> Found:
    """Apply a primitive to values of which some have lanes."""
    if isinstance(primitive.lower, Effect):  # for all lanes at once
        if any(flags) and params.get("kinds"):
            raise TraceError(
                f"vmap: the callback of {params['text']} at {params['where']} cannot be done for "
                "several lanes at once"
            )
        done = bind_control(primitive, cells, params)
        return done, [False] * len(done)
    is_control = isinstance(primitive.lower, Control)
    if not any(flags) and not _draws(primitive, params):
        if is_control:
            outs = bind_control(primitive, cells, params)
            return outs, [False] * len(outs)
        return [bind(primitive, *cells, **params)], [False]
    if is_control and primitive.name in RULES:
        return RULES[primitive.name](cells, flags, params, count)
    if primitive.batch is None:
        raise TraceError(f"vmap: {primitive.name} cannot be done for several lanes at once")
    made = primitive.batch(Lanes(count, tuple(flags)), *cells, **params)
    if made is ONE_BY_ONE:
        made = _one_by_one(primitive, cells, flags, params, count)
    return [made], [True]


def _draws(primitive: Primitive, params: dict[str, Any]) -> bool:
    """Whether each lane has a result of its own all the same: there are random draws."""
    inside = (node.primitive for graph in graphs_in(params) for node in all_nodes(graph))
    return primitive.per_lane or any(p.per_lane for p in inside)


def _one_by_one(
    primitive: Primitive, cells: list[Array], flags: Flags, params: dict[str, Any], count: Dim
) -> Array:
    """One lane after the other, by a scan."""
    order = sorted(range(len(cells)), key=lambda i: flags[i])  # those without lanes first
    taken = [cells[i] for i in order]
    n_constants = flags.count(False)

    def build(given: list[Array]) -> list[Array]:
        own = dict(zip(order, given, strict=True))
        return [bind(primitive, *(own[i] for i in range(len(cells))), **params)]

    avals = [Aval(x.shape, x.dtype) for x in taken[:n_constants]]
    avals += [Aval(x.shape[1:], x.dtype) for x in taken[n_constants:]]
    loop = {"n_constants": n_constants, "n_carries": 0, "length": count, "reverse": False}
    return bind_control(SCAN, taken, {"body": graph_of(primitive.name, avals, build), **loop})[0]


def with_lanes(
    values: Sequence[Array], flags: Sequence[bool], wanted: Sequence[bool], count: Dim
) -> list[Array]:
    """Values with lanes where they are wanted."""
    return [
        spread(x, count) if want and not has else x
        for x, has, want in zip(values, flags, wanted, strict=True)
    ]


def lane_avals(avals: Sequence[Aval], flags: Sequence[bool], count: Dim) -> list[Aval]:
    """The kinds of values of which some have lanes."""
    return [
        Aval((count, *a.shape), a.dtype) if has else a for a, has in zip(avals, flags, strict=True)
    ]


def lane_graph(
    graph: Graph, flags: Sequence[bool], count: Dim, wanted: Sequence[bool] | None = None
) -> tuple[Graph, Flags]:
    """The graph for all lanes, and which of its outputs have lanes; at least those `wanted`."""
    found: Flags = []

    def build(cells: list[Array]) -> list[Array]:
        outs, has = evaluate_lanes(graph, cells, flags, count)
        goal = has if wanted is None else [a or b for a, b in zip(has, wanted, strict=True)]
        found.extend(goal)
        return with_lanes(outs, has, goal, count)

    avals = lane_avals([v.aval for v in graph.inputs], flags, count)
    return graph_of(graph.name, avals, build), found
