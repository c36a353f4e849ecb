"""Results as a table for people, as the table of benchmarks/README.md, as JSON."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib import metadata
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tilewright.peaks import measure, record

from . import machine
from .contest import COMPILED, JAX, NUMBA, NUMEXPR, NUMPY, OPENVINO, ORT, TORCH
from .harness import ANY, BEST, OURS, Case, Options, Result

_LIBRARIES = (
    "tilewright", "numpy", "torch", "jax", "onnxruntime", "openvino", "numexpr", "numba",
    "apache-tvm",
)  # fmt: skip
_FEW = 3  # peers whose times a table shows beside their ratios


def facts(options: Options) -> dict[str, Any]:
    """The machine, its peaks, and the libraries; `kernels` is filled in as peers run."""
    cleared = [name for name in machine.HANDICAPS if name in machine.before_clearing()]
    return {
        "processor": machine.processor(),
        "threads": options.threads,
        "rounds": options.rounds,
        "python": platform.python_version(),
        "blas": machine.blas(),
        "cleared": ", ".join(cleared) or "nothing that would handicap a library was set",
        **{name: _version(name) for name in _LIBRARIES},
        "peaks": asdict(measure.known_peaks()),
        "kernels": {},
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "source" if name == "tilewright" else "not installed"


def show_facts(console: Console, told: dict[str, Any]) -> None:
    """One line a fact."""
    for key, value in told.items():
        if isinstance(value, dict):
            continue
        console.print(f"[bold]{key:<11}[/] {value}", highlight=False)


def table(results: Sequence[Result], title: str, told: dict[str, Any]) -> Table:
    """One script's results: medians, spread, ratios (the time of each peer over ours), shares of
    the machine's peaks, the goal."""
    made = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    found = dict.fromkeys(n for r in results for n in r.turns if n != OURS)
    peers = [n for n in _ORDER if n in found] + [n for n in found if n not in _ORDER]
    is_wide = len(peers) > _FEW  # then what a peer took over what we took, with a short heading
    timed = [OURS] if is_wide else [*peers, OURS]
    made.add_column("case", min_width=24)
    for name in timed:
        made.add_column(f"{name} (spread)", justify="right")
    for name in peers:
        made.add_column(f"/ {name}" if is_wide else f"against {name}", justify="right")
    for name in ("GFLOP/s", "GB/s", "roof", "goal"):
        made.add_column(name, justify="right")
    for result in results:
        made.add_row(*_row(result, peers, timed, told))
    return made


_ORDER = (NUMPY, NUMEXPR, NUMBA, TORCH, COMPILED, JAX, ORT, OPENVINO, "untuned")


def _row(result: Result, peers: list[str], timed: list[str], told: dict[str, Any]) -> list[str]:
    known = result.turns
    ours = OURS in known
    times = [
        f"{duration(result.median(n))} ({result.spread(n):.0%})" if n in known else ""
        for n in timed
    ]
    ratios = [f"{result.ratio(n):.2f}x" if n in known and ours else "" for n in peers]
    case = result.case
    seconds = result.median(OURS) if ours else 0.0
    rates = [f"{x / seconds / 1e9:.0f}" if x and ours else "" for x in (case.flops, case.bytes)]
    share = share_of_roof(case, seconds, told)
    rates.append(f"{share:.0%}" if share is not None else "")
    return [escape(case.name), *times, *ratios, *rates, _verdict(result)]


def share_of_roof(case: Case, seconds: float, told: dict[str, Any]) -> float | None:
    """How near to the machine's roofline a time is; None where the work is not counted."""
    if not seconds or not (case.flops or case.bytes):
        return None
    roof = record.from_plain(told["peaks"])
    least = roof.least_seconds(case.flops, case.bytes, case.dtype, told["threads"])
    return least / seconds if least else None


def show_notes(console: Console, results: Sequence[Result]) -> None:
    """Which peers took no part, and why."""
    told: dict[str, list[str]] = {}
    for result in results:
        for peer, why in result.notes.items():
            told.setdefault(f"{peer}: {why[:160]}", []).append(result.case.name)
    for text, names in told.items():
        shown = f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else names[0]
        console.print(f"[yellow]without[/] {escape(text)} ({escape(shown)})", highlight=False)


def _verdict(result: Result) -> str:
    goal = result.case.goal
    peer = "best" if goal.peer == BEST else goal.peer
    wanted = f"{goal.ratio:g}x {peer}" if goal.ratio else f"<= {duration(goal.seconds)}"
    if result.error:
        return f"[red]WRONG: {result.error[:60]}[/]"
    if not result.can_judge:
        return f"{wanted}: no {goal.peer}"
    busy = " (busy)" if (result.others or 0) > machine.QUIET else ""
    if goal.ratio == ANY:
        return f"mean {goal.mean:g}x {peer}{busy}"
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
                "flops": r.case.flops,
                "bytes": r.case.bytes,
                "dtype": r.case.dtype,
                "best_peer": r.best_peer,
                "ratio_to_best": r.ratio(BEST) if OURS in r.turns and r.best_peer else None,
                "share_of_roof": share_of_roof(
                    r.case, r.median(OURS) if OURS in r.turns else 0.0, told
                ),
                "left_out": dict(r.notes),
                "seconds": {n: _times(r, n) for n in r.turns},
            }
            for script, found in results.items()
            for r in found
        ],
    }


def _times(result: Result, name: str) -> dict[str, Any]:
    return {
        "median": result.median(name),
        "spread": result.spread(name),
        "first": result.first.get(name),
        "processors": result.processors.get(name),
        "turns": result.turns[name],
    }
