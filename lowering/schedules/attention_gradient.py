"""The gradient of attention: weights are computed again, tile by tile, from the rows' sums.

A unit is one head of keys, so that nothing is added up from two threads: tiles of queries go over
blocks of keys; gradients by keys and values add up in working memory, those by queries in a tile.
"""

from __future__ import annotations

from dataclasses import replace

from ...dsl.primitive import Expr
from ...dsl.sizes import Dim, ceil_divide, product
from ..frame import Area, KernelFrame, RangeFrame
from ..fusion import Group
from ..kernel import KernelSource
from ..math.exponential import exp2_of_negative
from ..tvm_api import tirx
from ..vocabulary import int64
from .attention_blocks import (
    INFINITY,
    PS_PER_PRODUCT,
    PS_PER_WEIGHT,
    ROWS,
    Blocks,
    padded_width,
    pairs_form,
    panel_form,
)
from .attention_spec import TO_POWERS_OF_TWO, AttentionSpec, Item
from .matmul_tir import load, store, zero
from .nest import split_unit, vectors

KEYS = 48  # of a block: whole tiles of rows


def backward(name: str, group: Group, spec: AttentionSpec) -> KernelSource:
    """The kernel of a gradient."""
    width, n_values = (padded_width(spec, n) for n in (spec.width, spec.n_values))
    all_keys = ceil_divide(spec.n_keys, KEYS) * KEYS
    sizes: dict[str, Dim] = {
        "turned": spec.width * ROWS,
        "turned_slopes": spec.n_values * ROWS,
        "queries": width * ROWS,
        "slopes": n_values * ROWS,
        "keys": width * KEYS,
        "values": n_values * KEYS,
        "weights": KEYS * ROWS,
        "by_scores": KEYS * ROWS,
        "base": ROWS,
        "inner": ROWS,
        "by_queries": width * ROWS,
        "by_keys": width * all_keys,
        "by_values": n_values * all_keys,
    }
    kernel = KernelFrame(name, group, tuple(Area(n, spec.dtype, s) for n, s in sizes.items()))
    frame = kernel.open()
    with frame.scope.block() as statements, frame.scope.loop("unit", frame.begin, frame.end) as u:
        _Head(spec, frame, u).run()
    per_pair = (3 * spec.width + 2 * spec.n_values) * PS_PER_PRODUCT + PS_PER_WEIGHT
    pairs = product(spec.queries[2:4]) * spec.n_keys
    cost = ceil_divide(pairs * per_pair, 2 if spec.is_diagonal else 1) + 1000
    kernel.close(frame, statements, product(spec.queries[:2]), cost)
    return replace(kernel.source(), is_scalar=True)


class _Head:
    """The statements of one head of keys."""

    def __init__(self, spec: AttentionSpec, frame: RangeFrame, unit: Expr) -> None:
        self.spec, self.frame, self.unit = spec, frame, unit
        self.t, self.scope = frame.t, frame.scope
        self.front = split_unit(self.t, unit, list(spec.queries[:2]))

    def run(self) -> None:
        t, spec = self.t, self.spec
        keys, values = self.frame.scratch["by_keys"], self.frame.scratch["by_values"]
        padded = [t.size(padded_width(spec, n)) for n in (spec.width, spec.n_values)]
        n_keys = t.size(ceil_divide(spec.n_keys, KEYS) * KEYS)
        for memory, width in zip((keys, values), padded, strict=True):
            with self.scope.loop("place", int64(0), n_keys * width) as place:
                t.emit(store(memory, zero(spec.dtype), place))
        tiles = t.size(ceil_divide(spec.rows, ROWS))
        groups = int64(1) if spec.by_heads else t.size(spec.queries[2])
        with (
            self.scope.loop("group", int64(0), groups) as group,
            self.scope.loop("tile", int64(0), tiles) as tile,
        ):
            lead = self.front if spec.by_heads else [*self.front, group]
            start = self._start()
            if not spec.by_heads:
                start = start + group * t.size(spec.rows * spec.width)
            item = Item(spec, self.frame, lead)
            _GradientTile(item, tile * int64(ROWS), t.let(start)).run()
        at = self._start() + t.size(product(spec.queries[2:]))
        at = self._put(keys, t.let(at), spec.width)
        self._put(values, t.let(at), spec.n_values)

    def _start(self) -> Expr:
        """Where the gradients of the head begin."""
        return self.unit * self.t.size(self.spec.node.output.aval.shape[2])

    def _put(self, memory: Expr, start: Expr, width: Dim) -> Expr:
        """Gradients by keys or values to the output; where they end."""
        t, spec = self.t, self.spec
        out, padded = spec.node.output, t.size(padded_width(spec, width))
        with self.scope.loop("key", int64(0), t.size(spec.n_keys)) as key:
            source, target = t.let(key * padded), t.let(start + key * t.size(width))

            def one(i: Expr) -> None:
                self.frame.store(out, load(memory, source + i), target + i)

            vectors(self.scope, spec.lanes, int64(0), t.size(width), width, one)
        return start + t.size(spec.n_keys * width)


class _GradientTile(Blocks):
    """The statements of one tile of queries; `place` is where gradients of its head's begin."""

    def __init__(self, item: Item, start: Expr, place: Expr) -> None:
        spec = item.spec
        forms = [panel_form(spec, n) for n in (spec.width, spec.n_values)]
        super().__init__(item, start, (ROWS, KEYS), max(f.size for f in (*forms, pairs_form(spec))))
        self.place = place
        self.slope, self.out = spec.node.inputs[:2]

    def run(self) -> None:
        t, spec, item = self.t, self.spec, self.item
        scale, padded = item.constant(spec.scale), t.size(padded_width(spec, spec.width))
        self._take_rows()
        self.turn("turned", spec.width, lambda row, i: item.query(row, i) * scale)
        self.turn("turned_slopes", spec.n_values, self._slope)
        self.copy("queries", self.count, spec.width, lambda j, i: item.query(self.start + j, i))
        self.copy("slopes", self.count, spec.n_values, lambda j, i: self._slope(self.start + j, i))
        self.fill("by_queries", padded * int64(ROWS), zero(spec.dtype))
        with self.each_block():
            self.copy("keys", self.n, spec.width, lambda j, i: item.key(self.first + j, i))
            self.copy("values", self.n, spec.n_values, lambda j, i: item.value(self.first + j, i))
            self.pair_products("weights", "keys", "turned", spec.width)
            self.hide("weights")
            self.pair_products("by_scores", "values", "turned_slopes", spec.n_values)
            self._weigh()
            self._add()
        with self.scope.loop("row", int64(0), self.count) as row:
            source = t.let(row * padded)
            target = t.let(self.place + (self.start + row) * t.size(spec.width))

            def one(i: Expr) -> None:
                by_query = load(self.area("by_queries"), source + i)
                self.frame.store(spec.node.output, by_query, target + i)

            vectors(self.scope, self.lanes, int64(0), t.size(spec.width), spec.width, one)

    def _slope(self, row: Expr, place: Expr) -> Expr:
        return self.item.of_row(self.slope, row, place)

    def _take_rows(self) -> None:
        """Of each row the logarithm of its sum, and what the cotangents of the weights have in
        common; 0 in lanes without a row."""
        t, item, nothing = self.t, self.item, zero(self.spec.dtype)
        base, inner, width = self.area("base"), self.area("inner"), t.size(self.spec.n_values)
        for name in ("base", "inner"):
            self.fill(name, int64(ROWS), nothing)
        with self.scope.loop("row", int64(0), self.count) as row:
            own = t.let(self.start + row)
            sums = t.let(item.of_row(self.out, own, width))
            none = tirx.EQ(sums, item.constant(-INFINITY))
            power = sums * item.constant(TO_POWERS_OF_TWO)
            t.emit(store(base, tirx.Select(none, tirx.FloatImm(self.spec.dtype, 0.0), power), row))
            t.emit(store(inner, self._slope(own, width), row))
            with self.scope.loop("place", int64(0), width) as place:
                slope = item.constant(-1.0) * self._slope(own, place)
                value = item.of_row(self.out, own, place)
                t.emit(store(inner, t.call("fma", slope, value, load(inner, row)), row))

    def _weigh(self) -> None:
        """Scores become weights, and products of values with slopes the slopes of scores; rows of
        a block without a key are 0, as products go by whole tiles of rows."""
        t, weights, by_scores = self.t, self.area("weights"), self.area("by_scores")
        scale = self.item.constant(float(self.spec.node.params["scale"]))
        with self.each_pair() as (at, column, _):
            score = load(weights, at) - load(self.area("base"), column)
            weight = t.let(exp2_of_negative(t, t.let(score)))
            by_weight = t.let(load(by_scores, at) + load(self.area("inner"), column))
            t.emit(store(weights, weight, at))
            t.emit(store(by_scores, t.let(weight * by_weight) * scale, at))
        for area in (weights, by_scores):
            with self.scope.loop("rest", self.n * int64(ROWS), int64(KEYS * ROWS)) as place:
                t.emit(store(area, zero(self.spec.dtype), place))

    def _add(self) -> None:
        """The three sums of gradients."""
        weights, by_scores = self.area("weights"), self.area("by_scores")
        rows, width, n_values = int64(ROWS), self.spec.width, self.spec.n_values

        def weight(key: Expr, query: Expr) -> Expr:
            return load(weights, key * rows + query)

        def by_score(key: Expr, query: Expr) -> Expr:
            return load(by_scores, key * rows + query)

        of_keys, of_queries = (self.n, self.count), (self.count, self.n)
        self.panel_products(("by_values", self.first), weight, ("slopes", n_values), of_keys)
        self.panel_products(("by_keys", self.first), by_score, ("queries", width), of_keys)
        self.panel_products(
            ("by_queries", int64(0)), lambda q, k: by_score(k, q), ("keys", width), of_queries
        )
