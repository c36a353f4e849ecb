"""Fourier transforms, eagerly: lines, images, and lengths of small and large factors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import tilewright as tw

from .harness import OURS, Case, Goal, Options, agree

GOAL = Goal("Fourier transforms of many lines: at least NumPy", ratio=1.0)
# The same loop on one thread: only the call is ours.
ONE = Goal("one line of 1M: at most 5 % slower than NumPy", ratio=0.95)
SHAPES = {
    "1000 lines of 1024": ("fft", (1000, 1024), GOAL),
    "1000 lines of 1000, real": ("rfft", (1000, 1000), GOAL),
    "image 1200 x 1600": ("fft2", (1200, 1600), GOAL),
    "image 1200 x 1600, real": ("rfft2", (1200, 1600), GOAL),
    "volume 64 x 64 x 64": ("fftn", (64, 64, 64), GOAL),
    "100 lines of 10007": ("fft", (100, 10007), GOAL),
    "one line of 1M": ("fft", (1 << 20,), ONE),
}


def cases(options: Options) -> Iterator[Case]:
    """Random numbers in double precision."""
    rng = np.random.default_rng(0)
    for name, (function, shape, goal) in SHAPES.items():
        x = rng.standard_normal(shape)
        x = x if function.startswith("r") else x + 1j * rng.standard_normal(shape)
        yield _case(name, function, x, goal, options)


def _case(name: str, function: str, x: Any, goal: Goal, options: Options) -> Case:
    ours, theirs, a = getattr(tw.fft, function), getattr(np.fft, function), tw.asarray(x)
    runs = {"NumPy": lambda: theirs(x), OURS: lambda: ours(a)}
    if torch := options.torch:
        t, of = torch.from_numpy(x), getattr(torch.fft, function)
        runs["PyTorch"] = lambda: of(t)
    return Case(name, runs, goal, agree(runs, 1e-9, 1e-9 * float(np.sqrt(x.size)) * 10))
