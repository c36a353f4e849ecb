"""Iteration spaces, and at which position of one a value is read."""

from __future__ import annotations

from dataclasses import dataclass

from ..dsl.graph import Node, Var
from ..dsl.primitive import Control, Convolve, Effect, Map, Native, Reduce
from ..dsl.sizes import Shape

# For each axis of a value: the axis of the reader's space that steps along it, or None.
Mapping = tuple[int | None, ...]


def mapping_of(shape: Shape) -> Mapping:
    """The mapping of a value that is read at its own position."""
    return tuple(range(len(shape)))


# Read through by any kernel, at positions that move with the loop: to store their results would
# only cost memory.
MOVEMENT = (
    "broadcast_to", "reshape", "transpose", "slice", "full", "iota", "as_real", "as_complex",
)  # fmt: skip

# The same bytes, seen as an array of another shape, or as the floats of complex numbers.
SAME_BYTES = ("reshape", "as_real", "as_complex")

_SIMPLE = ("broadcast_to", "transpose", "full", "iota")  # their positions cost nothing


@dataclass(frozen=True)
class Edge:
    """`node` reads `source` at its own position (`same`), at its position along the axes `kept` of
    its space (the first ones: at its row), or elsewhere (`kept` is None)."""

    source: Var
    node: Node
    same: bool
    kept: tuple[int, ...] | None


def without_ones(shape: Shape) -> Shape:
    """The axes that have more than one element (or an unknown number)."""
    return tuple(n for n in shape if n != 1)


def is_called(node: Node) -> bool:
    """Whether a node is a routine of the core, an effect or control flow: these read and write
    memory only. (A loop that is a kernel reads as kernels do.)"""
    lower = node.primitive.lower
    is_flow = isinstance(lower, Control) and not lower.is_kernel
    return is_flow or isinstance(lower, Native | Effect)


def reads_memory(node: Node) -> bool:
    """Whether what a node reads must lie in memory; convolutions read windows in place."""
    return is_called(node) or isinstance(node.primitive.lower, Convolve)


def computes_positions(node: Node) -> bool:
    """Whether reading a node at a position takes arithmetic for the position in its input."""
    lower, name = node.primitive.lower, node.primitive.name
    if not isinstance(lower, Map) or lower.pointwise or name in _SIMPLE:
        return False
    shapes = (node.inputs[0].aval.shape, node.output.aval.shape)
    return name != "reshape" or without_ones(shapes[0]) != without_ones(shapes[1])


def space_of(node: Node) -> Shape:
    """The positions at which a node reads: those of a reduction's input, else of the output."""
    if isinstance(node.primitive.lower, Reduce):
        return without_ones(node.inputs[0].aval.shape)
    return without_ones(node.output.aval.shape)


def base(var: Var, producer: dict[Var, Node]) -> Var:
    """What holds a value that is only another view of the same bytes."""
    node = producer.get(var)
    while node is not None and node.primitive.name in SAME_BYTES:
        before = producer.get(node.inputs[0])
        if before is not None and not _is_stored(before):
            return var
        var = node.inputs[0]
        node = before
    return var


def _is_stored(node: Node) -> bool:
    """Whether a value may be asked to lie in memory: all but movement, which is read through."""
    lower = node.primitive.lower
    return not isinstance(lower, Map) or lower.pointwise or node.primitive.name in SAME_BYTES


def edge_of(source: Var, node: Node, mapping: Mapping | None, shape: Shape) -> Edge:
    """Compare the axes that are read with those of the node's space, axes of one left out."""
    if mapping is None:
        return Edge(source, node, False, None)
    read = [a for a, n in zip(mapping, source.aval.shape, strict=True) if n != 1]
    place = {a: i for i, a in enumerate(a for a, n in enumerate(shape) if n != 1)}
    kept = tuple(-1 if a is None else place.get(a, -1) for a in read)
    if list(kept) != sorted(set(kept)) or -1 in kept:
        return Edge(source, node, False, None)
    return Edge(source, node, len(kept) == len(place), kept)
