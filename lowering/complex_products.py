"""Products of complex matrices as products of real ones.

The left operand is seen as the floats it consists of, m x 2k, and the right one is laid out as
2k x 2n so that one real product gives the floats of the result, m x 2n, in place: no operand but
the right one is copied, no sum is split, and every schedule, tail and epilogue of real products
serves. It takes the multiplications of four real products. (Three products, by Gauss, lose digits
where the parts cancel; four products would read the operands four times and write four results.)
"""

from __future__ import annotations

from ..dsl.graph import Graph, Node, Var
from ..dsl.primitive import REGISTRY
from .rewrites import apply


def with_real_products(graph: Graph) -> Graph:
    """The graph with each product of complex matrices replaced."""
    if not any(map(_is_complex_product, graph.nodes)):
        return graph
    nodes: list[Node] = []
    for node in graph.nodes:
        nodes += _real_product(node) if _is_complex_product(node) else [node]
    return Graph(graph.inputs, graph.outputs, tuple(nodes), graph.constants, graph.name)


def _is_complex_product(node: Node) -> bool:
    return node.primitive.name == "matmul" and node.output.aval.dtype.is_complex


def _real_product(node: Node) -> list[Node]:
    made: list[Node] = []

    def step(name: str, *inputs: Var, **params: object) -> Var:
        made.append(apply(name, *inputs, like=node, **params))
        return made[-1].output

    a, b = node.inputs
    *batch, m, k = a.aval.shape
    n = b.aval.shape[-1]
    left = step("reshape", step("as_real", a), shape=(*batch, m, 2 * k))
    product = step("matmul", left, step("real_form", b))
    shape = (*node.output.aval.shape[:-1], n, 2)
    parts = step("reshape", product, shape=shape)
    made.append(Node(REGISTRY["as_complex"], (parts,), {}, node.outputs, node.source))
    return made
