"""What `tilewright warmup` shows: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .. import __version__
from ..dsl.common_set import common_kernels
from ..dsl.errors import ArgumentError
from ..warming import warmup
from ..warming.goal import NATIVE, Goal, library_goals
from ..warming.warmup import WarmupReport

_LINE_EVERY = 200  # kernels, where there is no terminal
_MOST_REASONS = 5

Libraries = list[tuple[Path, int]]


def run(
    level: str, jobs: int | None, library: Path | None, *, is_quiet: bool
) -> tuple[WarmupReport, Libraries]:
    """Compile what is missing, then write libraries if a folder for them is given."""
    if library is not None and level != NATIVE:
        raise ArgumentError(f"warmup: got --level {level}; a wheel's libraries are of all levels")
    goals = (Goal(level),) if library is None else library_goals()
    console = Console(stderr=True)
    try:
        if is_quiet:
            report = warmup.warm_up(goals, jobs)
        elif console.is_terminal:
            report = _with_bar(console, goals, jobs)
        else:
            report = warmup.warm_up(goals, jobs, lambda now: _print_line(console, now))
    except KeyboardInterrupt:
        console.print("interrupted; what was compiled stays, and the next run goes on from there")
        raise
    if library is None or report.failed:
        return report, []
    return report, warmup.write_libraries(library, goals, __version__)


def _with_bar(console: Console, goals: tuple[Goal, ...], jobs: int | None) -> WarmupReport:
    columns = (
        TextColumn("compiling"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)

        def watch(now: warmup.Progress) -> None:
            bar.update(task, total=now.total, completed=now.done, description=now.title)

        return warmup.warm_up(goals, jobs, watch)


def _print_line(console: Console, now: warmup.Progress) -> None:
    if now.done % _LINE_EVERY == 0 or now.done == now.total:
        console.print(f"{now.done} of {now.total} kernels", highlight=False)


def show_report(report: WarmupReport, libraries: Libraries) -> None:
    """The result in a sentence, what failed, and the libraries that were written."""
    console = Console()
    console.print(report.summary(), highlight=False)
    for title, why in report.failed[:_MOST_REASONS]:
        console.print(f"  {title}: {why}", highlight=False, markup=False)
    for path, size in libraries:
        console.print(f"wrote {path}, {size / 1e6:.1f} MB", highlight=False)


def show_kernels(as_json: bool) -> None:
    """A line a kernel."""
    titles = [kernel.title for kernel in common_kernels()]
    print(json.dumps(titles, indent=2) if as_json else "\n".join(titles))
