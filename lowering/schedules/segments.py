"""Rows in pieces: the axes on both sides of the results' are reduced, as in a batch norm.

A unit is one result. A pass walks its pieces, each of which lies in one place, in vectors.
"""

from __future__ import annotations

from typing import Any

from ...dsl.primitive import Expr
from ...dsl.sizes import Dim, Shape, product
from ..index import Index
from ..vocabulary import int64
from .nest import in_halves
from .ordered import OrderedWriter
from .rowwise import Pass, RowWriter


class SegmentWriter(RowWriter):
    """Writes the passes over one row in pieces."""

    piece: Any = None  # the number of the open one

    def _length(self) -> Dim:
        return product(self.lines.runs[-1][1])

    def _walk(self, row: Expr, p: Pass) -> None:
        scope, t = self.frame.scope, self.frame.t
        count = t.size(product(self.lines.runs[0][1]))
        with scope.loop("piece", int64(0), count) as self.piece:
            low, size = int64(0), t.size(self.length)
            for width in dict.fromkeys((self.width, self.lanes)):
                if width > 1 and self._is_left(width, self.width):
                    low = self._vectors(row, p, low, width)
            if self.lanes == 1:
                with scope.loop("rest", low, size) as j:
                    self._element(row, j, p, None)
            elif self._is_left(1, self.lanes):
                in_halves(scope, self.lanes, low, size,
                          lambda j, lane: self._element(row, j, p, lane))  # fmt: skip
        for node in p.reduces:
            if self.lanes > 1:
                self.states[node].join_lanes()

    def _index(self, shape: Shape, row: Expr, j: Expr) -> Index:
        return self.lines.index(shape, [self.piece, row, j])

    def _place(self, j: Expr) -> Expr:
        return self.piece * self.frame.t.size(self.length) + j

    def _place_of(self, index: Index) -> Expr:
        runs = [run for run in index.runs if product(run.shape) != 1]
        return runs[0].position * self.frame.t.size(self.length) + runs[-1].position


class OrderedSegmentWriter(OrderedWriter):
    """The same for the reproducible mode: elements are numbered through all pieces."""

    def _place_of(self, index: Index) -> Expr:
        runs = [run for run in index.runs if product(run.shape) != 1]
        size = self.frame.t.size(product(self.lines.runs[-1][1]))
        return runs[0].position * size + runs[-1].position
