"""What `tilewright tune` shows: a live line a kernel on a terminal, plain lines elsewhere."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from ..autotune.report import Progress, TuningReport, duration
from ..autotune.tune import tune
from .targets import NAMED, Target

_STAGES = {"start": "measuring", "search": "searching", "confirm": "confirming", "done": "done"}
_MOST_REASONS = 5


def run(target: Target, *, is_quiet: bool, **how: Any) -> TuningReport:
    """Tune a target, and show how it goes on unless it is to be quiet."""
    console = Console(stderr=True)
    if is_quiet:
        return tune(target.function, *target.arguments, **how)
    if not console.is_terminal:
        lines = Lines(console)
        return tune(target.function, *target.arguments, progress=lines.take, **how)
    with Live(console=console, refresh_per_second=8, transient=True) as live:
        screen = Screen(target.name, live)
        return tune(target.function, *target.arguments, progress=screen.take, **how)


class Lines:
    """One line each time that something else begins."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.said: tuple[str, str] | None = None

    def take(self, now: Progress) -> None:
        if (now.stage, now.kernel) != self.said and now.stage != "start":
            self.said = (now.stage, now.kernel)
            self.console.print(f"{now.elapsed:5.1f} s  {_line(now)}", highlight=False)


class Screen:
    """A bar of the time, and the kernels so far."""

    def __init__(self, title: str, live: Live) -> None:
        self.title, self.live = title, live
        self.kernels: dict[str, Progress] = {}

    def take(self, now: Progress) -> None:
        if now.stage != "done":
            self.kernels[now.kernel] = now
        self.live.update(self._page(now))

    def _page(self, now: Progress) -> Table:
        page = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
        bar = Table.grid(padding=(0, 1))
        whole = max(now.seconds, 1e-9)
        bar.add_row(
            f"[bold]tuning {self.title}[/]", ProgressBar(whole, min(now.elapsed, whole), width=30),
            f"{now.elapsed:.0f} of {whole:.0f} s", f"{now.trials} trials",
        )  # fmt: skip
        page.add_row(bar)
        for told in self.kernels.values():
            mark = ">" if told.kernel == now.kernel else " "
            page.add_row(f"{mark} {_line(told)}")
        return page


def _line(now: Progress) -> str:
    stage = _STAGES.get(now.stage, now.stage)
    found = f", best {1 / now.best:.2f}x so far" if 0 < now.best < 1 else ""
    return f"{now.kernel}: {stage}, untuned {duration(now.untuned)}{found}"


def show_report(report: TuningReport) -> None:
    """The result as a table, a sentence, and why candidates were none."""
    console = Console()
    console.print(report.table(), highlight=False)
    console.print(report.summary(), highlight=False)
    reasons: dict[str, int] = {}
    for kernel in report.kernels:
        for reason, count in kernel.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + count
    if reasons:
        told = sorted(reasons.items(), key=lambda item: -item[1])
        console.print(f"{sum(reasons.values())} points were refused or failed, such as:")
        for reason, count in told[:_MOST_REASONS]:
            console.print(f"  {count} x {reason}", highlight=False, markup=False)


def show_targets() -> None:
    """The named targets with what their shapes mean."""
    made = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("target", "--shape", "by default"):
        made.add_column(title)
    for name, target in NAMED.items():
        made.add_row(name, target.form, "x".join(map(str, target.default)))
    made.add_row("path/to/file.py:function", "", "function.example_args()")
    Console().print(made)
