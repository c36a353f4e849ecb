"""Layouts over the whole graph: where values have their channels.

Convolutions have their channels last, and users theirs first, so each convolution stands between
two transposes. This pass walks through the graph and computes what can be computed channels last
(elementwise maps, pads, slices, concatenations, reductions) from the value that lies so: the
transposes meet and vanish, and what is left of them stands at the border, where a result or
something else wants the other order. Nothing is computed twice; no value changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..dsl.graph import Graph, Node, Var, without_dead_code
from ..dsl.primitive import Convolve, Map, Reduce
from .rewrites import apply

_WINDOWS = ("window_sum", "window_max", "window_argmax", "fold")
_BROADCAST = ("full", "broadcast_to")


def with_channels_last(graph: Graph) -> Graph:
    """The graph with channels last between convolutions."""
    if not any(map(_is_seed, graph.nodes)):
        return graph
    walk = _Walk({v: n for n in graph.nodes for v in n.outputs})
    for node in graph.nodes:
        walk.visit(node)
    made = Graph(graph.inputs, graph.outputs, tuple(walk.nodes), graph.constants, graph.name)
    return without_dead_code(made) if walk.changed else graph


def _is_seed(node: Node) -> bool:
    return isinstance(node.primitive.lower, Convolve) or node.primitive.name in _WINDOWS


def last_axes(ndim: int) -> tuple[int, ...]:
    """(N, C, *spatial) -> (N, *spatial, C) as a permutation."""
    return (0, *range(2, ndim), 1)


def first_axes(ndim: int) -> tuple[int, ...]:
    """(N, *spatial, C) -> (N, C, *spatial) as a permutation."""
    return (0, ndim - 1, *range(1, ndim - 1))


@dataclass
class _Walk:
    """`last` knows, of values with channels first, the same with channels last."""

    producer: dict[Var, Node]
    nodes: list[Node] = field(default_factory=list)
    last: dict[Var, Var] = field(default_factory=dict)
    native: set[Var] = field(default_factory=set)  # made channels last
    changed: bool = False

    def visit(self, node: Node) -> None:
        name = node.primitive.name
        if name == "transpose" and self._meets(node):
            return
        rule = self._rule(node)
        found = rule(node) if rule and any(v in self.last for v in node.inputs) else None
        if found is None:
            self._keep(node)
            return
        self.changed = True
        self.native.add(found)
        self._turn_back(node, found)

    def _keep(self, node: Node) -> None:
        self.nodes.append(node)
        is_plain = isinstance(node.primitive.lower, Map) and node.primitive.lower.pointwise
        if _is_seed(node) or (is_plain and any(v in self.native for v in node.inputs)):
            self.native.update(node.outputs)

    def _meets(self, node: Node) -> bool:
        """A transpose from or to channels last, of a value that is there both ways."""
        (x,), axes, ndim = node.inputs, tuple(node.params["axes"]), node.output.aval.ndim
        if ndim < 3:
            return False
        if axes == last_axes(ndim) and x in self.last:
            # The same value: a reshape, which costs nothing, gives it the name that readers know.
            same = self.last[x]
            self.nodes.append(self._named(node, same))
            self.native.update(node.outputs)
            self.changed = True
            return True
        if axes == first_axes(ndim) and x in self.native:
            self.last[node.output] = x
        return False

    def _named(self, node: Node, same: Var) -> Node:
        shape = {"shape": node.output.aval.shape}
        return Node(apply("reshape", same, like=node, **shape).primitive, (same,), shape,
                    node.outputs, node.source)  # fmt: skip

    def _turn_back(self, node: Node, found: Var) -> None:
        """The node's own value, for those who read it as it was."""
        out = node.output
        if found.aval.shape == out.aval.shape and found.aval.ndim < 3:
            self.nodes.append(self._named(node, found))
            return
        self.last[out] = found
        turned = apply("transpose", found, like=node, axes=first_axes(out.aval.ndim))
        self.nodes.append(Node(turned.primitive, (found,), turned.params, (out,), node.source))

    def _rule(self, node: Node) -> Any:
        lower, name = node.primitive.lower, node.primitive.name
        if len(node.outputs) != 1 or any(v.aval.ndim < 3 for v in node.inputs if v in self.last):
            return None
        if isinstance(lower, Map) and lower.pointwise:
            return self._pointwise
        if isinstance(lower, Reduce):
            return self._reduction
        by_axes = {"pad": ("low", "high"), "slice": ("start", "sizes", "strides")}
        if name in by_axes:
            return lambda node: self._by_axes(node, by_axes[name])
        return self._concatenated if name == "concatenate" else None

    # ------------------------------------------------------------------ rules

    def _add(self, name: str, *inputs: Var, like: Node, **params: Any) -> Var:
        self.nodes.append(apply(name, *inputs, like=like, **params))
        return self.nodes[-1].output

    def _turned(self, var: Var, like: Node) -> Var:
        """A value with its channels last; what is broadcast stays a broadcast."""
        found = self.last.get(var)
        if found is not None:
            return found
        node, axes = self.producer.get(var), last_axes(var.aval.ndim)
        shape = tuple(var.aval.shape[a] for a in axes)
        if node is not None and node.primitive.name == "full":
            found = self._add("full", like=like, **{**node.params, "shape": shape})
        elif node is not None and node.primitive.name == "broadcast_to":
            found = self._add("broadcast_to", self._small(node.inputs[0], var.aval.ndim, like),
                              like=like, shape=shape)  # fmt: skip
        else:
            found = self._add("transpose", var, like=like, axes=axes)
        self.last[var] = found
        return found

    def _small(self, x: Var, ndim: int, like: Node) -> Var:
        """What is broadcast, with its axes in their new order."""
        shape = (*(1,) * (ndim - x.aval.ndim), *x.aval.shape)
        turned = tuple(shape[a] for a in last_axes(ndim))
        if sum(n != 1 for n in shape) <= 1:
            return self._add("reshape", x, like=like, shape=turned)
        x = self._add("reshape", x, like=like, shape=shape)
        return self._add("transpose", x, like=like, axes=last_axes(ndim))

    def _pointwise(self, node: Node) -> Var:
        inputs = [self._turned(v, node) for v in node.inputs]
        return self._add(node.primitive.name, *inputs, like=node, **node.params)

    def _reduction(self, node: Node) -> Var | None:
        (x,) = node.inputs
        order = last_axes(x.aval.ndim)
        axes = set(node.params["axes"])
        kept = [a for a in order if a not in axes]
        if kept != sorted(kept) or len(kept) > 2:
            return None
        params = {**node.params, "axes": tuple(i for i, a in enumerate(order) if a in axes)}
        return self._add(node.primitive.name, self.last[x], like=node, **params)

    def _by_axes(self, node: Node, names: tuple[str, ...]) -> Var:
        order = last_axes(node.output.aval.ndim)
        params = {**node.params, **{k: tuple(node.params[k][a] for a in order) for k in names}}
        return self._add(node.primitive.name, self.last[node.inputs[0]], like=node, **params)

    def _concatenated(self, node: Node) -> Var:
        axis = last_axes(node.output.aval.ndim).index(node.params["axis"])
        inputs = [self._turned(v, node) for v in node.inputs]
        return self._add("concatenate", *inputs, like=node, axis=axis)
