"""What a graph of unknown sizes requires of them: conditions that known sizes meet when traced.

A rule sees one node and yields what must not be negative. A primitive that reads at computed places
and has no rule here gets the careful one: no input of it may be empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .graph import Graph, Node
from .primitive import Map, Reduce, Scatter
from .primitives.random import BY_POSITION
from .sizes import Atom, Dim, Size, maximum, product, symbol, symbols
from .tracked import ZERO, Guard


@dataclass(frozen=True)
class Requirement:
    """`value` must not be negative at a call, else `reason` is what the user hears."""

    value: Dim
    reason: str


Rule = Callable[[Node], Iterator[Dim]]


def requirements_of(graph: Graph) -> tuple[Requirement, ...]:
    """All conditions that are not met by every choice of sizes, each once."""
    found: dict[str, Requirement] = {}
    for node in graph.nodes:
        for value in (*_sizes(node), *_rule_of(node)(node)):
            if isinstance(value, int) and value < 0:
                raise ValueError(f"requirements: {node.primitive} at {node.source} never holds")
            if isinstance(value, Size) and not _never_negative(value):
                found.setdefault(str(value), Requirement(value, _reason(node, value)))
    return tuple(found.values())


def requirement_of(guard: Guard) -> Requirement:
    """The condition that is met where Python decides by a size as it did in the trace. Sizes of 0
    and 1, for which our own rules may decide otherwise, are tried apart."""
    value = guard.value
    line = "" if guard.source is None else f" at {guard.source.short}"
    if guard.kind is ZERO:
        held, wanted = value * value - 1, f"{value} to be other than 0"
    else:
        held = value if guard.truth else -1 * value - 1
        wanted = f"{held} to be 0 or more"
    for name in sorted(symbols(value)):
        held = maximum(held, 1 - symbol(name))
    return Requirement(held, f"a decision{line} needs {wanted}")


def _never_negative(dim: Dim) -> bool:
    """Whether that is plain to see: sums and products of unknown sizes, and maxima with one."""
    if isinstance(dim, int):
        return dim >= 0
    factors = (atom for monomial, _ in dim.terms for atom in monomial)
    return all(c >= 0 for _, c in dim.terms) and all(map(_atom_never_negative, factors))


def _atom_never_negative(atom: Atom) -> bool:
    found = [_never_negative(dim) for dim in atom.args]
    return any(found) if atom.op == "max" else all(found)


def _reason(node: Node, value: Dim) -> str:
    place = "" if node.source is None else f" at {node.source.short}"
    return f"{node.primitive.name}{place} needs {value} to be 0 or more"


def _sizes(node: Node) -> Iterator[Dim]:
    for var in node.outputs:
        yield from var.aval.shape


def _rule_of(node: Node) -> Rule:
    lower = node.primitive.lower
    if node.primitive.name in _RULES:
        return _RULES[node.primitive.name]
    if isinstance(lower, Reduce):
        return _reduction
    if isinstance(lower, Scatter):
        return _indexed
    if isinstance(lower, Map) and not lower.pointwise:
        return _no_empty_input
    return _nothing


def _nothing(node: Node) -> Iterator[Dim]:
    return iter(())


def _unless_empty(value: Dim, size: Dim) -> Dim:
    """A condition that matters only if there are elements."""
    if isinstance(size, int):
        return value if size else 0
    return maximum(value, -1 * size)


def _reduction(node: Node) -> Iterator[Dim]:
    """Some reductions have no result for no elements: their shape rule says which."""
    shape, axes = node.inputs[0].aval.shape, node.params["axes"]
    count = product(tuple(shape[a] for a in axes))
    if isinstance(count, Size) and not _takes_nothing(node):
        yield count - 1


def _takes_nothing(node: Node) -> bool:
    aval = node.inputs[0].aval
    empty = tuple(0 if i in node.params["axes"] else 1 for i in range(aval.ndim))
    try:
        node.primitive.infer(type(aval)(empty, aval.dtype), **node.params)
    except ValueError:
        return False
    return True


def _no_empty_input(node: Node) -> Iterator[Dim]:
    size = node.output.aval.size
    for var in node.inputs:
        if isinstance(var.aval.size, Size):
            yield _unless_empty(var.aval.size - 1, size)


def _window(node: Node) -> Iterator[Dim]:
    """The window lies inside the array."""
    x = node.inputs[0].aval
    update = node.primitive.name == "update_slice"
    sizes = node.inputs[1].aval.shape if update else node.params["sizes"]
    start, strides = node.params["start"], node.params["strides"]
    for length, begin, size, step in zip(x.shape, start, sizes, strides, strict=True):
        if all(isinstance(n, int) for n in (length, begin, size)):
            continue
        last = begin + (size - 1) * step
        for place in (begin, last):
            yield _unless_empty(place, size)
            yield _unless_empty(length - 1 - place, size)
    if update:
        yield from _no_empty_input(node)


def _pad(node: Node) -> Iterator[Dim]:
    yield from node.params["low"]
    yield from node.params["high"]
    yield from _no_empty_input(node)


def _indexed(node: Node) -> Iterator[Dim]:
    """There is something to index, unless nothing is indexed."""
    x, indices = node.inputs[0].aval, node.inputs[1].aval
    length = x.shape[node.params["axis"]]
    if isinstance(length, Size):
        yield _unless_empty(length - 1, indices.size)


_RULES: dict[str, Rule] = {
    "reshape": _nothing,
    "transpose": _nothing,
    "broadcast_to": _nothing,
    "full": _nothing,
    "iota": _nothing,
    **dict.fromkeys(BY_POSITION, _nothing),
    "slice": _window,
    "update_slice": _window,
    "pad": _pad,
    "gather": _indexed,
}
