"""What 30 s of `tw.tune` give for products and softmax of odd shapes, and how fast it searches."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import tilewright as tw
from tilewright.autotune.choices import CHOICES
from tilewright.autotune.report import TuningReport
from tilewright.backends.cpu import MANIFEST
from tilewright.lowering.engine import Engine

from .harness import OURS, Case, Goal, Options, agree

UNTUNED = "untuned"
PRODUCTS = ((33, 257, 129), (129, 65, 127), (201, 311, 257), (97, 1000, 61), (517, 259, 771))
ROWS = ((100, 257), (37, 1003), (512, 1000), (1000, 77), (7, 4099))
TUNED = Goal(
    "tuned matmul and softmax of 10 odd shapes, 30 s each: at least 1.05x untuned on the geometric "
    "mean, none below 0.98x",
    ratio=0.98,
    peer=UNTUNED,
    mean=1.05,
)
SEARCHED = Goal("tuning: at least 4 trials a second of all its time", seconds=0.25)

ONE_PROCESS = True  # its runs share what is made for them, or start processes themselves


def cases(options: Options) -> Iterator[Case]:
    """Each shape is tuned just before it is timed; at last, what a trial took in all."""
    reports: list[TuningReport] = []
    for m, k, n in PRODUCTS:
        a, b = _random(m, k), _random(k, n)
        name, flops = f"matmul {m}x{k}x{n}", 2.0 * m * k * n
        yield _tuned(name, _product, np.matmul, (a, b), reports, options, flops)
    for rows, columns in ROWS:
        x = _random(rows, columns)
        yield _tuned(f"softmax {rows}x{columns}", tw.softmax, _softmax, (x,), reports, options)
    trials, seconds = sum(r.trials for r in reports), sum(r.seconds for r in reports)
    yield Case(
        f"seconds a trial, of {trials}", {OURS: lambda: seconds / trials}, SEARCHED,
        lambda: _require_trials(trials), times_itself=True,
    )  # fmt: skip


def _tuned(
    name: str,
    f: Callable[..., Any],
    by_numpy: Callable[..., Any],
    hosts: tuple[Any, ...],
    reports: list[TuningReport],
    options: Options,
    flops: float = 0.0,
) -> Case:
    arrays = tuple(map(tw.asarray, hosts))
    staged = tw.jit(f)
    ((graph, _),) = staged.graphs(*arrays)
    # Engines of their own, so that both programs are in one process and called alike.
    manifest: Any = MANIFEST
    untuned = Engine(manifest).program(graph)
    with tempfile.TemporaryDirectory(prefix="tilewright-bench-") as folder:
        where = Path(folder, "tuning.db")
        report = tw.tune(staged, *arrays, seconds=options.tune_seconds, database=where)
    reports.append(report)
    tuned = Engine(manifest, choices=CHOICES).program(graph)
    runs = {
        "NumPy": lambda: by_numpy(*hosts),
        UNTUNED: lambda: untuned(*arrays)[0],
        OURS: lambda: tuned(*arrays)[0],
    }
    changed = ", ".join(f"{k}={v}" for found in report.kernels for k, v in found.changed.items())
    told = f"{name} ({report.trials} trials; {changed or 'unchanged'})"
    return Case(told, runs, TUNED, agree(runs, 1e-4, 1e-3 if flops else 1e-7), flops=flops)


def _product(a: tw.Array, b: tw.Array) -> tw.Array:
    return a @ b


def _softmax(x: Any) -> Any:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _random(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).standard_normal(shape, dtype=np.float32)


def _require_trials(trials: int) -> None:
    assert trials > 0, "nothing was tried: give --tune-seconds more"
