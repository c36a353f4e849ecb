"""Convolutions whose outputs see many channels: an implicit matrix product, nothing is copied.

The rows of the product are pixels of one row of the result, its columns outputs, its steps the
taps and channels, which lie side by side. A tile keeps its sums in registers over all steps.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...dsl.sizes import Dim
from ..kernel import Phase
from ..tvm_api import tirx
from .convolution_spec import ConvolutionSpec, Row, load_x, over_tap_rows, row_at
from .convolution_tiles import (
    Columns,
    ConvolutionTiles,
    Segment,
    choose_order,
    choose_tiles,
    column_tiles,
)
from .matmul_micro import Micro, Place
from .matmul_tiles import MatmulTiles, accumulator
from .matmul_tir import (
    Expr,
    Frame,
    Statements,
    i64,
    let,
    load,
    loop,
    quotient,
    splat,
    when,
)


@dataclass(frozen=True)
class Panel:
    """A panel of weights: its group, its number there, its first output, and how many are real."""

    start: Expr
    group: Expr
    column: Expr
    vectors: int
    columns: int


def dense_phase(spec: ConvolutionSpec) -> tuple[Phase, int]:
    """The phase, and how many partial sums a thread needs."""
    row, per_group = spec.row, spec.outputs // spec.groups
    assert isinstance(row.count, int)
    tiles = choose_tiles(spec.machine, spec.matmul.dtype, row.count, per_group)
    assert tiles.panel == spec.node.inputs[1].aval.shape[-1], "weights lie in panels of this tile"
    return _Dense(spec, tiles).phase(), tiles.width * tiles.panel


class _Dense:
    def __init__(self, spec: ConvolutionSpec, tiles: ConvolutionTiles) -> None:
        self.spec, self.tiles = spec, tiles
        self.frame: Frame = spec.frame()
        flat = MatmulTiles(tiles.width, tiles.panel, 1, tiles.width, tiles.lanes, "rows")
        self.micro = Micro(spec.matmul, flat, spec.machine, self.frame)
        self.each = spec.outputs // spec.groups  # outputs of a group
        self.depth = spec.channels // spec.groups
        self.panels = -(-self.each // tiles.panel)  # of a group
        joined = spec.groups == 1 and spec.row.dilation == 1
        self.columns = column_tiles(spec.row, tiles.width, joined=joined)

    @property
    def taps(self) -> int:
        total = 1
        for window in self.spec.windows:
            total *= window.taps  # type: ignore[assignment]
        return total

    def phase(self) -> Phase:
        spec = self.spec
        name = f"{spec.matmul.name}_dense"
        rows: Dim = spec.rows
        units = spec.items * rows * (spec.groups * self.panels)
        if 0 in spec.node.output.aval.shape:
            units = 0
        body = loop("unit", self.frame.begin, self.frame.end,
                    lambda u: self.frame.block(lambda: self._unit(u)))  # fmt: skip
        work = spec.row.count * self.taps * self.depth * self.tiles.panel
        return Phase(name, self.frame.function(name, body), units, 1, spec.cost(work))

    # ------------------------------------------------------------------ units

    def _order(self) -> str:
        spec = self.spec
        itemsize = accumulator(spec.matmul.dtype).itemsize
        pixels = 1
        for window in spec.windows:
            pixels *= window.n  # type: ignore[assignment]
        x = pixels * spec.channels * itemsize
        w = self.taps * self.depth * spec.outputs * itemsize
        items = spec.items if isinstance(spec.items, int) else 1
        rows = spec.rows if isinstance(spec.rows, int) else 1
        return choose_order(spec.machine, x, w, items, rows, spec.groups * self.panels)

    def _unit(self, unit: Expr) -> Statements:
        """A row of an image times a panel of weights."""
        spec, frame = self.spec, self.frame
        sizes = {"item": spec.items, "row": spec.rows, "panel": spec.groups * self.panels}
        order = {
            "rows": ("item", "row", "panel"),
            "items": ("item", "panel", "row"),
            "panels": ("panel", "item", "row"),
        }[self._order()]
        found: dict[str, Expr] = {}
        rest = unit
        for key in reversed(order[1:]):
            size = frame.size(sizes[key])
            found[key] = frame.t.let(tirx.truncmod(rest, size))
            rest = frame.t.let(quotient(rest, size))
        found[order[0]] = rest
        row = row_at(spec, frame, found["item"], found["row"])
        return self._panel(row, found["panel"])

    def _panel(self, row: Row, number: Expr) -> Statements:
        t, size = self.frame.t, self.taps * self.depth * self.tiles.panel
        group = t.let(quotient(number, self.panels)) if self.spec.groups > 1 else i64(0)
        inside = t.let(number - group * self.panels) if self.spec.groups > 1 else number
        start = t.let(number * size)
        column = t.let(group * self.each + inside * self.tiles.panel)
        full, rest = divmod(self.each, self.tiles.panel)

        def of(vectors: int, columns: int) -> Statements:
            return self._row(row, Panel(start, group, column, vectors, columns))

        whole = of(self.tiles.vectors, self.tiles.panel) if full else []
        if not rest:
            return whole
        tail = of(-(-rest // self.tiles.lanes), rest)
        return when(inside < full, whole, tail) if full else tail

    def _row(self, row: Row, panel: Panel) -> Statements:
        """All tiles of the row; those that see the same taps are one loop."""

        def tiles(columns: Columns) -> Statements:
            def one(i: Expr) -> Statements:
                return let("first", i * columns.width + columns.first,
                           lambda first: self._tile(row, panel, columns, first))  # fmt: skip

            return one(i64(0)) if columns.count == 1 else loop("tile", 0, columns.count, one)

        return [tiles(columns) for columns in self.columns]

    # ------------------------------------------------------------------ a tile

    def _tile(self, row: Row, panel: Panel, columns: Columns, first: Expr) -> Statements:
        spec, micro = self.spec, self.micro
        width, vectors = columns.width, panel.vectors
        taps = spec.row.taps

        def tap_row(tap: Expr, position: Expr) -> Statements:
            x = position * (spec.row.n * spec.channels) + panel.group * self.depth
            x = x + (first * spec.row.stride - spec.row.low) * spec.channels
            w = panel.start + tap * (taps * self.depth * self.tiles.panel)
            return let("x_row", x, lambda x: let("w_row", w, lambda w: [
                self._segment(s, x, w, vectors) for s in columns.segments]))  # fmt: skip

        place = Place(row.index, first, panel.column, width, panel.columns)
        return [
            micro.clear(width, vectors),
            over_tap_rows(spec, row, tap_row),
            micro.finish(place, self.frame["sums"], i64(0), width, vectors),
        ]

    def _segment(self, segment: Segment, x: Expr, w: Expr, vectors: int) -> Statements:
        """All steps of some taps, for the pixels that see them."""
        spec, tiles = self.spec, self.tiles
        first = segment.tap * self.depth * tiles.panel
        pixel = spec.row.stride * spec.channels
        tap = segment.tap * spec.row.dilation * spec.channels

        def step(k: Expr) -> Statements:
            return self._step(
                range(segment.start, segment.stop),
                vectors,
                [x + (i * pixel + tap) + k for i in range(segment.stop)],
                w + first + k * tiles.panel,
            )

        return loop("k", 0, segment.count * self.depth, step)

    def _step(self, pixels: range, vectors: int, x: list[Expr], w: Expr) -> Statements:
        """One channel of one tap: an outer product."""
        micro, lanes, frame = self.micro, self.tiles.lanes, self.frame
        wide = f"{micro.dtype}x{lanes}" if lanes > 1 else micro.dtype
        images, weights = frame[self.spec.x], frame[self.spec.w]
        with frame.t.block() as body:
            columns = [frame.t.let(load(weights, w + v * lanes, lanes)) for v in range(vectors)]
            for i in pixels:
                value = load_x(self.spec, frame, images, x[i])
                pixel = frame.t.let(splat(value, lanes))
                for v, column in enumerate(columns):
                    micro.accumulate(i, v, pixel, column, wide)
        return body
