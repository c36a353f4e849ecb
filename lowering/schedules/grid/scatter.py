"""Scatter: every place has one owner, which copies it and then takes its updates in, in order.

A thread owns a range of places at one position of the other axes, walks over all indices and
takes what falls into its range: no two threads write to one place, and the order is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

from ....dsl.primitive import Expr, Scatter
from ....dsl.sizes import Dim, ceil_divide, maximum, minimum, product
from ...fusion import Group
from ...index import Index, Run
from ...kernel import KernelSource
from ...tvm_api import tirx
from ...vocabulary import int64
from ..nest import split_unit
from .frame import GridFrame, GridKernel
from .machine import GridMachine


@dataclass(frozen=True)
class GridScatterKnobs:
    """`threads` of a block; `wanted`: threads of the launch, as far as there are places."""

    threads: int = 128
    wanted: int = 1 << 14


def scatter(
    name: str, group: Group, machine: GridMachine, knobs: GridScatterKnobs | None = None
) -> KernelSource:
    """The kernel of one scatter."""
    knobs = knobs or GridScatterKnobs(min(128, machine.threads))
    kernel = GridKernel(name, group)
    frame = kernel.open_grid()
    work = _Scatter(frame, group, knobs)
    t, scope = frame.t, frame.scope
    units = work.before * work.owners * work.after
    with scope.block() as statements:
        unit = t.let(frame.block * int64(knobs.threads) + frame.thread)
        with frame.when(unit < t.size(units)):
            work.unit(*split_unit(t, unit, [work.before, work.owners, work.after]))
    kernel.close_grid(frame, statements, ceil_divide(units, knobs.threads), knobs.threads)
    return kernel.source()


class _Scatter:
    def __init__(self, frame: GridFrame, group: Group, knobs: GridScatterKnobs) -> None:
        self.frame = frame
        (self.node,) = group.anchors
        self.x, self.places, self.updates = self.node.inputs
        axis, self.shape = self.node.params["axis"], self.x.aval.shape
        self.axis: int = axis
        self.before, self.size = product(self.shape[:axis]), self.shape[axis]
        self.after, self.count = product(self.shape[axis + 1 :]), self.places.aval.shape[0]
        wanted = ceil_divide(knobs.wanted, maximum(self.before * self.after, 1))
        owners = minimum(self.size, wanted)
        self.owners: Dim = maximum(owners, 1)

    def unit(self, row: Expr, owner: Expr, column: Expr) -> None:
        """Copy the places of an owner, then take the updates in, one after another."""
        t, scope = self.frame.t, self.frame.scope
        size = t.size(self.size)
        share = t.let(t.size(ceil_divide(self.size, self.owners)))
        low = t.let(tirx.Min(owner * share, size))
        high = t.let(tirx.Min(low + share, size))
        with scope.loop("i", low, high) as i:
            value = scope.element(self.x, self._index(row, i, column, self.size))
            self.frame.store(self.node.output, value, self._address(row, i, column))
        with scope.loop("u", int64(0), t.size(self.count)) as i:
            place = scope.element(self.places, Index((Run((self.count,), i),)))
            with self.frame.when(tirx.And(place >= low, place < high)):
                self._update(row, i, place, column)

    def _update(self, row: Expr, i: Expr, place: Expr, column: Expr) -> None:
        frame, dtype = self.frame, self.x.aval.dtype
        lower, t = self.node.primitive.lower, frame.t
        assert isinstance(lower, Scatter)
        at = self._address(row, place, column)
        old = t.let(t.load(frame.buffers[self.node.output], at, dtype))
        new = frame.scope.element(self.updates, self._index(row, i, column, self.count))
        made = t.rounded(t.evaluate(lambda: lower.combine(t, old, new)), dtype)
        frame.store(self.node.output, made, at)

    def _index(self, row: Expr, i: Expr, column: Expr, size: Dim) -> Index:
        before, after = self.shape[: self.axis], self.shape[self.axis + 1 :]
        runs = [Run(before, row), Run((size,), i), Run(after, column)]
        return Index(tuple(run for run in runs if run.shape))

    def _address(self, row: Expr, i: Expr, column: Expr) -> Expr:
        t = self.frame.t
        return (row * t.size(self.size) + i) * t.size(self.after) + column
