"""Tuning: better knobs for two kernels of odd shapes, found by measuring."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from .. import asarray, jit
from ..autotune.report import Progress
from ..autotune.tune import tune
from ..dsl.functions import softmax
from .checks import Checks
from .timing import medians

ROWS, MIDDLE, COLUMNS = 201, 311, 257  # no tile divides them
SEARCH, LIMIT = 12.0, 20.0  # seconds: of the search, of all of it
TRIALS: int | None = None  # what the time allows


def attend(x: Any, w: Any) -> Any:
    """x (n, k), w (k, m) -> rows that sum to one (n, m)."""
    return softmax(x @ w, axis=-1)


def check_tuning(checks: Checks, seed: int) -> None:
    """Tune, and check that the result stays right; the times before and after are shown."""
    checks.section(f"Tuning: softmax(x @ w) of {ROWS}x{MIDDLE}x{COLUMNS}, {SEARCH:.0f} s of search")
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((ROWS, MIDDLE), np.float32)
    w = rng.standard_normal((MIDDLE, COLUMNS), np.float32) / MIDDLE**0.5
    arrays = asarray(x), asarray(w)
    staged = jit(attend)
    before = medians({"call": lambda: staged(*arrays)})["call"]
    with checks.console.status("") as status, tempfile.TemporaryDirectory() as folder:

        def tell(now: Progress) -> None:
            status.update(f"  {now.kernel}: {now.trials} trials in {now.elapsed:.0f} s")

        # A database of the demo's own: it leaves none of its records behind.
        where = Path(folder, "demo.db")
        report = tune(
            staged, *arrays, seconds=SEARCH, trials=TRIALS, seed=seed, database=where, progress=tell
        )
    after = medians({"call": lambda: staged(*arrays)})["call"]
    checks.console.print(report.table())
    checks.console.print(
        f"  a whole call: {before * 1e6:.0f} us before, {after * 1e6:.0f} us after", highlight=False
    )
    error = float(np.abs(staged(*arrays).numpy() - _exact(x, w)).max())
    checks.check("the tuned program is right", error < 1e-5, f"error {error:.1e} against float64")
    found = f"{report.trials} candidates in {report.seconds:.1f} s, {report.speedup:.2f}x in all"
    checks.check(f"within {LIMIT:.0f} s", report.trials > 0 and report.seconds <= LIMIT, found)


def _exact(x: Any, w: Any) -> Any:
    products = x.astype(np.float64) @ w.astype(np.float64)
    grown = np.exp(products - products.max(axis=-1, keepdims=True))
    return grown / grown.sum(axis=-1, keepdims=True)
