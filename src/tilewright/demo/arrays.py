"""Part 1: one piece of array code, by NumPy, eagerly and staged."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import asarray, jit
from ..dsl import functions
from .checks import Checks
from .digits import Digits, Numpy

WIDTH = 0.5


def vote(xp: Any, x: Any, known: Any, labels: Any) -> Any:
    """Each row of `x` asks all `known` rows for their labels, the near ones count most.

    x (n, d), known (m, d), labels (m, c) one-hot -> shares of the votes (n, c). Written once, for
    `xp` NumPy or tilewright.
    """
    squares, known_squares = (x * x).sum(axis=1), (known * known).sum(axis=1)
    distances = squares[:, None] + known_squares[None, :] - 2.0 * (x @ known.T)
    weights = xp.exp(-distances / WIDTH)
    return weights @ labels / weights.sum(axis=1, keepdims=True)


def check_array_code(checks: Checks, data: Digits) -> None:
    """Run `vote` on the held-out digits, and check both ways of running it against NumPy."""
    checks.section("Array code: a kernel vote over the training digits")
    one_hot = np.eye(10, dtype=np.float32)[data.train_y]
    host = (data.test_x, data.train_x, one_hot)
    exact = vote(np, *(a.astype(np.float64) for a in host))
    theirs = _error(vote(np, *host), exact)
    arrays = tuple(map(asarray, host))
    staged = jit(lambda *a: vote(functions, *a))
    for name, run in (("eager", lambda *a: vote(functions, *a)), ("staged", staged)):
        ours = run(*arrays).numpy()
        error = _error(ours, exact)
        agrees = bool(error <= 4 * theirs + 1e-6 and np.isfinite(ours).all())
        found = f"error {error:.1e} against float64 (NumPy in float32: {theirs:.1e})"
        checks.check(f"{name} agrees with NumPy", agrees, found)
    right = float((exact.argmax(axis=1) == data.test_y).mean())
    checks.console.print(f"  (the vote alone names {right:.1%} of the held-out digits)")


def _error(found: Numpy, exact: Numpy) -> float:
    """The largest absolute error; the votes are shares, so 1 is the scale."""
    return float(np.abs(found - exact).max())
