"""What becomes one kernel, as golden text, and that no grouping breaks the order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from graph_support import Build, engine, layer_norm, run, softmax

from tilewright.dsl.sizes import symbol
from tilewright.lowering.pipeline import kernel_groups

Golden = Callable[[str, str], None]


def test_softmax_is_one_kernel(golden: Golden) -> None:
    b = Build()
    graph = b.graph(softmax(b, b.input((symbol("n"), 100))))
    golden("softmax", engine().stage(graph, "kernels"))


def test_layer_norm_is_one_kernel(golden: Golden) -> None:
    b = Build()
    x, gain, bias = b.input((4, 5, 64)), b.input((64,)), b.input((64,))
    golden("layer_norm", engine().stage(b.graph(layer_norm(b, x, gain, bias)), "kernels"))


def test_product_takes_its_epilogue(golden: Golden) -> None:
    b = Build()
    x, w, bias = b.input((32, 20)), b.input((10, 20)), b.input((10,))
    y = b("matmul", x, b("transpose", w, axes=(1, 0)))
    y = b("add", y, b("broadcast_to", bias, shape=(32, 10)))
    golden("linear_relu", engine().stage(b.graph(b("maximum", y, b.full((32, 10), 0))), "kernels"))


def test_optimiser_update_is_one_kernel(golden: Golden) -> None:
    b = Build()
    p, m, g = (b.input((50,)) for _ in range(3))
    momentum = b("add", b("mul", m, b.full((50,), 0.9)), g)
    graph = b.graph(b("sub", p, b("mul", momentum, b.full((50,), 0.1))), momentum)
    golden("momentum", engine().stage(graph, "kernels"))


def test_a_path_through_another_kernel_forbids_the_merge() -> None:
    b = Build()
    x = b.input((8, 8))
    y = b("exp", x)
    z = b("add", y, b("matmul", y, y))  # y must be stored before the product reads it
    graph = b.graph(b("tanh", z))
    assert [g.kind for g in kernel_groups(graph)] == ["map", "contract"]
    at = np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8)
    powers = np.exp(at)
    np.testing.assert_allclose(run(graph, at)[0], np.tanh(powers + powers @ powers), rtol=1e-5)


def test_shifted_reads_of_one_value_do_not_explode() -> None:
    b = Build()
    y = b.input((64,))
    for step in (1, 2, 4, 8, 16, 32):
        rest = b("slice", y, start=(0,), sizes=(64 - step,), strides=(1,))
        y = b("add", y, b("pad", rest, low=(step,), high=(0,), value=0))
    (out,) = run(b.graph(y), np.ones(64, np.float32))
    np.testing.assert_array_equal(out, np.arange(1, 65))


def test_expensive_values_with_far_readers_are_stored() -> None:
    b = Build()
    x = b.input((16, 16))
    y = b("exp", x)
    graph = b.graph(b("add", y, b("transpose", y, axes=(1, 0))))
    at = np.random.default_rng(0).standard_normal((16, 16)).astype(np.float32)
    np.testing.assert_allclose(run(graph, at)[0], np.exp(at) + np.exp(at).T, rtol=1e-6)
