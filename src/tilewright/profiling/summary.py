"""A recording as tables for people: kernels, calls, compilation, copies, memory."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from .recording import Event, Recording

_ROWS = 20  # of a table; the rest is summed up
_WIDTH = 100


@dataclass
class Total:
    """All events of a name: how many, and nanoseconds in all; `busy` adds up what several threads
    did at the same time."""

    calls: int = 0
    time: int = 0
    busy: int = 0

    def add(self, duration: int) -> None:
        self.calls += 1
        self.time += duration


@dataclass
class Summary:
    """What the tables show."""

    duration: int
    peak: int  # most bytes in use
    dropped: int
    kernels: dict[str, Total] = field(default_factory=dict)
    calls: dict[str, Total] = field(default_factory=lambda: defaultdict(Total))
    stages: dict[str, Total] = field(default_factory=lambda: defaultdict(Total))
    compiling: int = 0  # nanoseconds; stages inside others count once
    cache: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    copies: Total = field(default_factory=Total)
    copied: int = 0  # bytes


def summarise(recording: Recording) -> Summary:
    """Add up a recording."""
    made = Summary(recording.duration, recording.in_use, recording.dropped)
    queues = {t.number for t in recording.tracks if not t.thread}
    kernels = _Kernels(recording)
    stages = []
    for event in recording:
        match event.category:
            case "call" | "eager":
                made.calls[f"{event.name} ({_KINDS[event.category]})"].add(event.duration)
            case "launch" | "kernel":
                kernels.note(event)
            case "compile":
                stages.append(event)
                made.stages[event.name].add(event.duration)
            case "cache":
                made.cache[event.name] += 1
            case "copy" if event.track not in queues:  # on a queue it is the one of the thread
                made.copies.add(event.duration)
                made.copied += event.value
            case "memory":
                made.peak = max(made.peak, event.value)
    made.compiling = _covered(stages)
    made.kernels = kernels.totals()
    return made


_KINDS = {"call": "staged", "eager": "eager"}


class _Kernels:
    """Kernels by the launches on threads, which last until their kernels are done; and by the
    kernels on devices' queues, whose launches only put them there."""

    def __init__(self, recording: Recording) -> None:
        self._queues = {t.number: t.name for t in recording.tracks if not t.thread}
        self._launches: list[tuple[int, str, int]] = []
        self._busy: dict[int, int] = defaultdict(int)
        self._queued: set[int] = set()
        self._totals: dict[str, Total] = defaultdict(Total)

    def note(self, event: Event) -> None:
        if event.category == "launch":
            self._launches.append((event.launch, event.name, event.duration))
        elif event.track in self._queues:
            self._queued.add(event.launch)
            self._add(f"{event.name} on {self._queues[event.track]}", event.duration)
        else:
            self._busy[event.launch] += event.duration

    def _add(self, name: str, duration: int, busy: int | None = None) -> None:
        total = self._totals[name]
        total.add(duration)
        total.busy += duration if busy is None else busy

    def totals(self) -> dict[str, Total]:
        for launch, name, duration in self._launches:
            if launch not in self._queued:
                self._add(name, duration, self._busy[launch])
        return self._totals


def _covered(events: Iterable[Event]) -> int:
    """Nanoseconds that lie in any of the spans, thread by thread."""
    total = 0
    ends: dict[int, int] = defaultdict(int)
    for event in sorted(events, key=lambda e: e.start):
        begin = max(event.start, ends[event.track])
        total += max(event.end - begin, 0)
        ends[event.track] = max(event.end, ends[event.track])
    return total


# --------------------------------------------------------------------------- as text


def summary_text(recording: Recording) -> str:
    """The tables as text."""
    told = summarise(recording)
    console = Console(file=io.StringIO(), width=_WIDTH)
    if told.kernels:
        console.print(_table("kernel", told.kernels, told.duration, threads=True))
        console.print()
    if told.calls:
        console.print(_table("call", told.calls, told.duration))
        console.print()
    if told.stages:
        console.print(_table("compilation", told.stages, told.duration))
        console.print()
    for line in _lines(told):
        console.print(line, highlight=False, soft_wrap=True)
    file = console.file
    assert isinstance(file, io.StringIO)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def _lines(told: Summary) -> list[str]:
    cache = ", ".join(f"{count} times {what}" for what, count in told.cache.items())
    copies = f"{told.copies.calls} of {size(told.copied)} in {duration(told.copies.time)}"
    lines = [
        f"recorded   {duration(told.duration)}",
        f"compiling  {duration(told.compiling)}" + (f" ({cache})" if cache else ""),
        f"copies     {copies}, with the time that they wait",
        f"memory     at most {size(told.peak)} in use",
    ]
    if told.dropped:
        lines.append(f"missing    {told.dropped} events, for which there was no room")
    return lines


def _table(title: str, totals: Mapping[str, Total], whole: int, threads: bool = False) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(title, overflow="fold")
    for name in ("calls", "total", "mean", "share", *(["threads"] if threads else [])):
        table.add_column(name, justify="right", no_wrap=True)
    ordered = sorted(totals.items(), key=lambda item: -item[1].time)
    rest = Total()
    for _, total in ordered[_ROWS:]:
        rest.calls, rest.time = rest.calls + total.calls, rest.time + total.time
        rest.busy += total.busy
    if rest.calls:
        ordered = [*ordered[:_ROWS], (f"{len(ordered) - _ROWS} others", rest)]
    for name, total in ordered:
        cells = [str(total.calls), duration(total.time), duration(total.time / total.calls)]
        cells.append(f"{total.time / whole:.1%}" if whole else "")
        if threads:
            cells.append(f"{total.busy / total.time:.1f}" if total.time else "")
        table.add_row(name, *cells)
    return table


def duration(nanoseconds: float) -> str:
    """1.2e4 -> '12.0 us'."""
    for unit, scale in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if nanoseconds >= scale:
            return f"{nanoseconds / scale:.3g} {unit}"
    return f"{nanoseconds:.0f} ns"


def size(n_bytes: float) -> str:
    """1536 -> '1.5 KiB'."""
    for unit in ("bytes", "KiB", "MiB"):
        if n_bytes < 1024:
            return f"{n_bytes:.4g} {unit}"
        n_bytes /= 1024
    return f"{n_bytes:.4g} GiB"
