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
from ..tvm_api import tirx
from ..vocabulary import TirxVocabulary, int64
from .accumulate import Accumulator, state_dtypes
from .nest import (
    Block,
    Body,
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
    `strip`: vectors of results that are reduced together, their states in the first-level cache;
    `rows`: rows that are taken in for one pass over the states; `vectors`: registers side by side
    along the last axis, each with a chain of its own; `grain`: units that a thread takes at once,
    at least; `threads`: see `threaded`."""

    block: int = 1 << 14
    column_block: int = 512
    strip: int = 32
    rows: int = 4
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
    def last(self) -> Dim:
        """The size of the last run."""
        return product(self.runs[-1][0]) if self.runs else 1

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
    strips = {"strip": (1, 4, 8, 16, 32, 64), "rows": (1, 2, 4, 8)}
    return {**choices, "column_block": column_blocks, **strips}


def _refuse(knobs: ReductionKnobs, group: Group, machine: Machine) -> str | None:
    axes = axes_of(group.anchors[0])
    (last,) = known((axes.last,))
    width = vector_lanes(group, machine) * knobs.vectors
    if axes.across and knobs.vectors > 1 and (width > last or knobs.block % width):
        return f"{width} lanes for {last} elements in blocks of {knobs.block}"
    return None


def default_knobs(group: Group, machine: Machine) -> ReductionKnobs:
    """As many registers side by side as hide the latency of a chain, and fit into a row."""
    last, lanes = axes_of(group.anchors[0]).last, vector_lanes(group, machine)
    fitting = [n for n in (4, 2) if not isinstance(last, int) or n * lanes <= last]
    return ReductionKnobs(vectors=next(iter(fitting), 1), rows=8)


@tunable(
    ReductionKnobs, choices=reduction_choices, default=default_knobs, refuse=_refuse, revision=3
)
def reduction(
    name: str, group: Group, machine: Machine, knobs: ReductionKnobs | None = None
) -> KernelSource:
    """The kernel of a group around one reduction."""
    knobs = knobs or default_knobs(group, machine)
    return threaded(ReductionKernel(name, group, machine, knobs).build(), knobs.threads)


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


class ReductionKernel:
    """Builds the kernel of a group around one reduction."""

    def __init__(self, name: str, group: Group, machine: Machine, knobs: ReductionKnobs) -> None:
        self.group, self.knobs = group, knobs
        (self.node,) = group.anchors
        self.axes = axes_of(self.node)
        self.lanes = vector_lanes(group, machine)
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
        last = self.axes.last
        outer = self._outer_reduced()
        if outer == 1:
            return Block(last, self.knobs.block)
        step = max(1, self.knobs.block // max(last, 1)) if isinstance(last, int) else 16
        return Block(outer, max(step, 2))

    # ------------------------------------------------------------------ phases

    def build(self) -> KernelSource:
        """The phases, one after another."""
        if self.axes.across:
            self._across()
        else:
            self._down()
        if not self.single:
            self._join()
        return self.kernel.source()

    def _cost(self) -> int:
        return element_cost(self.group, self.lanes)

    def _across(self) -> None:
        frame = self.kernel.open()
        t, scope = frame.t, frame.scope
        state = self._accumulator(frame)
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

    def _accumulator(self, frame: Frame) -> Accumulator:
        """The state along a row: where vectors are folded first, one vector of lanes."""
        state = Accumulator(frame, self.node, self._width(), "s")
        if not state.folds or state.width <= self.lanes:
            return state
        return Accumulator(frame, self.node, self.lanes, "folded")

    def _width(self) -> int:
        """Elements of a row that are taken in side by side."""
        width, last = self.lanes * self.knobs.vectors, self.axes.last
        return 1 if isinstance(last, int) and last < width else width

    def _walk_block(self, frame: Frame, state: Accumulator, row: Expr, number: Expr) -> None:
        t, scope = frame.t, frame.scope
        last = self.axes.last
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
        t, scope, width = frame.t, frame.scope, self._width()
        last = self.axes.last
        n_folded = width // self.lanes if state.width < width else 1

        def take(j: Expr, lane: Expr | None) -> None:
            position = j if self._outer_reduced() == 1 else outer * t.size(last) + j
            state.take(self._along(frame, row, outer, j), position, lane)

        # Wide steps, then what is left of them by single vectors, then one by one.
        for step in dict.fromkeys((width, min(width, self.lanes))):
            if step == 1 or (step < width and isinstance(last, int) and last % width < step):
                continue
            end = t.let(low + tirx.truncdiv(high - low, int64(step)) * int64(step))
            steps = tirx.truncdiv(end - low, int64(step))
            parts = n_folded if step == width else 1
            with scope.loop("j", int64(0), steps) as i, scope.lanes(step // parts) as lane:
                first = low + i * int64(step) + lane
                if parts == 1:
                    take(first, lane)
                else:
                    places = [first + int64(n * self.lanes) for n in range(parts)]
                    state.take_folded([self._along(frame, row, outer, j) for j in places], lane)
            low = end
        if join and width > 1:
            state.join_lanes()
        if width == 1 or not isinstance(last, int) or last % min(width, self.lanes):
            with scope.loop("rest", low, high) as j:
                take(j, None)

    def _along(self, frame: Frame, row: Expr, outer: Expr, j: Expr) -> Expr:
        """The element at position j of a row."""
        index = self._input_index(frame.t, row, outer, j)
        return frame.scope.element(self.node.inputs[0], index)

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
        n_lanes = self.knobs.strip * self.lanes
        strips = Block(inner, n_lanes)
        counts: list[Dim] = [product(tuple(lead)), self.blocks if not self.single else 1]
        counts.append(strips.count)
        with scope.block() as statements, scope.loop("unit", frame.begin, frame.end) as unit:
            item, number, strip = split_unit(t, unit, counts)
            low, high = block_range(t, strips, strip)
            self._strip(frame, item, number, low, high)
        rows = self.block.size if self.single else self.block.length
        columns = min(inner, n_lanes) if isinstance(inner, int) else n_lanes
        cost = self._cost() * columns * rows
        self.kernel.close(frame, statements, product(tuple(counts)), cost, self.knobs.grain)

    def _strip(self, frame: Frame, item: Expr, number: Expr, low: Expr, high: Expr) -> None:
        """The states of a strip lie in the cache. Each pass over them takes several rows in, so
        that they are loaded and stored less often, and long pieces of rows are read in order."""
        scope, t, size = frame.scope, frame.t, high - low
        inner: Dim = product(self.axes.runs[-1][0])
        width = self.lanes if not isinstance(inner, int) or inner >= self.lanes else 1
        state = Accumulator(frame, self.node, self.knobs.strip * self.lanes, "s")

        def each(body: Body) -> None:
            vectors(scope, width, int64(0), size, inner, body)

        def take(first: Expr, rows: int) -> None:
            def body(j: Expr) -> None:
                places = [first + int64(row) for row in range(rows)]
                if state.folds and rows in (2, 4, 8):
                    xs = [self._along(frame, item, k, low + j) for k in places]
                    state.take_folded(xs, j)
                    return
                for k in places:
                    self._take_column(frame, state, item, k, (low + j, j))

            each(body)

        each(state.reset_lane)
        if self.block.size != 0:
            first, last = block_range(t, self.block, number)
            passes = tirx.truncdiv(last - first, int64(self.knobs.rows))
            with scope.loop("pass", int64(0), passes) as k:
                take(first + k * int64(self.knobs.rows), self.knobs.rows)
            with scope.loop("k", first + passes * int64(self.knobs.rows), last) as k:
                take(k, 1)
        each(lambda j: self._put_column(frame, state.state(j), state, (item, number, low + j)))

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
