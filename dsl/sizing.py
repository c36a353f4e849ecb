"""A program for unknown sizes: traced at several points, then tried at others.

What does not hold at a small size becomes a condition that calls are checked for; what does not
hold at a large one is an error now.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from .arguments import Sizes
from .dtypes import to_numpy
from .entry import Entry
from .errors import TilewrightError, TraceError
from .graph import Aval, Graph
from .polynomials import Grid
from .requirements import Requirement, requirements_of
from .sizes import evaluate, symbol
from .symbolic import computes_same, first_difference, form_of, generalise, instantiate, is_same

Point = Mapping[str, int]
# Where a program is tried beside the points that made it, one size at a time.
# Small ones from the largest down, so that the first that fails is the condition.
SMALL, LARGE = (8, 7, 5, 4, 3, 2, 1, 0), (64, 257, 4099)
_FEW = 2  # up to so many unknown sizes may occur squared
_LEAST = 11


class Sizing:
    """The work of making one graph for all sizes; `trace` stages the function for given types."""

    def __init__(self, sizes: Sizes, trace: Callable[[Iterable[Aval]], Entry]) -> None:
        self.sizes, self.trace = sizes, trace
        count = 3 if len(sizes.names) <= _FEW else 2
        self.grid, self.further = _points(sizes, count)
        self.base = dict(zip(sizes.names, self.grid.points[0], strict=True))
        self.requirements: list[Requirement] = []

    def make(self) -> tuple[Entry, Graph, tuple[Requirement, ...]]:
        """The trace at the first point, the graph for all, and what it requires of the sizes."""
        entries = [self._traced(point) for point in self.grid.points]
        entry = entries[0]
        for other in entries[1:]:
            _check_same_state(entry, other)
        graph = self._generalised([e.graph for e in entries])
        try:
            self.requirements.extend(requirements_of(graph))
        except ValueError as error:
            raise TraceError(f"compile: {error}") from None
        why = self._parting(graph, self.further, exact=True)
        if why is not None:
            raise TraceError(f"compile: for {_text(self.further)} the program is another: {why}")
        for name, value in self._tries():
            self._try(graph, name, value)
        return entry, graph, tuple(self.requirements)

    def _traced(self, point: Iterable[int]) -> Entry:
        values = dict(zip(self.sizes.names, point, strict=True))
        try:
            return self.trace(self.sizes.at(values))
        except TilewrightError as error:
            raise TraceError(
                f"compile: with {_text(values)} the function fails: {error} (axes that must have "
                "equal sizes need one name in `dynamic`)"
            ) from error

    def _generalised(self, graphs: list[Graph]) -> Graph:
        try:
            return generalise(self.grid, graphs)
        except TraceError:
            raise
        except (TilewrightError, TypeError) as error:
            raise TraceError(
                f"compile: the program does not hold for unknown sizes: {error}"
            ) from error

    def _tries(self) -> Iterator[tuple[str, int]]:
        return itertools.product(self.sizes.names, (*SMALL, *LARGE))

    def _try(self, graph: Graph, name: str, value: int) -> None:
        point = {**self.base, name: value}
        if any(evaluate(r.value, point) < 0 for r in self.requirements):
            return  # a call is refused
        why = self._parting(graph, point, exact=value > 1)
        if why is None:
            return
        if value > self.base[name]:
            raise TraceError(f"compile: for {_text(point)} the program is another: {why}")
        reason = f"{name} must be {value + 1} or more: for {value} the program is another: {why}"
        self.requirements.append(Requirement(symbol(name) - (value + 1), reason))

    def _parting(self, graph: Graph, point: Point, exact: bool) -> str | None:
        """Where the function at a point differs from the graph at that point; None if nowhere.
        Not `exact`: they may be built otherwise (sizes of 1 broadcast) if they compute the same."""
        try:
            found = self.trace(self.sizes.at(point))
        except (TilewrightError, ValueError, IndexError, ZeroDivisionError) as error:
            return f"it fails ({error})"
        ours = instantiate(graph, point)
        if is_same(form_of(ours), form_of(found.graph)):
            return None
        if not exact and self._computes_same(ours, found):
            return None
        why = first_difference(form_of(ours), form_of(found.graph))
        return why or "a size is another than at the points that made the program"

    def _computes_same(self, ours: Graph, found: Entry) -> bool:
        cells = [c.origin.fetch().numpy() for c in found.captured]
        n_arguments = len(ours.inputs) - len(cells)
        rng = np.random.default_rng(0)
        arrays = [_example(rng, v.aval) for v in ours.inputs[:n_arguments]]
        if [v.aval for v in ours.inputs] != [v.aval for v in found.graph.inputs]:
            return False
        return computes_same(ours, found.graph, [*arrays, *cells])


def _example(rng: np.random.Generator, aval: Aval) -> Any:
    shape = tuple(evaluate(d, {}) for d in aval.shape)
    made = rng.normal(size=shape) if aval.dtype.is_inexact else rng.integers(0, 2, shape)
    return np.asarray(made).astype(to_numpy(aval.dtype))


def _check_same_state(one: Entry, other: Entry) -> None:
    if [id(c.cell) for c in one.captured] != [id(c.cell) for c in other.captured]:
        raise TraceError("compile: which arrays the function reads depends on the unknown sizes")


def _points(sizes: Sizes, count: int) -> tuple[Grid, Point]:
    """Distinct primes from the example's sizes on, `count` for each size, and a further point."""
    taken: list[tuple[int, ...]] = []
    used: set[int] = set()
    for name in sizes.names:
        primes = _primes(max(sizes.example[name], _LEAST), used)
        taken.append(tuple(itertools.islice(primes, count + 1)))
        used.update(taken[-1])
    grid = Grid(sizes.names, tuple(values[:count] for values in taken))
    return grid, {n: v[-1] for n, v in zip(sizes.names, taken, strict=True)}


def _primes(least: int, used: set[int]) -> Iterator[int]:
    for n in itertools.count(least):
        if n not in used and all(n % d for d in range(2, int(n**0.5) + 1)):
            yield n


def _text(point: Point) -> str:
    return ", ".join(f"{name} = {value}" for name, value in point.items())
