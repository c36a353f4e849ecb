"""Search over the points of a space: first the neighbours of the default, then evolution.

A population of the best measured points is kept; new points are mutations and crossings of them,
and some are random, so that the search never sticks. No point is proposed twice. All chance comes
from a seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from ..lowering.knobs import Point, Refused, Space, Value

_ELITE = 8  # parents
_RANDOM = 0.15  # the share of points that have no parents
_CROSSED = 0.35  # of those that have: from two of them
_TRIES = 400  # draws for one new point, before the space counts as exhausted


class Search:
    """`propose` gives points to measure, `tell` takes what came of them (a ratio to the untuned
    kernel's time, below 1 is faster; None if it is no candidate)."""

    def __init__(self, space: Space, seed: int, known: Sequence[Point] = ()) -> None:
        self.space = space
        self.chance = random.Random(seed)
        self.refused: dict[str, int] = {}
        self.told: dict[str, float] = {space.encode(space.default): 1.0}
        self._points: dict[str, Point] = {space.encode(space.default): dict(space.default)}
        self._first = self._start(known)

    @property
    def elite(self) -> list[Point]:
        """The best points, best first; the default is always among what is known."""
        ranked = sorted(self.told.items(), key=lambda item: (item[1], item[0]))
        return [self._points[key] for key, _ in ranked[:_ELITE]]

    def ranked(self) -> list[tuple[float, Point]]:
        """All measured points but the default, with their ratios, best first."""
        default = self.space.encode(self.space.default)
        found = [(ratio, key) for key, ratio in self.told.items() if key != default]
        return [(ratio, self._points[key]) for ratio, key in sorted(found)]

    def propose(self, count: int) -> list[Point]:
        """Up to `count` new points of the space; fewer, or none, when it is exhausted."""
        found: list[Point] = []
        while len(found) < count:
            point = next(self._first, None) or self._draw()
            if point is None:
                break
            found.append(point)
        return found

    def tell(self, point: Point, ratio: float | None) -> None:
        """What came of a proposed point."""
        if ratio is not None:
            self.told[self.space.encode(point)] = ratio

    # ------------------------------------------------------------------ where points come from

    def _start(self, known: Sequence[Point]) -> Iterator[Point]:
        """What was good elsewhere, then every value of each knob alone, the rest as in the
        default, in an order of chance."""
        alone = [
            {**self.space.default, name: value}
            for name, values in self.space.choices.items()
            for value in values
        ]
        self.chance.shuffle(alone)
        for point in (*known, *alone):
            if self._is_new(point):
                yield point

    def _draw(self) -> Point | None:
        for _ in range(_TRIES):
            point = self._random() if self.chance.random() < _RANDOM else self._child()
            if self._is_new(point):
                return point
        return None

    def _is_new(self, point: Point) -> bool:
        """Take a point in, if it is one that was not seen before."""
        key = self.space.encode(point)
        if key in self._points:
            return False
        self._points[key] = point
        try:
            self.space.check(point)
        except Refused as reason:
            text = str(reason)
            self.refused[text] = self.refused.get(text, 0) + 1
            return False
        return True

    def _random(self) -> Point:
        return {name: self.chance.choice(values) for name, values in self.space.choices.items()}

    def _child(self) -> Point:
        elite = self.elite
        # The better of two draws: good parents are likelier, none is certain.
        first = elite[min(self.chance.randrange(len(elite)) for _ in range(2))]
        if self.chance.random() < _CROSSED and len(elite) > 1:
            second = self.chance.choice(elite)
            crossed = {n: self.chance.choice((first[n], second[n])) for n in first}
            return self._mutated(crossed, self.chance.randrange(2))
        return self._mutated(first, 1 + (self.chance.random() < 0.4))

    def _mutated(self, point: Point, how_many: int) -> Point:
        changed: dict[str, Value] = dict(point)
        free = [name for name, values in self.space.choices.items() if len(values) > 1]
        for name in self.chance.sample(free, min(how_many, len(free))):
            changed[name] = self._other(self.space.choices[name], point[name])
        return changed

    def _other(self, values: Sequence[Value], present: Value) -> Value:
        """Another value of a knob: of numbers often the next one up or down."""
        if type(present) is int and self.chance.random() < 0.5:
            ordered = sorted(v for v in values if type(v) is int)
            at = ordered.index(present) + self.chance.choice((-1, 1))
            if 0 <= at < len(ordered):
                return ordered[at]
        return self.chance.choice([v for v in values if v != present])
