"""The search: what it proposes, on spaces and times that are made up."""

from __future__ import annotations

import pytest
from tuning_support import made_up_space, refuse_odd

from tilewright.autotune.search import Search
from tilewright.lowering.knobs import Point


def time_of(point: Point) -> float:
    """A bowl with its least at a=10, b=z, c=True, where it is 0.5; the default has 1."""
    off = abs(int(point["a"]) - 10) * 0.05
    return 0.5 + off + {"x": 0.1, "y": 0.2, "z": 0.0}[str(point["b"])] + 0.1 * (not point["c"])


def explore(search: Search, count: int) -> list[Point]:
    seen: list[Point] = []
    while len(seen) < count:
        points = search.propose(min(8, count - len(seen)))
        if not points:
            break
        for point in points:
            search.tell(point, time_of(point))
        seen += points
    return seen


@pytest.mark.parametrize("seed", range(5))
def test_it_finds_the_best_with_a_part_of_the_space(seed: int) -> None:
    search = Search(made_up_space(64), seed)
    explore(search, 120)
    ratio, best = search.ranked()[0]
    assert ratio <= 0.6 and best["b"] == "z" and best["c"], best


def test_a_seed_says_everything() -> None:
    first, again, other = (explore(Search(made_up_space(), s), 40) for s in (1, 1, 2))
    assert first == again != other


def test_no_point_comes_twice_and_every_valid_one_comes() -> None:
    space = made_up_space()
    search = Search(space, 0)
    seen = explore(search, 10_000)
    keys = {space.encode(p) for p in seen}
    assert len(keys) == len(seen)
    assert space.encode(space.default) not in keys, "the default is known"
    n_valid = 16 * 3 * 2 - 8 * 3
    # Chance may leave a last few undrawn; a small space is nearly exhausted.
    assert n_valid - 5 <= len(seen) + 1 <= n_valid


def test_refused_points_are_counted_and_never_proposed() -> None:
    search = Search(made_up_space(), 0)
    assert all(refuse_odd(p) is None for p in explore(search, 200))
    assert search.refused["a is odd and c"] > 0


def test_it_starts_with_what_was_good_elsewhere_then_single_knobs() -> None:
    space = made_up_space()
    good, foreign = {"a": 10, "b": "z", "c": True}, {"a": 999, "b": "z", "c": True}
    first, *rest = Search(space, 0, [foreign, good]).propose(6)
    assert first == good
    assert all(sum(p[k] != v for k, v in space.default.items()) == 1 for p in rest)


def test_what_failed_is_no_parent() -> None:
    search = Search(made_up_space(), 0)
    for point in search.propose(12):
        search.tell(point, None)
    assert search.ranked() == []
    assert search.elite == [dict(search.space.default)]
