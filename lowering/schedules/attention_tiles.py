"""Attention by tiles of queries over blocks of keys, with a running maximum and sum.

Scores lie key by key with queries in the lanes, so that maxima, exponentials and sums go along
registers and never across; weights are then read back as scalars against whole rows of values.
Keys and values of a block are copied once into working memory, in the type that is computed with:
half types, transposed operands and what fusion puts before them cost no more than that copy.
A tile skips the blocks of keys that come after all its queries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from ...dsl.primitive import Expr
from ...dsl.sizes import Dim, ceil_divide, product
from ..frame import Area, KernelFrame, RangeFrame
from ..fusion import Group
from ..kernel import KernelSource
from ..math.exponential import exp2_of_negative
from ..readers import sequence
from ..tvm_api import tirx
from ..vocabulary import TirxVocabulary, int64
from .attention_spec import AttentionSpec, Item
from .attention_tile import RegisterTile, Sides
from .matmul_tir import load, splat, store, zero
from .nest import split_unit, vectors

ROWS = 48  # of a tile of queries: whole register tiles for vectors of 2 to 16 lanes
KEYS = 64  # of a block
CHAINS = 4  # of a maximum or a sum along keys
INFINITY = float("inf")
PS_PER_PRODUCT = 20  # of one multiply-add, picoseconds
PS_PER_WEIGHT = 150


@dataclass(frozen=True)
class Forms:
    """The register tiles: keys x vectors of queries for scores, rows x vectors for results."""

    keys: int
    vectors: int
    rows: int
    columns: int


def forms_of(spec: AttentionSpec) -> Forms:
    """The tiles for a machine's registers: three quarters of them hold sums."""
    many = spec.machine.n_vector_registers >= 32
    sums = 24 if many else 12
    columns = _columns(spec)
    rows = {1: 12, 2: sums // 2, 3: sums // 3, 4: sums // 4, 5: sums // 6}[columns]
    return Forms(sums // 3, 3, rows, columns)


def _columns(spec: AttentionSpec) -> int:
    """Vectors of a result tile: as few in all, then as many at once, as the width of values takes;
    where it is not known, two."""
    if not isinstance(spec.n_values, int):
        return 2
    needed = max(-(-spec.n_values // spec.lanes), 1)
    return min(range(1, 6), key=lambda c: (-(-needed // c) * c, -c))


def tiled(name: str, group: Group, spec: AttentionSpec) -> KernelSource:
    """The kernel of an attention; a unit is a tile of the queries of one head."""
    forms = forms_of(spec)
    wide = forms.columns * spec.lanes
    padded = ceil_divide(spec.n_values, wide) * wide
    sizes: dict[str, Dim] = {
        "turned": spec.width * ROWS,
        "keys": spec.width * KEYS,
        "values": padded * KEYS,
        "weights": KEYS * ROWS,
        "sums": padded * ROWS,
        "most": ROWS,
        "total": ROWS,
        "change": ROWS,
    }
    kernel = KernelFrame(name, group, tuple(Area(n, spec.dtype, s) for n, s in sizes.items()))
    frame = kernel.open()
    tiles = ceil_divide(spec.rows, ROWS)
    units: list[Dim] = [*spec.lead, tiles]
    with frame.scope.block() as statements, frame.scope.loop("unit", frame.begin, frame.end) as u:
        *lead, tile = split_unit(frame.t, u, units)
        _Tile(Item(spec, frame, lead), forms, padded, tile * int64(ROWS)).run()
    per_pair = (spec.width + spec.n_values) * PS_PER_PRODUCT + PS_PER_WEIGHT
    rows = min(spec.rows, ROWS) if isinstance(spec.rows, int) else ROWS
    share = 2 if spec.is_diagonal else 1
    cost = ceil_divide(spec.n_keys * rows * per_pair, share) + 1000
    kernel.close(frame, statements, product(tuple(units)), cost)
    # LLVM would pack the scalars of several keys into vectors, only to take them apart again.
    return replace(kernel.source(), is_scalar=True)


class _Tile:
    """The statements of one tile of queries."""

    def __init__(self, item: Item, forms: Forms, padded: Dim, start: Expr) -> None:
        self.item, self.forms, self.padded = item, forms, padded
        self.spec: AttentionSpec = item.spec
        self.frame: RangeFrame = item.frame
        self.t, self.scope = self.frame.t, self.frame.scope
        self.lanes = self.spec.lanes
        self.start = self.t.let(start)
        self.registers = RegisterTile(
            self.frame, self.spec.machine, self.spec.dtype, self.lanes,
            max(forms.keys * forms.vectors, forms.rows * forms.columns),
        )  # fmt: skip
        self.chains = self.frame.local("chains", self.spec.dtype, CHAINS * self.lanes)
        self.base = self.frame.local("base", self.spec.dtype, self.lanes)

    def run(self) -> None:
        t, spec, item = self.t, self.spec, self.item
        rows = t.size(spec.rows)
        self.count = t.let(tirx.Min(int64(ROWS), rows - self.start))
        self.n_vectors = t.let(tirx.truncdiv(self.count + int64(self.lanes - 1), int64(self.lanes)))
        count = item.n_keys()
        self.before = item.seen_before(count)
        self.limit = item.limit(count, self.before, self.start + self.count)
        self._clear()
        self._turn_queries()
        blocks = tirx.truncdiv(self.limit + int64(KEYS - 1), int64(KEYS))
        with self.scope.loop("block", int64(0), t.let(blocks)) as block:
            self.first = t.let(block * int64(KEYS))
            self.n = t.let(tirx.Min(int64(KEYS), self.limit - self.first))
            self._copy_keys()
            self._scores()
            self._hide()
            self._weigh()
            self._copy_values()
            self._add_values()
        with self.scope.loop("row", int64(0), self.count) as row:
            at = t.let(row * t.size(self.padded))
            item.finish(
                self.start + row,
                load(self._area("most"), row),
                load(self._area("total"), row),
                lambda i: load(self._area("sums"), at + i),
            )

    def _area(self, name: str) -> Expr:
        return self.frame.scratch[name]

    def _fill(self, name: str, size: Expr, value: Expr) -> None:
        """A whole number of vectors."""
        with self.scope.loop("i", int64(0), size // int64(self.lanes)) as i:
            at = i * int64(self.lanes)
            self.t.emit(store(self._area(name), splat(value, self.lanes), at, self.lanes))

    def _clear(self) -> None:
        nothing, item = zero(self.spec.dtype), self.item
        self._fill("sums", self.t.size(self.padded * ROWS), nothing)
        self._fill("total", int64(ROWS), nothing)
        self._fill("most", int64(ROWS), item.constant(-INFINITY))

    def _turn_queries(self) -> None:
        """Queries with their place in the lanes, scaled; lanes without one are 0."""
        t, spec, item, area = self.t, self.spec, self.item, self._area("turned")
        scale = item.constant(spec.scale)
        with self.scope.loop("place", int64(0), t.size(spec.width)) as place:
            at = t.let(place * int64(ROWS))
            with self.scope.loop("row", int64(0), self.count) as row:
                t.emit(store(area, item.query(self.start + row, place) * scale, at + row))
            with self.scope.loop("row", self.count, self.n_vectors * int64(self.lanes)) as row:
                t.emit(store(area, zero(spec.dtype), at + row))

    def _copy_keys(self) -> None:
        t, spec, area = self.t, self.spec, self._area("keys")
        width = t.size(spec.width)
        with self.scope.loop("key", int64(0), self.n) as key:
            place = t.let(self.first + key)

            def one(i: Expr) -> None:
                t.emit(store(area, self.item.key(place, i), key * width + i))

            vectors(self.scope, self.lanes, int64(0), width, spec.width, one)

    def _copy_values(self) -> None:
        t, spec, area = self.t, self.spec, self._area("values")
        width, padded = t.size(spec.n_values), t.size(self.padded)
        with self.scope.loop("key", int64(0), self.n) as key:
            place = t.let(self.first + key)

            def one(i: Expr) -> None:
                t.emit(store(area, self.item.value(place, i), key * padded + i))

            vectors(self.scope, self.lanes, int64(0), width, spec.n_values, one)
            with self.scope.loop("rest", width, padded) as i:
                t.emit(store(area, zero(spec.dtype), key * padded + i))

    # ------------------------------------------------------------------ scores

    def _scores(self) -> None:
        """Products of keys and queries, by groups of vectors of queries; what is left of a number
        that is not known goes vector by vector."""
        t, most, lanes = self.t, self.forms.vectors, int64(self.lanes)
        whole = t.let(tirx.truncdiv(self.n_vectors, int64(most)))
        with self.scope.loop("group", int64(0), whole) as group:
            self._score_group(t.let(group * (int64(most) * lanes)), most)
        rows, done = self.spec.rows, whole * int64(most)
        rest = -(-(rows % ROWS) // self.lanes) % most if isinstance(rows, int) else 1
        if rest:
            groups = tirx.truncdiv(self.n_vectors - done, int64(rest))
            with self.scope.loop("rest", int64(0), t.let(groups)) as group:
                self._score_group(t.let((done + group * int64(rest)) * lanes), rest)

    def _score_group(self, column: Expr, n_vectors: int) -> None:
        forms, t, width = self.forms, self.t, self.t.size(self.spec.width)
        keys, turned, weights = map(self._area, ("keys", "turned", "weights"))
        tiles = tirx.truncdiv(self.n + int64(forms.keys - 1), int64(forms.keys))
        with self.scope.loop("tile", int64(0), t.let(tiles)) as tile:
            key = t.let(tile * int64(forms.keys))
            base = t.let(key * width)

            def last(i: int, v: int, total: Expr) -> None:
                at = (key + int64(i)) * int64(ROWS) + column + int64(v * self.lanes)
                t.emit(store(weights, total, at, self.lanes))

            def query(v: int, k: Expr) -> Expr:
                at = k * int64(ROWS) + column + int64(v * self.lanes)
                return load(turned, at, self.lanes)

            sides = Sides(lambda i, k: load(keys, base + int64(i) * width + k), query)
            nothing = zero(self.spec.dtype, self.lanes)
            shape = (forms.keys, n_vectors)
            self.registers.product(shape, width, sides, lambda i, v: nothing, last)

    def _hide(self) -> None:
        """What the mask says, and -inf for keys after a query."""
        if self.spec.extra("mask") is not None:
            with self._each_score() as (at, row, key):
                score = self.item.masked(load(self._area("weights"), at), row, key)
                self.t.emit(store(self._area("weights"), score, at))
        if self.spec.is_diagonal:
            with self.scope.block() as body, self._each_score() as (at, row, key):
                score = load(self._area("weights"), at)
                seen = key <= self.before + row
                hidden = self.item.constant(-INFINITY)
                made = tirx.Select(seen, score, hidden)
                self.t.emit(store(self._area("weights"), made, at))
            reaches = self.first + self.n > self.before + self.start + int64(1)
            self.t.emit(tirx.IfThenElse(reaches, sequence(body), None))

    @contextmanager
    def _each_score(self) -> Iterator[tuple[Expr, Expr, Expr]]:
        """Lane by lane the place of a score, its row (the last one where there is none) and key."""
        t, scope, lanes = self.t, self.scope, int64(self.lanes)
        last = t.let(t.size(self.spec.rows) - int64(1))
        with (
            scope.loop("key", int64(0), self.n) as key,
            scope.loop("vector", int64(0), self.n_vectors) as vector,
            scope.lanes(self.lanes) as lane,
        ):
            column = vector * lanes + lane
            row = tirx.Min(self.start + column, last)
            yield key * int64(ROWS) + column, row, self.first + key

    # ------------------------------------------------------------------ weights

    def _weigh(self) -> None:
        """Scores become powers of two of their distance from the largest so far."""
        t, scope, lanes = self.t, self.scope, int64(self.lanes)
        with scope.loop("vector", int64(0), self.n_vectors) as vector:
            column = t.let(vector * lanes)
            self._along_keys(column, self.item.constant(-INFINITY), self._take_larger)
            self._move_base(column)
            self._along_keys(column, zero(self.spec.dtype), self._take_power)
            self._add_total(column)

    def _along_keys(
        self, column: Expr, first: Expr, body: Callable[[Expr, int, Expr], None]
    ) -> None:
        """`body(place of a score, start of a chain, lane)` for each key, the chains by turns."""
        t, scope, many = self.t, self.scope, int64(CHAINS)
        starts = [c * self.lanes for c in range(CHAINS)]

        def one(key: Expr, chain: int) -> None:
            with scope.lanes(self.lanes) as lane:
                body(key * int64(ROWS) + column + lane, chain, lane)

        for chain in starts:
            with scope.lanes(self.lanes) as lane:
                t.emit(store(self.chains, first, int64(chain) + lane))
        whole = t.let(tirx.truncdiv(self.n, many))
        with scope.loop("keys", int64(0), whole) as group:
            for i, chain in enumerate(starts):
                one(group * many + int64(i), chain)
        with scope.loop("key", whole * many, self.n) as key:
            one(key, 0)

    def _take_larger(self, at: Expr, chain: int, lane: Expr) -> None:
        score = load(self._area("weights"), at)
        self._update(chain, lane, larger(self.t, score, self._chain(chain, lane)))

    def _take_power(self, at: Expr, chain: int, lane: Expr) -> None:
        t, weights = self.t, self._area("weights")
        power = t.let(exp2_of_negative(t, t.let(load(weights, at) - load(self.base, lane))))
        t.emit(store(weights, power, at))
        self._update(chain, lane, self._chain(chain, lane) + power)

    def _chain(self, chain: int, lane: Expr) -> Expr:
        return load(self.chains, int64(chain) + lane)

    def _update(self, chain: int, lane: Expr, value: Expr) -> None:
        self.t.emit(store(self.chains, value, int64(chain) + lane))

    def _joined(self, lane: Expr, join: Callable[[Expr, Expr], Expr]) -> Expr:
        found = [self._chain(c * self.lanes, lane) for c in range(CHAINS)]
        while len(found) > 1:
            found = [join(a, b) for a, b in zip(found[::2], found[1::2], strict=True)]
        return found[0]

    def _move_base(self, column: Expr) -> None:
        """The largest score so far, and by how much that changes what was summed before."""
        t, most, item = self.t, self._area("most"), self.item
        with self.scope.lanes(self.lanes) as lane:
            at = column + lane
            before = t.let(load(most, at))
            now = larger(t, self._joined(lane, partial(larger, t)), before)
            none = tirx.EQ(now, item.constant(-INFINITY))
            base = t.let(tirx.Select(none, tirx.FloatImm(self.spec.dtype, 0.0), now))
            t.emit(store(most, now, at))
            t.emit(store(self.base, base, lane))
            change = exp2_of_negative(t, t.let(before - base))
            t.emit(store(self._area("change"), change, at))

    def _add_total(self, column: Expr) -> None:
        t, total = self.t, self._area("total")
        with self.scope.lanes(self.lanes) as lane:
            at = column + lane
            summed = t.let(self._joined(lane, lambda a, b: t.let(a + b)))
            made = t.call("fma", load(total, at), load(self._area("change"), at), summed)
            t.emit(store(total, made, at))

    # ------------------------------------------------------------------ values

    def _add_values(self) -> None:
        """Weights times values, on what was summed before, as it has changed."""
        forms, t, padded = self.forms, self.t, self.t.size(self.padded)
        values, weights, sums, change = map(self._area, ("values", "weights", "sums", "change"))
        wide = forms.columns * self.lanes
        tiles = t.let(tirx.truncdiv(self.count + int64(forms.rows - 1), int64(forms.rows)))
        with (
            self.scope.loop("panel", int64(0), t.size(self.padded // wide)) as panel,
            self.scope.loop("tile", int64(0), tiles) as tile,
        ):
            column, row = t.let(panel * int64(wide)), t.let(tile * int64(forms.rows))
            base = t.let(row * padded + column)

            def place(i: int, v: int) -> Expr:
                return base + int64(i) * padded + int64(v * self.lanes)

            def first(i: int, v: int) -> Expr:
                factor = splat(load(change, row + int64(i)), self.lanes)
                return load(sums, place(i, v), self.lanes) * factor

            def last(i: int, v: int, total: Expr) -> None:
                t.emit(store(sums, total, place(i, v), self.lanes))

            def value(v: int, k: Expr) -> Expr:
                return load(values, k * padded + column + int64(v * self.lanes), self.lanes)

            sides = Sides(lambda i, k: load(weights, k * int64(ROWS) + row + int64(i)), value)
            self.registers.product((forms.rows, forms.columns), self.n, sides, first, last)


def larger(t: TirxVocabulary, a: Expr, b: Expr) -> Expr:
    """The larger of two numbers; b where a is nan, which the exponential of a then still is."""
    a, b = t.let(a), t.let(b)
    return t.let(tirx.Select(a > b, a, b))
