"""A fused chain of elementwise functions over a million numbers, staged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import tilewright as tw

from .harness import OURS, Case, Goal, Options, agree

GOAL = Goal("`tanh(x*y+x)*exp(-y)+log(x)`, 1M float32, staged: at least 4x NumPy", ratio=4.0)
SIZE = 1_000_000


def cases(options: Options) -> Iterator[Case]:
    """One case."""
    rng = np.random.default_rng(0)
    x, y = (rng.uniform(0.1, 2.0, SIZE).astype(np.float32) for _ in range(2))
    a, b = tw.asarray(x), tw.asarray(y)
    staged = tw.jit(lambda x, y: chain(tw, x, y))
    runs = {"NumPy": lambda: chain(np, x, y), OURS: lambda: staged(a, b)}
    if torch := options.torch:
        s, t = torch.from_numpy(x), torch.from_numpy(y)
        runs["PyTorch"] = lambda: chain(torch, s, t)
    yield Case("chain 1M", runs, GOAL, agree(runs, 1e-5, 1e-6))


def chain(xp: Any, x: Any, y: Any) -> Any:
    """The same line for every library."""
    return xp.tanh(x * y + x) * xp.exp(-y) + xp.log(x)
