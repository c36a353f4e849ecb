"""Reductions along other axes than the last, with maps before, between and after.

Softmax over the channels of images, norms over batches and the sums of their gradients are one
kernel each. Where the last axes are reduced too, a unit is one result, a row in pieces. Else it is
a strip of neighbouring results: their states lie side by side in the first-level cache, each pass
walks the strip row after row in vectors, and strips are so narrow that the rows of all passes stay
in the second-level cache.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ...dsl.graph import Node, Var
from ...dsl.primitive import Expr, Map
from ...dsl.sizes import Shape, product
from ..calls import type_of
from ..frame import KernelFrame, RangeFrame
from ..fusion import Group
from ..index import Index, address
from ..kernel import KernelSource
from ..machine import Machine
from ..readers import Source
from ..spaces import without_ones
from ..tvm_api import tirx
from ..vocabulary import int64
from .accumulate import Accumulator
from .lines import Lines
from .nest import Block, Body, block_range, element_cost, split_unit, vector_lanes, vectors
from .ordered import OrderedColumns, OrderedWriter
from .passes import Pass, computed_storage, kept_in_place, levels_of, plan
from .row_writer import RowWriter
from .rowwise import RowKnobs, default_knobs, row_kernel


def count(shape: Shape) -> int:
    """The number of positions; the sizes of columns are known."""
    found = product(shape)
    assert isinstance(found, int), f"columns of unknown size {found}"
    return found


@dataclass(frozen=True)
class ColumnKnobs:
    """`strip`: vectors of results in a unit; `rows`: rows taken in for one pass over the states;
    `keep_cost`: as in RowKnobs."""

    strip: int = 8
    rows: int = 4
    keep_cost: int = 8

    @classmethod
    def default(cls, group: Group, machine: Machine) -> ColumnKnobs:
        """Strips that fit into half of the second-level cache, and are enough for all threads."""
        lines, lanes = Lines.of(group), vector_lanes(group, machine)
        inner = count(lines.runs[-1][1])
        length, items = count(lines.reduced), count(lines.results) // inner
        values = (*group.inputs, *group.outputs)
        bytes_ = sum(v.aval.dtype.itemsize for v in values if lines.is_full(v.aval.shape))
        one_pass = len(plan(group)) == 1
        strip = 32
        while strip > 4 and (
            (not one_pass and strip * lanes * length * max(bytes_, 1) > machine.l2 // 2)
            or items * -(-inner // (strip * lanes)) < 4 * machine.cores
        ):
            strip //= 2
        return cls(strip)


def columns(name: str, group: Group, machine: Machine) -> KernelSource:
    """The kernel of a group that reduces other axes than the last ones."""
    return _columns(name, group, machine, RowWriter, StripWriter)


def ordered_columns(name: str, group: Group, machine: Machine) -> KernelSource:
    """The same, its sums in the order of the reproducible mode."""
    return _columns(name, group, machine, OrderedWriter, OrderedStripWriter)


def _columns(name: str, group: Group, machine: Machine, rows: Any, strips: Any) -> KernelSource:
    if not Lines.of(group).runs[-1][0]:
        knobs = default_knobs(group, machine) if rows is RowWriter else RowKnobs()
        return row_kernel(name, group, machine, knobs, rows)
    return _strip_kernel(name, group, machine, strips)


def _strip_kernel(name: str, group: Group, machine: Machine, make: Any) -> KernelSource:
    knobs, lines = ColumnKnobs.default(group, machine), Lines.of(group)
    kernel = KernelFrame(name, group)
    frame = kernel.open()
    writer = make(frame, group, vector_lanes(group, machine), knobs)
    t, scope = frame.t, frame.scope
    counts = [writer.items, writer.strips.count]
    with scope.block() as statements, scope.loop("unit", frame.begin, frame.end) as unit:
        item, strip = split_unit(t, unit, counts)
        writer.unit(item, *block_range(t, writer.strips, strip))
    width = writer.strips.length if writer.strips.count != 1 else writer.strips.size
    cost = element_cost(group, writer.lanes) * len(writer.passes) * count(lines.reduced)
    kernel.close(frame, statements, product(tuple(counts)), cost * width)
    return kernel.source()


class StripWriter:
    """Writes the passes over one strip of columns."""

    def __init__(self, frame: RangeFrame, group: Group, lanes: int, knobs: ColumnKnobs) -> None:
        self.frame, self.group, self.lines, self.rows = frame, group, Lines.of(group), knobs.rows
        self.inner = count(self.lines.runs[-1][1])
        self.items = count(self.lines.results) // self.inner
        self.lanes = lanes if self.inner >= lanes else 1
        self.strips = Block(self.inner, knobs.strip * lanes)
        self.width = knobs.strip * lanes
        passes = plan(group, knobs.keep_cost)
        places = kept_in_place(group, passes)
        self.passes = [replace(p, kept=tuple(v for v in p.kept if v in places)) for p in passes]
        for var, output in places.items():
            frame.buffers[var] = frame.buffers[output]
        self.states = {n: self._state(n, f"s{i}") for i, n in enumerate(group.anchors)}
        self.levels = levels_of(group)
        self.results = [v for n in group.nodes for v in n.outputs if self._is_result(n, v)]
        self.cells = {
            v: frame.local(f"value{i}", computed_storage(v), self.width)
            for i, v in enumerate(self.results)
        }
        self.item: Any = None  # of the open unit, its columns, and the open column
        self.low: Any = None
        self.size: Any = None
        self.column: Any = None

    def _state(self, node: Node, tag: str) -> Any:
        return Accumulator(self.frame, node, self.width, tag)

    def _is_result(self, node: Node, var: Var) -> bool:
        """Whether a value has one element for each result, and is made of one."""
        lower = node.primitive.lower
        is_value = not isinstance(lower, Map) or lower.pointwise
        is_small = without_ones(var.aval.shape) == self.lines.results
        return is_value and is_small and self.levels[var] > 0 and not var.aval.dtype.is_complex

    # ------------------------------------------------------------------ one strip

    def unit(self, item: Expr, low: Expr, high: Expr) -> None:
        """All passes over a strip, and what is stored once for each of its columns."""
        self.item, self.low, self.size = item, low, high - low
        sources = self.frame.scope.sources
        level = 0
        for p in self.passes:
            self.walk(p)
            level += bool(p.reduces)
            for var in (v for v in self.results if v not in sources and self.levels[v] <= level):
                self.each(lambda j, var=var: self._keep(var))  # type: ignore[misc]
                sources[var] = self._kept(var)
            for var in (*p.outputs, *p.kept):
                sources[var] = self._memory(var)
        if not all(self.lines.is_full(v.aval.shape) for v in self.group.outputs):
            self.each(lambda j: self._store_results())
        for var in [*self.results, *(v for p in self.passes for v in (*p.outputs, *p.kept))]:
            sources.pop(var, None)

    def each(self, body: Body) -> None:
        """`body(j)` for each column, j counted from the strip's first."""

        def at(j: Expr) -> None:
            self.column = j
            body(j)

        scope = self.frame.scope
        vectors(scope, self.lanes, int64(0), self.size, self.inner, at, halves=self.lanes > 1)

    def walk(self, p: Pass) -> None:
        """A pass, several rows at once where that saves states from being loaded and stored."""
        for node in p.reduces:
            self.each(self.states[node].reset_lane)
        length = count(self.lines.reduced)
        step = self.rows if p.reduces and length >= self.rows else 1
        scope, whole = self.frame.scope, length // step * step
        with scope.loop("pass", int64(0), int64(length // step)) as k:
            self.each(lambda j: self._rows(p, [k * int64(step) + int64(i) for i in range(step)]))
        if whole < length:
            with scope.loop("k", int64(whole), int64(length)) as k:
                self.each(lambda j: self._rows(p, [k]))

    def _rows(self, p: Pass, rows: list[Expr]) -> None:
        """Some rows of a column."""
        taken: dict[Node, list[Expr]] = {node: [] for node in p.reduces}
        for k in rows:
            for node, value in zip(p.reduces, self.row(p, k), strict=True):
                taken[node].append(value)
        for node, values in taken.items():
            state = self.states[node]
            if state.folds and len(values) > 1:
                state.take_folded(values, self.column)
                continue
            for k, value in zip(rows, values, strict=True):
                state.take(value, k, self.column)

    def row(self, p: Pass, k: Expr) -> list[Expr]:
        """What is kept, stored and reduced of one row of a column; the last is returned."""
        frame, indices = self.frame, dict[Shape, Index]()

        def element(var: Var) -> tuple[Expr, Index]:
            shape = var.aval.shape
            index = indices.setdefault(shape, self._index(shape, k))
            return frame.scope.element(var, index), index

        for var in (*p.kept, *p.outputs):
            value, index = element(var)
            frame.store(var, value, address(frame.t, index))
        return [element(node.inputs[0])[0] for node in p.reduces]

    def _index(self, shape: Shape, k: Expr) -> Index:
        column = self.low + self.column
        lead = [self.item] if len(self.lines.runs) == 3 else []
        return self.lines.index(shape, [*lead, k, column])

    # ------------------------------------------------------------------ results

    def _keep(self, var: Var) -> None:
        """Compute a result's value at the open column."""
        scope, t = self.frame.scope, self.frame.t
        state = next((s for n, s in self.states.items() if n.output is var), None)
        if state is None:
            value = scope.element(var, self._index(var.aval.shape, int64(0)))
        else:
            value = state.finish(state.state(self.column))
        raw = tirx.Cast("uint8", value) if type_of(value) == "bool" else value
        t.emit(tirx.BufferStore(self.cells[var], raw, [self.column]))

    def _kept(self, var: Var) -> Source:
        def read(index: Index) -> Expr:
            raw = tirx.BufferLoad(self.cells[var], [self.column])
            is_bool = var.aval.dtype.name == "bool"
            return tirx.NE(raw, tirx.const(0, "uint8")) if is_bool else raw

        return read

    def _memory(self, var: Var) -> Source:
        """What an earlier pass has put into an output's memory."""
        frame, buffer = self.frame, self.frame.buffers[var]
        return lambda index: frame.t.load(buffer, address(frame.t, index), var.aval.dtype)

    def _store_results(self) -> None:
        for var in self.group.outputs:
            if not self.lines.is_full(var.aval.shape):
                index = self._index(var.aval.shape, int64(0))
                value = self.frame.scope.element(var, index)
                self.frame.store(var, value, address(self.frame.t, index))


class OrderedStripWriter(StripWriter):
    """The same with the fixed trees of the reproducible mode."""

    def _state(self, node: Node, tag: str) -> OrderedColumns:
        return OrderedColumns(self.frame, node, self.width, tag)

    def walk(self, p: Pass) -> None:
        if not p.reduces:
            super().walk(p)
            return
        states = [self.states[node] for node in p.reduces]

        def take(k: Expr, place: Expr) -> None:
            for state, value in zip(states, self.row(p, k), strict=True):
                state.take(value, k, place)

        for state in states:
            self.each(state.total.reset_lane)
        OrderedColumns.walk(self.frame, states, count(self.lines.reduced), self.each, take)
