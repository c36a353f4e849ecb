"""Tuning one kernel with a crew whose times are made up: what is confirmed, what is not."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from tuning_support import made_up_space

from tilewright.autotune.crew import Failed
from tilewright.autotune.report import KernelReport
from tilewright.autotune.session import KernelTuning, Limits
from tilewright.autotune.turns import Duel, Effort
from tilewright.lowering.knobs import Point, Space

Ratio = Callable[[Point, int], float]  # of a point, in the process of this number


class FakeCrew:
    """Stands for `Crew`: compiled kernels are choices, and the clock goes on as it works."""

    def __init__(self, space: Space, ratio: Ratio, fails: Callable[[Point], str] = lambda p: ""):
        self.space, self.ratio, self.fails = space, ratio, fails
        self.now, self.process, self.measured = 0.0, 0, 0
        self.chance = random.Random(0)

    def compile(self, choices: Sequence[str]) -> list[Any]:
        self.now += 0.05 * len(choices)
        return list(choices)

    def renew_bench(self, seed: int) -> None:
        self.process += 1

    def measure(self, entry: Any, effort: Effort, against: Any = None) -> Duel:
        self.now += 0.05
        self.measured += 1
        point = self.space.decode(entry)
        if self.fails(point):
            raise Failed(self.fails(point))
        ratio = self.ratio(point, self.process)
        if against is not None:
            ratio /= self.ratio(self.space.decode(against), self.process)
        rounds = max(effort.least, 5)
        noise = [1 + 0.01 * self.chance.gauss(0, 1) for _ in range(2 * rounds)]
        slow = tuple(1e-5 * n for n in noise[:rounds])
        return Duel(slow, tuple(1e-5 * ratio * n for n in noise[rounds:]))


def tune(
    ratio: Ratio,
    fails: Callable[[Point], str] = lambda p: "",
    *,
    stored: Point | None = None,
    seconds: float = 20.0,
    trials: int | None = None,
) -> tuple[Any, KernelReport, FakeCrew]:
    space = made_up_space()
    crew, report = FakeCrew(space, ratio, fails), KernelReport("made up", "0", 1.0)
    stand_in: Any = crew
    tuning = KernelTuning(space, stand_in, report, seed=0, stored=stored, clock=lambda: crew.now)
    return tuning.run(Limits(seconds, trials)), report, crew


def bowl(point: Point, process: int) -> float:
    return 0.6 + 0.05 * abs(int(point["a"]) - 10)


def test_the_best_is_found_and_confirmed_in_two_further_processes() -> None:
    winner, report, crew = tune(bowl)
    assert winner is not None and winner.point["a"] == 10
    assert winner.duel.ratio == pytest.approx(0.6, abs=0.03)
    assert crew.process == 2
    assert report.trials > 20


def test_where_all_are_equal_nothing_wins() -> None:
    winner, report, _ = tune(lambda point, process: 1.0)
    assert winner is None
    assert "faster" in report.outcome or "noise" in report.outcome


def test_what_wins_in_one_process_alone_is_not_confirmed() -> None:
    """Chance, such as where its memory lay, favoured it; in another process it is slower."""
    winner, report, _ = tune(lambda point, process: 1.05 if process else 0.7)
    assert winner is None and "not confirmed" in report.outcome
    winner, report, _ = tune(lambda point, process: 1.05 if process and process % 2 == 0 else 0.7)
    assert winner is None and "not confirmed" in report.outcome


def test_failing_candidates_are_counted_and_never_win() -> None:
    winner, report, _ = tune(
        lambda point, process: 0.1 if point["b"] == "z" else bowl(point, process),
        lambda point: "wrong: output 0" if point["b"] == "z" else "",
    )
    assert winner is not None and winner.point["b"] != "z"
    assert report.reasons["wrong: output 0"] > 0
    assert report.reasons["a is odd and c"] > 0, "refused points are told, too"


def test_a_candidate_that_fails_in_the_end_is_none() -> None:
    crew_fails: list[Point] = []

    def fails(point: Point) -> str:
        crew_fails.append(point)
        return "running: SIGSEGV" if len(crew_fails) > 40 else ""

    winner, report, _ = tune(bowl, fails, trials=40)
    assert winner is None and report.reasons["running: SIGSEGV"] >= 1


def test_the_stored_knobs_must_be_beaten_too() -> None:
    stored = {"a": 10, "b": "y", "c": False}
    winner, report, _ = tune(bowl, stored=stored)
    assert winner is None or winner.point == stored or bowl(winner.point, 0) < 0.6
    assert winner is not None or report.outcome == "the knobs in the database are as good"
    winner, _, _ = tune(bowl, stored={"a": 6, "b": "y", "c": False})
    assert winner is not None and winner.point["a"] == 10
    # What is stored but no point of the space any more is no rival.
    winner, _, _ = tune(bowl, stored={"a": 999, "b": "y", "c": False})
    assert winner is not None


@pytest.mark.parametrize("trials", [1, 7, 8, 30])
def test_no_more_trials_than_allowed(trials: int) -> None:
    _, report, _ = tune(bowl, trials=trials, seconds=1e6)
    assert report.trials == trials


def test_the_time_is_kept() -> None:
    _, _, crew = tune(bowl, seconds=5.0)
    assert crew.now < 6.5
    _, report, _ = tune(bowl, seconds=0.0)
    assert report.trials == 0
