"""How long each launch of a program takes: the median of some recorded runs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..profiling.recording import Event, Recording
from ..profiling.session import Profile

_LEAST, _MOST = 3, 100  # runs


@dataclass(frozen=True)
class LaunchTime:
    """A launch of a kernel, or a call of a routine: seconds, and on how many threads."""

    name: str
    seconds: float
    threads: int


@dataclass(frozen=True)
class Times:
    """Of one run: all of it, and its launches in order."""

    seconds: float
    launches: tuple[LaunchTime, ...]
    runs: int


def measure(run: Callable[[], Any], wait: Callable[[Any], None], seconds: float) -> Times:
    """Time a program; `wait(results)` returns when they are there. The first run, which may load
    and derive what later ones have, does not count."""
    wait(run())
    found: list[Times] = []
    end = time.perf_counter() + seconds
    while len(found) < _LEAST or (time.perf_counter() < end and len(found) < _MOST):
        with Profile() as recorded:
            start = time.perf_counter()
            wait(run())
            took = time.perf_counter() - start
        found.append(Times(took, _launches(recorded.events), 1))
    return median(found)


def median(found: Sequence[Times]) -> Times:
    """The run of medians. Runs that launch other kernels than the first one are left out (a loop
    may stop elsewhere: then there is no median of its launches)."""
    names = [x.name for x in found[0].launches]
    alike = [t for t in found if [x.name for x in t.launches] == names]
    launches = tuple(
        LaunchTime(
            same[0].name,
            statistics.median(x.seconds for x in same),
            max(x.threads for x in same),
        )
        for same in zip(*(t.launches for t in alike), strict=True)
    )
    return Times(statistics.median(t.seconds for t in found), launches, len(found))


def _launches(recording: Recording) -> tuple[LaunchTime, ...]:
    """On threads a launch lasts until its kernels are done; on a device's queue, which a launch
    only puts its kernels on, they count themselves."""
    queues = {t.number for t in recording.tracks if not t.thread}
    kernels: dict[int, list[Event]] = {}
    launches = []
    for event in recording:
        if event.category == "kernel":
            kernels.setdefault(event.launch, []).append(event)
        elif event.category == "launch":
            launches.append(event)
    found = []
    for event in sorted(launches, key=lambda e: e.launch):
        mine = kernels.get(event.launch, [])
        queued = [k for k in mine if k.track in queues]
        took = sum(k.duration for k in queued) if queued else event.duration
        threads = len({k.track for k in mine}) or 1
        found.append(LaunchTime(event.name, took / 1e9, threads))
    return tuple(found)
