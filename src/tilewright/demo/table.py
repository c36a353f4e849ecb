"""The last part: one table of times."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from rich.progress import track
from rich.table import Table

from .checks import Checks
from .contenders import Job, make_jobs, torch_module
from .digits import Digits
from .peak import Peak, measure_peak
from .timing import medians

_COLUMNS = ("NumPy", "PyTorch", "eager", "staged")
Measured = dict[str, dict[str, float]]  # job -> contender -> seconds


def show_table(checks: Checks, data: Digits) -> None:
    """Measure all jobs, check that their results agree, and print the table."""
    checks.section("Times, float32: medians of interleaved turns")
    torch = torch_module()
    jobs = make_jobs(data, torch)
    for job in jobs:
        if job.tolerance:
            error = _disagreement(job)
            found = f"largest difference {error:.1e}"
            checks.check(f"{job.name}: all agree", error <= job.tolerance, found)
    peak = measure_peak()
    measured = {}
    for job in track(jobs, "  measuring", console=checks.console, transient=True):
        measured[job.name] = medians(job.runs)
    checks.console.print(_table(jobs, measured, peak))
    _print_notes(checks, measured, peak)


def _table(jobs: list[Job], measured: Measured, peak: Peak) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("job", no_wrap=True)
    for title in (*_COLUMNS, "staged does", "of peak"):
        table.add_column(title, justify="right", no_wrap=True)
    for job in jobs:
        table.add_row(job.name, *_cells(job, measured[job.name], peak))
    return table


def _cells(job: Job, times: dict[str, float], peak: Peak) -> list[str]:
    staged = times["staged"]
    if job.flops:
        rate, unit, most = job.flops / staged, "GFLOP/s", peak.flops
    else:
        rate, unit, most = job.bytes / staged, "GB/s", peak.bandwidth(int(job.bytes))
    shown = [_duration(times[c]) if c in times else "-" for c in _COLUMNS]
    return [*shown, f"{rate / 1e9:.1f} {unit}", f"{rate / most:.0%}"]


def _print_notes(checks: Checks, measured: Measured, peak: Peak) -> None:
    for other in ("NumPy", "PyTorch"):
        factors = [
            f"{job} {times[other] / times['staged']:.2f}x"
            for job, times in measured.items()
            if other in times
        ]
        text = ", ".join(factors) or "not installed"
        checks.console.print(f"  staged against {other}: {text}", highlight=False, soft_wrap=True)
    checks.console.print(f"  measured peak: {peak}", highlight=False, soft_wrap=True)
    note = "  chain: tanh(x*y+x)*exp(-y)+log(x); train step: the network of part 2, one batch"
    checks.console.print(note, highlight=False, soft_wrap=True)
    if "OPENBLAS_CORETYPE" in os.environ:
        # Honest company: the comparison is with the NumPy that this environment gives.
        chosen = os.environ["OPENBLAS_CORETYPE"]
        handicap = f"  OPENBLAS_CORETYPE={chosen} is set, which may slow NumPy's matmul"
        checks.console.print(handicap, highlight=False, soft_wrap=True)


def _duration(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} us" if seconds < 1e-2 else f"{seconds * 1e3:.1f} ms"


def _disagreement(job: Job) -> float:
    results: list[Any] = [np.asarray(run()) for run in job.runs.values()]
    return max(float(np.abs(r - results[0]).max()) for r in results[1:])
