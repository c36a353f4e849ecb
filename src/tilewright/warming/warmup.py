"""Warming up: which of the common kernels are missing, and having them compiled."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..dsl.common_set import CommonKernel, common_kernels
from ..dsl.errors import CompileError
from ..lowering.cache import sources_digest
from ..lowering.engine import library_key
from ..lowering.library import SUFFIX, Facts, write_library
from .crew import Outcome, Task, compile_all
from .goal import Goal


@dataclass(frozen=True)
class Progress:
    """How far it is: of `total` kernels `done` are there; the last one was `title`."""

    done: int
    total: int
    title: str = ""


@dataclass
class WarmupReport:
    """What came of it. `failed` says of which kernels, and why; `bytes` is their size."""

    there: int = 0
    made: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0
    bytes: int = 0

    def summary(self) -> str:
        """In a sentence."""
        failed = f", {len(self.failed)} could not be compiled" if self.failed else ""
        return (
            f"{self.there + self.made} kernels are there ({self.made} compiled now{failed}), "
            f"{self.bytes / 2**20:.1f} MiB; {self.seconds:.0f} s"
        )


Watch = Callable[[Progress], None]


def warm_up(
    goals: Sequence[Goal],
    jobs: int | None = None,
    watch: Watch = lambda now: None,
    kernels: Sequence[CommonKernel] | None = None,
) -> WarmupReport:
    """Compile what is missing of the common kernels for each goal into the user's cache.

    `kernels` chooses some of the common ones. Raises DeviceError for a level that this machine
    does not have, and CompileError if the cache's folder cannot be written to.
    """
    begin = time.monotonic()
    report = WarmupReport()
    everything = common_kernels()
    chosen = {k.text for k in kernels} if kernels is not None else {k.text for k in everything}
    tasks = []
    for goal in goals:
        engine = goal.engine()
        for number, kernel in enumerate(everything):
            if kernel.text not in chosen:
                continue
            entry = engine.stored(kernel.graph)
            if entry is None:
                tasks.append(Task(goal, number, kernel.title))
            else:
                report.there += 1
                report.bytes += len(entry.to_bytes())
    _compile(tasks, jobs, report, watch)
    report.bytes += _size([(t.goal, everything[t.number]) for t in tasks])
    report.seconds = time.monotonic() - begin
    return report


def _compile(tasks: list[Task], jobs: int | None, report: WarmupReport, watch: Watch) -> None:
    total = report.there + len(tasks)
    watch(Progress(report.there, total))

    def take(outcome: Outcome) -> None:
        if outcome.why:
            report.failed.append((outcome.task.title, outcome.why))
        else:
            report.made += 1
        watch(Progress(report.there + report.made, total, outcome.task.title))

    # Products take the longest: first, so that no worker is left alone with one at the end.
    tasks.sort(key=lambda task: (task.goal.level, not task.title.startswith("matmul")))
    if tasks:
        compile_all(tasks, jobs or len(os.sched_getaffinity(0)), take)


def _size(made: list[tuple[Goal, CommonKernel]]) -> int:
    engines = {goal: goal.engine() for goal, _ in made}
    entries = (engines[goal].stored(kernel.graph) for goal, kernel in made)
    return sum(len(entry.to_bytes()) for entry in entries if entry is not None)


def write_libraries(
    folder: Path,
    goals: Sequence[Goal],
    version: str,
    kernels: Sequence[CommonKernel] | None = None,
) -> list[tuple[Path, int]]:
    """Write a library of each goal's kernels, which must be in the cache; paths and sizes.

    Raises CompileError if a kernel is missing: a library is whole or it is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for goal in goals:
        engine, entries = goal.engine(), {}
        for kernel in common_kernels() if kernels is None else kernels:
            entry = engine.stored(kernel.graph)
            if entry is None:
                raise CompileError(f"warmup: the library has no {kernel.title} for {goal.level}")
            entries[library_key(kernel.text)] = entry.to_bytes()
        path = folder / f"{goal.level}{SUFFIX}"
        facts = Facts(goal.level, sources_digest(), version)
        written.append((path, write_library(path, facts, entries)))
    return written
