"""One reduction over any axes, with maps before it and maps over its result after it.

A team of threads reduces one chunk of one result's elements; several chunks leave partial states
in scratch memory, which a second launch joins in order. How the work is cut depends on the sizes
alone. Where the last axis is reduced, neighbouring threads are lanes of one team; else they are
neighbouring results.
"""

from __future__ import annotations

from dataclasses import dataclass

from ....dsl.primitive import Expr
from ....dsl.sizes import Dim, Shape, ceil_divide, product
from ...frame import Area
from ...fusion import Group
from ...index import Index, Run, address, split
from ...kernel import KernelSource
from ...tvm_api import tirx
from ...vocabulary import int64
from ..accumulate import Accumulator, state_dtypes
from ..nest import index_at, split_unit
from ..reduction import Axes, axes_of
from .frame import GridFrame, GridKernel
from .machine import GridMachine
from .tree import Arrangement, Tree, power_of_two_up_to


@dataclass(frozen=True)
class GridReductionKnobs:
    """`across`, `down`: the threads of a block where the last axis is reduced or kept; `chunk`:
    elements that one team reduces; `join`: the threads of the second launch."""

    across: Arrangement
    down: Arrangement
    join: Arrangement
    chunk: int = 1 << 14

    @classmethod
    def default(cls, machine: GridMachine, reduced: Dim) -> GridReductionKnobs:
        """Teams as large as the work of one result, blocks of 256 threads."""
        threads = power_of_two_up_to(machine.threads, 256)
        wide = threads if not isinstance(reduced, int) else -(-reduced // 2)
        lanes = power_of_two_up_to(threads, max(wide, 1))
        columns = min(32, threads)
        return cls(
            Arrangement(lanes, threads // lanes),
            Arrangement(min(lanes, threads // columns), columns, teams_first=True),
            Arrangement(min(32, threads), max(threads // 32, 1)),
        )


def reduction(
    name: str, group: Group, machine: GridMachine, knobs: GridReductionKnobs | None = None
) -> KernelSource:
    """The kernel of a group around one reduction."""
    (node,) = group.anchors
    axes = axes_of(node)
    reduced = product(tuple(product(s) for s, is_reduced in axes.runs if is_reduced))
    knobs = knobs or GridReductionKnobs.default(machine, reduced)
    return _Reduction(name, group, axes, reduced, knobs).build()


class _Reduction:
    def __init__(
        self, name: str, group: Group, axes: Axes, reduced: Dim, knobs: GridReductionKnobs
    ) -> None:
        self.group, self.axes, self.reduced, self.knobs = group, axes, reduced, knobs
        (self.node,) = group.anchors
        self.shape = knobs.across if axes.across else knobs.down
        self.chunks = ceil_divide(reduced, knobs.chunk) if reduced != 0 else 1
        areas: tuple[Area, ...] = ()
        if self.chunks != 1:
            size = axes.kept * self.chunks
            states = enumerate(state_dtypes(self.node))
            areas = tuple(Area(f"partial{i}", d.name, size, per_thread=False) for i, d in states)
        self.kernel = GridKernel(name, group, areas)

    def build(self) -> KernelSource:
        self._reduce()
        if self.chunks != 1:
            self._join()
        return self.kernel.source()

    # ------------------------------------------------------------------ the first launch

    def _reduce(self) -> None:
        frame = self.kernel.open_grid()
        t, kept = frame.t, self.axes.kept
        state = Accumulator(frame, self.node, 1, "s")
        tree = Tree(frame, self.shape, state, "tree")
        tiles = ceil_divide(kept, self.shape.teams)
        with frame.scope.block() as statements:
            tile, chunk = split_unit(t, frame.block, [tiles, self.chunks])
            team, lane = self.shape.place(frame)
            row = t.let(tile * int64(self.shape.teams) + team)
            state.reset()
            with frame.when(row < t.size(kept)):
                self._take_chunk(frame, state, (row, chunk, lane))
            total = tree.join(lane)
            with frame.when(tirx.And(row < t.size(kept), lane < int64(1))):
                self._result(frame, state, total, (row, chunk))
        self.kernel.close_grid(frame, statements, tiles * self.chunks, self.shape.threads)

    def _take_chunk(
        self, frame: GridFrame, state: Accumulator, at: tuple[Expr, Expr, Expr]
    ) -> None:
        """A lane's elements: those of its number, then every `lanes` after."""
        row, chunk, lane = at
        t, lanes, size = frame.t, self.shape.lanes, self.reduced
        if size == 0:
            return
        first = t.let(chunk * int64(self.knobs.chunk))
        length = t.size(size) if self.chunks == 1 else tirx.Min(
            int64(self.knobs.chunk), t.size(size) - first)  # fmt: skip
        steps = t.let(tirx.truncdiv(length - lane + int64(lanes - 1), int64(lanes)))
        var = self.node.inputs[0]
        with frame.scope.loop("i", int64(0), steps) as i:
            position = t.let(first + i * int64(lanes) + lane)
            index = self._input_index(frame, row, position)
            state.take(frame.scope.element(var, index), position)

    def _input_index(self, frame: GridFrame, row: Expr, position: Expr) -> Index:
        """The place in the input, from the positions along all kept and all reduced runs."""
        sizes: dict[bool, Shape] = {
            r: tuple(product(s) for s, reduced in self.axes.runs if reduced == r)
            for r in (True, False)
        }
        where = {True: position, False: row}
        parts = {r: iter(split(frame.t, where[r], sizes[r])) for r in (True, False)}
        return Index(tuple(Run(s, frame.t.let(next(parts[r]))) for s, r in self.axes.runs))

    def _result(
        self, frame: GridFrame, state: Accumulator, total: tuple[Expr, ...], at: tuple[Expr, Expr]
    ) -> None:
        row, chunk = at
        if self.chunks == 1:
            self._store(frame, state.finish(total), row)
            return
        offset = chunk * frame.t.size(self.axes.kept) + row
        for i, value in enumerate(total):
            frame.t.emit(tirx.BufferStore(frame.scratch[f"partial{i}"], value, [offset]))

    def _store(self, frame: GridFrame, value: Expr, row: Expr) -> None:
        """Compute what comes after the reduction, and store the outputs."""
        scope, n = frame.scope, self.group.n_outer
        scope.sources[self.node.output] = lambda index: value
        shapes: dict[Shape, Index] = {}
        for var in self.group.outputs:
            shape = var.aval.shape
            index = shapes.setdefault(shape, index_at(shape, [(n, row)] if n else []))
            frame.store(var, scope.element(var, index), address(frame.t, index))
        del scope.sources[self.node.output]

    # ------------------------------------------------------------------ the second launch

    def _join(self) -> None:
        """Join the partial states of each result: each lane in order of chunks, then the tree."""
        frame, shape = self.kernel.open_grid(), self.knobs.join
        t, kept, lanes = frame.t, self.axes.kept, shape.lanes
        state = Accumulator(frame, self.node, 1, "s")
        tree = Tree(frame, shape, state, "tree")
        with frame.scope.block() as statements:
            team, lane = shape.place(frame)
            row = t.let(frame.block * int64(shape.teams) + team)
            state.reset()
            with frame.when(row < t.size(kept)):
                left = t.size(self.chunks) - lane + int64(lanes - 1)
                steps = t.let(tirx.truncdiv(left, int64(lanes)))
                with frame.scope.loop("i", int64(0), steps) as i:
                    offset = t.let((i * int64(lanes) + lane) * t.size(kept) + row)
                    state.merge(self._partial(frame, offset))
            total = tree.join(lane)
            with frame.when(tirx.And(row < t.size(kept), lane < int64(1))):
                self._store(frame, state.finish(total), row)
        self.kernel.close_grid(frame, statements, ceil_divide(kept, shape.teams), shape.threads)

    def _partial(self, frame: GridFrame, offset: Expr) -> list[Expr]:
        areas = (frame.scratch[f"partial{i}"] for i in range(len(state_dtypes(self.node))))
        return [frame.t.let(tirx.BufferLoad(area, [offset])) for area in areas]
