"""Clusters of nodes on their way to one kernel: which may be joined, and what passes inside."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..dsl.graph import Node
from ..dsl.primitive import (
    Attend,
    Contract,
    Control,
    Convolve,
    Effect,
    Map,
    Native,
    Reduce,
    Scatter,
)
from ..dsl.sizes import Dim, Shape, product
from .spaces import Edge, space_of, without_ones

ROW_LIMIT = 1 << 16  # elements of a row that one kernel treats as a whole


@dataclass(eq=False)
class Cluster:
    """Nodes over the space `full`, or (after reductions of its last axes) over `outer`."""

    kind: str
    full: Shape
    outer: Shape | None
    members: list[Node] = field(default_factory=list)


def single(node: Node) -> Cluster:
    """The cluster of one node."""
    lower = node.primitive.lower
    if isinstance(lower, Reduce):
        return _reduction(node)
    kind = "contract" if isinstance(lower, Contract) else "map"
    kind = "convolution" if isinstance(lower, Convolve) else kind
    kind = "scatter" if isinstance(lower, Scatter) else kind
    kind = "attend" if isinstance(lower, Attend) else kind
    kind = "native" if isinstance(lower, Native) else kind
    kind = "effect" if isinstance(lower, Effect) else kind
    if isinstance(lower, Control):
        kind = "loop" if lower.is_kernel else "control"
    return Cluster(kind, space_of(node), None, [node])


def _reduction(node: Node) -> Cluster:
    shape, axes = node.inputs[0].aval.shape, set(node.params["axes"])
    kept = [a not in axes for a, n in enumerate(shape) if n != 1]
    full, outer = without_ones(shape), without_ones(node.output.aval.shape)
    trailing = kept == sorted(kept, reverse=True) and not all(kept)
    is_row = trailing and _is_row(full[len(outer) :], outer)
    return Cluster("row" if is_row else "reduce", full, outer, [node])


def _is_row(inner: Shape, outer: Shape) -> bool:
    length: Dim = product(inner)
    if isinstance(length, int):
        return length <= ROW_LIMIT
    return bool(outer)


_PRODUCTS = ("contract", "convolution")


def unify(a: Cluster, b: Cluster) -> Cluster | None:
    """The cluster that two would make, or None if their spaces or kinds do not fit."""
    if b.kind == "map" and a.kind != "map":
        a, b = b, a
    if a.kind == "map" and b.kind == "map":
        return Cluster("map", a.full, None) if a.full == b.full else None
    if a.kind == "map" and b.kind in _PRODUCTS:
        return Cluster(b.kind, b.full, None) if a.full == b.full else None
    if a.kind == "map" and b.kind in ("row", "reduce"):
        return Cluster(b.kind, b.full, b.outer) if a.full in (b.full, b.outer) else None
    if a.kind == b.kind == "row" and (a.full, a.outer) == (b.full, b.outer):
        return Cluster("row", a.full, a.outer)
    return None


_ALONE = {
    "native": "a routine of the core reads and writes memory only",
    "effect": "an effect reads and writes memory only",
    "control": "control flow reads and writes memory only",
    "loop": "a loop is a kernel of its own",
    "attend": "an attention is a kernel of its own: it reads keys and values many times",
    "scatter": "a scatter is a kernel of its own: its places are known while it runs",
}


def why_apart(a: Cluster, b: Cluster) -> str:
    """Why `unify` joins two clusters not, in words."""
    for kind in (a.kind, b.kind):
        if kind in _ALONE:
            return _ALONE[kind]
    kinds = {a.kind, b.kind}
    if a.kind in _PRODUCTS and b.kind in _PRODUCTS:
        return "two products: the second reads the first one's result many times"
    if kinds & set(_PRODUCTS) and kinds & {"row", "reduce"}:
        return "a reduction needs whole rows, a product makes tiles of them"
    if a.kind == b.kind == "reduce" or kinds == {"row", "reduce"}:
        return "two reductions, at least one of them not along whole rows"
    return f"they are computed at different positions: {_spaces(a)} and {_spaces(b)}"


def _spaces(cluster: Cluster) -> str:
    return f"[{', '.join(map(str, cluster.full))}]"


def inside(edge: Edge, producer: Node, merged: Cluster) -> bool:
    """Whether a value may pass along an edge inside one kernel."""
    reader = edge.node
    if not isinstance(reader.primitive.lower, Map | Reduce):
        return False
    if edge.same:
        return True
    rows = merged.kind == "row" and edge.n_kept is not None
    made_for_rows = without_ones(producer.output.aval.shape) == merged.outer
    return rows and made_for_rows and space_of(reader) == merged.full
