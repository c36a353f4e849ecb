"""The schedules of grids on every device that runs here: shapes around their tiles, unknown sizes,
operands in any order, epilogues, and results that never depend on chance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from device_support import device_names
from graph_support import Build, layer_norm, softmax

import tilewright as tw
from tilewright.backends.cpu.compiler import SCHEDULES as HOST_SCHEDULES
from tilewright.dsl.device import Device
from tilewright.dsl.dtypes import DType, float16, float32, float64, int8, int32, int64
from tilewright.dsl.engine import engine
from tilewright.dsl.graph import Graph
from tilewright.dsl.sizes import symbol
from tilewright.lowering.schedules.grid import SCHEDULES


@pytest.fixture(params=[name for name in device_names() if name != "cpu"])
def device(request: pytest.FixtureRequest) -> Iterator[Device]:
    """Each device of grids that runs here."""
    with tw.device(request.param) as found:
        yield found


def run(device: Device, graph: Graph, *arrays: Any) -> list[Any]:
    """A graph on a device, from NumPy to NumPy."""
    with device:
        program = engine().program(graph)
        return [out.numpy() for out in program(*(tw.asarray(x) for x in arrays))]


def random(rng: np.random.Generator, *shape: int, dtype: str = "float32") -> Any:
    if np.dtype(dtype).kind in "iu":
        return rng.integers(-9, 9, shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def test_every_kind_of_group_has_a_schedule() -> None:
    # Loops of little work stay instructions of the executor there; attention and convolutions are
    # products (Manifest.rules).
    assert set(SCHEDULES) == set(HOST_SCHEDULES) - {"loop", "attend", "convolution"}


# --------------------------------------------------------------------------- maps


@pytest.mark.parametrize("shape", [(1,), (255,), (257,), (3, 1025), (64, 1024), (5, 0)])
def test_maps(device: Device, rng: np.random.Generator, shape: tuple[int, ...]) -> None:
    b = Build()
    x, y = b.input(shape), b.input(shape[-1:])
    graph = b.graph(b("mul", b("add", x, b("broadcast_to", y, shape=shape)), x))
    a, c = random(rng, *shape), random(rng, shape[-1])
    np.testing.assert_array_equal(run(device, graph, a, c)[0], (a + c) * a)


def test_transposed_maps_of_unknown_size(device: Device, rng: np.random.Generator) -> None:
    n, m = symbol("n"), symbol("m")
    b = Build()
    x, y = b.input((n, m)), b.input((m, n))
    graph = b.graph(b("sub", b("transpose", x, axes=(1, 0)), y))
    for shape in ((1, 1), (33, 65), (128, 3), (0, 4)):
        a, c = random(rng, *shape), random(rng, *shape[::-1])
        np.testing.assert_array_equal(run(device, graph, a, c)[0], a.T - c)


# --------------------------------------------------------------------------- rows


def exact_softmax(x: Any) -> Any:
    powers = np.exp(x.astype(np.float64) - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (37, 100), (2, 3, 33), (3, 1025), (2, 5000)])
def test_softmax(device: Device, rng: np.random.Generator, shape: tuple[int, ...]) -> None:
    b = Build()
    graph = b.graph(softmax(b, b.input(shape)))
    x = random(rng, *shape)
    np.testing.assert_allclose(run(device, graph, x)[0], exact_softmax(x), rtol=1e-6)


def test_rows_of_unknown_size(device: Device, rng: np.random.Generator) -> None:
    b = Build()
    graph = b.graph(softmax(b, b.input((symbol("n"), symbol("m")))))
    for shape in ((1, 1), (37, 100), (3, 2049)):
        x = random(rng, *shape)
        np.testing.assert_allclose(run(device, graph, x)[0], exact_softmax(x), rtol=1e-6)
    assert run(device, graph, random(rng, 0, 7))[0].shape == (0, 7)


def test_layer_norm(device: Device, rng: np.random.Generator) -> None:
    b = Build()
    graph = b.graph(layer_norm(b, b.input((33, 65)), b.input((65,)), b.input((65,))))
    x, gain, bias = random(rng, 33, 65), random(rng, 65), random(rng, 65)
    wide = x.astype(np.float64)
    normal = (wide - wide.mean(-1, keepdims=True)) / np.sqrt(wide.var(-1, keepdims=True) + 1e-5)
    found = run(device, graph, x, gain, bias)[0]
    np.testing.assert_allclose(found, normal * gain + bias, rtol=1e-5, atol=1e-5)


# --------------------------------------------------------------------------- reductions


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((70001,), (0,)), ((3, 20000), (1,)), ((20000, 7), (0,)), ((30, 40, 50), (0, 2)),
     ((300, 4, 5), (1,)), ((0, 3), (0,)), ((3, 0), (0,))],
)  # fmt: skip
def test_sums(
    device: Device, rng: np.random.Generator, shape: tuple[int, ...], axes: tuple[int, ...]
) -> None:
    b = Build()
    x = b.input(shape)
    graph = b.graph(b("sum", x, axes=axes))
    host = random(rng, *shape)
    found = run(device, graph, host)[0]
    wide = host.astype(np.float64)
    limit = 1e-7 * np.abs(wide).sum(axes) + 1e-30
    assert (np.abs(found - wide.sum(axes)) <= limit).all()


@pytest.mark.parametrize(("shape", "axis"), [((40000,), 0), ((5, 3000), 1), ((17000, 3), 0)])
def test_the_first_of_equal_elements_is_found(
    device: Device, rng: np.random.Generator, shape: tuple[int, ...], axis: int
) -> None:
    b = Build()
    graph = b.graph(b("argmax", b.input(shape, int8), axes=(axis,)))
    host = rng.integers(-5, 5, shape).astype(np.int8)
    np.testing.assert_array_equal(run(device, graph, host)[0], host.argmax(axis))


def test_sums_are_the_same_each_time(device: Device, rng: np.random.Generator) -> None:
    b = Build()
    graph = b.graph(b("sum", b.input((50000,), float64), axes=(0,)))
    host = random(rng, 50000, dtype="float64")
    first, *others = (run(device, graph, host)[0].tobytes() for _ in range(4))
    assert all(other == first for other in others)


# --------------------------------------------------------------------------- products

SHAPES = [
    (1, 1, 1), (3, 2, 5), (17, 33, 16), (33, 17, 35), (64, 64, 64), (65, 100, 63), (16, 300, 130),
    (1, 300, 200), (200, 300, 1), (1, 700, 1),
]  # fmt: skip


def check_product(found: Any, a: Any, b: Any, bound: float) -> None:
    if found.dtype.kind in "iu":
        np.testing.assert_array_equal(found, (a @ b).astype(found.dtype))
        return
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    error = np.abs(found.astype(np.float64) - wide_a @ wide_b)
    assert (error <= bound * (np.abs(wide_a) @ np.abs(wide_b))).all()


@pytest.mark.parametrize(
    ("of", "bound", "shape"),
    [
        *((float32, 1e-6, shape) for shape in SHAPES),
        *(
            (of, bound, shape)
            for of, bound in ((float16, 1e-3), (int32, 0))
            for shape in SHAPES[2:6]
        ),
    ],
    ids=str,
)
def test_products(
    device: Device, rng: np.random.Generator, shape: tuple[int, int, int], of: DType, bound: float
) -> None:
    if of not in device.facts.dtypes:
        pytest.skip(f"{device} has no {of}")
    m, k, n = shape
    b = Build()
    graph = b.graph(b("matmul", b.input((m, k), of), b.input((k, n), of)))
    left, right = random(rng, m, k, dtype=of.name), random(rng, k, n, dtype=of.name)
    check_product(run(device, graph, left, right)[0], left, right, bound)


def test_products_of_unknown_size(device: Device, rng: np.random.Generator) -> None:
    m, k, n = symbol("m"), symbol("k"), symbol("n")
    b = Build()
    graph = b.graph(b("matmul", b.input((m, k)), b.input((k, n))))
    for sizes in ((1, 1, 1), (65, 33, 66), (3, 0, 4), (0, 3, 4)):
        left, right = random(rng, *sizes[:2]), random(rng, *sizes[1:])
        check_product(run(device, graph, left, right)[0], left, right, 1e-6)


def test_operands_in_any_order_and_an_epilogue(device: Device, rng: np.random.Generator) -> None:
    """Transposes and maps before the product, a bias and a function after it: one kernel."""
    b = Build()
    x, y, bias = b.input((70, 40)), b.input((50, 70)), b.input((50,))
    left, right = (b("transpose", v, axes=(1, 0)) for v in (x, y))
    total = b("matmul", b("neg", left), right)
    graph = b.graph(b("tanh", b("add", total, b("broadcast_to", bias, shape=(40, 50)))))
    a, c, d = (random(rng, *s) * np.float32(0.1) for s in ((70, 40), (50, 70), (50,)))
    expected = np.tanh(-a.T.astype(np.float64) @ c.T + d)
    np.testing.assert_allclose(run(device, graph, a, c, d)[0], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("left", "right"),
    [((3, 20, 30), (3, 30, 17)), ((3, 20, 30), (1, 30, 17)), ((1, 20, 30), (3, 30, 17)),
     ((2, 1, 5, 6), (1, 3, 6, 7))],
)  # fmt: skip
@pytest.mark.parametrize("of", [float32, float16])
def test_batches(
    device: Device, rng: np.random.Generator, left: Any, right: Any, of: DType
) -> None:
    if of not in device.facts.dtypes:
        pytest.skip(f"{device} has no {of}")
    b = Build()
    graph = b.graph(b("matmul", b.input(left, of), b.input(right, of)))
    a, c = random(rng, *left, dtype=of.name), random(rng, *right, dtype=of.name)
    check_product(run(device, graph, a, c)[0], a, c, 1e-6 if of is float32 else 1e-3)


# --------------------------------------------------------------------------- scatters


@pytest.mark.parametrize("name", ["scatter_set", "scatter_add"])
@pytest.mark.parametrize(("shape", "axis"), [((300,), 0), ((7, 40), 1), ((5, 6, 70), 1)])
def test_updates_come_in_order(
    device: Device, rng: np.random.Generator, name: str, shape: tuple[int, ...], axis: int
) -> None:
    count = 100
    updates_shape = (*shape[:axis], count, *shape[axis + 1 :])
    b = Build()
    x, places, updates = b.input(shape), b.input((count,), int64), b.input(updates_shape)
    graph = b.graph(b(name, x, places, updates, axis=axis))
    host, new = random(rng, *shape), random(rng, *updates_shape)
    where = rng.integers(0, shape[axis], count)
    expected = np.moveaxis(host.copy(), axis, 0)
    for place, update in zip(where, np.moveaxis(new, axis, 0), strict=True):
        expected[place] = update if name == "scatter_set" else expected[place] + update
    found = run(device, graph, host, where, new)[0]
    np.testing.assert_array_equal(found, np.moveaxis(expected, 0, axis))
