"""Tuning one kernel: search against the clock, then confirmation by strangers.

Search measures many candidates briefly, so its winner may be a lucky one. What it found is
therefore measured again at length against the untuned kernel, in two fresh processes with other
inputs; only what wins in both, by a margin over the noise, is kept. So tuned is never slower.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..lowering.entry import KernelEntry
from ..lowering.knobs import Point, Refused, Space
from .crew import Crew, Failed
from .report import KernelReport
from .search import Search
from .turns import CONFIRM, SCREEN, Duel, Effort

BATCH = 8  # candidates that are compiled between two phases of measuring
MARGIN = 0.02  # a win of less is none
FINALISTS = 3
FINAL = Effort(least=7, most=15, seconds=0.25, gives_up=False)
_CONFIRM_SHARE, _CONFIRM_MOST = 0.3, 4.0  # of the seconds, for what comes after the search

Clock = Callable[[], float]


@dataclass(frozen=True)
class Limits:
    """When a kernel's tuning ends: at this time of the clock, or after so many candidates."""

    end: float
    trials: int | None = None

    def search_end(self, now: float) -> float:
        """When search must end, so that there is time to confirm."""
        return self.end - min(_CONFIRM_MOST, _CONFIRM_SHARE * (self.end - now))


@dataclass(frozen=True)
class Winner:
    """Confirmed knobs, with the duel that confirmed them."""

    point: Point
    duel: Duel


class KernelTuning:
    """Tunes one kernel with a crew that has been told of it. `known` are points that were good
    before; the first may be the one that is stored for this very kernel and environment."""

    def __init__(
        self,
        space: Space,
        crew: Crew,
        report: KernelReport,
        *,
        seed: int,
        known: Sequence[Point] = (),
        stored: Point | None = None,
        clock: Clock = time.monotonic,
        tell: Callable[[str, float], None] = lambda stage, best: None,
    ) -> None:
        self.space, self.crew, self.report = space, crew, report
        self.search = Search(space, seed, known)
        self.seed, self.stored = seed, stored
        self.clock, self.tell = clock, tell
        self.entries: dict[str, KernelEntry] = {}

    def run(self, limits: Limits) -> Winner | None:
        """Search, then confirm; None if nothing was confirmed (the report says why)."""
        started = self.clock()
        self._search(limits, limits.search_end(started))
        self.report.seconds = self.clock() - started
        winner = self._confirmed(limits.end)
        self._count(self.search.refused)
        return winner

    # ------------------------------------------------------------------ search

    def _search(self, limits: Limits, end: float) -> None:
        while self.clock() < end:
            left = BATCH if limits.trials is None else limits.trials - self.report.trials
            points = self.search.propose(min(BATCH, left))
            if not points:
                return
            made = self.crew.compile([self.space.encode(p) for p in points])
            for point, entry in zip(points, made, strict=True):
                if self.clock() >= end:
                    return
                self._try(point, entry)

    def _try(self, point: Point, made: KernelEntry | Failed) -> None:
        self.report.trials += 1
        ratio = None
        try:
            if isinstance(made, Failed):
                raise made
            ratio = self.crew.measure(made, SCREEN).ratio
            self.entries[self.space.encode(point)] = made
        except Failed as reason:
            self._count({str(reason): 1})
        self.search.tell(point, ratio)
        self.tell("search", min(self.search.told.values()))

    def _count(self, reasons: dict[str, int]) -> None:
        for reason, times in reasons.items():
            self.report.reasons[reason] = self.report.reasons.get(reason, 0) + times

    # ------------------------------------------------------------------ confirmation

    def _confirmed(self, end: float) -> Winner | None:
        finalists = [p for ratio, p in self.search.ranked()[:FINALISTS] if ratio < 1 - MARGIN]
        self.tell("confirm", min(self.search.told.values()))
        for point in self._by_rank(finalists):
            winner = self._confirm(point)
            if winner is not None:
                return winner
            if self.clock() > end:
                break
        if not self.report.outcome:
            self.report.outcome = "nothing was faster than the analytic knobs"
        return None

    def _by_rank(self, points: Sequence[Point]) -> list[Point]:
        """The finalists, measured once more, the best first."""
        found: list[tuple[float, Point]] = []
        for point in points:
            try:
                ratio = self.crew.measure(self._entry(point), FINAL).ratio
                found.append((ratio, point))
            except Failed as reason:
                self._count({str(reason): 1})
        return [p for ratio, p in sorted(found, key=lambda f: f[0]) if ratio < 1 - MARGIN]

    def _confirm(self, point: Point) -> Winner | None:
        """Two independent wins, and one over what is stored, if it is another point."""
        duels = []
        try:
            for turn in (1, 2):
                self.crew.renew_bench(self.seed + turn)
                duels.append(self.crew.measure(self._entry(point), CONFIRM))
                if not duels[-1].is_win(MARGIN):
                    self.report.outcome = (
                        f"a win of {1 - duels[-1].ratio:.1%} was not confirmed: too close to noise"
                    )
                    return None
            if not self._beats_stored(point):
                self.report.outcome = "the knobs in the database are as good"
                return None
        except Failed as reason:
            self._count({str(reason): 1})
            return None
        return Winner(point, max(duels, key=lambda d: d.ratio))

    def _beats_stored(self, point: Point) -> bool:
        if self.stored is None or self.space.encode(self.stored) == self.space.encode(point):
            return True
        against = self._stored_entry()
        return against is None or self.crew.measure(self._entry(point), CONFIRM, against).is_win(0)

    def _stored_entry(self) -> KernelEntry | None:
        assert self.stored is not None
        try:
            self.space.check(self.stored)
        except Refused:
            return None
        try:
            return self._entry(self.stored)
        except Failed:
            return None

    def _entry(self, point: Point) -> KernelEntry:
        key = self.space.encode(point)
        if key not in self.entries:
            (made,) = self.crew.compile([key])
            if isinstance(made, Failed):
                raise made
            self.entries[key] = made
        return self.entries[key]
