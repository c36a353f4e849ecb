"""Knobs: the numbers of a schedule that could be others, declared beside it as a decorator.

    @tunable(RowKnobs, choices=row_choices, refuse=refuse_row)
    def rowwise(name, group, machine, knobs=None): ...

A schedule called without knobs takes its analytic defaults. Its `Space` says which other points
there are for a group on a machine, and why a point is refused. Knobs that come from outside (a
database) count only if they are a point of the space, so that no file can make a kernel which the
schedule's author has not allowed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..dsl.graph import Var
from .fusion import Group
from .kernel import KernelSource

Value = bool | int | str
Point = Mapping[str, Value]
Choices = Callable[[Group, Any], Mapping[str, Sequence[Value]]]
_MOST_TEXT = 4096  # characters of stored knobs


class Refused(ValueError):
    """Knobs that a schedule does not take; the message gives the reason."""


@dataclass(frozen=True)
class Space:
    """What may be tuned of a schedule for one group on one machine.

    `choices` has the values of each field of the knobs, those of `default` among them; `refuse`
    gives the reason against a point, or None. A `revision` is counted up when the meaning of the
    knobs changes: records of another revision do not count.
    """

    schedule: str
    revision: int
    knobs: type[Any]
    default: Point
    choices: Mapping[str, tuple[Value, ...]]
    refuse: Callable[[Point], str | None]

    @property
    def size(self) -> int:
        """The number of combinations, refused ones included."""
        total = 1
        for values in self.choices.values():
            total *= len(values)
        return total

    def encode(self, point: Point) -> str:
        """A point as text that is equal for equal points: what the database and caches hold."""
        told = {"schedule": self.schedule, "revision": self.revision, "knobs": dict(point)}
        return json.dumps(told, sort_keys=True, separators=(",", ":"))

    def decode(self, text: str) -> dict[str, Value]:
        """The point that a text says; raises Refused with the reason if it says none."""
        if len(text) > _MOST_TEXT:
            raise Refused(f"got {len(text)} characters of knobs; {_MOST_TEXT} is the most")
        try:
            told = json.loads(text)
        except (ValueError, RecursionError):
            raise Refused(f"got {text[:40]!r}; it must be JSON") from None
        if not isinstance(told, dict) or not isinstance(told.get("knobs"), dict):
            raise Refused(f"got {text[:40]!r}; it must be an object with knobs")
        found = told.get("schedule"), told.get("revision")
        if found != (self.schedule, self.revision):
            raise Refused(
                f"got knobs of {found[0]!s:.40} revision {found[1]!s:.10}; "
                f"these are of {self.schedule} revision {self.revision}"
            )
        return self.check(told["knobs"])

    def check(self, point: Mapping[str, Any]) -> dict[str, Value]:
        """The point itself if it is one of this space; raises Refused with the reason if not."""
        if set(point) != set(self.choices):
            raise Refused(f"got the knobs {sorted(point)}; they must be {sorted(self.choices)}")
        for name, values in self.choices.items():
            if not any(_same(point[name], v) for v in values):
                raise Refused(f"{name} is {point[name]!r:.40}; here it may be {list(values)}")
        reason = self.refuse(point)
        if reason is not None:
            raise Refused(reason)
        return dict(point)

    def make(self, point: Point) -> Any:
        """The point as a record of the schedule's knobs."""
        return self.knobs(**point)


def _same(a: object, b: Value) -> bool:
    # By type too: True is not 1, and 8.0 is not 8.
    return type(a) is type(b) and a == b


@dataclass(frozen=True)
class Tunable:
    """A schedule with its space; called like the schedule."""

    schedule: Callable[..., KernelSource]
    knobs: type[Any]
    choices: Choices
    default: Callable[[Group, Any], Any]
    refuse: Callable[[Any, Group, Any], str | None]
    revision: int

    @property
    def name(self) -> str:
        """What the schedule is called in the database."""
        return self.schedule.__name__

    def __call__(
        self, name: str, group: Group, machine: Any, knobs: Any | None = None
    ) -> KernelSource:
        return self.schedule(name, group, machine, knobs)

    def space(self, group: Group, machine: Any) -> Space:
        """What may be tuned for this group; raises Refused if there is nothing."""
        unknown = _unknown_sizes(group.vars)
        if unknown:
            raise Refused(f"the sizes {', '.join(unknown)} are not known")
        declared = self.choices(group, machine)
        if not declared:
            raise Refused(f"{self.name} has no knobs for it")
        default = asdict(self.default(group, machine))
        choices = {
            f.name: tuple(dict.fromkeys((default[f.name], *declared.get(f.name, ()))))
            for f in fields(self.knobs)
        }

        def refuse(point: Point) -> str | None:
            if all(_same(point[name], value) for name, value in default.items()):
                return None
            return self.refuse(self.knobs(**point), group, machine)

        return Space(self.name, self.revision, self.knobs, default, choices, refuse)


def tunable(
    knobs: type[Any],
    *,
    choices: Choices,
    default: Callable[[Group, Any], Any] | None = None,
    refuse: Callable[[Any, Group, Any], str | None] | None = None,
    revision: int = 1,
) -> Callable[[Callable[..., KernelSource]], Tunable]:
    """Declare the knobs of a schedule.

    `knobs` is a frozen dataclass of plain values; `choices(group, machine)` gives the values to
    try of each field (of a field that is left out, the default alone; of none, nothing is tuned);
    `default(group, machine)` is the analytic record (`knobs()` unless given);
    `refuse(record, group, machine)` gives the reason why a combination is none, or None.
    """
    return lambda schedule: Tunable(
        schedule,
        knobs,
        choices,
        default or (lambda group, machine: knobs()),
        refuse or (lambda record, group, machine: None),
        revision,
    )


def _unknown_sizes(values: Sequence[Var]) -> list[str]:
    dims = {str(d) for v in values for d in v.aval.shape if not isinstance(d, int)}
    return sorted(dims)
