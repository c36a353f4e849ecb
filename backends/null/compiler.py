"""The compile side of a device that computes nothing: kernels without code."""

from __future__ import annotations

from ...dsl.sizes import symbols
from ...lowering.fusion import Group
from ...lowering.kernel import BufferSpec, KernelSource
from ...lowering.knobs import Refused, Space
from ...lowering.rules import Described


class NullCompiler:
    """Implements `lowering.protocols.Compiler` and `ScheduleSource`."""

    @property
    def schedules(self) -> NullCompiler:
        return self

    def space(self, group: Group) -> Space:
        """Raises Refused: there is nothing to tune."""
        raise Refused("this device computes nothing")

    def describe(self, name: str, group: Group, choice: str = "") -> Described:
        """There is one way to compute nothing."""
        return Described("null", "", False, "")

    def schedule(self, name: str, group: Group, choice: str = "") -> KernelSource:
        """A kernel of no phases with the group's buffers."""
        values = (*group.inputs, *group.outputs)
        specs = tuple(BufferSpec(f"p{i}", v.aval.dtype, v.aval.size) for i, v in enumerate(values))
        dims = [d for v in group.vars for d in v.aval.shape]
        sizes = tuple(sorted(set().union(*map(symbols, [*dims, 0]))))
        return KernelSource(name, (), specs, len(group.outputs), sizes=sizes)

    def object_code(self, source: KernelSource) -> bytes:
        return b""

    def text(self, source: KernelSource, stage: str) -> str:
        return f"{source.name}: no code"


def make_compiler() -> NullCompiler:
    """The compile side, which has nothing to do."""
    return NullCompiler()
