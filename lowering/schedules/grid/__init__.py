"""Schedules for devices of grids: a phase is a launch of blocks, a block is threads that share."""

from __future__ import annotations

from collections.abc import Mapping

from ...rules import Schedule
from .contract import contract
from .elementwise import elementwise
from .reduction import reduction
from .rowwise import rowwise
from .scatter import scatter

SCHEDULES: Mapping[str, Schedule] = {
    "map": elementwise,
    "row": rowwise,
    "columns": rowwise,
    "reduce": reduction,
    "contract": contract,
    "scatter": scatter,
}
