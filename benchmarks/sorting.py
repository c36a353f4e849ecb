"""Sorting, eagerly: a million numbers, and a thousand lines of a thousand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import tilewright as tw

from .harness import OURS, Case, Goal, Options, agree

GOAL = Goal("`sort` of 1M float32 and int64: at least NumPy", ratio=1.0)
OTHERS = Goal("other sorts and argsorts: at least NumPy", ratio=1.0)
COUNT = 1_000_000


def cases(options: Options) -> Iterator[Case]:
    """Random numbers of four types, few different ones, and many lines; then positions."""
    rng = np.random.default_rng(0)
    given = {
        "float32": rng.random(COUNT, dtype=np.float32),
        "int64": rng.integers(-(2**63), 2**63 - 1, COUNT),
        "float64": rng.standard_normal(COUNT),
        "int32": rng.integers(-(2**31), 2**31 - 1, COUNT, dtype=np.int32),
        "int64 of 1000 values": rng.integers(0, 1000, COUNT),
        "float32, 1000 lines": rng.random((1000, COUNT // 1000), dtype=np.float32),
    }
    for name, x in given.items():
        goal = GOAL if name in ("float32", "int64") else OTHERS
        yield _case(f"sort {name}", "sort", x, goal, options)
    different = rng.permutation(COUNT)  # NumPy's argsort leaves the order of equals open
    for kind in (np.float32, np.int64):
        name = f"argsort {np.dtype(kind)}"
        yield _case(name, "argsort", different.astype(kind), OTHERS, options)


def _case(name: str, function: str, x: Any, goal: Goal, options: Options) -> Case:
    ours, theirs, a = getattr(tw, function), getattr(np, function), tw.asarray(x)
    runs = {"NumPy": lambda: theirs(x), OURS: lambda: ours(a)}
    if torch := options.torch:
        t, of = torch.from_numpy(x), getattr(torch, function)
        # torch.sort gives positions too: there is no other way in PyTorch.
        is_sort = function == "sort"
        runs["PyTorch"] = lambda: of(t, dim=-1)[0] if is_sort else of(t, dim=-1)
    return Case(name, runs, goal, agree(runs, 0, 0))
