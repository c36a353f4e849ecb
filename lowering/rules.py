"""The source of schedules: a table from a group's kind, given by the backend, and knobs from tuned
records where there are some."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..dsl.errors import CompileError
from .fusion import Group
from .kernel import AUTO, KernelSource
from .knobs import Refused, Space, Tunable

Schedule = Callable[[str, Group, Any], KernelSource]


@dataclass(frozen=True)
class Described:
    """How a group is computed: the schedule's name, its knobs in words, whether there are others to
    measure, and what the schedule has to say (`KernelSource.note`)."""

    schedule: str
    form: str
    tunable: bool
    note: str


class Rules:
    """Implements `ScheduleSource`; `machine` is what the schedules of the table must know. A
    schedule says by Refused that it cannot take a group; that of `safe` for its kind then does."""

    def __init__(
        self,
        table: Mapping[str, Schedule],
        machine: Any,
        safe: Mapping[str, Schedule] | None = None,
    ) -> None:
        self.table = dict(table)
        self.machine = machine
        self.safe = dict(safe or {})

    def schedule(self, name: str, group: Group, choice: str = "") -> KernelSource:
        """The kernel of a group by the rule for its kind, with the knobs that `choice` says; a
        choice that is none is told in a warning, and the analytic knobs are taken."""
        rule = self._rule(name, group)
        if choice and isinstance(rule, Tunable):
            try:
                space = self.space(group)
                return rule(name, group, self.machine, space.make(space.decode(choice)))
            except Refused as reason:
                warnings.warn(f"{name}: tuned knobs are not used: {reason}", stacklevel=2)
        try:
            return rule(name, group, self.machine)
        except Refused as reason:
            return self._safely(name, group, rule, reason)

    def _safely(self, name: str, group: Group, rule: Schedule, reason: Refused) -> KernelSource:
        safe = self.safe.get(group.kind)
        if safe is None:
            raise CompileError(
                f"schedule: {_name_of(rule)} cannot take {name}: {reason}; there is no safe "
                f"schedule for kind {group.kind!r}"
            ) from reason
        note = f"{_name_of(rule)} cannot take it ({reason}): the safe, slower {_name_of(safe)} does"
        return replace(safe(name, group, self.machine), note=note)

    def space(self, group: Group) -> Space:
        """What may be tuned of a group; raises Refused if there is nothing."""
        rule = self._rule("space", group)
        if not isinstance(rule, Tunable):
            raise Refused(f"the schedule of kind {group.kind!r} has no knobs")
        return rule.space(group, self.machine)

    def describe(self, name: str, group: Group, choice: str = "") -> Described:
        """How `schedule` with the same arguments makes the kernel of a group."""
        rule = self._rule(name, group)
        note = self.schedule(name, group, choice).note
        if note or not isinstance(rule, Tunable):
            return Described(_name_of(rule), "", False, note)
        try:
            space = self.space(group)
        except Refused:
            return Described(rule.name, _form(rule.default(group, self.machine)), False, note)
        knobs = space.decode(choice) if choice else space.default
        return Described(rule.name, _form(space.make(knobs)), space.size > 1, note)

    def _rule(self, name: str, group: Group) -> Schedule:
        rule = self.table.get(group.kind)
        if rule is None:
            raise CompileError(f"schedule: there is no rule for kind {group.kind!r} of {name}")
        return rule


def _name_of(rule: Any) -> str:
    return str(rule.name if isinstance(rule, Tunable) else rule.__name__)


def _form(knobs: Any) -> str:
    """A record of knobs in words, without those that are off."""
    told = {k: v for k, v in asdict(knobs).items() if v not in (False, "", AUTO)}
    return ", ".join(k if v is True else f"{k} {v}" for k, v in told.items())
