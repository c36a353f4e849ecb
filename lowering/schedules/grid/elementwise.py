"""Maps: neighbouring threads compute neighbouring elements."""

from __future__ import annotations

from dataclasses import dataclass

from ....dsl.sizes import Dim, ceil_divide, product
from ...fusion import Group
from ...kernel import KernelSource
from ...vocabulary import int64
from ..elementwise import store_outputs
from .frame import GridKernel
from .machine import GridMachine


@dataclass(frozen=True)
class GridMapKnobs:
    """`threads` of a block; `items`: elements of one thread, a block's threads apart."""

    threads: int = 256
    items: int = 4

    @classmethod
    def default(cls, machine: GridMachine, size: Dim) -> GridMapKnobs:
        """Enough blocks first, then several elements a thread."""
        threads = min(256, machine.threads)
        small = isinstance(size, int) and size < threads * 64
        return cls(threads, 1 if small else 4)


def elementwise(
    name: str, group: Group, machine: GridMachine, knobs: GridMapKnobs | None = None
) -> KernelSource:
    """The kernel of a group of maps over one space."""
    size = product(group.space)
    knobs = knobs or GridMapKnobs.default(machine, size)
    kernel = GridKernel(name, group)
    frame = kernel.open_grid()
    t, scope, n_axes = frame.t, frame.scope, len(group.space)
    tile = knobs.threads * knobs.items
    is_whole = isinstance(size, int) and size % tile == 0
    with scope.block() as statements, scope.loop("i", int64(0), int64(knobs.items)) as i:
        position = t.let(frame.block * int64(tile) + i * int64(knobs.threads) + frame.thread)
        with frame.when(None if is_whole else position < t.size(size)):
            store_outputs(frame, group.outputs, [(n_axes, position)] if n_axes else [])
    kernel.close_grid(frame, statements, ceil_divide(size, tile), knobs.threads)
    return kernel.source()
