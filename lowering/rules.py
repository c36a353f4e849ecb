"""The source of schedules: a table from a group's kind, given by the backend, and knobs from tuned
records where there are some."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from ..dsl.errors import CompileError
from .fusion import Group
from .kernel import KernelSource
from .knobs import Refused, Space, Tunable

Schedule = Callable[[str, Group, Any], KernelSource]


class Rules:
    """Implements `ScheduleSource`; `machine` is what the schedules of the table must know."""

    def __init__(self, table: Mapping[str, Schedule], machine: Any) -> None:
        self.table = dict(table)
        self.machine = machine

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
        return rule(name, group, self.machine)

    def space(self, group: Group) -> Space:
        """What may be tuned of a group; raises Refused if there is nothing."""
        rule = self._rule("space", group)
        if not isinstance(rule, Tunable):
            raise Refused(f"the schedule of kind {group.kind!r} has no knobs")
        return rule.space(group, self.machine)

    def _rule(self, name: str, group: Group) -> Schedule:
        rule = self.table.get(group.kind)
        if rule is None:
            raise CompileError(f"schedule: there is no rule for kind {group.kind!r} of {name}")
        return rule
