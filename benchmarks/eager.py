"""Eager NumPy code: 42 common functions of 1e4 to 1e7 numbers, and products of 2 to 4096."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

import tilewright as tw

from . import machine
from .eager_functions import FUNCTIONS, IN_JAX, MOST, Function, arguments
from .harness import BEST_PEER, OURS, Case, Goal, Options, Run

SPEED = Goal(
    "eager functions of 1e4 to 1e7 float32 and float64: geometric mean at least 2.5x NumPy, none "
    "below 0.95x",
    ratio=0.95,
    mean=2.5,
)
AGAINST_PEERS = Goal(
    "the same: geometric mean at least 1.3x the best of PyTorch and JAX",
    ratio=0.0001,
    peer=BEST_PEER,
    mean=1.3,
)
PRODUCT = Goal("eager matmul of 2 x 2 to 4096 x 4096: at least NumPy", ratio=1.0)
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
PRODUCTS = (2, 4, 8, 16, 32, 64, 100, 128, 256, 512, 1000, 1024, 2048, 4096)


def cases(options: Options) -> Iterator[Case]:
    """Every function at every size in both types, then the products."""
    jax = machine.jax_module() if options.torch else None
    for size in SIZES:
        for dtype in ("float32", "float64"):
            given = arguments(dtype, size)
            for name, function in FUNCTIONS.items():
                if size <= MOST.get(name, size):
                    runs = _runs(name, function, given, options.torch, jax)
                    title = f"{name} {dtype} {size:.0e}".replace("e+0", "e")
                    check = partial(_check, runs, function, dtype, size)
                    yield Case(title, runs, SPEED, check, also=AGAINST_PEERS)
    for dtype in ("float32", "float64"):
        for size in PRODUCTS:
            yield _product(size, dtype, options.torch, jax)


def _runs(
    name: str, function: Function, given: dict[str, Any], torch: Any, jax: Any
) -> dict[str, Run]:
    own = {"own": np.zeros_like(given["x"])}
    runs: dict[str, Run] = {
        "NumPy": partial(function.numpy, np, given | own),
        OURS: partial(function.numpy, tw, {k: tw.asarray(v) for k, v in (given | own).items()}),
    }
    if torch and function.torch:
        theirs = {k: torch.from_numpy(v.copy()) for k, v in (given | own).items()}
        runs["PyTorch"] = partial(function.torch, torch, theirs)
    if jax:
        theirs = {k: jax.numpy.asarray(v) for k, v in (given | own).items()}
        runs["JAX"] = _waited(jax, partial(IN_JAX.get(name, function.numpy), jax.numpy, theirs))
    return runs


def _waited(jax: Any, run: Run) -> Run:
    return lambda: jax.block_until_ready(run())


def _check(runs: dict[str, Run], function: Function, dtype: str, size: int) -> None:
    """Ours against NumPy's in twice the precision would be better than NumPy's own sums: what is
    compared is as far apart as NumPy's pairwise sums may be."""
    expected, found = (np.asarray(runs[n]()) for n in ("NumPy", OURS))
    epsilon = float(np.finfo(dtype).eps) * (size**0.5 if function.is_sum else 1)
    tolerance = function.tolerance * epsilon
    np.testing.assert_allclose(found, expected, tolerance, tolerance)


def _product(size: int, dtype: str, torch: Any, jax: Any) -> Case:
    rng = np.random.default_rng(size)
    a, b = (rng.normal(size=(size, size)).astype(dtype) for _ in range(2))
    ours = tw.asarray(a), tw.asarray(b)
    runs: dict[str, Run] = {"NumPy": lambda: a @ b, OURS: lambda: ours[0] @ ours[1]}
    if torch:
        there = torch.from_numpy(a), torch.from_numpy(b)
        runs["PyTorch"] = lambda: there[0] @ there[1]
    if jax:
        on_jax = jax.numpy.asarray(a), jax.numpy.asarray(b)
        runs["JAX"] = _waited(jax, lambda: on_jax[0] @ on_jax[1])

    def check() -> None:
        tolerance = 8 * float(np.finfo(dtype).eps) * size
        np.testing.assert_allclose(np.asarray(runs[OURS]()), a @ b, tolerance, tolerance)

    return Case(f"matmul {dtype} {size}", runs, PRODUCT, check, flops=2.0 * size**3)
