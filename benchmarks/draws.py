"""Random numbers, eagerly: a million of each of the common distributions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tilewright as tw

from .harness import OURS, Case, Goal, Options, Run

GOAL = Goal("1M uniform, normal, exponential numbers and integers: at least NumPy", ratio=1.0)
OTHERS = Goal("1M gamma, Poisson and binomial numbers: at least NumPy", ratio=1.0)
COUNT = 1_000_000
COMMON: dict[str, Callable[[Any], Any]] = {
    "random": lambda g: g.random(COUNT),
    "random float32": lambda g: g.random(COUNT, np.float32),
    "standard_normal": lambda g: g.standard_normal(COUNT),
    "standard_normal float32": lambda g: g.standard_normal(COUNT, np.float32),
    "standard_exponential": lambda g: g.standard_exponential(COUNT),
    "integers below 100": lambda g: g.integers(100, size=COUNT),
}
RARER: dict[str, Callable[[Any], Any]] = {
    "gamma 2.5": lambda g: g.standard_gamma(2.5, COUNT),
    "poisson 3": lambda g: g.poisson(3.0, COUNT),
    "poisson 50": lambda g: g.poisson(50.0, COUNT),
    "binomial 100, 0.3": lambda g: g.binomial(100, 0.3, COUNT),
    "permutation": lambda g: g.permutation(COUNT),
}


def cases(options: Options) -> Iterator[Case]:
    """Each draws anew in every turn."""
    for goal, draws in ((GOAL, COMMON), (OTHERS, RARER)):
        for name, draw in draws.items():
            yield _case(name, draw, goal)


def _case(name: str, draw: Callable[[Any], Any], goal: Goal) -> Case:
    theirs, ours = np.random.default_rng(1), tw.Generator(1)
    runs: dict[str, Run] = {"NumPy": lambda: draw(theirs), OURS: lambda: draw(ours)}

    def check() -> None:
        """The numbers are others; their means agree within six standard errors."""
        a, b = (np.asarray(run(), np.float64) for run in runs.values())
        error = np.sqrt(2 * a.var() / COUNT)
        assert abs(a.mean() - b.mean()) <= 6 * error + 1e-12, (name, a.mean(), b.mean())

    return Case(name, runs, goal, check)
