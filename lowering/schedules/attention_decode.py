"""Attention of few rows, as in a step of decoding: its speed is that of reading keys and values.

Keys are read along their rows, some at once, values along theirs; neither is copied. The keys are
cut into chunks, which may go to several threads; a second phase joins their results, in order, so
that the sums depend neither on threads nor on the width of registers.
"""

from __future__ import annotations

from collections.abc import Callable
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
from ..vocabulary import int64
from .attention_blocks import INFINITY
from .attention_spec import AttentionSpec, Item
from .attention_tiles import larger
from .matmul_tir import load, store, zero
from .nest import split_unit

MOST_ROWS = 4
CHUNK = 256  # keys
VECTOR = 64  # bytes of a vector, however many registers it takes: sums are the same on all machines
PS_PER_ELEMENT = 60  # of a key or a value, picoseconds: from an outer cache


def is_few(spec: AttentionSpec) -> bool:
    """Whether an attention has few rows."""
    return isinstance(spec.rows, int) and 1 <= spec.rows <= MOST_ROWS


@dataclass(frozen=True)
class _Layout:
    """Sizes of working memory; `partial` is what a chunk hands on of a row: sums, their base, their
    total."""

    spec: AttentionSpec
    rows: int

    @property
    def lanes(self) -> int:
        return VECTOR // (4 if self.spec.dtype == "float32" else 8)

    @property
    def registers(self) -> int:
        """Of one vector."""
        return max(1, self.lanes // self.spec.lanes)

    @property
    def keys(self) -> int:
        """Rows of keys that are read at once."""
        return 8 if self.spec.machine.n_vector_registers // self.registers >= 16 else 4

    @property
    def columns(self) -> int:
        """Vectors of values that are summed at once for all rows."""
        room = self.spec.machine.n_vector_registers // (2 * self.registers * self.rows)
        return 4 if room >= 4 else 2 if room >= 2 else 1

    @property
    def chunks(self) -> Dim:
        keys = self.spec.n_keys
        return 1 if isinstance(keys, int) and keys <= CHUNK else ceil_divide(keys, CHUNK)

    @property
    def partial(self) -> Dim:
        return self.spec.n_values + 2

    @property
    def areas(self) -> tuple[Area, ...]:
        dtype, rows = self.spec.dtype, self.rows
        own: dict[str, Dim] = {
            "queries": self.spec.width * rows,
            "weights": rows * CHUNK,
            "sums": self.partial * rows,
        }
        areas = [Area(name, dtype, size) for name, size in own.items()]
        if self.chunks != 1:
            size = self.spec.items * self.chunks * rows * self.partial
            areas.append(Area("parts", dtype, size, per_thread=False))
        return tuple(areas)


def few_rows(name: str, group: Group, spec: AttentionSpec) -> KernelSource:
    """The kernel of an attention of few rows; a unit is a chunk of the keys of one head."""
    assert isinstance(spec.rows, int)
    layout = _Layout(spec, spec.rows)
    kernel = KernelFrame(name, group, layout.areas)
    frame = kernel.open()
    units: list[Dim] = [*spec.lead, layout.chunks]
    with frame.scope.block() as statements, frame.scope.loop("unit", frame.begin, frame.end) as u:
        *lead, chunk = split_unit(frame.t, u, units)
        _Chunk(Item(spec, frame, lead), layout, chunk, u).run()
    keys = min(spec.n_keys, CHUNK) if isinstance(spec.n_keys, int) else CHUNK
    cost = (spec.width + spec.n_values) * keys * PS_PER_ELEMENT + 1000
    kernel.close(frame, statements, product(tuple(units)), cost)
    if layout.chunks != 1:
        _join(kernel, layout)
    return replace(kernel.source(), is_scalar=True)


class _Chunk:
    """The statements of one chunk of keys."""

    def __init__(self, item: Item, layout: _Layout, chunk: Expr, unit: Expr) -> None:
        self.item, self.layout, self.unit = item, layout, unit
        self.spec: AttentionSpec = item.spec
        self.frame: RangeFrame = item.frame
        self.t, self.scope = self.frame.t, self.frame.scope
        self.lanes, self.rows = layout.lanes, layout.rows
        self.first = self.t.let(chunk * int64(CHUNK))
        most = max(layout.keys, layout.rows * layout.columns)
        self.vectors = self.frame.local("vectors", self.spec.dtype, most * self.lanes)
        self.rest = self.frame.local("rest", self.spec.dtype, max(layout.keys, layout.rows))

    def run(self) -> None:
        t, item = self.t, self.item
        count = item.n_keys()
        self.before = item.seen_before(count)
        limit = item.limit(count, self.before, int64(self.rows))
        n = tirx.Max(int64(0), tirx.Min(int64(CHUNK), limit - self.first))
        self.n = t.let(n)
        with self.scope.block() as body:
            self._take_queries()
            self._score()
            self._hide()
            for row in range(self.rows):
                self._weigh(row)
            self._sum_values()
            self._hand_on()
        # A chunk that no row sees is left out by the second phase, too.
        if self.layout.chunks == 1:
            for statement in body:
                t.emit(statement)
        else:
            t.emit(tirx.IfThenElse(self.n > int64(0), sequence(body), None))

    def _area(self, name: str) -> Expr:
        return self.frame.scratch[name]

    def _take_queries(self) -> None:
        t, width, scale = self.t, self.t.size(self.spec.width), self.item.constant(self.spec.scale)
        with self.scope.loop("place", int64(0), width) as place:
            for row in range(self.rows):
                scaled = self.item.query(int64(row), place) * scale
                t.emit(store(self._area("queries"), scaled, int64(row) * width + place))

    # ------------------------------------------------------------------ scores

    def _score(self) -> None:
        many = int64(self.layout.keys)
        whole = self.t.let(tirx.truncdiv(self.n, many))
        with self.scope.loop("keys", int64(0), whole) as group:
            self._score_keys(self.t.let(group * many), self.layout.keys)
        with self.scope.loop("key", whole * many, self.n) as key:
            self._score_keys(key, 1)

    def _score_keys(self, key: Expr, count: int) -> None:
        for row in range(self.rows):
            self._dots(row, key, count)

    def _dots(self, row: int, key: Expr, count: int) -> None:
        """The scores of a row with some keys, as sums along whole vectors and what is left."""
        t, scope, width = self.t, self.scope, self.t.size(self.spec.width)
        query, base = self._area("queries"), t.let(int64(row) * width)
        lanes = int64(self.lanes)
        self._fill(count)
        done = t.let(tirx.truncdiv(width, lanes))

        def add(memory: Expr, at: Expr, place: Expr, i: int) -> None:
            own = self.item.key(self.first + key + int64(i), place)
            self._add(memory, at, load(query, base + place), own)

        with scope.loop("places", int64(0), done) as vector:
            for i in range(count):
                with scope.lanes(self.lanes) as lane:
                    add(self.vectors, int64(i * self.lanes) + lane, vector * lanes + lane, i)
        with scope.loop("place", done * lanes, width) as place:
            for i in range(count):
                add(self.rest, int64(i), place, i)
        for i in range(count):
            self._fold(i * self.lanes, lambda a, b: a + b)
            total = load(self.vectors, int64(i * self.lanes)) + load(self.rest, int64(i))
            at = int64(row * CHUNK + i) + key
            t.emit(store(self._area("weights"), total, at))

    def _fill(self, count: int, value: Expr = None) -> None:
        """Vectors and what is left beside each with a number, 0 if none is given."""
        value = zero(self.spec.dtype) if value is None else value
        for i in range(count):
            with self.scope.lanes(self.lanes) as lane:
                self.t.emit(store(self.vectors, value, int64(i * self.lanes) + lane))
            self.t.emit(store(self.rest, value, int64(i)))

    def _add(self, memory: Expr, at: Expr, a: Expr, b: Expr) -> None:
        """memory[at] += a * b."""
        total = load(memory, at)
        fused = self.spec.machine.has_fma
        made = self.t.call("fma", a, b, total) if fused else total + a * b
        self.t.emit(store(memory, made, at))

    def _fold(self, start: int, join: Callable[[Expr, Expr], Expr]) -> None:
        """One number of a vector, which is left in its first lane: a tree of its halves."""
        half = self.lanes // 2
        while half:
            with self.scope.lanes(half) as lane:
                at = int64(start) + lane
                upper = load(self.vectors, at + int64(half))
                self.t.emit(store(self.vectors, join(load(self.vectors, at), upper), at))
            half //= 2

    def _hide(self) -> None:
        """What the mask says, and -inf for keys after a query."""
        if self.spec.extra("mask") is None and not self.spec.is_diagonal:
            return
        with self.scope.loop("key", int64(0), self.n) as key:
            place = self.t.let(self.first + key)
            for row in range(self.rows):
                at = int64(row * CHUNK) + key
                score = self.item.masked(load(self._area("weights"), at), int64(row), place)
                if self.spec.is_diagonal:
                    seen = place <= self.before + int64(row)
                    score = tirx.Select(seen, score, self.item.constant(-INFINITY))
                self.t.emit(store(self._area("weights"), score, at))

    # ------------------------------------------------------------------ weights

    def _weigh(self, row: int) -> None:
        """Powers of two of the distances from the largest score, their base and their total."""
        t, scope, lanes, item = self.t, self.scope, int64(self.lanes), self.item
        weights, start = self._area("weights"), int64(row * CHUNK)
        whole = t.let(tirx.truncdiv(self.n + (lanes - int64(1)), lanes))
        with scope.loop("key", self.n, whole * lanes) as key:
            t.emit(store(weights, item.constant(-INFINITY), start + key))
        self._fill(1, item.constant(-INFINITY))
        with scope.loop("keys", int64(0), whole) as vector, scope.lanes(self.lanes) as lane:
            score = load(weights, start + vector * lanes + lane)
            t.emit(store(self.vectors, larger(t, score, load(self.vectors, lane)), lane))
        self._fold(0, partial(larger, t))
        most = t.let(load(self.vectors, int64(0)))
        base = t.let(_base(item, most))
        self._fill(1)
        with scope.loop("keys", int64(0), whole) as vector, scope.lanes(self.lanes) as lane:
            at = start + vector * lanes + lane
            power = t.let(exp2_of_negative(t, t.let(load(weights, at) - base)))
            t.emit(store(weights, power, at))
            t.emit(store(self.vectors, load(self.vectors, lane) + power, lane))
        self._fold(0, lambda a, b: a + b)
        self._keep(row, 0, most)
        self._keep(row, 1, load(self.vectors, int64(0)))

    def _keep(self, row: int, number: int, value: Expr) -> None:
        """The largest score (0) or the total (1) of a row."""
        at = self._at(row, self.t.size(self.spec.n_values) + int64(number))
        self.t.emit(store(self._area("sums"), value, at))

    def _at(self, row: int, place: Expr) -> Expr:
        return int64(row) * self.t.size(self.layout.partial) + place

    # ------------------------------------------------------------------ values

    def _sum_values(self) -> None:
        """Weights times values: panels of vectors, single vectors, what is left."""
        scope, t, lanes = self.scope, self.t, self.lanes
        width = t.size(self.spec.n_values)
        done = int64(0)
        for count in dict.fromkeys((self.layout.columns, 1)):
            wide = int64(count * lanes)
            panels = t.let(tirx.truncdiv(width - done, wide))
            with scope.loop("panel", int64(0), panels) as panel:
                self._sum_panel(t.let(done + panel * wide), count)
            done = t.let(done + panels * wide)
        with scope.loop("place", done, width) as place:
            self._fill(self.rows)
            with scope.loop("key", int64(0), self.n) as key:
                value = t.let(self.item.value(self.first + key, place))
                for row in range(self.rows):
                    self._add(self.rest, int64(row), self._weight(row, key), value)
            for row in range(self.rows):
                total = load(self.rest, int64(row))
                t.emit(store(self._area("sums"), total, self._at(row, place)))

    def _weight(self, row: int, key: Expr) -> Expr:
        return load(self._area("weights"), int64(row * CHUNK) + key)

    def _sum_panel(self, column: Expr, count: int) -> None:
        t, scope = self.t, self.scope
        pairs = [(row, c) for row in range(self.rows) for c in range(count)]
        for i in range(len(pairs)):
            with scope.lanes(self.lanes) as lane:
                t.emit(store(self.vectors, zero(self.spec.dtype), int64(i * self.lanes) + lane))
        with scope.loop("key", int64(0), self.n) as key:
            factors = [t.let(self._weight(row, key)) for row in range(self.rows)]
            for c in range(count):
                with scope.lanes(self.lanes) as lane:
                    place = column + (int64(c * self.lanes) + lane)
                    value = t.let(self.item.value(self.first + key, place))
                    for row, factor in enumerate(factors):
                        at = int64((row * count + c) * self.lanes) + lane
                        self._add(self.vectors, at, factor, value)
        for i, (row, c) in enumerate(pairs):
            with scope.lanes(self.lanes) as lane:
                total = load(self.vectors, int64(i * self.lanes) + lane)
                at = self._at(row, column + (int64(c * self.lanes) + lane))
                t.emit(store(self._area("sums"), total, at))

    def _hand_on(self) -> None:
        """The result, or what the second phase makes it of."""
        t, sums = self.t, self._area("sums")
        if self.layout.chunks == 1:
            _finish_rows(self.item, self.layout)
            return
        size = t.size(self.layout.partial * self.rows)
        start = t.let(self.unit * size)
        with self.scope.loop("place", int64(0), size) as place:
            t.emit(store(self._area("parts"), load(sums, place), start + place))


def _base(item: Item, most: Expr) -> Expr:
    """What powers are relative to: 0 where no key is seen."""
    none = tirx.EQ(most, item.constant(-INFINITY))
    return tirx.Select(none, tirx.FloatImm(item.spec.dtype, 0.0), most)


def _finish_rows(item: Item, layout: _Layout) -> None:
    """The output from the sums in working memory."""
    t, sums = item.frame.t, item.frame.scratch["sums"]
    width = t.size(item.spec.n_values)
    for row in range(layout.rows):
        start = t.let(int64(row) * t.size(layout.partial))
        most, total = (load(sums, start + width + int64(i)) for i in (0, 1))

        def value(i: Expr, start: Expr = start) -> Expr:
            return load(sums, start + i)

        item.finish(int64(row), most, total, value)


def _join(kernel: KernelFrame, layout: _Layout) -> None:
    """The second phase: the chunks of one head joined in order."""
    spec = layout.spec
    frame = kernel.open()
    with frame.scope.block() as statements, frame.scope.loop("unit", frame.begin, frame.end) as u:
        lead = split_unit(frame.t, u, list(spec.lead))
        _Joined(Item(spec, frame, lead), layout, u).run()
    cost = spec.n_values * layout.chunks * layout.rows * 300 + 1000
    kernel.close(frame, statements, spec.items, cost)


class _Joined:
    """The statements that join the chunks of one head."""

    def __init__(self, item: Item, layout: _Layout, unit: Expr) -> None:
        self.item, self.layout = item, layout
        self.t, self.scope = item.frame.t, item.frame.scope
        self.parts, self.sums = (item.frame.scratch[n] for n in ("parts", "sums"))
        self.size = self.t.size(layout.partial)
        self.start = self.t.let(unit * self.t.size(layout.chunks * layout.rows) * self.size)
        self.state = item.frame.local("state", item.spec.dtype, 1)

    def run(self) -> None:
        item, layout, t = self.item, self.layout, self.t
        count = item.n_keys()
        limit = item.limit(count, item.seen_before(count), int64(layout.rows))
        self.chunks = t.let(tirx.truncdiv(limit + int64(CHUNK - 1), int64(CHUNK)))
        for row in range(layout.rows):
            self._row(row)
        _finish_rows(item, layout)

    def _part(self, chunk: Expr, row: int) -> Expr:
        return self.start + (chunk * int64(self.layout.rows) + int64(row)) * self.size

    def _row(self, row: int) -> None:
        t, scope, item = self.t, self.scope, self.item
        width, own = t.size(item.spec.n_values), t.let(int64(row) * self.size)
        here = int64(0)
        t.emit(store(self.state, item.constant(-INFINITY), here))
        with scope.loop("chunk", here, self.chunks) as chunk:
            other = load(self.parts, self._part(chunk, row) + width)
            t.emit(store(self.state, larger(t, other, load(self.state, here)), here))
        most = t.let(load(self.state, here))
        base = t.let(_base(item, most))
        with scope.loop("place", here, self.size) as place:
            t.emit(store(self.sums, zero(item.spec.dtype), own + place))
        with scope.loop("chunk", here, self.chunks) as chunk:
            start = t.let(self._part(chunk, row))
            factor = exp2_of_negative(t, t.let(load(self.parts, start + width) - base))
            with scope.loop("place", here, self.size) as place:
                before, other = load(self.sums, own + place), load(self.parts, start + place)
                t.emit(store(self.sums, t.call("fma", other, factor, before), own + place))
        t.emit(store(self.sums, most, own + width))
