"""Attention by tiles of queries over blocks of keys, with a running maximum and sum.

As scores lie with queries in the lanes, maxima, exponentials and sums go along registers and never
across; weights are then read back as scalars against whole rows of values. A tile skips the blocks
of keys that come after all its queries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from ...dsl.primitive import Expr
from ...dsl.sizes import Dim, ceil_divide, product
from ..frame import Area, KernelFrame
from ..fusion import Group
from ..kernel import KernelSource
from ..math.exponential import exp2_of_negative
from ..tvm_api import tirx
from ..vocabulary import TirxVocabulary, int64
from .attention_blocks import (
    INFINITY,
    PS_PER_PRODUCT,
    PS_PER_WEIGHT,
    Blocks,
    padded_width,
    pairs_form,
    panel_form,
    tile_rows,
)
from .attention_spec import AttentionSpec, Item
from .matmul_tir import load, splat, store, zero
from .nest import split_unit

KEYS = 64  # of a block; twice as many where no query is to skip some
CHAINS = 4  # of a maximum or a sum along keys


def tiled(name: str, group: Group, spec: AttentionSpec) -> KernelSource:
    """The kernel of an attention; a unit is a tile of the queries of one head."""
    padded = padded_width(spec, spec.n_values)
    height, keys = shape = tile_rows(spec), KEYS if spec.is_diagonal else 2 * KEYS
    in_tiles = -(-keys // pairs_form(spec).rows) * pairs_form(spec).rows
    sizes: dict[str, Dim] = {
        "turned": spec.width * height,
        "keys": padded_width(spec, spec.width) * in_tiles,
        "values": padded * keys,
        "weights": in_tiles * height,
        "sums": padded * height,
        "most": height,
        "total": height,
        "change": height,
    }
    kernel = KernelFrame(name, group, tuple(Area(n, spec.dtype, s) for n, s in sizes.items()))
    frame = kernel.open()
    units: list[Dim] = [*spec.lead, ceil_divide(spec.rows, height)]
    with frame.scope.block() as statements, frame.scope.loop("unit", frame.begin, frame.end) as u:
        *lead, tile = split_unit(frame.t, u, units)
        _Tile(Item(spec, frame, lead), tile * int64(height), shape).run()
    per_pair = (spec.width + spec.n_values) * PS_PER_PRODUCT + PS_PER_WEIGHT
    rows = min(spec.rows, height) if isinstance(spec.rows, int) else height
    share = 2 if spec.is_diagonal else 1
    cost = ceil_divide(spec.n_keys * rows * per_pair, share) + 1000
    kernel.close(frame, statements, product(tuple(units)), cost)
    # LLVM would pack the scalars of several keys into vectors, only to take them apart again.
    return replace(kernel.source(), is_scalar=True)


class _Tile(Blocks):
    """The statements of one tile of queries."""

    def __init__(self, item: Item, start: Expr, shape: tuple[int, int]) -> None:
        spec = item.spec
        forms = pairs_form(spec), panel_form(spec, spec.n_values)
        super().__init__(item, start, shape, max(form.size for form in forms))
        self.chains = self.frame.local("chains", spec.dtype, CHAINS * self.lanes)
        self.base = self.frame.local("base", spec.dtype, self.lanes)

    def run(self) -> None:
        t, spec, item = self.t, self.spec, self.item
        padded = t.size(padded_width(spec, spec.n_values))
        scale, nothing = item.constant(spec.scale), zero(spec.dtype)
        self.fill("sums", padded * int64(self.tile_rows), nothing)
        self.fill("total", int64(self.tile_rows), nothing)
        self.fill("most", int64(self.tile_rows), item.constant(-INFINITY))
        self.turn("turned", spec.width, lambda row, i: item.query(row, i) * scale)
        with self.each_block():
            self.copy("keys", self.n, spec.width, lambda j, i: item.key(self.first + j, i))
            self.pair_products("weights", "keys", "turned", spec.width)
            self.hide("weights")
            self._weigh()
            self.copy("values", self.n, spec.n_values, lambda j, i: item.value(self.first + j, i))
            self._add_values()
        with self.scope.loop("row", int64(0), self.count) as row:
            at = t.let(row * padded)
            most, total = (load(self.area(name), row) for name in ("most", "total"))
            item.finish(self.start + row, most, total, lambda i: load(self.area("sums"), at + i))

    def _add_values(self) -> None:
        """Weights times values, on what was summed before, as it has changed."""
        weights, change = self.area("weights"), self.area("change")
        self.panel_products(
            ("sums", int64(0)),
            lambda row, k: load(weights, k * int64(self.tile_rows) + row),
            ("values", self.spec.n_values),
            (self.count, self.n),
            lambda row, before: before * splat(load(change, row), self.lanes),
        )

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
                body(key * int64(self.tile_rows) + column + lane, chain, lane)

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
        score = load(self.area("weights"), at)
        self._update(chain, lane, larger(self.t, score, self._chain(chain, lane)))

    def _take_power(self, at: Expr, chain: int, lane: Expr) -> None:
        t, weights = self.t, self.area("weights")
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
        t, most, item = self.t, self.area("most"), self.item
        with self.scope.lanes(self.lanes) as lane:
            at = column + lane
            before = t.let(load(most, at))
            now = larger(t, self._joined(lane, partial(larger, t)), before)
            none = tirx.EQ(now, item.constant(-INFINITY))
            base = t.let(tirx.Select(none, tirx.FloatImm(self.spec.dtype, 0.0), now))
            t.emit(store(most, now, at))
            t.emit(store(self.base, base, lane))
            change = exp2_of_negative(t, t.let(before - base))
            t.emit(store(self.area("change"), change, at))

    def _add_total(self, column: Expr) -> None:
        t, total = self.t, self.area("total")
        with self.scope.lanes(self.lanes) as lane:
            at = column + lane
            summed = t.let(self._joined(lane, lambda a, b: t.let(a + b)))
            made = t.call("fma", load(total, at), load(self.area("change"), at), summed)
            t.emit(store(total, made, at))


def larger(t: TirxVocabulary, a: Expr, b: Expr) -> Expr:
    """The larger of two numbers; b where a is nan, which the exponential of a then still is."""
    a, b = t.let(a), t.let(b)
    return t.let(tirx.Select(a > b, a, b))
