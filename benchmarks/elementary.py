"""Elementary functions of a million numbers, eager, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import tilewright as tw

from .harness import OURS, Case, Goal, Options, agree

GOAL = Goal("eager elementary functions, 1M float32 and float64: at least 0.95x NumPy", ratio=0.95)
SIZE = 1_000_000
# The name in all three libraries, and the range of the arguments; two ranges, two arguments.
FUNCTIONS: dict[str, list[tuple[float, float]]] = {
    "exp": [(-10, 10)],
    "exp2": [(-10, 10)],
    "log": [(1e-3, 1e3)],
    "log2": [(1e-3, 1e3)],
    "log10": [(1e-3, 1e3)],
    "sin": [(-20, 20)],
    "cos": [(-20, 20)],
    "tan": [(-20, 20)],
    "arcsin": [(-1, 1)],
    "arccos": [(-1, 1)],
    "arctan": [(-20, 20)],
    "sinh": [(-5, 5)],
    "cosh": [(-5, 5)],
    "tanh": [(-3, 3)],
    "arcsinh": [(-20, 20)],
    "arccosh": [(1, 20)],
    "arctanh": [(-1, 1)],
    "cbrt": [(-1e3, 1e3)],
    "sinc": [(-20, 20)],
    "i0": [(-20, 20)],
    "power": [(0.1, 10), (-5, 5)],
    "arctan2": [(-5, 5), (-5, 5)],
    "hypot": [(-5, 5), (-5, 5)],
    "logaddexp": [(-5, 5), (-5, 5)],
    "fmod": [(-9, 9), (1, 2)],
}
IN_TORCH = {"power": "pow"}


def cases(options: Options) -> Iterator[Case]:
    """One case for each function and type."""
    rng = np.random.default_rng(0)
    for name, ranges in FUNCTIONS.items():
        for dtype in ("float32", "float64"):
            given = [rng.uniform(*r, SIZE).astype(dtype) for r in ranges]
            runs = {"NumPy": call(np, name, given), OURS: call(tw, name, map(tw.asarray, given))}
            torch_name = IN_TORCH.get(name, name)
            if (torch := options.torch) and hasattr(torch, torch_name):
                runs["PyTorch"] = call(torch, torch_name, map(torch.from_numpy, given))
            rtol = 1e-5 if dtype == "float32" else 1e-12
            yield Case(f"{name} {dtype}", runs, GOAL, agree(runs, rtol, rtol))


def call(library: Any, name: str, arguments: Any) -> Any:
    """A call of a library's function without arguments of its own."""
    function, given = getattr(library, name), list(arguments)
    return lambda: function(*given)
