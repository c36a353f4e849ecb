"""Rows of a group of reductions: the passes over one, in vectors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ...dsl.graph import Node, Var
from ...dsl.primitive import Expr
from ...dsl.sizes import Shape
from ..calls import type_of
from ..frame import Frame
from ..fusion import Group
from ..index import Index, address
from ..readers import Source
from ..tvm_api import tirx
from ..vocabulary import int64
from .accumulate import Accumulator
from .lines import Lines
from .nest import cuts_of, in_halves
from .passes import Pass, needed_by


@dataclass(frozen=True)
class Steps:
    """How a row is walked: `lanes` elements in a vector, `vectors` of them side by side, the end by
    `halves` of a vector or one by one."""

    lanes: int
    vectors: int = 1
    halves: bool = False


class RowWriter:
    """Writes the passes over one row.

    A row lies in one piece, or (where axes on both sides of the results' are reduced) in several.
    Where a pass reads values that lack some of its last axes, such as a weight for each channel, it
    walks in pieces that have them alone, so that positions need no division."""

    def __init__(self, frame: Frame, group: Group, steps: Steps) -> None:
        self.frame, self.group, self.halves = frame, group, steps.halves
        self.lines = self.walked = Lines.of(group)
        length = self.walked.length
        sides = (steps.vectors, 1)
        fits = [n for n in sides if not isinstance(length, int) or length >= n * steps.lanes]
        self.lanes, n_side = (steps.lanes, fits[0]) if fits else (1, 1)
        self.width = self.lanes * n_side
        self.states = {n: self._state(n, f"s{i}") for i, n in enumerate(group.anchors)}
        self.piece: Any = None  # the number of the open one; the place of the open element
        self.place: Any = None

    def _state(self, node: Node, tag: str) -> Any:
        """What takes the elements of a reduction in; where it folds, the registers side by side
        are added first."""
        state = Accumulator(self.frame, node, self.width, tag)
        return Accumulator(self.frame, node, self.lanes, tag) if state.folds else state

    def row(self, row: Expr, passes: list[Pass]) -> None:
        """All passes over a row, and what is stored once for it."""
        for p in passes:
            for node in p.reduces:
                self.states[node].reset()
            self._walk(row, p)
            for node in p.reduces:
                state = self.states[node]
                self.frame.scope.sources[node.output] = known_value(state.finish(state.state()))
            self._read_back((*p.outputs, *p.kept))
        self._store_rows(row)
        reduced = [n.output for n in self.states]
        for var in [*reduced, *(v for p in passes for v in (*p.outputs, *p.kept))]:
            self.frame.scope.sources.pop(var, None)

    def _walk(self, row: Expr, p: Pass) -> None:
        self.walked = self._lines_of(p)
        if self.walked.pieces is None:
            self._run(row, p, self.halves)
        else:
            with self.frame.scope.loop(
                "piece", int64(0), self.frame.t.size(self.walked.pieces)
            ) as self.piece:
                self._run(row, p, True, join=False)
            self.piece = None
            self._join(p)
        self.walked = self.lines

    def _lines_of(self, p: Pass) -> Lines:
        """The space as a pass walks it: cut where a value that it reads lacks the last axes."""
        if self.lines.pieces is not None:
            return self.lines
        producer = {v: n for n in self.group.nodes for v in n.outputs}
        nodes = [producer[v] for v in needed_by(p, producer)]
        cuts = [c for n in nodes for c in cuts_of(n, self.group.space) if c > len(self.lines.kept)]
        found = replace(self.lines, cut=max(cuts, default=None))
        length = found.length
        return found if isinstance(length, int) and length >= self.lanes > 1 else self.lines

    def _run(self, row: Expr, p: Pass, halves: bool, join: bool = True) -> None:
        """Registers side by side, then what is left of them one by one, then what fills none."""
        scope, low, left = self.frame.scope, int64(0), self.walked.length
        size = self.frame.t.size(left)
        for width in dict.fromkeys((self.width, self.lanes)):
            if width > 1 and (not isinstance(left, int) or left >= width):
                low = self._vectors(row, p, low, width)
                left = left % width if isinstance(left, int) else left
        by_halves = halves and self.lanes > 1
        if by_halves and left != 0:
            in_halves(scope, self.lanes, low, size, lambda j, lane: self._element(row, j, p, lane))
        if join:
            self._join(p)
        if not by_halves and left != 0:
            with scope.loop("rest", low, size) as j:
                self._element(row, j, p, None)

    def _join(self, p: Pass) -> None:
        for node in p.reduces:
            if self.lanes > 1:
                self.states[node].join_lanes()

    def _vectors(self, row: Expr, p: Pass, low: Expr, width: int) -> Expr:
        """The elements from `low` on that fill steps of `width`; where these end."""
        scope, t = self.frame.scope, self.frame.t
        count = tirx.truncdiv(t.size(self.walked.length) - low, int64(width))
        folds = any(self.states[n].folds for n in p.reduces) and width > self.lanes
        step = self.lanes if folds else width
        with scope.loop("j", int64(0), count) as i, scope.lanes(step) as lane:
            folded: dict[Node, list[Expr]] = {}
            for at in range(0, width, step):
                place = lane + int64(at)
                j = low + i * int64(width) + place
                self._element(row, j, p, place, folded if folds else None)
            for node, found in folded.items():
                self.states[node].take_folded(found, lane)
        return t.let(low + count * int64(width))

    def _element(
        self, row: Expr, j: Expr, p: Pass, lane: Expr | None,
        folded: dict[Node, list[Expr]] | None = None,
    ) -> None:  # fmt: skip
        """One element; what `folded` collects is taken in by who gave it."""
        scope, frame = self.frame.scope, self.frame
        indices: dict[object, Index] = {}
        self.place = j if self.piece is None else self.piece * frame.t.size(self.walked.length) + j

        def index_of(var: Var) -> Index:
            shape = var.aval.shape
            return indices.setdefault(shape, self._index(shape, row, j))

        for var in p.kept:
            value = scope.element(var, index_of(var))
            if self._is_place(var):
                frame.store(var, value, address(frame.t, index_of(var)))
                continue
            raw = tirx.Cast("uint8", value) if type_of(value) == "bool" else value
            frame.t.emit(tirx.BufferStore(frame.buffers[var], raw, [self.place]))
        for var in p.outputs:
            value = scope.element(var, index_of(var))
            frame.store(var, value, address(frame.t, index_of(var)))
        for node in p.reduces:
            var = node.inputs[0]
            value = scope.element(var, index_of(var))
            if folded is not None and self.states[node].folds:
                folded.setdefault(node, []).append(value)
            else:
                self.states[node].take(value, self.place, lane)

    def _index(self, shape: Shape, row: Expr, j: Expr) -> Index:
        """The position in a value of this shape for element j of a row, or of the open piece."""
        t, walked = self.frame.t, self.walked
        if self.piece is None:
            return walked.index(shape, walked.positions(t, row, j))
        inside = iter((self.piece, j))
        return walked.index(shape, [row if kept else next(inside) for kept, _ in walked.runs])

    def _read_back(self, values: tuple[Var, ...]) -> None:
        """Later passes read what this one has put into memory."""
        for var in values:
            self.frame.scope.sources[var] = self._memory(var)

    def _is_place(self, var: Var) -> bool:
        """Whether a value lies in an output's memory, not in a row of scratch."""
        buffer = self.frame.buffers[var]
        return any(self.frame.buffers[v] is buffer for v in self.group.outputs)

    def _memory(self, var: Var) -> Source:
        frame, buffer = self.frame, self.frame.buffers[var]
        is_place = self._is_place(var)

        def read(index: Index) -> Expr:
            if is_place:
                return frame.t.load(buffer, address(frame.t, index), var.aval.dtype)
            raw = tirx.BufferLoad(buffer, [self.place])
            is_bool = var.aval.dtype.name == "bool"
            return tirx.NE(raw, tirx.const(0, "uint8")) if is_bool else raw

        return read

    def _store_rows(self, row: Expr) -> None:
        """Outputs with one element a row."""
        indices: dict[object, Index] = {}
        for var in self.group.outputs:
            shape = var.aval.shape
            if self.lines.is_full(shape):
                continue
            index = indices.setdefault(shape, self._index(shape, row, int64(0)))
            value = self.frame.scope.element(var, index)
            self.frame.store(var, value, address(self.frame.t, index))


def known_value(value: Expr) -> Source:
    """The source of a value that is the same at all positions of a row."""
    return lambda index: value
