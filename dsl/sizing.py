"""A program for unknown sizes that leaves Python: traced with tracked sizes, then tried at others.

What Python decided by a size, and what does not hold at a small one, become conditions that calls
are checked for; what does not hold at a large one is an error now.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from .arguments import Sizes
from .comparing import computes_same, first_difference, form_of, is_same
from .dtypes import to_numpy
from .entry import Entry
from .errors import TilewrightError, TraceError
from .graph import Aval, Graph, verify
from .graph_sizes import at_sizes, general, require_bound
from .requirements import Requirement, requirement_of, requirements_of
from .sizes import evaluate, symbol
from .tracked import ZERO, Tracker, tracking
from .unknowns import NotGeneral

Point = Mapping[str, int]
# Where a program is tried beside the points that made it, one size at a time.
# Small ones from the largest down, so that the first that fails is the condition.
SMALL, LARGE = (8, 7, 5, 4, 3, 2, 1, 0), (64, 257, 4099)
_LEAST = 11


class Sizing:
    """The work of making one graph for all sizes; `trace` stages the function for given types."""

    def __init__(self, sizes: Sizes, trace: Callable[[Iterable[Aval]], Entry]) -> None:
        self.sizes, self.trace = sizes, trace
        self.base, self.further = _points(sizes)
        self.requirements: list[Requirement] = []
        self.state: list[int] = []  # the identities of the arrays that are read from outside

    def make(self) -> tuple[Entry, Graph, tuple[Requirement, ...]]:
        """The trace with tracked sizes, the graph for all, and what it requires of the sizes."""
        tracker = Tracker(self.base)
        entry = self._traced(tracker)
        self.state = _state(entry)
        graph = self._generalised(entry, tracker)
        why = self._parting(graph, self.further, exact=True)
        if why is not None:
            raise TraceError(f"compile: for {_text(self.further)} the program is another: {why}")
        for name, value in self._tries():
            self._try(graph, name, value)
        return entry, graph, tuple(self.requirements)

    def _traced(self, tracker: Tracker) -> Entry:
        avals = [Aval(tuple(map(tracker.size, a.shape)), a.dtype) for a in self.sizes.avals]
        try:
            with tracking(tracker):
                return self.trace(avals)
        except TilewrightError as error:
            raise TraceError(
                f"compile: with {_text(self.base)} the function fails: {error} (axes that must "
                "have equal sizes need one name in `dynamic`)"
            ) from error

    def _generalised(self, entry: Entry, tracker: Tracker) -> Graph:
        for guard in tracker.guards:
            if guard.kind is ZERO and guard.truth:
                line = "" if guard.source is None else f" at {guard.source.short}"
                raise TraceError(
                    f"compile: the function holds only where {guard.value} is 0{line}: it asks for "
                    "the number itself, or for sizes that must be equal (which need one name in "
                    "`dynamic`) or divisible; compile for fixed sizes, or write it otherwise"
                )
        try:
            graph = require_bound(verify(general(entry.graph, tracker, {})))
            self.requirements.extend(requirements_of(graph))
        except (TilewrightError, NotGeneral, TypeError, ValueError) as error:
            raise TraceError(
                f"compile: the program does not hold for unknown sizes: {error}"
            ) from error
        known = {str(r.value) for r in self.requirements}
        guards = (g for g in tracker.guards if str(g.value) not in known)
        self.requirements.extend(map(requirement_of, guards))
        return graph

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
        if _state(found) != self.state:
            return "which arrays the function reads depends on it"
        ours = at_sizes(graph, point)
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


def _state(entry: Entry) -> list[int]:
    return [id(c.cell) for c in entry.captured]


def _example(rng: np.random.Generator, aval: Aval) -> Any:
    shape = tuple(evaluate(d, {}) for d in aval.shape)
    made = rng.normal(size=shape) if aval.dtype.is_inexact else rng.integers(0, 2, shape)
    return np.asarray(made).astype(to_numpy(aval.dtype))


def _points(sizes: Sizes) -> tuple[Point, Point]:
    """Distinct primes from the example's sizes on for each size, and a further point of such."""
    base: dict[str, int] = {}
    further: dict[str, int] = {}
    used: set[int] = set()
    for name in sizes.names:
        primes = _primes(max(sizes.example[name], _LEAST), used)
        base[name], further[name] = itertools.islice(primes, 2)
        used.update((base[name], further[name]))
    return base, further


def _primes(least: int, used: set[int]) -> Iterator[int]:
    for n in itertools.count(least):
        if n not in used and all(n % d for d in range(2, int(n**0.5) + 1)):
            yield n


def _text(point: Point) -> str:
    return ", ".join(f"{name} = {value}" for name, value in point.items())
