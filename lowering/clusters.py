"""Clusters of nodes on their way to one kernel: which may be joined, and what passes inside."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import groupby

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
COLUMNS_LIMIT = 8  # fewer rows or strips than this keep no threads busy
STRIP = 64  # neighbouring results that are made together, at least
VECTOR = 16  # fewer neighbouring results fill no vector

Axes = tuple[int, ...]


@dataclass(eq=False)
class Cluster:
    """Nodes over the space `full`, or (after reductions of the others) over its axes `kept`.

    A reduction of the last axes is a `row` from the start. One of other axes is a `reduce` as long
    as there is nothing but it; with values at every position, or another of the same axes beside
    it, it becomes `columns` where those `fit`."""

    kind: str
    full: Shape
    kept: Axes | None
    members: list[Node] = field(default_factory=list)
    fit: bool = False

    @property
    def outer(self) -> Shape | None:
        """The space of what is reduced."""
        return None if self.kept is None else tuple(self.full[a] for a in self.kept)


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


def kept_axes(node: Node) -> Axes:
    """The axes of a reduction's space that its result has; axes of one element do not count."""
    shape, axes = node.inputs[0].aval.shape, set(node.params["axes"])
    space = [a for a, n in enumerate(shape) if n != 1]
    return tuple(i for i, a in enumerate(space) if a not in axes)


def runs_of_axes(kept: Axes, ndim: int) -> list[tuple[bool, Axes]]:
    """The axes of a space in runs that are all kept or all reduced, with which it is."""
    runs = groupby(range(ndim), lambda axis: axis in kept)
    return [(is_kept, tuple(axes)) for is_kept, axes in runs]


def _reduction(node: Node) -> Cluster:
    full, kept = without_ones(node.inputs[0].aval.shape), kept_axes(node)
    outer = tuple(full[a] for a in kept)
    is_complex = node.inputs[0].aval.dtype.is_complex
    trailing = kept == tuple(range(len(kept))) and len(kept) < len(full)
    if trailing and _is_row(full[len(outer) :], outer):
        return Cluster("row", full, kept, [node])
    fit = not trailing and not is_complex and _fit_columns(full, kept)
    return Cluster("reduce", full, kept, [node], fit)


def _is_row(inner: Shape, outer: Shape) -> bool:
    length: Dim = product(inner)
    if isinstance(length, int):
        return length <= ROW_LIMIT
    return bool(outer)


def _fit_columns(full: Shape, kept: Axes) -> bool:
    """Whether one kernel can make whole results side by side: known sizes, at most three runs of
    axes, and enough of both."""
    sizes = [n for n in full if isinstance(n, int)]
    if len(sizes) < len(full) or not kept:
        return False
    runs = runs_of_axes(kept, len(full))
    length = math.prod(n for a, n in enumerate(sizes) if a not in kept)
    results = math.prod(sizes[a] for a in kept)
    if len(runs) > 3 or not 1 < length <= ROW_LIMIT:
        return False
    is_kept, last = runs[-1]
    if not is_kept:
        return len(runs) == 3 and results >= COLUMNS_LIMIT
    return math.prod(sizes[a] for a in last) >= VECTOR and results >= COLUMNS_LIMIT * STRIP


_PRODUCTS = ("contract", "convolution")


def unify(a: Cluster, b: Cluster) -> Cluster | None:
    """The cluster that two would make, or None if their spaces or kinds do not fit."""
    if b.kind == "map" and a.kind != "map":
        a, b = b, a
    if a.kind == "map" and b.kind == "map":
        return Cluster("map", a.full, None) if a.full == b.full else None
    if a.kind == "map" and b.kind in _PRODUCTS:
        return Cluster(b.kind, b.full, None) if a.full == b.full else None
    if a.kind == "map" and b.kind in _REDUCED:
        fits = a.full in (b.full, b.outer)
        return Cluster(b.kind, b.full, b.kept, fit=b.fit) if fits else None
    if a.kind in _REDUCED and b.kind in _REDUCED and (a.full, a.kept) == (b.full, b.kept):
        if a.kind == b.kind == "row":
            return Cluster("row", a.full, a.kept)
        return Cluster("columns", a.full, a.kept, fit=True) if a.fit and b.fit else None
    return None


def as_columns(cluster: Cluster) -> Cluster | None:
    """The same cluster with values at every position, if it can have them."""
    if cluster.kind != "reduce" or not cluster.fit:
        return None
    return Cluster("columns", cluster.full, cluster.kept, fit=True)


_REDUCED = ("row", "reduce", "columns")
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
    if kinds & set(_PRODUCTS) and kinds & set(_REDUCED):
        return "a reduction needs whole rows, a product makes tiles of them"
    if kinds <= set(_REDUCED) and kinds != {"row"}:
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
    if merged.kind not in ("row", "columns") or edge.kept != merged.kept:
        return False
    made_for_rows = without_ones(producer.output.aval.shape) == merged.outer
    return made_for_rows and space_of(reader) == merged.full
