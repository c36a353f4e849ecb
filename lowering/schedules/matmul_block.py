"""Loops around the register tile: columns of panels, blocks of k, rows of panels, tails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from .matmul_micro import Micro, Operands, Place
from .matmul_pack import Packer
from .matmul_spec import plain_load
from .matmul_tiles import accumulator
from .matmul_tir import (
    Buffer,
    Expr,
    Statements,
    cases,
    highest,
    i64,
    let,
    load,
    loop,
    lowest,
    quotient,
    when,
)

# Steps of k at which rows of B are fetched ahead. Measured for 32 x 768 x 3072 on one core: 76
# GFLOP/s without, 83, 100 and 107 with 8, 16 and 32.
ROWS_AHEAD = 32


@dataclass(frozen=True)
class Panels:
    """Where packed panels lie: `start(panel)` is the position of one in `buffer`."""

    buffer: Buffer
    start: Callable[[Expr], Expr]


@dataclass(frozen=True)
class Block:
    """Rows of panels [first, last) of one product of the batch, times panels of columns; without
    panels of A or B the tile reads the operand where it is."""

    micro: Micro
    packer: Packer
    a: Panels | None
    b: Panels | None
    sums: Buffer
    batch: Sequence[Expr]
    first: Expr
    last: Expr
    fill: Callable[[Expr, Expr], Statements] | None = None  # packs (panel, block of k) of B
    offset: int = 0  # of the first column from the start of its panel

    def columns(self, first: Expr | int, last: Expr | int) -> Statements:
        """The panels of columns [first, last), the last of which may not be whole."""
        n, tiles = self.packer.spec.n, self.packer.tiles
        if not isinstance(n, int):
            return loop("jp", first, last, lambda j: self._some_columns(j))
        full, rest = divmod(n, tiles.nr)
        stop = min(full, last) if isinstance(last, int) else lowest(last, full)
        whole = loop("jp", first, stop, lambda j: self._panel(j, tiles.vectors, tiles.nr))
        if not rest:
            return whole
        return [whole if full else [], when(last > full, self._tail(i64(full), rest))]

    def _tail(self, panel: Expr, columns: int) -> Statements:
        """A last panel by whole vectors, and by one half as wide or less if that holds the rest: a
        processor may have two of them for one."""
        tiles = self.packer.tiles
        whole, rest = divmod(columns, tiles.lanes)
        if self.fill or not rest or 2 * rest > tiles.lanes:
            return self._panel(panel, -(-columns // tiles.lanes), columns)
        lanes = 1 << (rest - 1).bit_length()
        small = replace(tiles, lanes=lanes, nr=lanes)
        micro = Micro(self.packer.spec, small, self.micro.machine, self.packer.frame)
        narrow = replace(self, micro=micro, offset=whole * tiles.lanes)
        return [self._panel(panel, whole, whole * tiles.lanes) if whole else [],
                narrow._panel(panel, 1, rest)]  # fmt: skip

    def _some_columns(self, panel: Expr) -> Statements:
        """A panel of as many columns as there are, by the vectors that they need."""
        tiles = self.packer.tiles
        left = self.packer.frame.size(self.packer.spec.n) - panel * tiles.nr
        return let("columns", lowest(left, tiles.nr), lambda columns: cases(columns, [
            (v * tiles.lanes, self._panel(panel, v, columns))
            for v in range(1, tiles.vectors + 1)]))  # fmt: skip

    def _panel(self, panel: Expr, vectors: int, columns: int | Expr) -> Statements:
        """One panel of columns: blocks of k outside, rows inside, so that B stays close."""
        frame = self.packer.frame
        if isinstance(self.packer.k_blocks, int) and self.packer.k_blocks <= 1:
            return self._rows(panel, i64(0), i64(1), vectors, columns)
        count = highest(frame.size(self.packer.k_blocks), 1)
        return let("blocks", count, lambda count: loop(
            "kb", 0, count, lambda kb: self._rows(panel, kb, count, vectors, columns)))  # fmt: skip

    def _rows(
        self, panel: Expr, kb: Expr, k_blocks: Expr, vectors: int, columns: int | Expr
    ) -> Statements:
        m, tiles = self.packer.spec.m, self.packer.tiles

        def tile(p: Expr, height: int, rows: int | Expr) -> Statements:
            column = panel * tiles.nr + self.offset
            place = Place(self.batch, p * tiles.mr, column, rows, columns)
            return self._tile(place, p, panel, kb, k_blocks, (height, vectors))

        fill = self.fill(panel, kb) if self.fill else []
        if isinstance(m, int):
            full, rest = divmod(m, tiles.mr)
            stop = lowest(self.last, full)
            tail = when(self.last > full, tile(i64(full), rest, rest)) if rest else []
            whole = loop("ip", self.first, stop, lambda p: tile(p, tiles.mr, tiles.mr))
            return [fill, whole if full else [], tail]
        heights = [h for h in (1, 2, 4, 8) if h < tiles.mr] + [tiles.mr]

        def some_rows(p: Expr) -> Statements:
            left = lowest(self.packer.frame.size(m) - p * tiles.mr, tiles.mr)
            return let("rows", left, lambda rows: cases(
                rows, [(h, tile(p, h, rows)) for h in heights]))  # fmt: skip

        return [fill, loop("ip", self.first, self.last, some_rows)]

    def _tile(
        self,
        place: Place,
        p: Expr,
        panel: Expr,
        kb: Expr,
        k_blocks: Expr,
        shape: tuple[int, int],
    ) -> Statements:
        tiles, micro, packer = self.packer.tiles, self.micro, self.packer
        steps = lowest(packer.frame.size(packer.spec.k) - kb * tiles.kc, tiles.kc)
        sums = (p - self.first) * (tiles.mr * tiles.nr)
        a = self.a.start(p) + kb * (tiles.kc * tiles.mr) if self.a else i64(0)
        b = self.b.start(panel) if self.b else i64(0)
        b = b if self.fill or not self.b else b + kb * (tiles.kc * tiles.nr) + self.offset

        rows_ahead = self._rows_ahead(place, kb, shape[1])

        def body(a: Expr, b: Expr, sums: Expr) -> Statements:
            how = Operands(
                self._read_a(p, kb, a, place.rows),
                self._read_b(place, kb, b, shape[1]),
                self._ahead(p, b) if self.b and not self.fill else rows_ahead,
            )
            begin = when(kb == 0 if not _zero(kb) else True, micro.clear(*shape),
                         micro.fetch(self.sums, sums, *shape))  # fmt: skip
            done = micro.finish(place, self.sums, sums, *shape)
            last = True if _zero(kb) else kb == k_blocks - 1
            end = when(last, done, micro.spill(self.sums, sums, *shape))
            return [begin, micro.steps(i64(0), steps, *shape, how), end]

        return let("a", a, lambda a: let("b", b, lambda b: let("c", sums, lambda c: body(a, b, c))))

    def _read_a(self, p: Expr, kb: Expr, at: Expr, rows: Expr | int) -> Callable[[int, Expr], Expr]:
        """Reads an element of A by row of the tile and step of the block of k."""
        packer, tiles, panels = self.packer, self.packer.tiles, self.a
        if panels is not None:
            return lambda i, k: load(panels.buffer, packer.a_at(at, i, k))
        row, start = p * tiles.mr, kb * tiles.kc
        if isinstance(rows, int):
            return lambda i, k: packer.a_value(self.batch, row + i, start + k)
        # A tile may have more rows than there are: they repeat the last one.
        return lambda i, k: packer.a_value(self.batch, row + lowest(rows - 1, i), start + k)

    def _read_b(
        self, place: Place, kb: Expr, at: Expr, vectors: int
    ) -> Callable[[int, Expr], Expr]:
        """Reads a vector of B by its number in the tile and step of the block of k."""
        packer, tiles, panels = self.packer, self.packer.tiles, self.b
        lanes, start = self.micro.tiles.lanes, kb * tiles.kc
        if panels is not None:
            return lambda v, k: load(panels.buffer, at + k * tiles.nr + v * lanes, lanes)

        def real(v: int) -> Expr | int:
            if isinstance(place.columns, int):
                return min(place.columns - v * lanes, lanes)
            # The tile is as wide as the columns ask for, so only its last vector may be in part.
            return lanes if v < vectors - 1 else lowest(place.columns - v * lanes, lanes)

        def read(v: int, k: Expr) -> Expr:
            index = (*self.batch, start + k, place.column + v * lanes)
            return packer.b_vector(index, (real(v), lanes), self.micro.column, v * lanes)

        return read

    def _rows_ahead(
        self, place: Place, kb: Expr, vectors: int
    ) -> Callable[[Expr], Sequence[Expr]] | None:
        """The rows of B behind those in use, if they come from afar: they lie apart, which no
        processor foresees."""
        packer, lanes = self.packer, self.micro.tiles.lanes
        size = packer.spec.n * packer.spec.k * accumulator(packer.spec.dtype).itemsize
        is_far = isinstance(size, int) and size > self.micro.machine.l2
        if self.b or not packer.layout.b_plain or not is_far:
            return None
        start = kb * packer.tiles.kc + ROWS_AHEAD

        def lines(k: Expr) -> Sequence[Expr]:
            index = [(*self.batch, start + k, place.column + v * lanes) for v in range(vectors)]
            found = [plain_load(packer.frame, packer.spec.b, i) for i in index]
            return [f for f in found if f is not None]

        return lines

    def _ahead(self, p: Expr, b: Expr) -> Callable[[Expr], Sequence[Expr]]:
        """While the first panels of rows use a block of B, the block behind it in memory is
        fetched, a cache line a step of k."""
        tiles = self.packer.tiles
        share = lowest(p - self.first, tiles.vectors - 1) * (tiles.kc * tiles.lanes)
        start = b + tiles.kc * tiles.nr + share
        buffer = self.b.buffer if self.b else self.sums
        return lambda k: (load(buffer, start + k * tiles.lanes),)


def _zero(kb: Expr) -> bool:
    return getattr(kb, "value", None) == 0


def split_rows(
    first: Expr, last: Expr, most: int, body: Callable[[Expr, Expr], Statements]
) -> Statements:
    """[first, last) in nearly equal parts of at most `most`."""
    total = last - first

    def part(n: Expr, count: Expr) -> Statements:
        start, stop = (first + quotient(total * i, count) for i in (n, n + 1))
        return let("p0", start, lambda p0: let("p1", stop, lambda p1: body(p0, p1)))

    count = quotient(total + (most - 1), most)
    return let("parts", count, lambda count: loop("part", 0, count, lambda n: part(n, count)))
