"""Tiles of a product's operands: read through the group's readers into shared memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ....dsl.primitive import Expr
from ....dsl.sizes import Dim
from ...tvm_api import tirx
from ...vocabulary import int64
from .frame import GridFrame
from .product import Product

Place = Callable[[Expr, Expr], Expr]  # line (a row of A, a column of B) and k -> place in the tile


@dataclass(frozen=True)
class Tile:
    """`lines` of `depth` elements of k each, in `buffer` at the places that `place` says.

    `along_k`: neighbours along k are neighbours in the operand's memory."""

    buffer: Any
    lines: int
    depth: int
    place: Place
    along_k: bool


@dataclass(frozen=True)
class Loader:
    """Fills tiles by all threads of a block; `corner`: the batch's item, first row and column."""

    frame: GridFrame
    product: Product
    corner: tuple[Expr, Expr, Expr]
    threads: int

    def left(self, tile: Tile, first: Expr) -> None:
        """The tile of A whose first k is `first`."""
        item, row, _ = self.corner

        def read(line: Expr, k: Expr) -> Expr:
            return self.product.read_a(self.frame, item, line, k)

        self._fill(tile, first, row, self.product.rows, read)

    def right(self, tile: Tile, first: Expr) -> None:
        """The tile of B whose first k is `first`."""
        item, _, column = self.corner

        def read(line: Expr, k: Expr) -> Expr:
            return self.product.read_b(self.frame, item, k, line)

        self._fill(tile, first, column, self.product.columns, read)

    def _fill(self, tile: Tile, first: Expr, start: Expr, size: Dim, read: Place) -> None:
        """Neighbours in memory go to neighbouring threads; beyond the operand there are zeros."""
        frame, t, count = self.frame, self.frame.t, tile.lines * tile.depth
        fast = tile.depth if tile.along_k else tile.lines
        with frame.scope.loop("i", int64(0), int64(-(-count // self.threads))) as i:
            at = t.let(i * int64(self.threads) + frame.thread)
            with frame.when(None if count % self.threads == 0 else at < int64(count)):
                slow, quick = (t.let(f(at, int64(fast))) for f in (tirx.truncdiv, tirx.truncmod))
                line, k = (slow, quick) if tile.along_k else (quick, slow)
                self._one(tile, tile.place(line, k), (start + line, first + k), size, read)

    def _one(self, tile: Tile, place: Expr, at: tuple[Expr, Expr], size: Dim, read: Place) -> None:
        frame, t, k = self.frame, self.frame.t, self.product.k
        line, depth = map(t.let, at)
        dtype = str(tile.buffer.dtype)
        conditions = []
        if not isinstance(size, int) or size % tile.lines:
            conditions.append(line < t.size(size))
        if not isinstance(k, int) or k % tile.depth:
            conditions.append(depth < t.size(k))
        place = t.let(place)
        if conditions:
            t.emit(tirx.BufferStore(tile.buffer, tirx.const(0, dtype), [place]))
        inside = tirx.And(*conditions) if len(conditions) == 2 else (*conditions, None)[0]
        with frame.when(inside):
            value = read(line, depth)
            raw = value if str(value.ty) == dtype else tirx.Cast(dtype, value)
            t.emit(tirx.BufferStore(tile.buffer, raw, [place]))
