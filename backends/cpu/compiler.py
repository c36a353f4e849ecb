"""The compile side of the processor: the table of schedules, and LLVM by way of TVM."""

from __future__ import annotations

from ...lowering import codegen, machine
from ...lowering.kernel import KernelSource
from ...lowering.rules import Rules, Schedule
from ...lowering.schedules.attention import attend
from ...lowering.schedules.columns import columns, ordered_columns
from ...lowering.schedules.contract import contract
from ...lowering.schedules.convolution import convolution
from ...lowering.schedules.elementwise import elementwise
from ...lowering.schedules.loop import loop
from ...lowering.schedules.ordered import (
    ordered_reduction,
    ordered_rows,
    reproducible_reduction,
    reproducible_rows,
)
from ...lowering.schedules.reduction import reduction
from ...lowering.schedules.rowwise import rowwise
from ...lowering.schedules.safe import one_by_one
from ...lowering.schedules.scatter import scatter

SCHEDULES: dict[str, Schedule] = {
    "map": elementwise,
    "row": rowwise,
    "columns": columns,
    "reduce": reduction,
    "contract": contract,
    "convolution": convolution,
    "scatter": scatter,
    "attend": attend,
    "loop": loop,
}
# What takes a group that the schedule of its kind refuses.
_ORDERED: dict[str, Schedule] = {
    "row": ordered_rows,
    "columns": ordered_columns,
    "reduce": ordered_reduction,
}
SAFE: dict[str, Schedule] = {"map": one_by_one, **_ORDERED}
_REPRODUCIBLE: dict[str, Schedule] = {
    "row": reproducible_rows,
    "columns": ordered_columns,
    "reduce": reproducible_reduction,
}
REPRODUCIBLE_SCHEDULES = SCHEDULES | _REPRODUCIBLE


class CpuCompiler:
    """Implements `lowering.protocols.Compiler`."""

    def __init__(self, host: machine.Machine) -> None:
        self.target, self.reproducible = host.target, host.reproducible
        self.has_scaling = host.has_scaling
        table = REPRODUCIBLE_SCHEDULES if host.reproducible else SCHEDULES
        self.schedules = Rules(table, host, SAFE)

    def object_code(self, source: KernelSource) -> bytes:
        return codegen.object_code(source, self.target, self.reproducible, self.has_scaling)

    def text(self, source: KernelSource, stage: str) -> str:
        """The kernel as text: stage is tir or asm."""
        if stage == "tir":
            return codegen.tir_text(source)
        return codegen.assembly(source, self.target, self.reproducible, self.has_scaling)


def make_compiler() -> CpuCompiler:
    """The compile side for the machine that we run on."""
    return CpuCompiler(machine.host())
