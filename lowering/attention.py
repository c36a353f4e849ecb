"""Attention as products, exponentials and sums, for devices without a schedule of its own; and
without what nobody reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

from ..dsl.dtypes import at_least_float32, bool_, int64
from ..dsl.graph import Graph, Node, Var
from ..dsl.sizes import Shape, product
from .rewrites import Found, Maker, View, apply


class _Maker(Maker):
    """With the words of attention."""

    def number(self, value: Any, like: Var) -> Var:
        """A constant of the shape and dtype of another value."""
        return self("full", shape=like.aval.shape, value=value, dtype=like.aval.dtype)

    def spread(self, x: Var, shape: Shape) -> Var:
        """A value repeated to a shape."""
        return x if x.aval.shape == shape else self("broadcast_to", x, shape=shape)

    def turned(self, x: Var) -> Var:
        """The last two axes of five exchanged."""
        return self("transpose", x, axes=(0, 1, 2, 4, 3))

    def shared(self, x: Var) -> Var:
        """Keys or values with an axis for the heads of queries that share them."""
        b, h, s, e = x.aval.shape
        return self.reshape(x, b, h, 1, s, e)


@dataclass(frozen=True)
class Operands:
    """The inputs of an attention by name, floats in the type that is computed with."""

    q: Var
    k: Var
    v: Var
    extras: dict[str, Var]
    scale: float
    causal: str

    @property
    def pairs(self) -> Shape:
        """The shape of the scores, (B, H, G, L, S)."""
        return (*self.q.aval.shape[:4], self.k.aval.shape[2])


def operands_of(make: _Maker, node: Node, inputs: tuple[Var, ...]) -> Operands:
    """What an attention is of; `inputs` are those of the primitive."""
    wide = at_least_float32(inputs[0].aval.dtype)
    q, k, v = (make("cast", x, dtype=wide) for x in inputs[:3])
    extras = dict(zip(node.params["extras"], inputs[3:], strict=True))
    if "mask" in extras and extras["mask"].aval.dtype is not bool_:
        extras["mask"] = make("cast", extras["mask"], dtype=wide)
    return Operands(q, k, v, extras, node.params["scale"], node.params["causal"])


def scores_of(make: _Maker, of: Operands) -> Var:
    """The scaled and masked scores; hidden ones are -inf."""
    scores = make("matmul", of.q, make.turned(make.shared(of.k)))
    scores = make("mul", scores, make.number(of.scale, scores))
    hidden = make.number(-inf, scores)
    mask = of.extras.get("mask")
    if mask is not None:
        mask = make.spread(mask, of.pairs)
        is_bool = mask.aval.dtype is bool_
        scores = make("where", mask, scores, hidden) if is_bool else make("add", scores, mask)
    for limit in _limits(make, of):
        seen = make("lt", _places(make, of.pairs, 4), limit)
        scores = make("where", seen, scores, hidden)
    return scores


def _limits(make: _Maker, of: Operands) -> list[Var]:
    """For each pair the first places of keys that its query may not see."""
    found = []
    count = make("full", shape=of.pairs, value=of.pairs[4], dtype=int64)
    length = of.extras.get("length")
    if length is not None:
        count = make.spread(make.reshape(length, length.aval.shape[0], 1, 1, 1, 1), of.pairs)
        found.append(count)
    if of.causal:
        last = make("add", _places(make, of.pairs, 3), make.number(1, count))
        if of.causal == "end":
            ahead = make("sub", count, make.number(of.pairs[3], count))
            last = make("add", last, ahead)
        found.append(last)
    return found


def _places(make: _Maker, shape: Shape, axis: int) -> Var:
    own = tuple(n if i == axis else 1 for i, n in enumerate(shape))
    return make.spread(make.reshape(make("iota", size=shape[axis], dtype=int64), *own), shape)


def attention_as_products(node: Node, view: View) -> Found:
    """The products, exponentials and sums that an attention is."""
    if node.primitive.name != "attention":
        return None
    make = _Maker(node)
    of = operands_of(make, node, node.inputs)
    scores = scores_of(make, of)
    shape = of.pairs
    rows = (*shape[:4], 1)
    if shape[4] == 0:
        most = make("full", shape=rows, value=0.0, dtype=scores.aval.dtype)
    else:
        most = finite(make, make.reshape(make("max", scores, axes=(4,)), *rows))
    powers = make("exp", make("sub", scores, make.spread(most, shape)))
    total = make.reshape(make("sum", powers, axes=(4,)), *rows)
    none = make("eq", total, make.number(0.0, total))
    divisor = make("where", none, make.number(1.0, total), total)
    values = make("matmul", powers, make.shared(of.v))
    values = make("div", values, make.spread(divisor, values.aval.shape))
    if node.params["sums"]:
        make("concatenate", values, make("add", most, make("log", total)), axis=4)
    else:
        make("cast", values, dtype=node.output.aval.dtype)
    return tuple(make.nodes)


def gradient_as_products(node: Node, view: View) -> Found:
    """The products that the gradient of an attention is."""
    if node.primitive.name != "attention_gradient":
        return None
    make = _Maker(node)
    of = operands_of(make, node, node.inputs[2:])
    scores, (by_out, by_sums), (values, sums) = (
        scores_of(make, of), _split(make, node.inputs[0]), _split(make, node.inputs[1])
    )  # fmt: skip
    weights = make("exp", make("sub", scores, make.spread(finite(make, sums), of.pairs)))
    own = make.reshape(make("sum", make("mul", by_out, values), axes=(4,)), *sums.aval.shape)
    inner = make.spread(make("sub", by_sums, own), of.pairs)
    by_weight = make("add", make("matmul", by_out, make.turned(make.shared(of.v))), inner)
    by_score = make("mul", weights, by_weight)
    by_score = make("mul", by_score, make.number(of.scale, by_score))
    by_key = make("sum", make("matmul", make.turned(by_score), of.q), axes=(2,))
    by_value = make("sum", make("matmul", make.turned(weights), by_out), axes=(2,))
    parts = make("matmul", by_score, make.shared(of.k)), by_key, by_value
    flat = [make.reshape(x, *x.aval.shape[:2], product(x.aval.shape[2:])) for x in parts]
    make("concatenate", *flat, axis=2)
    return tuple(make.nodes)


def _split(make: _Maker, x: Var) -> tuple[Var, Var]:
    """Values and sums."""
    *front, width = x.aval.shape
    ones, origin = (1,) * 5, (0,) * 4
    sizes = (*front, width - 1), (*front, 1)
    values = make("slice", x, start=(*origin, 0), sizes=sizes[0], strides=ones)
    return values, make("slice", x, start=(*origin, width - 1), sizes=sizes[1], strides=ones)


def finite(make: _Maker, rows: Var) -> Var:
    """Numbers of rows, with 0 for -inf: for rows without keys."""
    none = make("eq", rows, make.number(-inf, rows))
    return make("where", none, make.number(0.0, rows), rows)


AS_PRODUCTS = (attention_as_products, gradient_as_products)


def without_unread_sums(graph: Graph) -> Graph:
    """The graph with attentions that give the values alone where nobody reads the sums beside
    them, which are kept for gradients that may not come."""
    readers: dict[Var, list[Node]] = {}
    for node in graph.nodes:
        for var in node.inputs:
            readers.setdefault(var, []).append(node)
    plain: dict[Var, Var] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        out = node.outputs[0]
        keeps = out in graph.outputs or not all(map(_reads_values, readers.get(out, ())))
        is_exact = node.primitive.name == "attention" and node.params["sums"]
        is_exact = is_exact and node.inputs[0].aval.dtype is out.aval.dtype
        if is_exact and not keeps:
            params = {**node.params, "sums": False}
            made = apply("attention", *node.inputs, like=node, **params)
            nodes.append(made)
            plain[out] = made.output
        elif node.inputs and node.inputs[0] in plain:
            same = apply("reshape", plain[node.inputs[0]], like=node, shape=out.aval.shape)
            nodes.append(Node(same.primitive, same.inputs, same.params, node.outputs, node.source))
        else:
            nodes.append(node)
    return Graph(graph.inputs, graph.outputs, tuple(nodes), graph.constants, graph.name)


def _reads_values(node: Node) -> bool:
    """Whether a node is the slice of all values of an attention with sums."""
    if node.primitive.name != "slice":
        return False
    whole, p = node.inputs[0].aval.shape, node.params
    values = (*whole[:-1], whole[-1] - 1)
    return set(p["start"]) == {0} and set(p["strides"]) == {1} and p["sizes"] == values
