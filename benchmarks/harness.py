"""Fair times: contenders take turns in rounds, the medians of their turns are compared.

What a `Case` holds lives in one process, with the same number of threads (contests, `contest.py`,
have a process for each peer). A contender's worker threads
spin for a while after their work (measured: NumPy's OpenBLAS 104 ms, PyTorch 9 ms, ours 0.1 ms),
which takes a core from whoever comes next, so each turn starts with a pause that is longer, and
with an untimed call that wakes its own threads.
The order of the turns moves on by one each round, so that nobody always follows the same rival.
With one thread a turn is measured in processor time of that thread, which other programs disturb
little; with more it is time on the wall.
"""

from __future__ import annotations

import gc
import re
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from . import machine

OURS = "tilewright"
BEST_PEER = "the best of PyTorch and JAX"
BEST = "the best peer"  # of all that took part
ANY = 1e-4  # a ratio that every case reaches: of goals that are on the geometric mean alone
_PEERS = {BEST_PEER: ("PyTorch", "JAX")}
_TURN = 10e-3  # seconds of calls in one turn; at least one call
_PAUSE = 120e-3
_MOST_CALLS = 5000

Run = Callable[[], Any]


@dataclass(frozen=True)
class Goal:
    """Either at least `ratio` times as fast as `peer`, or at most `seconds`. `text` names the
    figure; cases that share one are judged by their worst, and, with `mean`, by the geometric mean
    of their ratios too."""

    text: str
    ratio: float = 0.0
    peer: str = "NumPy"
    seconds: float = 0.0
    mean: float = 0.0


@dataclass(frozen=True)
class Case:
    """One row: `runs` by contender, ours among them. With `times_itself` a run gives seconds.

    `check()` raises AssertionError unless our result is right; it is called before the timing.
    `also` is a second goal of the same turns. `flops` and `bytes` are what the work needs at least.
    A run that takes long may have `most_rounds` set.
    """

    name: str
    runs: Mapping[str, Run]
    goal: Goal
    check: Callable[[], None]
    flops: float = 0.0
    times_itself: bool = False
    also: Goal | None = None
    bytes: float = 0.0
    dtype: str = "float32"
    most_rounds: int | None = None


@dataclass(frozen=True)
class Options:
    """What the command line says. A case is measured up to `patience` times if others were busy;
    what is tuned first may take `tune_seconds` for that. Cases in whose name `only`, a regular
    expression, is not found are left out. `peers`: those of contests that take part, all if empty.
    """

    rounds: int
    threads: int
    torch: Any | None
    patience: int = 1
    tune_seconds: float = 30.0
    only: str = ""
    peers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """All turns of a case in seconds a call, by contender; `others`: share of foreign load.

    `error` says how a result was wrong; then nothing was timed. Of contests: `notes` says why a
    peer took no part, `first` the seconds of making and calling it once, `processors` how many it
    kept busy."""

    case: Case
    turns: Mapping[str, list[float]]
    others: float | None = None
    error: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)
    first: Mapping[str, float] = field(default_factory=dict)
    processors: Mapping[str, float] = field(default_factory=dict)

    def median(self, name: str) -> float:
        return statistics.median(self.turns[name])

    def spread(self, name: str) -> float:
        """The interquartile range over the median."""
        if len(self.turns[name]) < 2:
            return 0.0
        first, middle, third = statistics.quantiles(self.turns[name], n=4)
        return (third - first) / middle

    def has(self, name: str) -> bool:
        """Whether a contender, or one of those that `name` stands for, took part."""
        return bool(self._known(name))

    def ratio(self, name: str) -> float:
        """How many times as fast as `name` we are."""
        return min(map(self.median, self._known(name))) / self.median(OURS)

    @property
    def best_peer(self) -> str:
        """The fastest contender but us; '' if we are alone."""
        return min(self._known(BEST), key=self.median, default="")

    def _known(self, name: str) -> list[str]:
        """The contenders that `name` stands for, as far as they took part."""
        if name == BEST:
            return [n for n in self.turns if n != OURS]
        return [n for n in _PEERS.get(name, (name,)) if n in self.turns]

    @property
    def figure(self) -> float:
        """What the goal speaks of: a ratio or seconds."""
        return self.ratio(self.case.goal.peer) if self.case.goal.ratio else self.median(OURS)

    @property
    def can_judge(self) -> bool:
        goal = self.case.goal
        return not self.error and (not goal.ratio or self.has(goal.peer))

    @property
    def is_met(self) -> bool:
        goal = self.case.goal
        return self.figure >= goal.ratio if goal.ratio else self.figure <= goal.seconds


def measure(
    cases: Iterable[Any],
    options: Options,
    apart: Callable[[Any], Result],
    is_one_process: bool = False,
) -> Iterator[Result]:
    """Check each case, then time it. `apart` measures contests, and cases too, with a process for
    each contender; with `is_one_process` cases are timed here."""
    for case in cases:
        if not re.search(options.only, case.name):
            continue
        if not isinstance(case, Case):
            yield apart(case)
            continue
        if not (is_one_process or case.times_itself):
            yield _kept(apart(case))
            continue
        try:
            case.check()
        except AssertionError as error:
            yield _kept(Result(case, {}, error=" ".join(str(error).split())))
            continue
        yield _kept(_quietest(case, options))


def _kept(result: Result) -> Result:
    """The result without its contenders, whose arrays would fill the memory."""
    return replace(result, case=replace(result.case, runs={}, check=_checked))


def _checked() -> None:
    """The check of a case that has passed it."""


def _quietest(case: Case, options: Options) -> Result:
    found: list[Result] = []
    for _ in range(options.patience):
        before = machine.usage()
        turns = _Rounds(case, options).run()
        found.append(Result(case, turns, machine.others_share(before, machine.usage())))
        if (found[-1].others or 0) <= machine.QUIET:
            break
    return min(found, key=lambda result: result.others or 0)


class _Rounds:
    """The turns of one case."""

    def __init__(self, case: Case, options: Options) -> None:
        self.case = case
        self.rounds = min(options.rounds, case.most_rounds or options.rounds)
        self.clock = time.thread_time if options.threads == 1 else time.perf_counter
        self.calls = {name: self._calls(run) for name, run in case.runs.items()}

    def run(self) -> dict[str, list[float]]:
        names = list(self.case.runs)
        turns: dict[str, list[float]] = {name: [] for name in names}
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            for number in range(self.rounds):
                at = number % len(names)
                for name in names[at:] + names[:at]:
                    turns[name].append(self._turn(name))
                gc.collect()
        finally:
            if was_enabled:
                gc.enable()
        return turns

    def _turn(self, name: str) -> float:
        run = self.case.runs[name]
        time.sleep(_PAUSE)
        if self.case.times_itself:
            return float(run())
        run()
        return self._timed(run, self.calls[name])

    def _calls(self, run: Run) -> int:
        """How many calls fill a turn."""
        if self.case.times_itself:
            return 1
        run()
        once = min(self._timed(run, 1) for _ in range(5))
        return max(1, min(_MOST_CALLS, round(_TURN / max(once, 1e-7))))

    def _timed(self, run: Run, calls: int) -> float:
        start = self.clock()
        for _ in range(calls):
            run()
        return (self.clock() - start) / calls


def agree(
    runs: Mapping[str, Run], relative: float, absolute: float = 0.0, reference: str = "NumPy"
) -> Callable[[], None]:
    """A check that every contender's result is the reference's, within a tolerance."""

    def check() -> None:
        expected = np.asarray(runs[reference]())
        for name, run in runs.items():
            found = np.asarray(run())
            np.testing.assert_allclose(found, expected, relative, absolute, err_msg=name)

    return check
