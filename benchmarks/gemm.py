"""Products of matrices: squares, small, odd, batched, turned, with vectors, of models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .contest import JAX, NUMPY, TORCH, Contest, Function, Made, ahead_of_best
from .harness import OURS, Goal, Options

SQUARES = ahead_of_best("squares of 256 to 4096", 0.97, mean=1.03)
ODD = ahead_of_best("small, odd, thin, deep and batched products", 0.95, mean=1.2)
VECTORS = ahead_of_best("matrix times vector", 0.95, mean=1.0)
MODELS = ahead_of_best("products of BERT, MiniLM and ResNet-50", 0.97, mean=1.1)
NARROW = ahead_of_best("products of narrow and wide types", 0.95, mean=1.1)


@dataclass(frozen=True)
class Product:
    """`a @ b` of (*batch, m, k) by (*batch, k, n); `turned` names the operands that lie the other
    way round ("a", "b", "ab"); with `weight` the right one is a constant."""

    m: int
    k: int
    n: int
    batch: tuple[int, ...] = ()
    turned: str = ""
    weight: bool = False
    dtype: str = "float32"

    @property
    def name(self) -> str:
        sizes = "x".join(map(str, (*self.batch, self.m, self.k, self.n)))
        told = [sizes, f"turned {self.turned}" if self.turned else ""]
        told += ["weight" if self.weight else "", "" if self.dtype == "float32" else self.dtype]
        return ", ".join(t for t in told if t)


def products() -> Iterator[tuple[Product, Goal]]:
    """All cases with their goals."""
    for n in (256, 384, 512, 768, 1000, 1024, 1536, 2048, 3072, 4096):
        yield Product(n, n, n), SQUARES
        yield Product(n, n, n, weight=True), SQUARES
    for product in _odd():
        yield product, ODD
    for k, n in ((4096, 4096), (768, 768), (768, 2304), (768, 3072), (3072, 768), (768, 50257)):
        yield Product(1, k, n, weight=True), VECTORS
        yield Product(1, k, n, turned="b", weight=True), VECTORS
    yield Product(4096, 4096, 1), VECTORS
    yield Product(4096, 4096, 1, turned="a"), VECTORS
    for m in (128, 1024):
        for k, n in ((768, 768), (768, 3072), (3072, 768), (384, 384), (384, 1536), (1536, 384)):
            yield Product(m, k, n, turned="b", weight=True), MODELS
    for m, k, n in ((3136, 64, 64), (3136, 64, 256), (784, 512, 128), (196, 256, 1024),
                    (196, 1024, 256), (49, 512, 2048)):  # fmt: skip
        yield Product(m, k, n, turned="b", weight=True), MODELS
    for n in (64, 100, 256, 512, 1024):
        yield Product(n, n, n, dtype="float64"), NARROW
    for dtype in ("bfloat16", "float16", "int8"):
        for m, k, n in ((128, 768, 3072), (512, 512, 512), (1, 4096, 4096)):
            yield Product(m, k, n, dtype=dtype), NARROW
            yield Product(m, k, n, weight=True, dtype=dtype), NARROW


def _odd() -> Iterator[Product]:
    for n in (16, 24, 32, 48, 64, 80, 100, 128, 160, 200):
        yield Product(n, n, n)
    for n in (32, 64, 128):
        yield Product(n, n, n, weight=True)
    for m, k, n in ((128, 768, 3072), (8, 1024, 1024), (1, 4096, 4096), (2, 1024, 4096),
                    (33, 257, 129), (17, 1000, 31), (1000, 17, 1000), (1000, 1000, 8),
                    (64, 20000, 64), (16, 50000, 16), (128, 100000, 128)):  # fmt: skip
        yield Product(m, k, n)
    yield Product(4, 1024, 4096, weight=True)
    yield Product(128, 64, 128, (12,))
    yield Product(128, 64, 128, (12,), "b")
    yield Product(128, 128, 64, (12,))
    yield Product(16, 16, 16, (64,))
    for turned in ("a", "b", "ab"):
        for n in (100, 256, 1024):
            yield Product(n, n, n, (), turned)


def cases(options: Options) -> Iterator[Contest]:
    """Every product in every library that has its type."""
    for product, goal in products():
        yield _contest(product, goal)


def _contest(product: Product, goal: Goal) -> Contest:
    m, k, n, items = product.m, product.k, product.n, int(np.prod(product.batch))
    a, b = ((*product.batch, *s) for s in ((m, k), (k, n)))
    a, b = (
        (*s[:-2], s[-1], s[-2]) if operand in product.turned else s
        for operand, s in (("a", a), ("b", b))
    )
    itemsize = {"float64": 8, "float32": 4, "int8": 1}.get(product.dtype, 2)
    written = 4 if product.dtype == "int8" else itemsize

    def inputs(rng: Any) -> list[Any]:
        return [_drawn(rng, shape, product.dtype) for shape in (a, b)]

    return Contest(
        product.name,
        inputs,
        _functions(product),
        goal,
        constants=(1,) if product.weight else (),
        flops=2.0 * items * m * k * n,
        bytes=1.0 * items * (itemsize * (m * k + k * n) + written * m * n),
        dtype=product.dtype,
        # A sum of k products of normal numbers is of the size of sqrt(k), its error of k roundings.
        tolerance={"bfloat16": 1e-2, "float16": 2e-3, "int8": 0.0}.get(product.dtype, 1e-5),
    )


def _drawn(rng: Any, shape: tuple[int, ...], dtype: str) -> Any:
    if dtype == "int8":
        return rng.integers(-128, 128, shape, dtype=np.int8)
    return rng.standard_normal(shape, dtype="float32").astype(_numpy_type(dtype))


def _numpy_type(name: str) -> Any:
    if name == "bfloat16":
        from ml_dtypes import bfloat16  # NumPy's own has none

        return bfloat16
    return name


def _functions(product: Product) -> dict[str, Function | Made | None]:
    def plain(_: Any, a: Any, b: Any) -> Any:
        a, b = (
            x.swapaxes(-1, -2) if operand in product.turned else x
            for operand, x in (("a", a), ("b", b))
        )
        return a @ b

    if product.dtype == "int8":
        return _of_integers()
    functions: dict[str, Function | Made | None] = dict.fromkeys((OURS, TORCH, JAX), plain)
    if product.dtype.startswith("float") and product.dtype != "float16":
        functions[NUMPY] = plain
    return functions


def _of_integers() -> dict[str, Function | Made | None]:
    """int8 by int8 to int32; NumPy widens first."""
    return {
        OURS: lambda tw, a, b: tw.matmul(a, b, dtype="int32"),
        NUMPY: lambda np, a, b: np.matmul(a, b, dtype="int32"),
        TORCH: lambda torch, a, b: torch._int_mm(a, b),
        JAX: lambda jax, a, b: jax.numpy.matmul(a, b, preferred_element_type="int32"),
    }
