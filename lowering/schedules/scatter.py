"""Scatter: a copy of x, then the updates in order, in parallel over the other axes.

A unit is one position of the axes before the scattered one, and one strip of those after it, so
that no two units write to one place and the order of the updates is kept. Where x lies in memory,
or is one value everywhere, the copy is a phase of its own, from the first element to the last: by
strips few threads would copy it, a piece here and a piece there.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...dsl.primitive import Expr, Scatter
from ...dsl.sizes import Dim, product
from ..frame import KernelFrame
from ..fusion import Group
from ..index import Index, Run, flat
from ..kernel import KernelSource
from ..machine import Machine
from ..readers import sequence
from ..tvm_api import tirx
from ..vocabulary import int64
from .nest import (
    PS_PER_BYTE,
    Block,
    block_range,
    element_cost,
    split_unit,
    vector_lanes,
    vectors,
)


@dataclass(frozen=True)
class ScatterKnobs:
    """`strip`: elements of the last axes in a unit; `block`: elements in a unit of the copy."""

    strip: int = 256
    block: int = 4096


def scatter(
    name: str, group: Group, machine: Machine, knobs: ScatterKnobs | None = None
) -> KernelSource:
    """The kernel of one scatter."""
    knobs = knobs or ScatterKnobs()
    kernel = KernelFrame(name, group)
    copied = _is_plain(group)
    if copied:
        _copy_all(kernel, group, machine, knobs)
    work = _Scatter(kernel, group, machine, knobs)
    frame, scope = work.frame, work.frame.scope
    units: list[Dim] = [work.before, work.strips.count]
    with scope.block() as statements, scope.loop("unit", frame.begin, frame.end) as unit:
        row, strip = split_unit(frame.t, unit, units)
        low, high = block_range(frame.t, work.strips, strip)
        if not copied:
            work.copy(row, low, high)
        work.update(row, low, high)
    steps = work.count if copied else work.size + work.count
    cost = element_cost(group, work.width) * knobs.strip * steps
    kernel.close(frame, statements, product(tuple(units)), cost)
    return kernel.source()


def _is_plain(group: Group) -> bool:
    """Whether x is read at any position without arithmetic."""
    x = group.anchors[0].inputs[0]
    makers = (n for n in group.nodes if x in n.outputs)
    return x in group.inputs or any(n.primitive.name == "full" for n in makers)


def _copy_all(kernel: KernelFrame, group: Group, machine: Machine, knobs: ScatterKnobs) -> None:
    """The phase that copies x."""
    x, out = group.anchors[0].inputs[0], group.anchors[0].output
    frame = kernel.open()
    block = Block(product(out.aval.shape), knobs.block)
    width = machine.vector_bytes // max(min(x.aval.dtype.real.itemsize, 8), 2)

    def one(position: Expr) -> None:
        value = frame.scope.element(x, flat(out.aval.shape, position))
        frame.store(out, value, position)

    scope = frame.scope
    with scope.block() as statements, scope.loop("unit", frame.begin, frame.end) as unit:
        vectors(scope, width, *block_range(frame.t, block, unit), block.size, one)
    cost = 2 * x.aval.dtype.itemsize * PS_PER_BYTE * knobs.block
    kernel.close(frame, statements, block.count, cost)


class _Scatter:
    def __init__(
        self, kernel: KernelFrame, group: Group, machine: Machine, knobs: ScatterKnobs
    ) -> None:
        (self.node,) = group.anchors
        self.x, self.places, self.updates = self.node.inputs
        axis, self.shape = self.node.params["axis"], self.x.aval.shape
        self.axis: int = axis
        self.before, self.size = product(self.shape[:axis]), self.shape[axis]
        self.after, self.count = product(self.shape[axis + 1 :]), self.places.aval.shape[0]
        self.frame = kernel.open()
        self.width = vector_lanes(group, machine)
        self.strips = Block(self.after, knobs.strip)

    def copy(self, row: Expr, low: Expr, high: Expr) -> None:
        """Copy a strip of all places."""
        with self.frame.scope.loop("i", int64(0), self.frame.t.size(self.size)) as i:
            self._copy(row, i, low, high)

    def update(self, row: Expr, low: Expr, high: Expr) -> None:
        """Take the updates of a strip in, one after another."""
        t, scope = self.frame.t, self.frame.scope
        with scope.loop("u", int64(0), t.size(self.count)) as i:
            place = scope.element(self.places, Index((Run((self.count,), i),)))
            inside = tirx.And(place >= int64(0), place < t.size(self.size))
            with scope.block() as body:
                self._update(row, i, place, low, high)
            t.emit(tirx.IfThenElse(inside, sequence(body), None))

    def _copy(self, row: Expr, i: Expr, low: Expr, high: Expr) -> None:
        def one(j: Expr) -> None:
            value = self.frame.scope.element(self.x, self._index(row, i, j, self.size))
            self.frame.store(self.node.output, value, self._address(row, i, j))

        vectors(self.frame.scope, self.width, low, high, self.after, one)

    def _update(self, row: Expr, i: Expr, place: Expr, low: Expr, high: Expr) -> None:
        frame, dtype = self.frame, self.x.aval.dtype
        lower, t = self.node.primitive.lower, frame.t
        assert isinstance(lower, Scatter)

        def one(j: Expr) -> None:
            at = self._address(row, place, j)
            old = t.let(t.load(frame.buffers[self.node.output], at, dtype))
            new = frame.scope.element(self.updates, self._index(row, i, j, self.count))
            made = t.rounded(t.evaluate(lambda: lower.combine(t, old, new)), dtype)
            frame.store(self.node.output, made, at)

        vectors(frame.scope, self.width, low, high, self.after, one)

    def _index(self, row: Expr, i: Expr, j: Expr, size: Dim) -> Index:
        before, after = self.shape[: self.axis], self.shape[self.axis + 1 :]
        runs = [Run(before, row), Run((size,), i), Run(after, j)]
        return Index(tuple(run for run in runs if run.shape))

    def _address(self, row: Expr, i: Expr, j: Expr) -> Expr:
        t = self.frame.t
        return (row * t.size(self.size) + i) * t.size(self.after) + j
