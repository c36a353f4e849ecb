"""The rule-based source of schedules: a table from a group's kind, given by the backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..dsl.errors import CompileError
from .fusion import Group
from .kernel import KernelSource
from .machine import Machine

Schedule = Callable[[str, Group, Machine], KernelSource]


class Rules:
    """Implements `ScheduleSource`."""

    def __init__(self, table: Mapping[str, Schedule], machine: Machine) -> None:
        self.table = dict(table)
        self.machine = machine

    def schedule(self, name: str, group: Group) -> KernelSource:
        """The kernel of a group by the rule for its kind."""
        rule = self.table.get(group.kind)
        if rule is None:
            raise CompileError(f"schedule: there is no rule for kind {group.kind!r} of {name}")
        return rule(name, group, self.machine)
