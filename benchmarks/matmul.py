"""Staged matrix products, square, of sizes that the tile divides and of others."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from .contest import COMPILED, JAX, OPENVINO, ORT, Contest, in_numpy_names, without
from .harness import Goal, Options

SIZES = (512, 601, 768, 1000, 1024, 1279, 1536, 1777, 2048)
VARIABLE = Goal(
    "staged matmul 512 to 2048 float32, both operands variable: at least 0.97x NumPy", ratio=0.97
)
CAPTURED = Goal(
    "staged matmul with a read-only captured weight (packed once): at least 1.02x NumPy",
    ratio=1.02,
)


def cases(options: Options) -> Iterator[Contest]:
    """Each size with two arguments, then with the right operand captured by the function."""
    for is_captured in (False, True):
        for size in SIZES:
            yield _contest(size, is_captured)


def _contest(size: int, is_captured: bool) -> Contest:
    """Beside NumPy and PyTorch; `gemm` has products beside everyone."""
    contest = Contest(
        f"matmul {size}{', captured weight' if is_captured else ''}",
        partial(_inputs, size),
        in_numpy_names(lambda library, a, b: a @ b),
        CAPTURED if is_captured else VARIABLE,
        constants=(1,) if is_captured else (),
        flops=2.0 * size**3,
        bytes=12.0 * size**2,
    )
    return without(contest, COMPILED, JAX, ORT, OPENVINO)


def _inputs(size: int, rng: np.random.Generator) -> list[Any]:
    return [rng.standard_normal((size, size), dtype=np.float32) for _ in range(2)]
