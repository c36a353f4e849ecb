"""Duels, with a clock of our own."""

from __future__ import annotations

import random

import pytest

from tilewright.autotune.turns import CONFIRM, SCREEN, Duel, Effort, duel


class Clock:
    """Time that passes only when a contender runs."""

    def __init__(self) -> None:
        self.now, self.log = 0.0, ""

    def __call__(self) -> float:
        return self.now

    def contender(self, name: str, seconds: float) -> object:
        def run() -> None:
            self.now += seconds
            self.log += name

        return run


def test_contenders_take_turns_and_alternate() -> None:
    clock = Clock()
    a, b = clock.contender("a", 5e-3), clock.contender("b", 4e-3)
    found = duel(a, b, Effort(least=3, most=3, seconds=0), clock)
    assert clock.log[8:] == "aabb" + "bbaa" + "aabb", "one call untimed, one timed, each turn"
    assert found.seconds == pytest.approx((5e-3, 4e-3))
    assert found.ratio == pytest.approx(0.8) and len(found.ratios) == 3


def test_short_kernels_are_called_many_times_a_turn() -> None:
    clock = Clock()
    a, b = clock.contender("a", 1e-5), clock.contender("b", 1e-3)
    duel(a, b, Effort(least=1, most=1, seconds=0), clock)
    assert clock.log.count("a") > 100 > clock.log.count("b")


def test_a_hopeless_candidate_is_given_up() -> None:
    clock = Clock()
    a, slow = clock.contender("a", 1e-3), clock.contender("s", 2e-3)
    assert len(duel(a, slow, SCREEN, clock).ratios) == 2
    assert len(duel(a, slow, CONFIRM, clock).ratios) >= CONFIRM.least


def test_time_ends_a_duel_after_the_least_rounds() -> None:
    clock = Clock()
    a, b = clock.contender("a", 1.0), clock.contender("b", 1.0)
    assert len(duel(a, b, Effort(least=4, most=50, seconds=0.5), clock).ratios) == 4


def noisy(ratio: float, noise: float, rounds: int, seed: int) -> Duel:
    chance = random.Random(seed)
    times = [1 + noise * chance.gauss(0, 1) for _ in range(2 * rounds)]
    return Duel(tuple(times[:rounds]), tuple(ratio * t for t in times[rounds:]))


def test_noise_is_no_win_and_a_win_is_one() -> None:
    even = [noisy(1.0, 0.03, 21, s).is_win(0.02) for s in range(300)]
    assert sum(even) == 0
    clear = [noisy(0.9, 0.02, 21, s).is_win(0.02) for s in range(300)]
    assert sum(clear) > 270
    assert not noisy(0.97, 0.0, 11, 0).is_win(0.04), "less than the margin"
    assert not Duel((1.0, 1.0), (0.5, 0.5)).is_win(0.02), "two rounds say nothing"
