"""The frame of a kernel whose phases are launches of a grid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ....dsl.primitive import Expr
from ....dsl.sizes import Dim, product
from ...device_vocabulary import DeviceVocabulary
from ...frame import Frame, KernelFrame
from ...fusion import Group
from ...kernel import LaunchShape, Phase
from ...readers import sequence
from ...tvm_api import tirx
from ...vocabulary import int64

_DEVICE = {"tirx.noalias": True, "calling_conv": 2, "tirx.is_global_func": True}
_NARROW = 1 << 31


@dataclass
class GridFrame(Frame):
    """What one thread of a launch does: its block's number and its own number in the block."""

    block: Any = None
    thread: Any = None

    def shared(self, name: str, dtype: str, size: int) -> Any:
        """An array that the threads of a block share."""
        buffer = tirx.decl_buffer((int64(size),), dtype, name, scope="shared")
        self.declarations.append(tirx.AllocBuffer(buffer))
        return buffer

    def barrier(self) -> None:
        """All threads of the block have come here, and see what the others stored."""
        self.t.emit(tirx.Evaluate(tirx.call_intrin("int32", "tirx.tvm_storage_sync", "shared")))

    @contextmanager
    def when(self, condition: Expr | None) -> Iterator[None]:
        """What is emitted inside happens only where the condition holds (None: everywhere)."""
        if condition is None:
            yield
            return
        with self.scope.block() as statements:
            yield
        if statements:
            self.t.emit(tirx.IfThenElse(condition, sequence(statements), None))


class GridKernel(KernelFrame):
    """Collects the launches of one kernel for a fusion group."""

    vocabulary = DeviceVocabulary

    def open_grid(self) -> GridFrame:
        """A fresh frame: variables are not shared between functions."""
        block, thread = tirx.Var("block", "int64"), tirx.Var("thread", "int64")
        made = GridFrame(**vars(self.parts()), block=block, thread=thread)
        assert isinstance(made.t, DeviceVocabulary)
        made.t.narrow = _is_small(self.group)
        return made

    def close_grid(
        self, frame: GridFrame, statements: list[Any], blocks: Dim, threads: int
    ) -> None:
        """Make `statements` what each thread of the next launch does.

        Known sizes without elements give no blocks: then it does nothing, as compilers refuse the
        divisions by zero that stand in such statements.
        """
        body = sequence([*frame.declarations, *statements])
        if blocks == 0:
            body = tirx.Evaluate(int64(0))
        body = _bound(frame.thread, "threadIdx.x", int64(threads), body)
        body = _bound(frame.block, "blockIdx.x", frame.t.size(blocks), body)
        function = tirx.PrimFunc(frame.parameters, body, ret_type=None)
        function = function.with_attr({"global_symbol": self.symbol, **_DEVICE})
        launch = LaunchShape((blocks, 1, 1), (threads, 1, 1))
        self.phases.append(Phase(self.symbol, function, blocks, launch=launch))


def _bound(var: Any, tag: str, extent: Expr, body: Any) -> Any:
    axis = tirx.IterVar(None, var, tirx.IterVar.ThreadIndex, tag)
    return tirx.AttrStmt(axis, "thread_extent", extent, body)


def _is_small(group: Group) -> bool:
    sizes = [v.aval.size for v in group.vars] + [product(group.space)]
    return all(isinstance(n, int) and n < _NARROW for n in sizes)
