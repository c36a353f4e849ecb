"""Products that share their left operand, with weights on the right, as one product.

`x @ wq`, `x @ wk`, `x @ wv`: the weights, which do not change from call to call, are joined column
by column once (with the vectors that are added to the products), the product goes over all columns,
and each of the old values is a window on its result. So the left operand is packed once, one launch
has the work of three to share out, and no thread waits three times for the other one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..dsl.graph import Graph, Node, Var, verify, without_dead_code
from ..dsl.sizes import Shape, product
from .rewrites import Maker
from .spaces import MOVEMENT, is_called


@dataclass(frozen=True)
class _Product:
    """A product with a weight on its right, the vector that is added to it, if there is one, and
    the value that both of them give."""

    node: Node
    bias: Var | None
    result: Var

    @property
    def columns(self) -> int:
        size = self.node.inputs[1].aval.shape[-1]
        assert isinstance(size, int)
        return size


def join_products(graph: Graph, static: set[Var]) -> Graph:
    """The graph with such products joined; `static` are the values that do not change from call to
    call."""
    found = _Finder(graph, static).sets()
    if not found:
        return graph
    replaced: dict[Var, Var] = {}
    made: list[Node] = []
    for products in found:
        nodes, windows = _joined(products)
        made += nodes
        replaced.update(windows)
    nodes = [_with_inputs(n, replaced) for n in (*graph.nodes, *made)]
    outputs = tuple(replaced.get(v, v) for v in graph.outputs)
    ordered = _in_order(nodes)
    return verify(
        without_dead_code(Graph(graph.inputs, outputs, ordered, graph.constants, graph.name))
    )


class _Finder:
    def __init__(self, graph: Graph, static: set[Var]) -> None:
        self.graph, self.static = graph, static
        self.producer = {v: n for n in graph.nodes for v in n.outputs}
        self.users: dict[Var, list[Node]] = {}
        for node in graph.nodes:
            for var in node.inputs:
                self.users.setdefault(var, []).append(node)

    def sets(self) -> list[list[_Product]]:
        """The products that become one, in sets of two or more."""
        by_left: dict[Any, list[_Product]] = {}
        for node in self.graph.nodes:
            found = self._product(node)
            if found is not None:
                left, right = node.inputs
                shape = found.result.aval.shape[:-1]
                key = left, right.aval.shape[:-1], right.aval.dtype, found.bias is None, shape
                by_left.setdefault(key, []).append(found)
        return [products for products in by_left.values() if len(products) > 1]

    def _product(self, node: Node) -> _Product | None:
        if node.primitive.name != "matmul" or node.inputs[1] not in self.static:
            return None
        left, right = node.inputs
        known = all(isinstance(n, int) for n in right.aval.shape)
        is_shared = all(n == 1 for n in right.aval.shape[:-2])
        if left in self.static or not known or not is_shared or 0 in right.aval.shape:
            return None
        bias, result = self._added(node.output)
        return _Product(node, bias, result) if self._is_read_through(result) else None

    def _added(self, var: Var) -> tuple[Var | None, Var]:
        """The vector that is added to the columns of a product, and the sum."""
        result = var
        while len(self.users.get(result, ())) == 1 and result not in self.graph.outputs:
            (user,) = self.users[result]
            if user.primitive.name == "reshape" and _keeps_columns(user):
                result = user.output
                continue
            if user.primitive.name == "add" and user.inputs[0] is not user.inputs[1]:
                (other,) = (v for v in user.inputs if v is not result)
                vector = self._vector(other)
                if vector is not None:
                    return vector, user.output
            break
        return None, var

    def _vector(self, var: Var) -> Var | None:
        """The static vector that is repeated in all rows of a value."""
        columns = var.aval.shape[-1]
        while var in self.static:
            if var.aval.shape[-1:] == (columns,) and product(var.aval.shape) == columns:
                return var
            node = self.producer.get(var)
            if node is None or node.primitive.name not in ("broadcast_to", "reshape"):
                return None
            if node.primitive.name == "reshape" and not _keeps_columns(node):
                return None
            var = node.inputs[0]
        return None

    def _is_read_through(self, var: Var) -> bool:
        """Whether all readers of a value are kernels, which read windows where they lie; others
        would have them copied."""
        if var in self.graph.outputs:
            return False
        for user in self.users.get(var, ()):
            if is_called(user):
                return False
            if user.primitive.name in MOVEMENT and not self._is_read_through(user.output):
                return False
        return True


def _keeps_columns(node: Node) -> bool:
    return bool(node.inputs[0].aval.shape[-1:] == node.output.aval.shape[-1:])


def _joined(products: list[_Product]) -> tuple[list[Node], dict[Var, Var]]:
    """The nodes that compute products together, and what stands for the old values."""
    like = products[0].node
    add = Maker(like)
    ndim = like.inputs[1].aval.ndim
    weights = add("concatenate", *(p.node.inputs[1] for p in products), axis=ndim - 1)
    whole = add("matmul", like.inputs[0], weights)
    shape = whole.aval.shape
    if products[0].bias is not None:
        flat = [add.reshape(p.bias, p.columns) for p in products if p.bias is not None]
        vector = add("concatenate", *flat, axis=0)
        whole = add("add", whole, add("broadcast_to", vector, shape=shape))
    windows = dict(_windows(add, whole, products))
    return add.nodes, windows


def _windows(add: Maker, whole: Var, products: list[_Product]) -> Iterator[tuple[Var, Var]]:
    """Each old value as columns of the whole."""
    shape, first = whole.aval.shape, 0
    for item in products:
        sizes: Shape = (*shape[:-1], item.columns)
        start = (*(0 for _ in shape[:-1]), first)
        window = add("slice", whole, start=start, sizes=sizes, strides=(1,) * len(shape))
        if item.result.aval.shape != sizes:
            window = add.reshape(window, *item.result.aval.shape)
        yield item.result, window
        first += item.columns


def _with_inputs(node: Node, replaced: dict[Var, Var]) -> Node:
    inputs = tuple(replaced.get(v, v) for v in node.inputs)
    if inputs == node.inputs:
        return node
    return Node(node.primitive, inputs, node.params, node.outputs, node.source)


def _in_order(nodes: list[Node]) -> tuple[Node, ...]:
    """The nodes in the order given, but each behind those that it reads."""
    producer = {v: n for n in nodes for v in n.outputs}
    done: dict[Node, None] = {}
    for node in nodes:
        pending = [node]
        while pending:
            before = [producer[v] for v in pending[-1].inputs if v in producer]
            missing = [n for n in before if n not in done]
            if not missing:
                done[pending.pop()] = None
            pending += missing
    return tuple(done)
