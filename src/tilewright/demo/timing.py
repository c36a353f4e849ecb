"""Fair times on a small machine: contenders take turns, and the median of the turns counts."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

ROUNDS = 9
_TURN = 4e-3  # seconds of calls in one turn, at least one call
_PAUSE = 110e-3  # other libraries' worker threads spin after their work, OpenBLAS's 104 ms


def medians(
    contenders: Mapping[str, Callable[[], object]], rounds: int = ROUNDS
) -> dict[str, float]:
    """Seconds a call of each contender takes: the median over turns, taken one after another."""
    calls = {name: _calls(run) for name, run in contenders.items()}
    seen: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            seen[name].append(_turn(run, calls[name]))
    return {name: statistics.median(times) for name, times in seen.items()}


def _calls(run: Callable[[], object]) -> int:
    """How many calls fill a turn, after a first one that compiles and warms up."""
    run()
    once = min(_timed(run, 1) for _ in range(3))
    return max(1, min(1000, round(_TURN / max(once, 1e-7))))


def _turn(run: Callable[[], object], calls: int) -> float:
    time.sleep(_PAUSE)
    run()  # wakes this contender's threads, and its data is in the cache
    return _timed(run, calls)


def _timed(run: Callable[[], object], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - start) / calls
