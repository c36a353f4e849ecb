"""What attention and its gradient share: tiles of queries, blocks of keys, products of the two.

Numbers of pairs lie key by key, with queries in the lanes. Keys, values and queries of a tile are
copied once into working memory, in the type that is computed with: half types, transposed operands
and what fusion puts before them cost no more than that copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ...dsl.primitive import Expr
from ...dsl.sizes import Dim, ceil_divide
from ..frame import RangeFrame
from ..readers import sequence
from ..tvm_api import tirx
from ..vocabulary import int64
from .attention_spec import AttentionSpec, Item
from .attention_tile import RegisterTile, Sides
from .matmul_tir import load, splat, store, zero
from .nest import vectors

ROWS = 48  # of a tile of queries, at least: whole register tiles for vectors of 2 to 16 lanes
INFINITY = float("inf")
PS_PER_PRODUCT = 20  # of one multiply-add, picoseconds
PS_PER_WEIGHT = 150

Element = Callable[[Expr, Expr], Expr]


@dataclass(frozen=True)
class Form:
    """A register tile: rows x vectors, three quarters of the registers."""

    rows: int
    columns: int

    @property
    def size(self) -> int:
        return self.rows * self.columns


def _has_many(spec: AttentionSpec) -> bool:
    """Registers: 24 sums, else 12."""
    return spec.machine.n_vector_registers >= 32


def pairs_form(spec: AttentionSpec) -> Form:
    """Keys x vectors of queries."""
    return Form(8, 3) if _has_many(spec) else Form(6, 2)


def panel_form(spec: AttentionSpec, width: Dim) -> Form:
    """Rows x vectors of a width: as few vectors in all, then as many at once, as it takes; two,
    where it is not known."""
    sums, most = (24, 5) if _has_many(spec) else (12, 2)
    columns = 2
    if isinstance(width, int):
        needed = max(-(-width // spec.lanes), 1)
        columns = min(range(1, most + 1), key=lambda c: (-(-needed // c) * c, -c))
    rows = {1: 12, 2: sums // 2, 3: sums // 3, 4: sums // 4, 5: sums // 6}[columns]
    return Form(rows, columns)


def tile_rows(spec: AttentionSpec) -> int:
    """Queries of a tile: twice as many where that skips no less and leaves enough units for all
    cores, so that keys and values are copied half as often."""
    few = spec.is_diagonal or not isinstance(spec.rows, int) or spec.rows < 2 * ROWS
    if few or not isinstance(spec.items, int):
        return ROWS
    units = spec.items * ceil_divide(spec.rows, 2 * ROWS)
    return ROWS if isinstance(units, int) and units < 4 * spec.machine.cores else 2 * ROWS


def padded_width(spec: AttentionSpec, width: Dim) -> Dim:
    """A width in whole panels."""
    wide = panel_form(spec, width).columns * spec.lanes
    return ceil_divide(width, wide) * wide


class Blocks:
    """Statements about one tile of queries, and one block of keys at a time; `shape` is how many of
    each they have at most, `size` the vectors of the largest register tile."""

    def __init__(self, item: Item, start: Expr, shape: tuple[int, int], size: int) -> None:
        self.item, (self.tile_rows, self.block_keys) = item, shape
        self.spec: AttentionSpec = item.spec
        self.frame: RangeFrame = item.frame
        self.t, self.scope = self.frame.t, self.frame.scope
        self.lanes = self.spec.lanes
        self.registers = RegisterTile(
            self.frame, self.spec.machine, self.spec.dtype, self.lanes, size
        )
        t, rows = self.t, self.t.size(self.spec.rows)
        self.start = t.let(start)
        self.count = t.let(tirx.Min(int64(self.tile_rows), rows - self.start))
        self.n_vectors = t.let(tirx.truncdiv(self.count + int64(self.lanes - 1), int64(self.lanes)))
        n_keys = item.n_keys()
        self.before = item.seen_before(n_keys)
        self.limit = item.limit(n_keys, self.before, self.start + self.count)

    @contextmanager
    def each_block(self) -> Iterator[None]:
        """A loop over the blocks of keys that queries of the tile see."""
        many = int64(self.block_keys)
        blocks = self.t.let(tirx.truncdiv(self.limit + int64(self.block_keys - 1), many))
        with self.scope.loop("block", int64(0), blocks) as block:
            self.first = self.t.let(block * many)
            self.n = self.t.let(tirx.Min(many, self.limit - self.first))
            yield

    def area(self, name: str) -> Expr:
        """Working memory by name."""
        return self.frame.scratch[name]

    def fill(self, name: str, size: Expr, value: Expr) -> None:
        """A whole number of vectors of one value."""
        with self.scope.loop("i", int64(0), size // int64(self.lanes)) as i:
            at = i * int64(self.lanes)
            self.t.emit(store(self.area(name), splat(value, self.lanes), at, self.lanes))

    def turn(self, name: str, width: Dim, read: Element) -> None:
        """`read(row, place)` of the tile with rows in the lanes; lanes without one are 0."""
        t, area = self.t, self.area(name)
        n_places, height = t.size(width), int64(self.tile_rows)
        # Row by row, as LLVM would gather the elements of a place, one after the other.
        with (
            self.scope.loop("row", int64(0), self.count) as row,
            self.scope.loop("place", int64(0), n_places) as place,
        ):
            t.emit(store(area, read(self.start + row, place), place * height + row))
        with (
            self.scope.loop("row", self.count, self.n_vectors * int64(self.lanes)) as row,
            self.scope.loop("place", int64(0), n_places) as place,
        ):
            t.emit(store(area, zero(self.spec.dtype), place * height + row))

    def copy(self, name: str, count: Expr, width: Dim, read: Element) -> None:
        """`read(row, place)` of `count` rows, padded to whole panels with 0."""
        t, area, padded = self.t, self.area(name), padded_width(self.spec, width)
        with self.scope.loop("row", int64(0), count) as row:
            start = t.let(row * t.size(padded))

            def one(i: Expr) -> None:
                t.emit(store(area, read(row, i), start + i))

            vectors(self.scope, self.lanes, int64(0), t.size(width), width, one)
            with self.scope.loop("rest", t.size(width), t.size(padded)) as i:
                t.emit(store(area, zero(self.spec.dtype), start + i))

    # ------------------------------------------------------------------ products

    def pair_products(self, into: str, left: str, right: str, width: Dim) -> None:
        """For each key and query the sum along `width` of `left` (of keys, padded) times `right`
        (of queries, turned): by groups of vectors of queries; what is left of a number that is not
        known goes vector by vector."""
        t, most, lanes = self.t, pairs_form(self.spec).columns, int64(self.lanes)
        names = into, left, right
        whole = t.let(tirx.truncdiv(self.n_vectors, int64(most)))
        with self.scope.loop("group", int64(0), whole) as group:
            self._pair_group(names, width, t.let(group * (int64(most) * lanes)), most)
        rows, done = self.spec.rows, whole * int64(most)
        rest = -(-(rows % self.tile_rows) // self.lanes) % most if isinstance(rows, int) else 1
        if rest:
            groups = t.let(tirx.truncdiv(self.n_vectors - done, int64(rest)))
            with self.scope.loop("rest", int64(0), groups) as group:
                column = t.let((done + group * int64(rest)) * lanes)
                self._pair_group(names, width, column, rest)

    def _pair_group(
        self, names: tuple[str, str, str], width: Dim, column: Expr, n_vectors: int
    ) -> None:
        t, height = self.t, pairs_form(self.spec).rows
        into, left, right = map(self.area, names)
        stride = t.size(padded_width(self.spec, width))
        tiles = t.let(tirx.truncdiv(self.n + int64(height - 1), int64(height)))
        with self.scope.loop("tile", int64(0), tiles) as tile:
            key = t.let(tile * int64(height))
            base = t.let(key * stride)

            def last(i: int, v: int, total: Expr) -> None:
                at = (key + int64(i)) * int64(self.tile_rows) + column + int64(v * self.lanes)
                t.emit(store(into, total, at, self.lanes))

            def query(v: int, k: Expr) -> Expr:
                at = k * int64(self.tile_rows) + column + int64(v * self.lanes)
                return load(right, at, self.lanes)

            sides = Sides(lambda i, k: load(left, base + int64(i) * stride + k), query)
            nothing = zero(self.spec.dtype, self.lanes)
            shape = (height, n_vectors)
            self.registers.product(shape, t.size(width), sides, lambda i, v: nothing, last)

    def panel_products(
        self,
        into: tuple[str, Expr],
        factors: Element,
        right: tuple[str, Dim],
        sizes: tuple[Expr, Expr],
        change: Callable[[Expr, Expr], Expr] | None = None,
    ) -> None:
        """Adds to rows of an area (from a row on) the sum over k of `factors(row, k)` times row k
        of another area of a width; `sizes` are the numbers of rows and of k. `change(row, vector)`
        is what becomes of the vectors that were there. Rows go by whole tiles."""
        t, (name, first_row), (other, width), (rows, steps) = self.t, into, right, sizes
        form, padded = panel_form(self.spec, width), t.size(padded_width(self.spec, width))
        memory, source, wide = self.area(name), self.area(other), form.columns * self.lanes
        tiles = t.let(tirx.truncdiv(rows + int64(form.rows - 1), int64(form.rows)))
        panels = padded_width(self.spec, width) // wide
        with (
            self.scope.loop("panel", int64(0), t.size(panels)) as panel,
            self.scope.loop("tile", int64(0), tiles) as tile,
        ):
            column, row = t.let(panel * int64(wide)), t.let(tile * int64(form.rows))
            base = t.let((first_row + row) * padded + column)

            def place(i: int, v: int) -> Expr:
                return base + int64(i) * padded + int64(v * self.lanes)

            def first(i: int, v: int) -> Expr:
                before = load(memory, place(i, v), self.lanes)
                return before if change is None else change(row + int64(i), before)

            def last(i: int, v: int, total: Expr) -> None:
                t.emit(store(memory, total, place(i, v), self.lanes))

            def value(v: int, k: Expr) -> Expr:
                return load(source, k * padded + column + int64(v * self.lanes), self.lanes)

            sides = Sides(lambda i, k: factors(row + int64(i), k), value)
            self.registers.product((form.rows, form.columns), steps, sides, first, last)

    # ------------------------------------------------------------------ pairs

    @contextmanager
    def each_pair(self) -> Iterator[tuple[Expr, Expr, Expr]]:
        """Lane by lane the place of a pair, its lane in the tile and its key in the block."""
        lanes = int64(self.lanes)
        with (
            self.scope.loop("key", int64(0), self.n) as key,
            self.scope.loop("vector", int64(0), self.n_vectors) as vector,
            self.scope.lanes(self.lanes) as lane,
        ):
            column = vector * lanes + lane
            yield key * int64(self.tile_rows) + column, column, key

    def hide(self, scores: str) -> None:
        """What the mask says, and -inf for keys after a query."""
        area, t = self.area(scores), self.t
        last = t.let(t.size(self.spec.rows) - int64(1))  # where there is no query, the last one
        if self.spec.extra("mask") is not None:
            with self.each_pair() as (at, column, key):
                row = tirx.Min(self.start + column, last)
                score = self.item.masked(load(area, at), row, self.first + key)
                t.emit(store(area, score, at))
        if self.spec.is_diagonal:
            hidden = self.item.constant(-INFINITY)
            with self.scope.block() as body, self.each_pair() as (at, column, key):
                seen = self.first + key <= self.before + self.start + column
                t.emit(store(area, tirx.Select(seen, load(area, at), hidden), at))
            reaches = self.first + self.n > self.before + self.start + int64(1)
            t.emit(tirx.IfThenElse(reaches, sequence(body), None))
