"""Rewrites of the graph: named rules, run over the nodes until nothing changes.

A rule sees one node and says what its output may be replaced by: a value that is there already, or
new nodes, the last of which gives it. All rules are exact, signed zeros and NaN included, or more
exact than what they replace.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..dsl.control import without_custom
from ..dsl.dtypes import float32, float64
from ..dsl.graph import Graph, Node, Var, params_text, verify, without_dead_code
from ..dsl.primitive import REGISTRY
from ..dsl.sizes import Dim, Shape
from ..dsl.timeline import stage
from .spaces import without_ones

MAX_ROUNDS = 8


@dataclass(frozen=True)
class View:
    """What a rule may look at: the nodes that made its inputs."""

    producer: dict[Var, Node]

    def made_by(self, var: Var, name: str) -> Node | None:
        """The node that made a value, if it is of this primitive."""
        node = self.producer.get(var)
        return node if node is not None and node.primitive.name == name else None

    def constant(self, var: Var) -> Any:
        """The one value of all elements, if it is known."""
        node = self.producer.get(var)
        while node is not None and node.primitive.name in ("broadcast_to", "reshape"):
            node = self.producer.get(node.inputs[0])
        known = node is not None and node.primitive.name == "full"
        return node.params["value"] if known and node is not None else None


Found = Var | Node | tuple[Node, ...] | None
Rule = Callable[[Node, View], Found]


@stage("rewrite", lambda graph, *_: graph.name)
def rewrite(graph: Graph, rules: tuple[Rule, ...] | None = None) -> Graph:
    """Apply all rules (RULES) until none changes anything; the graph is verified between rounds."""
    graph = without_custom(graph)
    for _ in range(MAX_ROUNDS):
        changed, graph = _round(graph, RULES if rules is None else rules)
        graph = verify(without_dead_code(graph))
        if not changed:
            break
    return graph


def _round(graph: Graph, rules: tuple[Rule, ...]) -> tuple[bool, Graph]:
    replaced: dict[Var, Var] = {}
    view = View({})
    known: dict[str, Node] = {}
    numbers: dict[Var, int] = {}
    nodes: list[Node] = []
    changed = False
    for old in graph.nodes:
        node = _with_inputs(old, tuple(replaced.get(v, v) for v in old.inputs))
        found = _first(node, view, rules)
        if isinstance(found, tuple):
            *before, found = found
            nodes += before
            view.producer.update({v: n for n in before for v in n.outputs})
        if isinstance(found, Node):
            node, changed = found, True
        elif found is not None:
            replaced[old.output], changed = found, True
            continue
        same = known.setdefault(_identity(node, numbers), node)
        if same is not node:
            replaced.update(zip(old.outputs, same.outputs, strict=True))
            changed = True
            continue
        replaced.update(zip(old.outputs, node.outputs, strict=True))
        nodes.append(node)
        view.producer.update(dict.fromkeys(node.outputs, node))
    outputs = tuple(replaced.get(v, v) for v in graph.outputs)
    return changed, Graph(graph.inputs, outputs, tuple(nodes), graph.constants, graph.name)


def _with_inputs(node: Node, inputs: tuple[Var, ...]) -> Node:
    if inputs == node.inputs:
        return node
    return Node(node.primitive, inputs, node.params, node.outputs, node.source)


def _identity(node: Node, numbers: dict[Var, int]) -> str:
    """Text that is equal for two nodes that compute the same (common subexpressions)."""
    inputs = [str(numbers.setdefault(v, len(numbers))) for v in node.inputs]
    params = params_text(tuple(sorted(node.params.items())))
    avals = [str(v.aval) for v in node.outputs]
    return f"{node.primitive.name}({','.join(inputs)}){params}{avals}"


def _first(node: Node, view: View, rules: tuple[Rule, ...]) -> Found:
    for rule in rules:
        found = rule(node, view)
        if found is not None:
            return found
    return None


def apply(name: str, *inputs: Var, like: Node, **params: Any) -> Node:
    """A new node, at the source line of another."""
    primitive = REGISTRY[name]
    outputs = primitive.infer_all(*(v.aval for v in inputs), **params)
    return Node(primitive, inputs, params, tuple(map(Var, outputs)), like.source)


class Maker:
    """Collects the new nodes that take another's place."""

    def __init__(self, like: Node) -> None:
        self.like = like
        self.nodes: list[Node] = []

    def __call__(self, name: str, *inputs: Var, **params: Any) -> Var:
        """The output of a new node."""
        self.nodes.append(apply(name, *inputs, like=self.like, **params))
        return self.nodes[-1].output

    def reshape(self, x: Var, *shape: Dim) -> Var:
        """A value in another shape."""
        return self("reshape", x, shape=shape)


# --------------------------------------------------------------------------- rules


def drop_no_op_movement(node: Node, view: View) -> Var | Node | None:
    """A reshape or broadcast to the same shape; an unmoved transpose; a whole slice."""
    name = node.primitive.name
    if name not in ("reshape", "broadcast_to", "transpose", "slice", "pad"):
        return None
    x, out = node.inputs[0], node.output
    if x.aval != out.aval:
        return None
    if name == "transpose" and list(node.params["axes"]) != list(range(x.aval.ndim)):
        return None
    if name == "slice" and any(s != 1 for s in node.params["strides"]):
        return None
    return x


def drop_no_op_cast(node: Node, view: View) -> Var | Node | None:
    """A cast to the dtype that the value has."""
    same = node.primitive.name == "cast" and node.inputs[0].aval.dtype is node.output.aval.dtype
    return node.inputs[0] if same else None


def drop_stop_gradient(node: Node, view: View) -> Var | Node | None:
    """Gradients have been taken when a graph is lowered."""
    return node.inputs[0] if node.primitive.name == "stop_gradient" else None


def drop_neutral_operand(node: Node, view: View) -> Var | Node | None:
    """x * 1, x / 1, x - 0; x + 0 only for integers (for floats -0 + 0 is 0) or for -0."""
    name = node.primitive.name
    if name not in ("add", "sub", "mul", "div"):
        return None
    x, y = node.inputs
    if x.aval.dtype.is_complex:  # the zero imaginary part of a constant counts beside infinities
        return None
    if _is_neutral(name, view.constant(y), x.aval.dtype.is_float):
        return x
    if name in ("add", "mul") and _is_neutral(name, view.constant(x), x.aval.dtype.is_float):
        return y
    return None


def _is_neutral(name: str, value: Any, is_float: bool) -> bool:
    if not isinstance(value, bool | int | float):
        return False
    if name in ("mul", "div"):
        return value == 1
    if value != 0:
        return False
    negative = math.copysign(1.0, value) < 0
    return not is_float or negative == (name == "add")


def drop_double_negation(node: Node, view: View) -> Var | Node | None:
    """-(-x), also for unsigned integers, which wrap twice."""
    inner = view.made_by(node.inputs[0], "neg") if node.primitive.name == "neg" else None
    return inner.inputs[0] if inner else None


def fold_constant_movement(node: Node, view: View) -> Var | Node | None:
    """Moving elements that are all one constant gives that constant in the new shape."""
    if node.primitive.name not in ("reshape", "transpose", "broadcast_to", "slice"):
        return None
    inner = view.made_by(node.inputs[0], "full")
    if inner is None:
        return None
    shape = node.output.aval.shape
    value, dtype = inner.params["value"], inner.params["dtype"]
    return apply("full", like=node, shape=shape, value=value, dtype=dtype)


def join_reshapes(node: Node, view: View) -> Var | Node | None:
    """reshape(reshape(x))."""
    inner = view.made_by(node.inputs[0], "reshape") if node.primitive.name == "reshape" else None
    if inner is None:
        return None
    return apply("reshape", inner.inputs[0], like=node, shape=node.output.aval.shape)


def add_before_reshape(node: Node, view: View) -> Found:
    """reshape(x) + reshape(y), as gradients of two reads of a reshape are: one reshape of x + y,
    which is computed where x and y are."""
    if node.primitive.name != "add":
        return None
    made = [view.made_by(v, "reshape") for v in node.inputs]
    if made[0] is None or made[1] is None:
        return None
    x, y = made[0].inputs[0], made[1].inputs[0]
    if x.aval.shape != y.aval.shape or without_ones(x.aval.shape) == without_ones(_shape(node)):
        return None
    total = apply("add", x, y, like=node)
    return total, apply("reshape", total.output, like=node, shape=_shape(node))


def _shape(node: Node) -> Shape:
    return node.output.aval.shape


def join_transposes(node: Node, view: View) -> Var | Node | None:
    """transpose(transpose(x))."""
    if node.primitive.name != "transpose":
        return None
    inner = view.made_by(node.inputs[0], "transpose")
    if inner is None:
        return None
    before = inner.params["axes"]
    axes = tuple(before[a] for a in node.params["axes"])
    return apply("transpose", inner.inputs[0], like=node, axes=axes)


def join_broadcasts(node: Node, view: View) -> Var | Node | None:
    """broadcast_to(broadcast_to(x))."""
    if node.primitive.name != "broadcast_to":
        return None
    inner = view.made_by(node.inputs[0], "broadcast_to")
    if inner is None:
        return None
    return apply("broadcast_to", inner.inputs[0], like=node, shape=node.output.aval.shape)


def drop_empty_product(node: Node, view: View) -> Var | Node | None:
    """A product without rows, columns or batch is an empty constant."""
    out = node.output.aval
    if node.primitive.name != "matmul" or 0 not in out.shape:
        return None
    return apply("full", like=node, shape=out.shape, value=0, dtype=out.dtype)


def drop_reinterpretation(node: Node, view: View) -> Var | Node | None:
    """The floats of complex numbers that are made of floats, and the other way round."""
    back = {"as_real": "as_complex", "as_complex": "as_real"}.get(node.primitive.name)
    inner = view.made_by(node.inputs[0], back) if back else None
    return inner.inputs[0] if inner else None


def drop_trivial_reduction(node: Node, view: View) -> Var | Node | None:
    """A sum, product, maximum or minimum over axes of one element each is a reshape."""
    if node.primitive.name not in ("sum", "prod", "max", "min"):
        return None
    x, out = node.inputs[0].aval, node.output.aval
    if x.dtype is not out.dtype or any(x.shape[a] != 1 for a in node.params["axes"]):
        return None
    return apply("reshape", node.inputs[0], like=node, shape=out.shape)


def sum_vector_products(node: Node, view: View) -> Found:
    """A row times a column is a sum of products, which reads both at the speed of memory, and is
    summed in float64."""
    if node.primitive.name != "matmul":
        return None
    a, b = (v.aval for v in node.inputs)
    is_summed = a.dtype.is_integer or a.dtype in (float32, float64)
    if not is_summed or a.shape[:-2] != b.shape[:-2] or a.shape[-2] != 1 or b.shape[-1] != 1:
        return None
    made: list[Node] = []

    def add(name: str, *inputs: Var, **params: Any) -> Var:
        made.append(apply(name, *inputs, like=node, **params))
        return made[-1].output

    rows = [add("reshape", v, shape=(*a.shape[:-2], a.shape[-1])) for v in node.inputs]
    add("reshape", add("sum", add("mul", *rows), axes=(a.ndim - 2,)), shape=node.output.aval.shape)
    return tuple(made)


RULES: tuple[Rule, ...] = (
    drop_no_op_movement,
    drop_no_op_cast,
    drop_stop_gradient,
    drop_neutral_operand,
    drop_double_negation,
    drop_empty_product,
    drop_reinterpretation,
    drop_trivial_reduction,
    fold_constant_movement,
    join_reshapes,
    add_before_reshape,
    join_transposes,
    join_broadcasts,
    sum_vector_products,
)

# Of the reproducible mode, where a product with one row must have the bits of that row among many.
ORDERED_RULES = tuple(rule for rule in RULES if rule is not sum_vector_products)
