"""Results larger than the last cache, written past the caches: a choice for the tuner.

A line that is written whole need not be read first, which is a third of what an addition moves; and
what nobody finds in a cache later need not drive out what lies there. Blocks of a few lines are
computed into a local buffer and copied from there by the core (core/stream.h): as fast as stores
past the cache one by one, and right for any alignment; blocks of 16 KB lose all of it, as loads and
stores then take turns. It is not the default: alone, light maps of 1e7 elements took 0.65 to 0.9 of
the time, exponentials 1.15; beside other programs that use the memory, all took more.
"""

from __future__ import annotations

from typing import Any

from ...dsl.graph import Var
from ...dsl.primitive import Expr
from ...dsl.sizes import product
from ..frame import Frame
from ..fusion import Group
from ..machine import Machine
from ..tvm_api import tirx
from ..vocabulary import int64

BLOCK_BYTES = 1024  # of the widest result


def may_stream(group: Group, machine: Machine) -> bool:
    """Whether writing past the caches is to be tried: the results do not fit into the last one."""
    sizes = [v.aval.nbytes for v in group.outputs]
    known = [n for n in sizes if isinstance(n, int)]
    plain = not any(v.aval.dtype.is_complex for v in group.outputs)
    return plain and len(known) == len(sizes) and sum(known) >= machine.l3


def block_elements(group: Group, width: int) -> int:
    """Elements of a block, a multiple of the vector's width."""
    widest = max(v.aval.dtype.itemsize for v in group.outputs)
    return max(1, BLOCK_BYTES // widest // width) * width


class Stream:
    """The local blocks of the results that have as many elements as the space."""

    def __init__(self, frame: Frame, group: Group, elements: int) -> None:
        self.frame = frame
        self.blocks: dict[Var, Any] = {}
        for i, var in enumerate(group.outputs):
            if product(var.aval.shape) == product(group.space):
                kind = frame.t.stored(var.aval.dtype)
                self.blocks[var] = frame.local(f"block{i}", kind, elements)

    def open(self, start: Expr) -> None:
        """What is stored from now on goes to the blocks, which begin at this element."""
        self.frame.windows = {var: (block, start) for var, block in self.blocks.items()}

    def close(self, start: Expr, end: Expr) -> None:
        """The blocks, which hold elements [start, end), go to memory."""
        self.frame.windows = {}
        for var, block in self.blocks.items():
            target = tirx.address_of(tirx.BufferLoad(self.frame.buffers[var], [start]))
            source = tirx.address_of(tirx.BufferLoad(block, [int64(0)]))
            n_bytes = (end - start) * int64(var.aval.dtype.itemsize)
            self._call("tw_stream_block", target, source, n_bytes)

    def end(self) -> None:
        """After the last block."""
        self._call("tw_stream_end")

    def _call(self, name: str, *arguments: Expr) -> None:
        self.frame.t.emit(tirx.Evaluate(tirx.call_extern("int32", name, *arguments)))
