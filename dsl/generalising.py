"""One program for unknown sizes, from one trace with tracked sizes.

The trace gives the graph in tracked ints, and the guards under which it is the function's. What
escapes the tracker (a Python loop over `range(n)`, NumPy arrays of that size) is found by a look at
other sizes: the graph must be what the function is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from .comparing import first_difference, form_of, is_same
from .entry import Entry
from .graph import verify
from .graph_sizes import at_sizes, general, require_bound
from .signatures import Shapes
from .sizes import Shape, evaluate, symbols
from .tracked import ZERO, Tracker, tracking
from .unknowns import NotGeneral, Place, other_sizes, solve


class Trace(Protocol):
    """Traces the function once, for arguments of these shapes (None: as they are)."""

    def __call__(self, shapes: Sequence[Shape] | None) -> Entry: ...


@dataclass(frozen=True)
class Attempt:
    """What shall be unknown: `pattern` has the shapes with unknown sizes, which are `shapes` now;
    `known` are programs that were made before for known sizes."""

    pattern: tuple[Shape, ...]
    shapes: Shapes
    places: Mapping[str, Place]
    known: Sequence[tuple[Shapes, Entry]]


def make_general(attempt: Attempt, trace: Trace) -> Entry:
    """The program of unknown sizes; where the function itself fixes all of them, one for these.

    Raises NotGeneral if there is none.
    """
    hints = _hints(attempt)
    tracker = Tracker(hints)
    pattern = [tuple(map(tracker.size, shape)) for shape in attempt.pattern]
    entry = _traced(trace, pattern, tracker)
    unknowns = solve(attempt.pattern, tracker, attempt.places)
    try:
        entry.graph = verify(general(entry.graph, tracker, unknowns.known))
        require_bound(entry.graph)
    except NotGeneral:
        raise
    except Exception as error:
        raise NotGeneral(f"the program does not hold for unknown sizes: {error}") from error
    if not any(symbols(dim) for shape in unknowns.shapes for dim in shape):
        raise NotGeneral(f"the function asks for the number itself{_lines(tracker)}")
    entry.unknowns = unknowns
    _check_elsewhere(entry, attempt, trace)
    return entry


def _lines(tracker: Tracker) -> str:
    """Where the trace has fixed a size."""
    found = (g.source.short for g in tracker.guards if g.source and g.truth and g.kind is ZERO)
    lines = list(dict.fromkeys(found))
    return f" ({', '.join(lines[:3])})" if lines else ""


def _hints(attempt: Attempt) -> dict[str, int]:
    hints: dict[str, int] = {}
    for pattern, shape in zip(attempt.pattern, attempt.shapes, strict=True):
        for dim, size in zip(pattern, shape, strict=True):
            for name in symbols(dim):
                hints[name] = size
    return hints


def _traced(trace: Trace, pattern: Sequence[Shape], tracker: Tracker) -> Entry:
    try:
        with tracking(tracker):
            return trace(pattern)
    except NotGeneral:
        raise
    except Exception as error:  # if the function itself is at fault, it says so for known sizes
        raise NotGeneral(f"{type(error).__name__} where the size is unknown: {error}") from error


def _check_elsewhere(entry: Entry, attempt: Attempt, trace: Trace) -> None:
    unknowns = entry.unknowns
    assert unknowns is not None
    here = unknowns.bind(attempt.shapes)
    if here is None:
        raise NotGeneral("it does not take the arguments that it was made for")
    for shapes, known in attempt.known:
        values = unknowns.accept(shapes) if known.guards_hold() else None
        if values is not None and all(values[n] != here[n] for n in values):
            return _require_same(entry, known, values)
    values = other_sizes(here, unknowns.guards, unknowns.least)
    shapes = tuple(tuple(evaluate(d, values) for d in s) for s in unknowns.shapes)
    try:
        found = trace(shapes)
    except Exception as error:
        raise NotGeneral(f"for sizes {text_of(values)} the function fails: {error}") from error
    return _require_same(entry, found, values)


def _require_same(entry: Entry, found: Entry, values: Mapping[str, int]) -> None:
    ours, theirs = form_of(at_sizes(entry.graph, values)), form_of(found.graph)
    if not is_same(ours, theirs):
        why = first_difference(ours, theirs) or "a size is not what the arithmetic says"
        raise NotGeneral(f"for sizes {text_of(values)} the program is another: {why}")
    state = [[id(c.cell) for c in e.captured] for e in (entry, found)]
    if state[0] != state[1] or not entry.returns_like(found):
        raise NotGeneral("which arrays it reads or returns depends on the sizes")


def text_of(values: Mapping[str, int]) -> str:
    """Sizes for a message."""
    return ", ".join(str(v) for v in values.values())
