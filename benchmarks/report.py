"""Results as a table for people, as the table of benchmarks/README.md, as JSON."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from . import machine
from .harness import OURS, Options, Result

_LIBRARIES = ("tilewright", "numpy", "torch", "jax", "apache-tvm")


def facts(options: Options) -> dict[str, Any]:
    """The machine and the libraries."""
    return {
        "processor": machine.processor(),
        "threads": options.threads,
        "rounds": options.rounds,
        "python": platform.python_version(),
        "blas": machine.blas(),
        **{name: _version(name) for name in _LIBRARIES},
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "source" if name == "tilewright" else "not installed"


def show_facts(console: Console, told: dict[str, Any]) -> None:
    """One line a fact."""
    for key, value in told.items():
        console.print(f"[bold]{key:<11}[/] {value}", highlight=False)


def table(results: Sequence[Result], title: str) -> Table:
    """One script's results: medians, spread, ratios, the goal."""
    made = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    peers = [
        n for n in ("NumPy", "PyTorch", "JAX", "untuned") if any(n in r.turns for r in results)
    ]
    made.add_column("case")
    for name in (*peers, OURS):
        made.add_column(f"{name} (spread)", justify="right")
    for name in peers:
        made.add_column(f"against {name}", justify="right")
    made.add_column("GFLOP/s", justify="right")
    made.add_column("goal", justify="right")
    for result in results:
        made.add_row(*_row(result, peers))
    return made


def _row(result: Result, peers: list[str]) -> list[str]:
    known = result.turns
    ours = OURS in known
    times = [
        f"{duration(result.median(n))} ({result.spread(n):.0%})" if n in known else ""
        for n in (*peers, OURS)
    ]
    ratios = [f"{result.ratio(n):.2f}x" if n in known and ours else "" for n in peers]
    flops = result.case.flops
    rate = f"{flops / result.median(OURS) / 1e9:.0f}" if flops and ours else ""
    return [escape(result.case.name), *times, *ratios, rate, _verdict(result)]


def _verdict(result: Result) -> str:
    goal = result.case.goal
    wanted = f"{goal.ratio:g}x {goal.peer}" if goal.ratio else f"<= {duration(goal.seconds)}"
    if result.error:
        return f"[red]WRONG: {result.error[:60]}[/]"
    if not result.can_judge:
        return f"{wanted}: no {goal.peer}"
    busy = " (busy)" if (result.others or 0) > machine.QUIET else ""
    return f"{wanted}: {'[green]met' if result.is_met else '[red]missed'}[/]{busy}"


def duration(seconds: float) -> str:
    """1.2e-5 -> '12.0 us'."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def markdown(results: dict[str, list[Result]]) -> str:
    """The table of benchmarks/README.md: a line a goal, judged by its worst case."""
    lines = ["| goal | figure | met | command |", "|---|---|---|---|"]
    for script, found in results.items():
        found = [*found, *map(_for_second_goal, (r for r in found if r.case.also))]
        goals = dict.fromkeys(r.case.goal.text for r in found)
        for text in goals:
            group = [r for r in found if r.case.goal.text == text]
            lines.append(f"| {text} | {_figure(group)} | `tilewright bench {script}` |")
    return "\n".join(lines)


def _for_second_goal(result: Result) -> Result:
    assert result.case.also
    return replace(result, case=replace(result.case, goal=result.case.also, also=None))


def _figure(group: list[Result]) -> str:
    if any(r.error for r in group):
        return "a result is wrong | no"
    if not all(r.can_judge for r in group):
        return f"{group[0].case.goal.peer} is not installed | not known"
    is_ratio = bool(group[0].case.goal.ratio)
    worst = (min if is_ratio else max)(group, key=lambda r: r.figure)
    best = (max if is_ratio else min)(group, key=lambda r: r.figure)
    shown = f"{worst.figure:.2f}x" if is_ratio else duration(worst.figure)
    if len(group) > 1:
        shown += f" at worst ({worst.case.name}), {best.figure:.2f}x at best ({best.case.name})"
    least = group[0].case.goal.mean
    mean = statistics.geometric_mean(r.figure for r in group)
    shown = f"geometric mean {mean:.2f}x; {shown}" if least else shown
    busy = sum((r.others or 0) > machine.QUIET for r in group)
    shown += f"; {busy} of {len(group)} cases while others were busy" if busy else ""
    other = [f"{n} {duration(worst.median(n))}" for n in worst.turns if n != OURS]
    if not is_ratio and other:
        shown += f" ({', '.join(other)})"
    is_met = all(r.is_met for r in group) and mean >= least
    return f"{shown} | {'yes' if is_met else 'no'}"


def plain(results: dict[str, list[Result]], told: dict[str, Any]) -> dict[str, Any]:
    """All of it as data for JSON."""
    return {
        "machine": told,
        "results": [
            {
                "script": script,
                "case": r.case.name,
                "goal": r.case.goal.text,
                "figure": r.figure if r.can_judge else None,
                "met": r.is_met if r.can_judge else None,
                "error": r.error,
                "other_load": r.others,
                "seconds": {n: {"median": r.median(n), "turns": r.turns[n]} for n in r.turns},
            }
            for script, found in results.items()
            for r in found
        ],
    }
