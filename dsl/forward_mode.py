"""Forward mode: a graph evaluated with the tangents of its values, node by node.

The tangent of a primitive's result is its gradient rule transposed: the rule is linear in the
cotangent, so its own gradient by the cotangent, with the tangents of the inputs as seeds, is the
derivative along them. What computes the rule's own value is dead code. None stands for zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .. import _native
from .autodiff import TapeNode, enable_grad, is_tracked, newest_id, node_of, snapshot, walk
from .control import COND, SCAN, bind_control
from .errors import GradientError
from .graph import Graph
from .primitive import Control, Effect, Primitive
from .primitives.families import zeros_like
from .pulling import graph_of
from .recipe_steps import rule_of
from .record import bind, read

if TYPE_CHECKING:
    from .array import Array

Tangents = list["Array | None"]
Found = tuple[list["Array"], Tangents]

# rule(inputs, their tangents, params), by the kind of control flow.
RULES: dict[str, Callable[[list[Array], Tangents, dict[str, Any]], Found]] = {}


def push(graph: Graph, values: Sequence[Array], tangents: Sequence[Array | None]) -> Found:
    """The outputs of a graph and their tangents, from those of its inputs."""
    inputs = (*graph.inputs, *(v for v, _ in graph.constants))
    env = dict(zip(inputs, values, strict=True))
    moved = dict(zip(inputs, tangents, strict=True))
    for node in graph.nodes:
        cells, own = [env[v] for v in node.inputs], [moved[v] for v in node.inputs]
        found, along = push_node(node.primitive, cells, own, dict(node.params))
        env.update(zip(node.outputs, found, strict=True))
        moved.update(zip(node.outputs, along, strict=True))
    ends = [moved[v] for v in graph.outputs]
    return [read(env[v]) for v in graph.outputs], [None if t is None else read(t) for t in ends]


def push_node(
    primitive: Primitive, cells: list[Array], tangents: Tangents, params: dict[str, Any]
) -> Found:
    """Apply a primitive to values with tangents."""
    moves = any(t is not None for t in tangents)
    if isinstance(primitive.lower, Control | Effect):
        if not moves or primitive.name in ("print", "check", "check_finite"):
            outs = bind_control(primitive, cells, params)
            return outs, [None] * len(outs)
        if primitive.name not in RULES:
            raise GradientError(f"jvp: {primitive.name} has no derivative")
        return RULES[primitive.name](cells, tangents, params)
    out = bind(primitive, *cells, **params)
    if not moves or not out.dtype.is_inexact or primitive.vjp is None:
        return [out], [None]
    rule = rule_of(primitive)

    def pulled(cotangents: list[Array], values: list[Array], results: list[Array]) -> Any:
        return rule(cotangents[0], results[0], *values, **params)

    return [out], transposed(pulled, cells, tangents, [out])


def transposed(
    pulled: Callable[[list[Array], list[Array], list[Array]], Sequence[Array | None]],
    cells: Sequence[Array],
    tangents: Sequence[Array | None],
    outs: Sequence[Array],
) -> Tangents:
    """The tangents of results, from `pulled(cotangents, inputs, results)`, which gives cotangents
    of the inputs and is linear in those of the inexact results."""
    values, results = [read(x) for x in cells], [read(y) for y in outs]
    keep = _native.grad_enabled() and any(
        x is not None and is_tracked(x) for x in (*values, *tangents)
    )
    start = newest_id()
    with enable_grad():
        # Nodes of their own, at which the walk ends; their edges lead on, for higher orders.
        own, seen = [_end(x) for x in values], [_end(y) for y in results]
        dummies = [
            snapshot(zeros_like(y), TapeNode("cotangent", (), _passed)) if y.dtype.is_inexact
            else None
            for y in results
        ]  # fmt: skip
        cotangents = pulled([d for d in dummies if d is not None], own, seen)
        pairs = [
            (read(c), t)
            for c, t in zip(cotangents, tangents, strict=True)
            if c is not None and t is not None
        ]
        seeds = [(node_of(c), t) for c, t in pairs]
        ends = [x._node for x in (*own, *seen, *dummies) if x is not None and x._node is not None]
        given = [(n, t) for n, t in seeds if n is not None]
        found = walk(given, frozenset(ends), keep, start) if given else {}
    return [None if d is None else found.get(d._node) for d in dummies]


def _passed(cotangents: Any, keep_graph: bool) -> Any:
    return cotangents


def _end(x: Array) -> Array:
    if not x.dtype.is_inexact:
        return x
    node = node_of(x)
    return x if node is None else snapshot(x, TapeNode("argument", (node,), _passed))


# --------------------------------------------------------------------------- control flow


def tangent_graph(
    graph: Graph, groups: Sequence[tuple[int, Sequence[bool]]], wanted: Sequence[bool] | None = None
) -> tuple[Graph, list[bool]]:
    """A graph of the results, then the tangents of those that have one (at least `wanted`). It
    takes the inputs in groups (their number, and which of them have tangents), each followed by its
    tangents."""
    found: list[bool] = []
    inputs = [v.aval for v in graph.inputs]

    def build(cells: list[Array]) -> list[Array]:
        values, tangents = ungrouped(cells, groups)
        outs, along = push(graph, values, tangents)
        goal = [t is not None for t in along]
        if wanted is not None:
            goal = [a or b for a, b in zip(goal, wanted, strict=True)]
        found.extend(goal)
        return [*outs, *chosen(outs, along, goal)]

    return graph_of(f"{graph.name}_jvp", grouped(inputs, inputs, groups), build), found


def chosen(values: Sequence[Array], tangents: Tangents, wanted: Sequence[bool]) -> list[Array]:
    """The tangents that are wanted, zeros where there is none."""
    return [
        zeros_like(x) if t is None else t
        for x, t, w in zip(values, tangents, wanted, strict=True)
        if w
    ]


def grouped(
    values: Sequence[Any], tangents: Sequence[Any], groups: Sequence[tuple[int, Sequence[bool]]]
) -> list[Any]:
    """Values in groups, each followed by the tangents of those that have one."""
    found: list[Any] = []
    start = 0
    for n, has in groups:
        found += values[start : start + n]
        along = tangents[start : start + n]
        found += [t for t, is_there in zip(along, has, strict=True) if is_there]
        start += n
    return found


def ungrouped(
    cells: Sequence[Any], groups: Sequence[tuple[int, Sequence[bool]]]
) -> tuple[list[Any], list[Any]]:
    """The inverse of `grouped`."""
    take = iter(cells)
    values: list[Any] = []
    tangents: list[Any] = []
    for n, has in groups:
        values += [next(take) for _ in range(n)]
        tangents += [next(take) if is_there else None for is_there in has]
    return values, tangents


def split(outs: Sequence[Array], has: Sequence[bool]) -> Found:
    """Results, and the tangents that stand behind them."""
    values, along = list(outs[: len(has)]), iter(outs[len(has) :])
    return values, [next(along) if h else None for h in has]


def _cond(cells: list[Array], tangents: Tangents, params: dict[str, Any]) -> Found:
    """A cond of the branches with their tangents."""
    groups = [(len(cells) - 1, [t is not None for t in tangents[1:]])]
    branches = params["branches"]
    sides = [tangent_graph(b, groups) for b in branches]
    has = [any(side) for side in zip(*(found for _, found in sides), strict=True)]
    made = tuple(
        graph if found == has else tangent_graph(b, groups, has)[0]
        for b, (graph, found) in zip(branches, sides, strict=True)
    )
    operands = grouped(cells[1:], tangents[1:], groups)
    return split(bind_control(COND, [cells[0], *operands], {"branches": made}), has)


def _scan(cells: list[Array], tangents: Tangents, params: dict[str, Any]) -> Found:
    """A scan of the values and their tangents."""
    nc, nk, body = params["n_constants"], params["n_carries"], params["body"]
    there = [t is not None for t in tangents]
    parts = [there[:nc], there[nc : nc + nk], there[nc + nk :]]
    while True:
        groups = [(len(p), p) for p in parts]
        least = [*parts[1], *[False] * (len(body.outputs) - nk)]
        graph, has = tangent_graph(body, groups, least)
        if has[:nk] == parts[1]:
            break
        parts[1] = has[:nk]
    graph = _carries_first(graph, has, nk)
    carried = chosen(cells[nc : nc + nk], tangents[nc : nc + nk], parts[1])
    along: Tangents = [*tangents[:nc], *_placed(carried, parts[1]), *tangents[nc + nk :]]
    n_carries = nk + len(carried)
    outs = bind_control(
        SCAN,
        grouped(cells, along, groups),
        {
            "body": graph, "n_constants": nc + sum(parts[0]), "n_carries": n_carries,
            "length": params["length"], "reverse": params["reverse"],
        },
    )  # fmt: skip
    n_ys = len(has) - nk
    after, stacked = outs[:n_carries], outs[n_carries:]
    first, then = split(after, has[:nk]), split(stacked[: n_ys + sum(has[nk:])], has[nk:])
    return [*first[0], *then[0]], [*first[1], *then[1]]


def _placed(found: Sequence[Array], has: Sequence[bool]) -> Tangents:
    take = iter(found)
    return [next(take) if h else None for h in has]


def _carries_first(graph: Graph, has: list[bool], n_carries: int) -> Graph:
    """A body's results with the tangents of the carries behind the carries."""
    outs, along = graph.outputs[: len(has)], graph.outputs[len(has) :]
    n = sum(has[:n_carries])
    given = (*outs[:n_carries], *along[:n], *outs[n_carries:], *along[n:])
    return Graph(graph.inputs, given, graph.nodes, name=graph.name)


RULES["cond"] = _cond
RULES["scan"] = _scan
