"""Staged matrix products, square, of sizes that the tile divides and of others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import tilewright as tw

from .harness import OURS, Case, Goal, Options, agree

SIZES = (512, 601, 768, 1000, 1024, 1279, 1536, 1777, 2048)
VARIABLE = Goal(
    "staged matmul 512 to 2048 float32, both operands variable: at least 0.97x NumPy", ratio=0.97
)
CAPTURED = Goal(
    "staged matmul with a read-only captured weight (packed once): at least 1.02x NumPy",
    ratio=1.02,
)


def cases(options: Options) -> Iterator[Case]:
    """Each size with two arguments, then with the right operand captured by the function."""
    for size in SIZES:
        yield _case(size, options, is_captured=False)
    for size in SIZES:
        yield _case(size, options, is_captured=True)


def _case(size: int, options: Options, *, is_captured: bool) -> Case:
    rng = np.random.default_rng(size)
    x, w = (rng.standard_normal((size, size), dtype=np.float32) for _ in range(2))
    a, b = tw.asarray(x), tw.asarray(w)
    runs = {"NumPy": lambda: x @ w}
    if is_captured:
        fixed = tw.jit(lambda a: a @ b)
        runs[OURS] = lambda: fixed(a)
    else:
        product = tw.jit(lambda a, b: a @ b)
        runs[OURS] = lambda: product(a, b)
    if torch := options.torch:
        s, t = torch.from_numpy(x), torch.from_numpy(w)
        runs["PyTorch"] = lambda: s @ t
    name = f"matmul {size}{', captured weight' if is_captured else ''}"
    goal = CAPTURED if is_captured else VARIABLE
    # The results differ by rounding alone: a ten-thousandth of the scale of a sum of n unit terms.
    return Case(name, runs, goal, agree(runs, 0, 1e-4 * size**0.5), flops=2.0 * size**3)
