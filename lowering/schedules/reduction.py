"""One reduction over any axes, with maps before it and maps over its result after it.

The reduced axes are cut into blocks whose partial states go to shared scratch; a second phase
joins them in order. The shape of this tree depends on the sizes only, never on the number of
threads. Where one block holds all, there is one phase. `across` (the last axis is reduced): lanes
run along the last axis; `down`: lanes are neighbouring results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...dsl.dtypes import DType
from ...dsl.graph import Node
from ...dsl.primitive import Expr
from ...dsl.sizes import Dim, Shape, known, product
from ..frame import Area, Frame, KernelFrame
from ..fusion import Group
from ..index import Index, Run, address
from ..kernel import AUTO, THREADS, KernelSource, threaded
from ..knobs import Value, tunable
from ..machine import Machine
from ..readers import sequence
from ..tvm_api import tirx
from ..vocabulary import TirxVocabulary, int64
from .accumulate import Accumulator, state_dtypes
from .nest import (
    Block,
    block_range,
    element_cost,
    index_at,
    split_unit,
    vector_lanes,
    vectors,
)


@dataclass(frozen=True)
class ReductionKnobs:
    """`block`: elements of one partial state; `column_block`: its rows where lanes are results;
    `strip`: vectors of results that are reduced together; `vectors`: registers side by side along
    the last axis, each with a chain of its own; `grain`: units that a thread takes at once, at
    least; `threads`: see `threaded`."""

    block: int = 1 << 14
    column_block: int = 512
    strip: int = 4
    vectors: int = 1
    grain: int = 1
    threads: str = AUTO


@dataclass(frozen=True)
class Axes:
    """The axes of the input in runs that are all kept or all reduced: (size, is reduced)."""

    runs: tuple[tuple[Shape, bool], ...]

    @property
    def kept(self) -> Dim:
        return product(tuple(product(s) for s, reduced in self.runs if not reduced))

    @property
    def across(self) -> bool:
        return not self.runs or self.runs[-1][1]


def reduction_choices(group: Group, machine: Machine) -> Mapping[str, Sequence[Value]]:
    """What there is to try: lanes run along the last axis, or over neighbouring results."""
    choices: dict[str, Sequence[Value]] = {"grain": (1, 4, 16, 64), "threads": THREADS}
    if axes_of(group.anchors[0]).across:
        blocks = (10, 12, 14, 16, 18, 20)
        return {**choices, "block": [1 << n for n in blocks], "vectors": (1, 2, 4, 8)}
    column_blocks = (64, 128, 256, 512, 1024, 4096)
    return {**choices, "column_block": column_blocks, "strip": (1, 2, 4, 8)}


def _refuse(knobs: ReductionKnobs, group: Group, machine: Machine) -> str | None:
    runs = axes_of(group.anchors[0]).runs
    (last,) = known((product(runs[-1][0]) if runs else 1,))
    width = vector_lanes(group, machine) * knobs.vectors
    if knobs.vectors > 1 and (width > last or knobs.block % width):
        return f"{width} lanes for {last} elements in blocks of {knobs.block}"
    return None


@tunable(ReductionKnobs, choices=reduction_choices, refuse=_refuse)
def reduction(
    name: str, group: Group, machine: Machine, knobs: ReductionKnobs | None = None
) -> KernelSource:
    """The kernel of a group around one reduction."""
    knobs = knobs or ReductionKnobs()
    return threaded(_Reduction(name, group, machine, knobs).build(), knobs.threads)


def axes_of(node: Node) -> Axes:
    """The runs of a reduction's input."""
    runs: list[tuple[Shape, bool]] = []
    for axis, size in enumerate(node.inputs[0].aval.shape):
        reduced = axis in node.params["axes"]
        if runs and runs[-1][1] == reduced:
            runs[-1] = ((*runs[-1][0], size), reduced)
        else:
            runs.append(((size,), reduced))
    return Axes(tuple(runs))


class _Reduction:
    def __init__(self, name: str, group: Group, machine: Machine, knobs: ReductionKnobs) -> None:
        self.group, self.knobs = group, knobs
        (self.node,) = group.anchors
        self.axes = axes_of(self.node)
        self.cost_lanes = vector_lanes(group, machine)
        self.width = self.cost_lanes * knobs.vectors
        self.block = self._block()
        self.dtypes: tuple[DType, ...] = state_dtypes(self.node)
        self.blocks = self.block.count
        areas: tuple[Area, ...] = ()
        if not self.single:
            size = self.axes.kept * self.blocks
            areas = tuple(
                Area(f"partial{i}", d.name, size, per_thread=False)
                for i, d in enumerate(self.dtypes)
            )
        self.kernel = KernelFrame(name, group, areas)

    @property
    def single(self) -> bool:
        return self.blocks in (0, 1)

    def _outer_reduced(self) -> Dim:
        """Elements of the reduced axes that are walked one by one (all but the lanes' run)."""
        runs = self.axes.runs[:-1] if self.axes.across else self.axes.runs
        return product(tuple(product(s) for s, reduced in runs if reduced))

    def _block(self) -> Block:
        """What is cut: the last run, or the reduced runs before it if there are any."""
        if not self.axes.across:
            return Block(self._outer_reduced(), self.knobs.column_block)
        last: Dim = product(self.axes.runs[-1][0]) if self.axes.runs else 1
        outer = self._outer_reduced()
        if outer == 1:
            return Block(last, self.knobs.block)
        step = max(1, self.knobs.block // max(last, 1)) if isinstance(last, int) else 16
        return Block(outer, max(step, 2))

    # ------------------------------------------------------------------ phases

    def build(self) -> KernelSource:
        if self.axes.across:
            self._across()
        else:
            self._down()
        if not self.single:
            self._join()
        return self.kernel.source()

    def _cost(self) -> int:
        return element_cost(self.group, self.cost_lanes)

    def _across(self) -> None:
        frame = self.kernel.open()
        t, scope = frame.t, frame.scope
        state = Accumulator(frame, self.node, self._lanes(), "s")
        kept = self.axes.kept
        with scope.block() as statements, scope.loop("unit", frame.begin, frame.end) as unit:
            row, number = split_unit(t, unit, [kept, self.blocks])
            state.reset()
            self._walk_block(frame, state, row, number)
            self._result(frame, state, row, number)
        length = self.block.length if not self.single else self.block.size
        inner = length * (1 if self._outer_reduced() == 1 else product(self.axes.runs[-1][0]))
        units = kept * self.blocks if not self.single else kept
        self.kernel.close(frame, statements, units, self._cost() * inner, self.knobs.grain)

    def _lanes(self) -> int:
        last: Dim = product(self.axes.runs[-1][0]) if self.axes.runs else 1
        return 1 if isinstance(last, int) and last < self.width else self.width

    def _walk_block(self, frame: Frame, state: Accumulator, row: Expr, number: Expr) -> None:
        t, scope = frame.t, frame.scope
        last: Dim = product(self.axes.runs[-1][0]) if self.axes.runs else 1
        low, high = block_range(t, self.block, number)
        if self.block.size == 0 or last == 0:
            return
        if self._outer_reduced() == 1:
            self._take_run(frame, state, row, int64(0), low, high)
            return
        # Lanes go on over the outer elements: they are joined once, at the end of the block.
        with scope.loop("outer", low, high) as outer:
            self._take_run(frame, state, row, outer, int64(0), t.size(last), join=False)
        if state.width > 1:
            state.join_lanes()

    def _take_run(
        self, frame: Frame, state: Accumulator, row: Expr, outer: Expr, low: Expr, high: Expr,
        join: bool = True,
    ) -> None:  # fmt: skip
        t, scope, width = frame.t, frame.scope, state.width
        last: Dim = product(self.axes.runs[-1][0]) if self.axes.runs else 1

        def take(j: Expr, lane: Expr | None) -> None:
            var = self.node.inputs[0]
            index = self._input_index(t, row, outer, j)
            position = j if self._outer_reduced() == 1 else outer * t.size(last) + j
            state.take(scope.element(var, index), position, lane)

        if width > 1:
            first, end = (tirx.truncdiv(x, int64(width)) for x in (low, high))
            with scope.loop("j", first, end) as i, scope.lanes(width) as lane:
                take(i * int64(width) + lane, lane)
            if join:
                state.join_lanes()
            low = end * int64(width)
        if width == 1 or not isinstance(last, int) or last % width:
            with scope.loop("rest", low, high) as j:
                take(j, None)

    def _input_index(self, t: TirxVocabulary, row: Expr, outer: Expr, lane: Expr) -> Index:
        """The position in the input: kept runs from `row`, reduced ones from `outer`; the last
        run is at `lane`."""
        runs = self.axes.runs
        where = {True: outer, False: row}
        found: list[Run] = []
        sizes: dict[bool, list[Dim]] = {True: [], False: []}
        for shape, reduced in runs[:-1]:
            sizes[reduced].append(product(shape))
        parts = {r: iter(split_unit(t, where[r], sizes[r])) for r in (True, False)}
        for shape, reduced in runs[:-1]:
            found.append(Run(shape, next(parts[reduced])))
        if runs:
            found.append(Run(runs[-1][0], lane))
        return Index(tuple(found))

    def _result(self, frame: Frame, state: Accumulator, row: Expr, number: Expr) -> None:
        if self.single:
            self._store(frame, state.finish(state.state()), row)
            return
        offset = number * frame.t.size(self.axes.kept) + row
        self._put_partial(frame, state.state(), offset)

    def _put_partial(self, frame: Frame, state: tuple[Expr, ...], offset: Expr) -> None:
        for i, value in enumerate(state):
            frame.t.emit(tirx.BufferStore(frame.scratch[f"partial{i}"], value, [offset]))

    def _store(self, frame: Frame, value: Expr, kept: Expr) -> None:
        """Compute what comes after the reduction, and store the outputs."""
        scope = frame.scope
        scope.sources[self.node.output] = lambda index: value
        shapes: dict[Shape, Index] = {}
        n = self.group.n_outer
        for var in self.group.outputs:
            shape = var.aval.shape
            index = shapes.setdefault(shape, index_at(shape, [(n, kept)] if n else []))
            frame.store(var, scope.element(var, index), address(frame.t, index))
        del scope.sources[self.node.output]

    # ------------------------------------------------------------------ down the columns

    def _down(self) -> None:
        """A unit: one position of the other kept runs, one block of rows, one strip of columns."""
        frame = self.kernel.open()
        t, scope = frame.t, frame.scope
        inner: Dim = product(self.axes.runs[-1][0])
        lead = [product(s) for s, reduced in self.axes.runs[:-1] if not reduced]
        n_lanes = self.knobs.strip * self.width
        strips = Block(inner, n_lanes)
        counts: list[Dim] = [product(tuple(lead)), self.blocks if not self.single else 1]
        counts.append(strips.count)
        with scope.block() as statements, scope.loop("unit", frame.begin, frame.end) as unit:
            item, number, strip = split_unit(t, unit, counts)
            low, high = block_range(t, strips, strip)
            self._strip(frame, item, number, low, high)
        rows = self.block.size if self.single else self.block.length
        cost = self._cost() * n_lanes * rows
        self.kernel.close(frame, statements, product(tuple(counts)), cost, self.knobs.grain)

    def _strip(self, frame: Frame, item: Expr, number: Expr, low: Expr, high: Expr) -> None:
        """Whole strips keep their states in registers; the last one of a row may be narrower."""
        scope, t = frame.scope, frame.t
        inner: Dim = product(self.axes.runs[-1][0])
        n_lanes = self.knobs.strip * self.width
        if isinstance(inner, int) and inner < n_lanes:
            self._narrow_strip(frame, item, number, low, high)
            return
        with scope.block() as whole:
            self._whole_strip(frame, item, number, low)
        if isinstance(inner, int) and inner % n_lanes == 0:
            t.blocks[-1].extend(whole)
            return
        with scope.block() as narrow:
            self._narrow_strip(frame, item, number, low, high)
        is_whole = tirx.EQ(high - low, int64(n_lanes))
        t.emit(tirx.IfThenElse(is_whole, sequence(whole), sequence(narrow)))

    def _whole_strip(self, frame: Frame, item: Expr, number: Expr, low: Expr) -> None:
        scope, width = frame.scope, self.width
        states = [Accumulator(frame, self.node, width, f"w{i}") for i in range(self.knobs.strip)]
        for state in states:
            state.reset()
        first, last = block_range(frame.t, self.block, number)
        with scope.loop("k", first, last) as k:
            for i, state in enumerate(states):
                with scope.lanes(width) as lane:
                    self._take_column(frame, state, item, k, (low + int64(i * width) + lane, lane))
        for i, state in enumerate(states):
            with scope.lanes(width) as lane:
                column = low + int64(i * width) + lane
                self._put_column(frame, state.state(lane), state, (item, number, column))

    def _narrow_strip(self, frame: Frame, item: Expr, number: Expr, low: Expr, high: Expr) -> None:
        scope, size = frame.scope, high - low
        inner: Dim = product(self.axes.runs[-1][0])
        fits = not isinstance(inner, int) or inner >= self.width
        width = self.width if fits else 1
        state = Accumulator(frame, self.node, self.knobs.strip * self.width, "s")
        state.reset()
        if self.block.size != 0:
            first, last = block_range(frame.t, self.block, number)
            with scope.loop("k", first, last) as k:
                vectors(
                    scope, width, int64(0), size, inner,
                    lambda j: self._take_column(frame, state, item, k, (low + j, j)),
                )  # fmt: skip
        vectors(
            scope, width, int64(0), size, inner,
            lambda j: self._put_column(frame, state.state(j), state, (item, number, low + j)),
        )  # fmt: skip

    def _take_column(
        self, frame: Frame, state: Accumulator, item: Expr, k: Expr, at: tuple[Expr, Expr]
    ) -> None:
        column, lane = at
        index = self._input_index(frame.t, item, k, column)
        state.take(frame.scope.element(self.node.inputs[0], index), k, lane)

    def _put_column(
        self, frame: Frame, value: tuple[Expr, ...], state: Accumulator, at: tuple[Expr, ...]
    ) -> None:
        t = frame.t
        item, number, column = at
        kept = item * t.size(product(self.axes.runs[-1][0])) + column
        if self.single:
            self._store(frame, state.finish(value), kept)
        else:
            self._put_partial(frame, value, number * t.size(self.axes.kept) + kept)

    # ------------------------------------------------------------------ the second phase

    def _join(self) -> None:
        """Join the partial states of each result in the order of their blocks."""
        frame = self.kernel.open()
        t, scope = frame.t, frame.scope
        state = Accumulator(frame, self.node, 1, "s")
        kept = t.size(self.axes.kept)
        with scope.block() as statements, scope.loop("row", frame.begin, frame.end) as row:
            state.reset()
            with scope.loop("block", int64(0), t.size(self.blocks)) as number:
                offset = number * kept + row
                state.merge([
                    t.let(tirx.BufferLoad(frame.scratch[f"partial{i}"], [offset]))
                    for i in range(len(self.dtypes))
                ])  # fmt: skip
            self._store(frame, state.finish(state.state()), row)
        self.kernel.close(frame, statements, self.axes.kept, 2000 * self.blocks, 16)
