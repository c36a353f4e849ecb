"""Schedules of reductions in the reproducible mode: fixed trees (see fixed_tree.py), no knobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ...dsl.graph import Node
from ...dsl.primitive import Expr
from ...dsl.sizes import Dim, product
from ..frame import Frame
from ..fusion import Group
from ..kernel import KernelSource
from ..machine import Machine
from ..tvm_api import tirx
from ..vocabulary import int64
from .accumulate import Accumulator
from .fixed_tree import BLOCK, LANES, FixedTree, walk, walk_block
from .nest import Block, Body, block_range, vectors
from .passes import Pass
from .reduction import ReductionKernel, ReductionKnobs, default_knobs, reduction
from .row_writer import RowWriter
from .rowwise import RowKnobs, row_kernel, rowwise
from .rowwise import default_knobs as row_knobs

_STRIP = 4  # vectors of results that are reduced together, sixteen states each


def ordered_reduction(name: str, group: Group, machine: Machine) -> KernelSource:
    """The kernel of a group around one reduction."""
    return _OrderedReduction(name, group, machine).build()


def reproducible_rows(name: str, group: Group, machine: Machine) -> KernelSource:
    """The same; reductions that round nothing need no order."""
    if all(map(_is_exact, group.anchors)):
        return rowwise(name, group, machine, row_knobs(group, machine))
    return ordered_rows(name, group, machine)


def reproducible_reduction(name: str, group: Group, machine: Machine) -> KernelSource:
    """The same; a reduction that rounds nothing needs no order."""
    if _is_exact(group.anchors[0]):
        return reduction(name, group, machine, default_knobs(group, machine))
    return ordered_reduction(name, group, machine)


def _is_exact(node: Node) -> bool:
    """Whether a reduction gives the same bits in any order: integers, tests, and places (the first
    one of equals is found in every order). The largest of two zeros depends on it."""
    dtype = node.inputs[0].aval.dtype
    return node.primitive.name in ("argmax", "argmin") or not dtype.is_inexact


def ordered_rows(name: str, group: Group, machine: Machine) -> KernelSource:
    """The kernel of a row-wise group."""
    return row_kernel(name, group, machine, RowKnobs(), OrderedWriter)


class OrderedWriter(RowWriter):
    """Writes rows whose sums are fixed trees."""

    def _state(self, node: Node, tag: str) -> FixedTree:
        return FixedTree(self.frame, node, tag)

    def _walk(self, row: Expr, p: Pass) -> None:
        if not p.reduces:
            super()._walk(row, p)
            return
        trees = [self.states[node] for node in p.reduces]
        walk(
            self.frame,
            trees,
            product(self.lines.reduced),
            lambda j, lane: self._element(row, j, p, lane),
        )


class OrderedColumns:
    """The states of one reduction for columns side by side, each a fixed tree: those of the lanes
    of the open block, and of the blocks before it."""

    def __init__(self, frame: Frame, node: Node, width: int, tag: str) -> None:
        self.width = width
        self.total = Accumulator(frame, node, width, f"{tag}_total")
        self.lanes = Accumulator(frame, node, LANES * width, tag)
        self.finish = self.total.finish
        self.state = self.total.state

    def take(self, x: Expr, position: Expr, place: Expr) -> None:
        """Take an element into the lane and column of a place."""
        self.lanes.take(x, position, place)

    @staticmethod
    def walk(
        frame: Frame,
        states: Sequence[OrderedColumns],
        length: int,
        each: Callable[[Body], None],
        take: Callable[[Expr, Expr], None],
    ) -> None:
        """`take(row, place)` for each row of each column; `each` goes over the columns."""
        scope, t = frame.scope, frame.t
        n_blocks = -(-length // BLOCK)
        with scope.loop("block", int64(0), int64(n_blocks)) as number:
            low = t.let(number * int64(BLOCK))
            high = t.let(tirx.Min(int64(length), low + int64(BLOCK)))
            for state in states:
                each(partial(_reset, state.lanes, state.width))
            with scope.loop("k", low, high) as k:
                lane = t.let(tirx.truncmod(k - low, int64(LANES)))
                each(lambda j: take(k, lane * int64(states[0].width) + j))
            for state in states:
                for half in (8, 4, 2, 1):  # of the sixteen lanes
                    each(partial(_join, state.lanes, state.width, half))
                each(partial(_add, state.total, state.lanes))


def _add(total: Accumulator, block: Accumulator, j: Expr) -> None:
    total.merge(block.state(j), j)


class _OrderedReduction(ReductionKernel):
    def __init__(self, name: str, group: Group, machine: Machine) -> None:
        super().__init__(name, group, machine, ReductionKnobs(strip=_STRIP, rows=LANES))

    def _block(self) -> Block:
        """All reduced axes as one are cut."""
        size = self._outer_reduced()
        return Block(size * self.axes.last if self.axes.across else size, BLOCK)

    def _width(self) -> int:
        return 1

    def _walk_block(self, frame: Frame, state: Accumulator, row: Expr, number: Expr) -> None:
        t = frame.t
        tree = FixedTree(frame, self.node, "tree")
        last, is_plain = self.axes.last, self._outer_reduced() == 1
        low, high = block_range(t, self.block, number)
        if self.block.size == 0:
            return

        def take(p: Expr, lane: Expr) -> None:
            outer, j = int64(0), p
            if not is_plain:
                outer = t.let(tirx.truncdiv(p, t.size(last)))
                j = t.let(tirx.truncmod(p, t.size(last)))
            index = self._input_index(t, row, outer, j)
            tree.take(frame.scope.element(self.node.inputs[0], index), p, lane)

        (found,) = walk_block(frame, [tree], low, high, self.block.size, take)
        state.put(found)

    def _strip(self, frame: Frame, item: Expr, number: Expr, low: Expr, high: Expr) -> None:
        """Sixteen states for each column, in the first-level cache: a pass gives each one row."""
        scope, t, size = frame.scope, frame.t, high - low
        inner: Dim = product(self.axes.runs[-1][0])
        width = self.lanes if not isinstance(inner, int) or inner >= self.lanes else 1
        columns = self.knobs.strip * self.lanes
        state = Accumulator(frame, self.node, LANES * columns, "s")

        def each(body: Body) -> None:
            vectors(scope, width, int64(0), size, inner, body)

        def take(k: Expr, j: Expr) -> None:
            for row in range(LANES):
                lane = int64(row * columns) + j
                self._take_column(frame, state, item, k + int64(row), (low + j, lane))

        def take_one(k: Expr, row: Expr, j: Expr) -> None:
            lane = row * int64(columns) + j
            self._take_column(frame, state, item, k, (low + j, lane))

        each(partial(_reset, state, columns))
        if self.block.size != 0:
            first, last = block_range(t, self.block, number)
            passes = t.let(tirx.truncdiv(last - first, int64(LANES)))
            with scope.loop("pass", int64(0), passes) as k:
                each(partial(take, first + k * int64(LANES)))
            start = t.let(first + passes * int64(LANES))
            with scope.loop("k", start, last) as k:
                each(partial(take_one, k, k - start))
        for half in (8, 4, 2, 1):  # of the sixteen lanes
            each(partial(_join, state, columns, half))
        each(lambda j: self._put_column(frame, state.state(j), state, (item, number, low + j)))


def _reset(state: Accumulator, columns: int, j: Expr) -> None:
    for row in range(LANES):
        state.reset_lane(int64(row * columns) + j)


def _join(state: Accumulator, columns: int, half: int, j: Expr) -> None:
    for row in range(half):
        other = state.state(int64((row + half) * columns) + j)
        state.merge(other, int64(row * columns) + j)
