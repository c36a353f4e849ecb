"""The programs of one staged function for one kind of call, whatever the sizes.

The first call makes a program for its sizes. An axis that has been seen to vary is unknown in the
next one, which then serves all sizes from 2 on for which its guards hold; 0 and 1 keep programs of
their own. What cannot be had for unknown sizes gets a program for each, and a note says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from .entry import Entry
from .errors import ShapeError, TilewrightError
from .generalising import Attempt, Trace, make_general
from .signatures import Shapes, size_difference
from .sizes import symbol
from .tracked import LEAST
from .unknowns import NotGeneral, Place

Axis = tuple[int, int]  # the number of an array, and an axis of it

_MOST_GENERAL = 16  # programs of unknown sizes: each further set of guards is one more
_MOST_FAILURES = 2  # of an axis, before it is taken as known for good
_MOST_ALONE = 4  # so many axes are tried each alone where they fail together


@dataclass
class Variants:
    """`names` are those of the arrays; `given` the axes that are unknown from the start, by the
    names of their sizes; with `fixed` every size has a program of its own."""

    what: str
    names: list[str]
    given: Mapping[Axis, str] = field(default_factory=dict)
    fixed: bool = False
    exact: dict[Shapes, list[Entry]] = field(default_factory=dict)
    general: list[Entry] = field(default_factory=list)
    last: Shapes | None = None
    varied: set[Axis] = field(default_factory=set)
    failures: Counter[Axis] = field(default_factory=Counter)
    notes: dict[str, None] = field(default_factory=dict)

    def find(self, shapes: Shapes) -> Entry | None:
        """The program for arguments of these shapes whose guards hold."""
        for entry in self.exact.get(shapes, ()):
            if entry.guards_hold():
                return entry
        for entry in self.general:
            assert entry.unknowns is not None
            if entry.unknowns.accept(shapes) is not None and entry.guards_hold():
                return entry
        return None

    def make(self, shapes: Shapes, trace: Trace) -> Entry:
        """A new program for these shapes, and for others if that can be had."""
        self._check_given(shapes)
        reason = self._reason(shapes)
        self._note_sizes(shapes)
        entry = self._try_general(shapes, trace) or self._make_exact(shapes, trace)
        entry.record.reason = reason
        entry.record.takes = self._takes(entry)
        if entry.unknowns is None:
            self.exact.setdefault(shapes, []).insert(0, entry)
        else:
            self.general.insert(0, entry)
        return entry

    def entries(self) -> list[Entry]:
        """All programs."""
        return [e for found in self.exact.values() for e in found] + self.general

    # ------------------------------------------------------------------ what is unknown

    def _check_given(self, shapes: Shapes) -> None:
        """Raise ShapeError where axes that share a name have other sizes."""
        first: dict[str, Axis] = {}
        for (array, axis), name in self.given.items():
            one = first.setdefault(name, (array, axis))
            here, there = shapes[array][axis], shapes[one[0]][one[1]]
            if here != there:
                raise ShapeError(
                    f"{self.what}: got {self.names[array]} of shape {shapes[array]}; axis {axis} "
                    f"must have size {there} ({name}, as on axis {one[1]} of {self.names[one[0]]})"
                )

    def _note_sizes(self, shapes: Shapes) -> None:
        if self.last is not None:
            self.varied.update(
                (i, axis)
                for i, (old, new) in enumerate(zip(self.last, shapes, strict=True))
                for axis, (m, n) in enumerate(zip(old, new, strict=True))
                if m != n
            )
        self.last = shapes

    def _unknown(self, shapes: Shapes) -> dict[Axis, str]:
        """The axes that shall be unknown in a program for these shapes, with their names."""
        if self.fixed or len(self.general) >= _MOST_GENERAL:
            return {}
        wanted = {axis: f"n{axis[0]}_{axis[1]}" for axis in sorted(self.varied)} | dict(self.given)
        return {
            (i, axis): name
            for (i, axis), name in wanted.items()
            if shapes[i][axis] >= LEAST and self.failures[i, axis] < _MOST_FAILURES
        }

    def _try_general(self, shapes: Shapes, trace: Trace) -> Entry | None:
        unknown = self._unknown(shapes)
        if not unknown:
            return None
        found = self._attempt(shapes, unknown, trace)
        if found is not None or len(unknown) == 1 or len(unknown) > _MOST_ALONE:
            return found
        alone = {axis: self._attempt(shapes, {axis: unknown[axis]}, trace) for axis in unknown}
        good = {axis: unknown[axis] for axis, entry in alone.items() if entry is not None}
        together = self._attempt(shapes, good, trace) if 1 < len(good) < len(unknown) else None
        return together or next((e for e in alone.values() if e is not None), None)

    def _attempt(self, shapes: Shapes, unknown: Mapping[Axis, str], trace: Trace) -> Entry | None:
        places: dict[str, Place] = {}
        for (array, axis), name in unknown.items():
            places.setdefault(name, (self.names[array], axis))
        pattern = tuple(
            tuple(symbol(unknown[i, a]) if (i, a) in unknown else n for a, n in enumerate(shape))
            for i, shape in enumerate(shapes)
        )
        known = [(s, e) for s, found in self.exact.items() for e in found]
        try:
            made = make_general(Attempt(pattern, shapes, places, known), trace)
        except NotGeneral as error:
            where = " and ".join(f"{name}.shape[{axis}]" for name, axis in places.values())
            self.notes[f"{where} cannot be unknown: {error}"] = None
            if len(unknown) == 1 or len(unknown) > _MOST_ALONE:
                self.failures.update(list(unknown))
            return None
        self._note_fixed(made, unknown)
        return made

    def _note_fixed(self, made: Entry, unknown: Mapping[Axis, str]) -> None:
        """Axes of which the function needs the number are unknown for nothing."""
        assert made.unknowns is not None
        for (array, axis), name in unknown.items():
            if isinstance(made.unknowns.known.get(name), int):
                self.failures[array, axis] += 1
                self.notes[
                    f"{self.names[array]}.shape[{axis}] cannot be unknown: the function asks for "
                    "the number itself"
                ] = None

    def _make_exact(self, shapes: Shapes, trace: Trace) -> Entry:
        try:
            return trace(None)
        except TilewrightError as error:
            why = next(filter(None, (self._broken(e, shapes) for e in self.general)), "")
            if not why:
                raise
            raise type(error)(f"{error}; {self.what}: {why}") from error

    def _broken(self, entry: Entry, shapes: Shapes) -> str:
        assert entry.unknowns is not None
        return entry.unknowns.broken(self.names, shapes)

    # ------------------------------------------------------------------ words

    def _reason(self, shapes: Shapes) -> str:
        if self.last is None:
            return "first call"
        same = list(self.exact.get(shapes, ()))
        for entry in self.general:
            assert entry.unknowns is not None
            if entry.unknowns.accept(shapes) is not None:
                same.append(entry)
        if same:
            return next(filter(None, (e.parting() for e in same)), "what it reads has changed")
        reason = size_difference(self.names, self.last, shapes) or "other sizes"
        if self.general:
            unknowns = self.general[0].unknowns
            assert unknowns is not None
            reason = f"{reason} ({unknowns.explain(self.names, shapes)})"
        return reason

    def _takes(self, entry: Entry) -> str:
        shapes = entry.shapes if entry.unknowns is None else entry.unknowns.shapes
        pairs = zip(self.names, shapes, strict=True)
        return ", ".join(f"{name} ({', '.join(map(str, s))})" for name, s in pairs) or "no arrays"
