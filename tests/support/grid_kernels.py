"""One graph for each kind of schedule of grids, and for each form that a kind has."""

from __future__ import annotations

from collections.abc import Iterator

from graph_support import Build, layer_norm, softmax

from tilewright.dsl.dtypes import bfloat16, float16, float32, float64, int32, int64
from tilewright.dsl.graph import Graph
from tilewright.dsl.sizes import symbol

N, M, K = symbol("n"), symbol("m"), symbol("k")


def maps_and_rows() -> Iterator[tuple[str, Graph]]:
    b = Build()
    x, y = b.input((37, 100)), b.input((100,))
    yield "map", b.graph(b("tanh", b("add", x, b("broadcast_to", y, shape=(37, 100)))))
    b = Build()
    yield "map-unknown-half", b.graph(b("sin", b.input((N,), float16)))
    b = Build()
    yield "softmax", b.graph(softmax(b, b.input((512, 1024))))
    b = Build()
    yield "softmax-unknown", b.graph(softmax(b, b.input((N, M))))
    b = Build()
    yield "layer-norm", b.graph(layer_norm(b, b.input((64, 256)), b.input((256,)), b.input((256,))))
    b = Build()
    x = b.input((256, 1024))
    powers = b("exp", b("sub", x, b("broadcast_to", b("max", x, axes=(0,)), shape=(256, 1024))))
    total = b("broadcast_to", b("sum", powers, axes=(0,)), shape=(256, 1024))
    yield "softmax-down", b.graph(b("div", powers, total))


def reductions_and_scatters() -> Iterator[tuple[str, Graph]]:
    b = Build()
    yield "sum", b.graph(b("sum", b.input((5_000_000,)), axes=(0,)))
    b = Build()
    yield "argmax-down", b.graph(b("argmax", b.input((N, M)), axes=(0,)))
    b = Build()
    x, places, new = b.input((N, 64)), b.input((M,), int64), b.input((M, 64))
    yield "scatter", b.graph(b("scatter_add", x, places, new, axis=0))


def products() -> Iterator[tuple[str, Graph]]:
    for dtype in (float32, float64, int32, float16, bfloat16):
        b = Build()
        x, y = b.input((1024, 1024), dtype), b.input((1024, 1024), dtype)
        yield f"product-{dtype}", b.graph(b("matmul", x, y))
    for dtype in (float32, float16):
        b = Build()
        product = b("matmul", b.input((M, K), dtype), b.input((K, N), dtype))
        yield f"product-unknown-{dtype}", b.graph(product)
    b = Build()
    yield "product-vector", b.graph(b("matmul", b.input((1, 1000)), b.input((1000, 500))))


GRAPHS = dict([*maps_and_rows(), *reductions_and_scatters(), *products()])
