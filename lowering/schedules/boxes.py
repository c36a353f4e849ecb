"""Joined, padded and partly overwritten arrays: the space in boxes of one source each.

The rules of `concatenate`, `pad` and `update_slice` choose for each element where it comes from,
with the positions of all sources at hand: vectors of positions, and a gather a source. In a box
between the places where one source ends and the next begins the choice is known, and what is left
is a copy. Where such a node is read at the position of the loop (behind elementwise nodes alone),
the space falls into boxes; elsewhere its rule serves as it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from ...dsl.graph import Node, Var
from ...dsl.primitive import Map
from ...dsl.sizes import Dim, Shape, known
from ..fusion import Group
from ..index import Pick

MOST_BOXES = 12  # each has loops of its own in the code

Edges = tuple[Dim, ...]  # from 0 to the size of an axis: where one stretch ends and the next begins


@dataclass(frozen=True)
class Box:
    """A part of a space: where it starts, its sizes, and what nodes read there."""

    start: Shape = ()
    sizes: Shape = ()
    picks: Mapping[Node, Pick] = field(default_factory=dict)


@dataclass(frozen=True)
class _Choice:
    """What a node reads: of the stretches along its axes (of the space) each has a pick that
    settles it, or None where the other axes decide; `inside` is for where none of them did."""

    node: Node
    edges: Mapping[int, Edges]
    picks: tuple[Pick | None, ...]
    inside: Pick | None = None


def boxes_of(group: Group) -> tuple[Box, ...]:
    """The boxes of a group of maps; () if it has nothing to choose, or too much of it."""
    choices = [c for node in at_own_position(group) if (c := _choice(node)) is not None]
    if not choices or 0 in group.space:
        return ()
    boxes = [Box()]
    for axis, size in enumerate(group.space):
        found = [_along(axis, size, box, choices) for box in boxes]
        boxes = [longer for parts in found if parts is not None for longer in parts]
        if None in found or len(boxes) > MOST_BOXES:
            return ()
    return tuple(_settled(box, choices) for box in boxes)


def cut_axes(boxes: tuple[Box, ...], space: Shape) -> tuple[int, ...]:
    """The axes of the space along which there are several boxes."""
    return tuple(a for a in range(len(space)) if any(b.sizes[a] != space[a] for b in boxes))


def at_own_position(group: Group) -> list[Node]:
    """The nodes of a group of maps that are read at the position of the loop, and nowhere else."""
    made = {var: node for node in group.nodes for var in node.outputs}
    seen: dict[Node, set[bool]] = {}
    pending: list[tuple[Var, bool]] = [(var, True) for var in group.outputs]
    while pending:
        var, is_own = pending.pop()
        node = made.get(var)
        if node is None or is_own in seen.setdefault(node, set()):
            continue
        seen[node].add(is_own)
        is_pointwise = isinstance(node.primitive.lower, Map) and node.primitive.lower.pointwise
        pending += [(v, is_own and is_pointwise) for v in node.inputs]
    return [node for node in group.nodes if seen.get(node) == {True}]


# --------------------------------------------------------------------------- what a node chooses


def _choice(node: Node) -> _Choice | None:
    """The choice of a node along the axes of its group's space, or None if it makes none."""
    found = _joined(node) if node.primitive.name == "concatenate" else _window(node)
    if found is None or not found.edges:
        return None
    axes = [a for a, n in enumerate(node.output.aval.shape) if n != 1]
    edges = {axes.index(a): edges for a, edges in found.edges.items()}
    return _Choice(node, edges, found.picks, found.inside)


def _joined(node: Node) -> _Choice | None:
    axis, ndim = node.params["axis"], node.output.aval.ndim
    edges = (0, *accumulate(v.aval.shape[axis] for v in node.inputs))
    starts = [tuple(e if a == axis else 0 for a in range(ndim)) for e in edges]
    picks = tuple(Pick(i, starts[i]) for i in range(len(node.inputs)))
    return _Choice(node, {axis: edges}, picks) if node.output.aval.shape[axis] != 1 else None


def _window(node: Node) -> _Choice | None:
    """A window inside an array: what is around it is before or behind it along some axis."""
    name, params, shape = node.primitive.name, node.params, node.output.aval.shape
    if name == "pad":
        start, inner, outside = params["low"], node.inputs[0].aval.shape, Pick(None, ())
        inside = Pick(0, start)
    elif name == "update_slice":
        start, inner = params["start"], node.inputs[1].aval.shape
        inside, outside = Pick(1, start), Pick(0, (0,) * len(shape))
        if any(s != 1 and n != 1 for s, n in zip(params["strides"], inner, strict=True)):
            return None
    else:
        return None
    if 0 in inner:
        return None
    spans = enumerate(zip(start, inner, shape, strict=True))
    edges = {a: (0, low, low + n, size) for a, (low, n, size) in spans if n != size}
    return _Choice(node, edges, (outside, None, outside), inside)


def _along(axis: int, size: Dim, box: Box, choices: list[_Choice]) -> list[Box] | None:
    """A box that is settled up to an axis, as one for each stretch along it; None if the order of
    the edges of unknown sizes is unknown."""
    open_ = [c for c in choices if axis in c.edges and c.node not in box.picks]
    edges = _merged([c.edges[axis] for c in open_], size)
    return None if edges is None else list(_stretches(axis, box, open_, edges))


def _stretches(axis: int, box: Box, open_: list[_Choice], edges: Edges) -> Iterator[Box]:
    for low, high in pairwise(edges):
        if low == high:
            continue
        picks = dict(box.picks)
        for choice in open_:
            picked = choice.picks[_number(choice.edges[axis], low, high)]
            if picked is not None:
                picks[choice.node] = picked
        yield Box((*box.start, low), (*box.sizes, high - low), picks)


def _merged(edges: list[Edges], size: Dim) -> Edges | None:
    """The edges of several nodes along one axis, in order."""
    different = list(dict.fromkeys(edges)) or [(0, size)]
    if len(different) == 1:
        return different[0]
    numbers = [e for found in different for e in found if isinstance(e, int)]
    are_known = len(numbers) == sum(map(len, different))
    return tuple(sorted(set(numbers))) if are_known else None


def _number(edges: Edges, low: Dim, high: Dim) -> int:
    """Which stretch between its own edges one between the edges of all lies in. (Several nodes
    have different edges only where all are numbers.)"""
    own = list(pairwise(edges))
    if (low, high) in own:
        return own.index((low, high))
    (place,) = known((low,))
    return next(i for i, (first, last) in enumerate(map(known, own)) if first <= place < last)


def _settled(box: Box, choices: list[_Choice]) -> Box:
    """A box where what is outside along no axis is inside."""
    picks = {c.node: c.inside for c in choices if c.inside is not None} | dict(box.picks)
    return Box(box.start, box.sizes, picks)
