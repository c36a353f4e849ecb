"""Fair times of two contenders: they take turns, and what counts is the ratio of each pair.

Whatever else the machine does meets both alike: in a round each has one turn of many calls, who
goes first alternates, and a round gives one ratio. The median of the ratios is the result, their
spread says how sure it is.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

Run = Callable[[], object]
Clock = Callable[[], float]

_TURN = 1.5e-3  # seconds of calls in one turn; at least one call
_MOST_CALLS = 2000
_HOPELESS = 1.25  # after two rounds: not worth more of them


@dataclass(frozen=True)
class Effort:
    """At least `least` rounds, at most `most`, at most about `seconds`; with `gives_up` two bad
    rounds are enough."""

    least: int
    most: int
    seconds: float
    gives_up: bool = True


SCREEN = Effort(least=3, most=9, seconds=0.05)
CONFIRM = Effort(least=11, most=41, seconds=1.0, gives_up=False)


@dataclass(frozen=True)
class Duel:
    """Seconds a call of both, by rounds."""

    incumbent: tuple[float, ...]
    candidate: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        """The candidate's time over the incumbent's, by rounds."""
        return [c / i for c, i in zip(self.candidate, self.incumbent, strict=True)]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def seconds(self) -> tuple[float, float]:
        """Medians of incumbent and candidate."""
        return statistics.median(self.incumbent), statistics.median(self.candidate)

    @property
    def spread(self) -> float:
        """The interquartile range of the ratios."""
        if len(self.ratios) < 2:
            return 0.0
        first, _, third = statistics.quantiles(self.ratios, n=4)
        return third - first

    def is_win(self, margin: float) -> bool:
        """Whether the candidate is faster by `margin` and by more than the noise: three rounds of
        four say so, and the median by more than twice its own error."""
        if len(self.ratios) < 3:
            return False
        wins = sum(r < 1 for r in self.ratios)
        error = 0.93 * self.spread / len(self.ratios) ** 0.5  # of a median
        return self.ratio + 2 * error < 1 - margin and wins * 4 >= 3 * len(self.ratios)


def duel(incumbent: Run, candidate: Run, effort: Effort, clock: Clock = time.perf_counter) -> Duel:
    """Measure two contenders that have run before."""
    calls = (_calls(incumbent, clock), _calls(candidate, clock))
    runs = (incumbent, candidate)
    times: tuple[list[float], list[float]] = ([], [])
    start = clock()
    for number in range(effort.most):
        for who in (0, 1) if number % 2 == 0 else (1, 0):
            times[who].append(_turn(runs[who], calls[who], clock))
        is_hopeless = number == 1 and min(times[1]) > _HOPELESS * min(times[0])
        if is_hopeless and effort.gives_up:
            break
        if number + 1 >= effort.least and clock() - start > effort.seconds:
            break
    return Duel(tuple(times[0]), tuple(times[1]))


def _turn(run: Run, calls: int, clock: Clock) -> float:
    run()  # what the other one has put out of the caches comes back
    start = clock()
    for _ in range(calls):
        run()
    return (clock() - start) / calls


def _calls(run: Run, clock: Clock) -> int:
    once = min(_turn(run, 1, clock) for _ in range(2))
    return max(1, min(_MOST_CALLS, round(_TURN / max(once, 1e-7))))
