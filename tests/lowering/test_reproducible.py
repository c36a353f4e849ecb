"""The reproducible mode: the same bits eager, staged, fused, in batches, threads and artifacts."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tilewright as tw
from tilewright import nn
from tilewright.dsl.primitive import REGISTRY, Map, Reduce
from tilewright.lowering import machine
from tilewright.lowering.schedules.fixed_tree import BLOCK, LANES
from tilewright.native_files import runner

Call = Callable[..., Any]
FLOATS = ("float32", "float64")


@pytest.fixture(autouse=True)
def reproducible() -> Iterator[None]:
    with tw.config(reproducible=True):
        yield


@pytest.fixture
def threads() -> Iterator[None]:
    before = tw.get_num_threads()
    yield
    tw.set_num_threads(before)


def bits(x: Any) -> Any:
    """The words of an array, every NaN as one."""
    x = np.array(x.numpy() if isinstance(x, tw.Array) else x)
    if x.dtype.kind != "f":
        return x
    x[np.isnan(x)] = np.nan
    return x.view(f"u{x.dtype.itemsize}")


def same(found: Any, expected: Any, message: str = "") -> None:
    np.testing.assert_array_equal(bits(found), bits(expected), message)


def numbers(rng: np.random.Generator, shape: Any, dtype: str) -> Any:
    return tw.asarray(rng.normal(size=shape).astype(dtype))


# --------------------------------------------------------------------------- the setting


def test_the_setting_is_put_back() -> None:
    assert tw.config.current() == {"reproducible": True}
    with pytest.raises(KeyError), tw.config(reproducible=False):
        assert tw.config.current() == {"reproducible": False}
        raise KeyError
    assert tw.config.current() == {"reproducible": True}
    tw.config(reproducible=False)
    assert tw.config.current() == {"reproducible": False}


def test_what_is_no_setting() -> None:
    with pytest.raises(TypeError, match="reproducible=1; it must be True or False"):
        tw.config(reproducible=1)  # type: ignore[arg-type]
    with pytest.raises(tw.TraceError, match="inside a staged function"):
        tw.jit(lambda x: (tw.config(reproducible=False), x)[1])(tw.zeros(2))


def test_there_is_nothing_to_tune() -> None:
    with pytest.raises(tw.TuningError, match="kernels have no knobs"):
        tw.tune(tw.jit(tw.softmax), tw.ones((4, 4), dtype="float32"), seconds=1)


def test_devices_without_the_mode_refuse() -> None:
    others = [d for d in tw.devices() if d.available and d.name != "cpu"]
    if not others:
        pytest.skip("there is no other device")
    with tw.device(others[0].name), pytest.raises(tw.DeviceError, match="only the device cpu"):
        tw.exp(tw.ones(3, dtype="float32") * 0.7).numpy()


def test_the_usual_mode_has_kernels_of_its_own(rng: np.random.Generator) -> None:
    f = tw.jit(lambda a, b, c: a * b - c)
    a, b = (numbers(rng, 10_000, "float64") for _ in range(2))
    rounded = a.numpy() * b.numpy()
    same(f(a, b, tw.asarray(rounded)), np.zeros(10_000))
    with tw.config(reproducible=False):
        lost = f(a, b, tw.asarray(rounded)).numpy()
    assert lost.any() or not machine.host().has_fma  # by an FMA
    same(f(a, b, tw.asarray(rounded)), np.zeros(10_000))


# --------------------------------------------------------------------------- elementwise code


CHAINS: dict[str, Call] = {
    "polynomial": lambda x, y: x * y + y * 3 - x * x * x,
    "functions": lambda x, y: tw.tanh(x * y + x) * tw.exp(-y) + tw.log(x * x + 1),
    "angles": lambda x, y: tw.sin(x) * 2 + 1 - tw.cos(y * 100) * tw.tan(x * y),
    "powers": lambda x, y: tw.abs(x) ** y * 2 - tw.cbrt(y) * tw.hypot(x, y),
    "broadcasts": lambda x, y: x[:, None][:50] * y[None, :77] + x[None, :77] * y[:50, None],
    "choices": lambda x, y: tw.where(x > y, x * y, y / x) + tw.maximum(x, y) * tw.sqrt(abs(x)),
    "errors": lambda x, y: tw.expm1(x) * y + tw.log1p(abs(y)) - tw.arctan2(x, y) * tw.arcsinh(x),
}


@pytest.mark.parametrize("dtype", [*FLOATS, "float16"])
@pytest.mark.parametrize("name", CHAINS)
def test_chains(name: str, dtype: str, rng: np.random.Generator) -> None:
    x, y = (numbers(rng, 1003, dtype) for _ in range(2))
    f = CHAINS[name]
    same(tw.jit(f)(x, y), f(x, y))


POINTWISE = [
    p for p in REGISTRY.values()
    if isinstance(p.lower, Map) and p.lower.pointwise and tw.float32 in p.dtypes
]  # fmt: skip


@pytest.mark.parametrize("primitive", POINTWISE, ids=lambda p: p.name)
def test_every_pointwise_primitive_fused(primitive: Any) -> None:
    """Between other operations, which LLVM would join it with."""
    sample = next(iter(primitive.samples(tw.float32)))
    arrays = [tw.asarray(x) for x in sample.inputs]

    def f(*xs: Any) -> Any:
        near = [x * 3 - x * 2 if x.dtype.kind == "f" else x for x in xs]
        y = primitive(*near, **sample.params)
        return y * y + y if y.dtype.kind == "f" else y

    same(tw.jit(f)(*arrays), f(*arrays), primitive.name)


def test_complex_numbers(rng: np.random.Generator) -> None:
    z, w = (numbers(rng, 500, "float32") + 1j * numbers(rng, 500, "float32") for _ in range(2))

    def f(z: Any, w: Any) -> Any:
        return z * w + w * w - tw.exp(z * 0.1) / w

    found, expected = (tw.stack([v.real, v.imag]) for v in (tw.jit(f)(z, w), f(z, w)))
    same(found, expected)


# --------------------------------------------------------------------------- reductions

SIZES = (1, 5, LANES, LANES + 1, 100, BLOCK + 37)
REDUCTIONS = [
    p for p in REGISTRY.values() if isinstance(p.lower, Reduce) and tw.float32 in p.dtypes
]


def tree_sum(x: Any) -> Any:
    """The sum of the last axis as docs/reproducible.md says it, in float64."""
    x = np.asarray(x, np.float64)
    total = np.zeros(x.shape[:-1])
    for low in range(0, x.shape[-1], BLOCK):
        lanes = np.zeros((*x.shape[:-1], LANES))
        for p in range(low, min(low + BLOCK, x.shape[-1])):
            lanes[..., (p - low) % LANES] += x[..., p]
        while lanes.shape[-1] > 1:
            half = lanes.shape[-1] // 2
            lanes = lanes[..., :half] + lanes[..., half:]
        total = total + lanes[..., 0]
    return total


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", SIZES)
def test_sums_are_the_declared_tree(n: int, dtype: str, rng: np.random.Generator) -> None:
    x = numbers(rng, (3, n), dtype)
    expected = tree_sum(x.numpy()).astype(dtype)
    columns = tw.asarray(np.ascontiguousarray(x.numpy().T))
    same(x.sum(axis=1), expected)
    same(columns.sum(axis=0), expected)
    same(tw.jit(lambda x: x.sum(axis=1))(x), expected)
    same(tw.jit(lambda x: x.sum(axis=0))(columns), expected)
    same(tw.jit(lambda x: tw.exp(x - x.sum(axis=1, keepdims=True)).sum(axis=1) * 0 + x.sum(axis=1))(
        x), expected)  # fmt: skip
    same(x[1].sum(), expected[1])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("primitive", REDUCTIONS, ids=lambda p: p.name)
def test_reductions_over_all_kinds_of_axes(
    primitive: Any, dtype: str, rng: np.random.Generator
) -> None:
    params = dict(next(iter(primitive.samples(tw.float32))).params)
    x = numbers(rng, (3, 37, 5), dtype) * 0.1 + 1
    for axes in ((0,), (1,), (2,), (0, 1), (1, 2), (0, 2), (0, 1, 2)):

        def f(x: Any, axes: Any = axes) -> Any:
            return primitive(x * x - x * 0.3, **params | {"axes": axes})

        same(tw.jit(f)(x), f(x), f"{primitive.name} {axes}")


@pytest.mark.parametrize("dtype", [*FLOATS, "bfloat16"])
def test_rows_do_not_depend_on_the_batch(dtype: str, rng: np.random.Generator) -> None:
    x = tw.asarray(rng.normal(size=(67, 515)).astype("float32"), dtype=dtype)

    def f(x: Any) -> Any:
        z = (x - x.mean(axis=-1, keepdims=True)) / x.std(axis=-1, keepdims=True)
        return tw.softmax(z * z + z, axis=-1) * tw.logsumexp(z, axis=-1, keepdims=True)

    whole = f(x)
    staged = tw.jit(f)
    same(staged(x).astype("float32"), whole.astype("float32"))
    for rows in (slice(0, 1), slice(3, 5), slice(60, 67)):
        expected = whole[rows].astype("float32")
        same(f(x[rows]).astype("float32"), expected)
        same(staged(tw.asarray(x[rows], copy=True)).astype("float32"), expected)


# --------------------------------------------------------------------------- products


def fma_products(a: Any, b: Any) -> Any:
    """a @ b by sums along k in order, each term by one FMA (long doubles hold it, then round)."""
    total = np.zeros((a.shape[0], b.shape[1]), np.float32)
    for k in range(a.shape[1]):
        term = a[:, k : k + 1].astype(np.longdouble) * b[k : k + 1].astype(np.longdouble)
        total = (term + total).astype(np.float32)
    return total


@pytest.mark.parametrize(
    "m, k, n", [(1, 700, 1), (4, 33, 5), (1, 50, 90), (70, 65, 1), (65, 70, 66)]
)
def test_products_are_sums_in_order(m: int, k: int, n: int, rng: np.random.Generator) -> None:
    if not machine.host().has_fma:
        pytest.skip("the mode needs FMA")
    a, b = numbers(rng, (m, k), "float32"), numbers(rng, (k, n), "float32")
    expected = fma_products(a.numpy(), b.numpy())
    same(a @ b, expected)
    same(tw.jit(tw.matmul)(a, b), expected)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("k, n", [(7, 5), (700, 1), (513, 300), (64, 64)])
def test_products_do_not_depend_on_the_batch(
    k: int, n: int, dtype: str, rng: np.random.Generator
) -> None:
    x, w = numbers(rng, (131, k), dtype), numbers(rng, (k, n), dtype)
    turned = tw.asarray(np.ascontiguousarray(w.numpy().T))
    whole = x @ w
    staged = tw.jit(tw.matmul)
    weighted = tw.jit(lambda x: x @ w * 2 - 1)
    for rows in (1, 2, 8, 131):
        part = tw.asarray(x[:rows], copy=True)
        same(part @ w, whole[:rows], f"eager {rows}")
        same(part @ turned.T, whole[:rows], f"turned {rows}")
        same(staged(part, w), whole[:rows], f"staged {rows}")
        same(weighted(part), whole[:rows] * 2 - 1, f"packed {rows}")
    batch = tw.asarray(x[:120], copy=True).reshape(4, 30, k)
    same((batch @ w).reshape(120, n), whole[:120], "a batch of products")


# --------------------------------------------------------------------------- programs


def model_and_loss() -> tuple[nn.Module, Call]:
    tw.seed(3)
    model = nn.Sequential(nn.Linear(20, 33), nn.ReLU(), nn.LayerNorm(33), nn.Linear(33, 7))

    def loss(x: Any, y: Any) -> Any:
        return nn.cross_entropy(model(x), y)

    return model, loss


def test_training_eagerly_and_staged(rng: np.random.Generator) -> None:
    x = numbers(rng, (50, 20), "float32")
    y = tw.asarray(rng.integers(0, 7, 50))
    found = []
    for stage in (lambda f: f, tw.jit):
        model, loss = model_and_loss()
        optimiser = nn.SGD(model.parameters(), lr=0.1, momentum=0.9)

        def step(loss: Call = loss, optimiser: Any = optimiser) -> Any:
            optimiser.zero_grad()
            value = loss(x, y)
            value.backward()
            optimiser.step()
            return value

        run = stage(step)
        losses = [run() for _ in range(4)]
        found.append([*losses, *model.parameters()])
    for eager, staged in zip(*found, strict=True):
        same(staged, eager)


def test_loops(rng: np.random.Generator) -> None:
    w = numbers(rng, (9, 9), "float32") * 0.3
    xs = numbers(rng, (40, 9), "float32")

    def cell(h: Any, x: Any) -> Any:
        h = tw.tanh(w @ h + x * h * 0.5) * 0.9 + h * 0.1
        return h, (h * h).sum() - h.mean()

    def f(xs: Any) -> Any:
        h, out = tw.scan(cell, tw.ones(9, dtype="float32"), xs)
        return tw.concatenate([h, out])

    same(tw.jit(f)(xs), f(xs))
    gradient = tw.grad(lambda xs: f(xs).sum())
    same(tw.jit(gradient)(xs), gradient(xs))


def test_artifacts(tmp_path: Path, rng: np.random.Generator) -> None:
    model, _ = model_and_loss()
    model.eval()

    def f(x: Any) -> Any:
        return tw.softmax(model(x) * 3 - 1, axis=-1)

    x = numbers(rng, (37, 20), "float32")
    expected = f(x)
    tw.compile(f, x, dynamic={"x": {0: "n"}}).save(tmp_path / "m.tw")
    same(tw.load(tmp_path / "m.tw")(x), expected)
    np.save(tmp_path / "x.npy", x.numpy())
    words = [runner(), "m.tw", "--input", "x.npy", "--output", "y.npy"]
    subprocess.run(words, check=True, env={}, cwd=tmp_path)
    same(np.load(tmp_path / "y.npy"), expected)


WORK = """
import hashlib
import numpy as np
import tilewright as tw

tw.config(reproducible=True)
rng = np.random.default_rng(0)
digest = hashlib.sha256()
for dtype in ("float32", "float64"):
    a, b = (tw.asarray(rng.normal(size=s).astype(dtype)) for s in ((301, 257), (257, 130)))
    v = tw.asarray(rng.normal(size=70_001).astype(dtype))

    def f(a, b, v):
        y = tw.softmax(tw.tanh(a) @ tw.exp(b) * 0.1, axis=1)
        return (y, (a * a - a).sum(axis=0), a.sum(), (v * v + v).sum(), v.mean(), v.std(),
                tw.sin(v) * tw.cos(v * 1e4) + abs(v) ** 1.3, a @ b[:, 0], b[:, 0] @ b[:, 1],
                tw.cumsum(v))

    for found in (*f(a, b, v), *tw.jit(f)(a, b, v)):
        digest.update(np.ascontiguousarray(found.numpy()).tobytes())
print(digest.hexdigest())
"""


def digest_of(**variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", WORK], env=dict(os.environ, **variables), capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    if "here it may be" in done.stderr:
        pytest.skip(f"this machine has no {variables}")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_threads_and_lesser_processors_change_no_bit() -> None:
    expected = digest_of(TILEWRIGHT_NUM_THREADS="1")
    assert len(expected) == len(hashlib.sha256().hexdigest())
    assert digest_of(TILEWRIGHT_NUM_THREADS="2") == expected
    if machine.host().arch == "x86_64" and machine.host().has_fma:
        assert digest_of(TILEWRIGHT_CPU="x86-64-v3", TILEWRIGHT_NUM_THREADS="2") == expected
