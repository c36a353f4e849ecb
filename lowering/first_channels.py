"""Convolutions of single pixels whose images come and go with their channels first.

There the product of the weights with the images as they lie, out[O, pixels] = w[O, C] x[C, pixels],
needs no transpose at all. Only between an input and a result of the graph: elsewhere channels last
(layouts.py) serve the neighbours too.
"""

from __future__ import annotations

from ..dsl.graph import Graph, Node, Var
from ..dsl.sizes import product
from .convolutions import has_no_window
from .layouts import first_axes, last_axes
from .rewrites import Maker

# Pixels of an image below which its transposes cost less than weights on the left (measured:
# 49 pixels take 1.6 times as long as a product, 196 1.2 times, 784 0.95 times).
LEAST_PIXELS = 512


def with_products_of_pixels(graph: Graph) -> Graph:
    """The graph with such convolutions, and a bias behind them, as products."""
    found = {}
    readers: dict[Var, list[Node]] = {}
    for node in graph.nodes:
        for var in node.inputs:
            readers.setdefault(var, []).append(node)
    producer = {v: n for n in graph.nodes for v in n.outputs}
    for node in graph.nodes:
        made = _as_product(node, graph, readers, producer)
        if made is not None:
            found[made[0]] = made[1]
    if not found:
        return graph
    nodes: list[Node] = []
    for node in graph.nodes:
        nodes += found.get(node, (node,))
    return Graph(graph.inputs, graph.outputs, tuple(nodes), graph.constants, graph.name)


def _as_product(
    node: Node, graph: Graph, readers: dict[Var, list[Node]], producer: dict[Var, Node]
) -> tuple[Node, tuple[Node, ...]] | None:
    """The transpose behind a convolution, and what may stand in its place."""
    if node.primitive.name != "convolution" or not has_no_window(node):
        return None
    if node.params["groups"] != 1 or any(s != 1 for s in node.params["strides"]):
        return None
    before, ndim = producer.get(node.inputs[0]), node.output.aval.ndim
    if not _turns(before, last_axes(ndim)) or 0 in node.output.aval.shape:
        return None
    assert before is not None
    images = before.inputs[0]
    pixels = product(images.aval.shape[2:])
    if isinstance(pixels, int) and pixels < LEAST_PIXELS:
        return None
    last, bias = _only_reader(node.output, readers, graph), None
    if last is not None and last.primitive.name == "add":
        bias = next((v for v in last.inputs if v is not node.output), None)
        last = _only_reader(last.output, readers, graph)
    is_between = images in graph.inputs and last is not None and last.output in graph.outputs
    if not is_between or not _turns(last, first_axes(ndim)):
        return None
    assert last is not None
    return last, _product(last, node, images, bias)


def _turns(node: Node | None, axes: tuple[int, ...]) -> bool:
    return (
        node is not None
        and node.primitive.name == "transpose"
        and tuple(node.params["axes"]) == axes
    )


def _only_reader(var: Var, readers: dict[Var, list[Node]], graph: Graph) -> Node | None:
    found = readers.get(var, [])
    return found[0] if len(found) == 1 and var not in graph.outputs else None


def _product(last: Node, node: Node, images: Var, bias: Var | None) -> tuple[Node, ...]:
    make = Maker(last)
    channels, outputs = node.inputs[1].aval.shape[-2:]
    items, _, *spatial = images.aval.shape
    pixels = product(tuple(spatial))
    w = make("transpose", make.reshape(node.inputs[1], channels, outputs), axes=(1, 0))
    found = make("matmul", make.reshape(w, 1, outputs, channels),
                 make.reshape(images, items, channels, pixels))  # fmt: skip
    if bias is not None:
        turned = make("transpose", bias, axes=first_axes(bias.aval.ndim))
        found = make("add", found, make.reshape(turned, items, outputs, pixels))
    make.reshape(found, *last.output.aval.shape)
    end = make.nodes.pop()
    return (*make.nodes, Node(end.primitive, end.inputs, end.params, last.outputs, last.source))
