"""Reductions over the same axes with maps before, between and after: rows, or `columns`.

A team of threads does one row in one launch. Passes over the row are those of the processors'
schedule; a thread meets the same elements in every pass, so values that a later pass needs stay in
its registers where a row is short enough, and are computed again where it is not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ....dsl.graph import Var
from ....dsl.primitive import Expr
from ....dsl.sizes import Dim, Shape, ceil_divide, product
from ...calls import type_of
from ...fusion import Group
from ...index import Index, address
from ...kernel import KernelSource
from ...readers import Source
from ...tvm_api import tirx
from ...vocabulary import int64
from ..accumulate import Accumulator
from ..lines import Lines
from ..passes import Pass, computed_storage, plan
from ..row_writer import known_value
from .frame import GridFrame, GridKernel
from .machine import GridMachine
from .tree import Arrangement, Tree, power_of_two_up_to


@dataclass(frozen=True)
class GridRowKnobs:
    """`shape`: the threads of a block; `keep`: elements a thread, up to which values that cost
    more than `keep_cost` instructions stay in registers for a later pass."""

    shape: Arrangement
    keep: int = 16
    keep_cost: int = 8

    @classmethod
    def default(cls, machine: GridMachine, length: Dim) -> GridRowKnobs:
        """A few elements a thread; short rows share a block."""
        threads = power_of_two_up_to(machine.threads, 256)
        wanted = -(-length // 4) if isinstance(length, int) else threads
        lanes = power_of_two_up_to(threads, max(wanted, 1))
        return cls(Arrangement(lanes, max(threads // 2 // lanes, 1)))


def rowwise(
    name: str, group: Group, machine: GridMachine, knobs: GridRowKnobs | None = None
) -> KernelSource:
    """The kernel of a row-wise group."""
    lines = Lines.of(group)
    length = product(lines.reduced)
    knobs = knobs or GridRowKnobs.default(machine, length)
    rows = product(lines.results)
    kernel = GridKernel(name, group)
    frame = kernel.open_grid()
    writer = _Writer(frame, group, knobs, length)
    with frame.scope.block() as statements:
        writer.rows(rows)
    kernel.close_grid(frame, statements, ceil_divide(rows, knobs.shape.teams), knobs.shape.threads)
    return kernel.source()


class _Writer:
    def __init__(self, frame: GridFrame, group: Group, knobs: GridRowKnobs, length: Dim) -> None:
        self.frame, self.group, self.shape, self.length = frame, group, knobs.shape, length
        steps = ceil_divide(length, self.shape.lanes)
        self.keeps = isinstance(steps, int) and steps <= knobs.keep
        passes = plan(group, knobs.keep_cost)
        self.passes = passes if self.keeps else [replace(p, kept=()) for p in passes]
        self.steps = steps
        for i, var in enumerate(v for p in self.passes for v in p.kept):
            assert isinstance(steps, int)
            frame.buffers[var] = frame.local(f"kept{i}", computed_storage(var), max(steps, 1))
        self.states = {n: Accumulator(frame, n, 1, f"s{i}") for i, n in enumerate(group.anchors)}
        self.trees = {n: Tree(frame, self.shape, s, s.tag) for n, s in self.states.items()}
        self.lines = Lines.of(group)
        self.step: Expr = None

    def rows(self, count: Dim) -> None:
        """One row a team; teams beyond the last row do it again and store nothing."""
        t, frame = self.frame.t, self.frame
        team, lane = self.shape.place(frame)
        number = t.let(frame.block * int64(self.shape.teams) + team)
        is_whole = isinstance(count, int) and count % self.shape.teams == 0
        inside = None if is_whole else number < t.size(count)
        row = number if is_whole else t.let(tirx.Min(number, t.size(count) - int64(1)))
        for p in self.passes:
            self._pass(p, row, lane, inside)
        first = lane < int64(1)
        with frame.when(first if inside is None else tirx.And(inside, first)):
            self._store_rows(row)

    def _pass(self, p: Pass, row: Expr, lane: Expr, inside: Expr | None) -> None:
        for node in p.reduces:
            self.states[node].reset()
        self._walk(p, row, lane, inside)
        for node in p.reduces:
            total = self.trees[node].join(lane)
            value = self.states[node].finish(total)
            self.frame.scope.sources[node.output] = known_value(value)
        # A row done twice has stored no outputs of its own, so they are computed again there.
        for var in (*p.outputs, *p.kept) if inside is None else p.kept:
            self.frame.scope.sources[var] = self._memory(var)

    def _walk(self, p: Pass, row: Expr, lane: Expr, inside: Expr | None) -> None:
        frame, t, lanes = self.frame, self.frame.t, self.shape.lanes
        is_whole = isinstance(self.length, int) and self.length % lanes == 0
        if self.length == 0:
            return
        kind = tirx.ForKind.UNROLLED if self.keeps else None
        with frame.scope.loop("i", int64(0), t.size(self.steps), kind) as i:
            j = t.let(i * int64(lanes) + lane)
            self.step = i
            with frame.when(None if is_whole else j < t.size(self.length)):
                self._element(p, row, j, inside)

    def _element(self, p: Pass, row: Expr, j: Expr, inside: Expr | None) -> None:
        scope, frame = self.frame.scope, self.frame
        indices: dict[object, Index] = {}

        def index_of(var: Var) -> Index:
            shape = var.aval.shape
            return indices.setdefault(shape, self._index(shape, row, j))

        for var in p.kept:
            value = scope.element(var, index_of(var))
            raw = tirx.Cast("uint8", value) if type_of(value) == "bool" else value
            frame.t.emit(tirx.BufferStore(frame.buffers[var], raw, [self.step]))
        values = [(v, scope.element(v, index_of(v))) for v in p.outputs]
        with frame.when(inside):
            for var, value in values:
                frame.store(var, value, address(frame.t, index_of(var)))
        for node in p.reduces:
            var = node.inputs[0]
            self.states[node].take(scope.element(var, index_of(var)), j)

    def _index(self, shape: Shape, row: Expr, j: Expr) -> Index:
        return self.lines.index(shape, self.lines.positions(self.frame.t, row, j))

    def _memory(self, var: Var) -> Source:
        """Later passes read what this thread has kept or stored."""
        frame, buffer = self.frame, self.frame.buffers[var]

        def read(index: Index) -> Expr:
            if var in self.group.outputs:
                return frame.t.load(buffer, address(frame.t, index), var.aval.dtype)
            raw = tirx.BufferLoad(buffer, [self.step])
            is_bool = var.aval.dtype.name == "bool"
            return tirx.NE(raw, tirx.const(0, "uint8")) if is_bool else raw

        return read

    def _store_rows(self, row: Expr) -> None:
        """Outputs with one element a row."""
        frame = self.frame
        indices: dict[object, Index] = {}
        for var in self.group.outputs:
            shape = var.aval.shape
            if self.lines.is_full(shape):
                continue
            index = indices.setdefault(shape, self._index(shape, row, int64(0)))
            frame.store(var, frame.scope.element(var, index), address(frame.t, index))
