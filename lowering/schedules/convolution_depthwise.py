"""Convolutions of each channel by itself: channels in lanes, neighbouring pixels side by side.

An element is loaded once for a row of the window and added to all pixels of the tile that see it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...dsl.sizes import Dim
from ..kernel import Phase
from ..tvm_api import tirx
from .convolution_spec import ConvolutionSpec, Row, over_tap_rows, row_at
from .convolution_tiles import Columns, column_tiles
from .matmul_micro import multiply_add, write_element
from .matmul_tiles import accumulator
from .matmul_tir import (
    Expr,
    Frame,
    Statements,
    i64,
    let,
    load,
    loop,
    lowest,
    quotient,
    store,
    when,
    zero,
)

LEAST_UNITS = 16  # for each core: rows of pixels, or parts of their channels


@dataclass(frozen=True)
class Tile:
    """Pixels of a row from `first` on, in `lanes` channels from `channel` on."""

    row: Row
    columns: Columns
    first: Expr
    channel: Expr
    lanes: int


def depthwise_phase(spec: ConvolutionSpec) -> tuple[Phase, int]:
    """The phase, and how many partial sums a thread needs."""
    made = _Depthwise(spec)
    return made.phase(), 1


class _Depthwise:
    def __init__(self, spec: ConvolutionSpec) -> None:
        self.spec = spec
        self.frame: Frame = spec.frame()
        self.dtype = accumulator(spec.matmul.dtype).name
        self.lanes = max(1, spec.machine.vector_bytes // accumulator(spec.matmul.dtype).itemsize)
        taps = spec.row.taps
        assert isinstance(taps, int)
        # Sums, the weights of a row of the window, and elements on their way.
        most = max(1, min(14, spec.machine.n_vector_registers - taps - 4))
        self.columns = column_tiles(spec.row, most, joined=False)
        width = max((c.width for c in self.columns), default=1)
        # LLVM keeps in registers what is always read in one width.
        self.registers = {
            n: self.frame.local(f"registers{n}", self.dtype, width * n) for n in self._widths()
        }
        self.block = self._channel_block()

    def _widths(self) -> list[int]:
        """Vectors of channels that occur: whole ones, and those of the rest."""
        rest = self.spec.channels % self.lanes
        parts = [1 << i for i in range(rest.bit_length()) if rest >> i & 1]
        return [self.lanes, *parts]

    def _channel_block(self) -> int:
        """Channels of a unit: all, or parts of them where there are few rows."""
        spec = self.spec
        rows = spec.items * spec.rows
        if not isinstance(rows, int) or not rows:
            return spec.channels
        parts = min(-(-spec.machine.cores * LEAST_UNITS // rows), -(-spec.channels // self.lanes))
        vectors = -(-spec.channels // self.lanes)
        return -(-vectors // max(parts, 1)) * self.lanes

    def phase(self) -> Phase:
        spec, frame = self.spec, self.frame
        name = f"{spec.matmul.name}_depthwise"
        parts = -(-spec.channels // self.block)
        units: Dim = spec.items * spec.rows * parts
        if 0 in spec.node.output.aval.shape:
            units = 0
        body = loop("unit", frame.begin, frame.end,
                    lambda u: frame.block(lambda: self._unit(u, parts)))  # fmt: skip
        taps = 1
        for window in spec.windows:
            taps *= window.taps  # type: ignore[assignment]
        work = spec.row.count * taps * min(self.block, spec.channels)
        return Phase(name, frame.function(name, body), units, 1, spec.cost(work * 3))

    def _unit(self, unit: Expr, parts: int) -> Statements:
        """Some channels of a row of pixels."""
        spec, t = self.spec, self.frame.t
        rows = self.frame.size(spec.rows)
        number = t.let(quotient(unit, parts)) if parts > 1 else unit
        channel = t.let((unit - number * parts) * self.block) if parts > 1 else i64(0)
        item = t.let(quotient(number, rows))
        row = row_at(spec, self.frame, item, t.let(number - item * rows))
        stop = lowest(channel + self.block, spec.channels) if parts > 1 else i64(spec.channels)

        def tiles(columns: Columns) -> Statements:
            def one(i: Expr) -> Statements:
                first = i * columns.width + columns.first
                return let("first", first, lambda first: self._channels(
                    row, columns, first, channel, stop))  # fmt: skip

            return one(i64(0)) if columns.count == 1 else loop("tile", 0, columns.count, one)

        stop = t.let(stop)
        return [tiles(c) for c in self.columns]

    def _channels(
        self, row: Row, columns: Columns, first: Expr, start: Expr, stop: Expr
    ) -> Statements:
        """Whole vectors of channels, then what is left by vectors of half the width and so on."""

        def whole(i: Expr) -> Statements:
            channel = start + i * self.lanes
            return self._tile(Tile(row, columns, first, channel, self.lanes))

        made: list[Statements] = [loop("v", 0, quotient(stop - start, self.lanes), whole)]
        done, lanes = self.spec.channels // self.lanes * self.lanes, self.lanes
        tail: list[Statements] = []
        while done < self.spec.channels:
            lanes //= 2
            if lanes <= self.spec.channels - done:
                tail.append(self._tile(Tile(row, columns, first, i64(done), lanes)))
                done += lanes
        if tail:
            made.append(when(stop == self.spec.channels, tail))
        return made

    # ------------------------------------------------------------------ a tile

    def _tile(self, tile: Tile) -> Statements:
        spec, columns, lanes = self.spec, tile.columns, tile.lanes
        clear = [self._set(i, zero(self.dtype, lanes), lanes) for i in range(columns.width)]

        def tap_row(tap: Expr, position: Expr) -> Statements:
            x = position * spec.row.n + tile.first * spec.row.stride - spec.row.low
            x = x * spec.channels + tile.channel
            w = tap * (spec.row.taps * spec.channels) + tile.channel
            return let("x_row", x, lambda x: let("w_row", w, lambda w: self._taps(tile, x, w)))

        return [clear, over_tap_rows(spec, tile.row, tap_row), self._finish(tile)]

    def _taps(self, tile: Tile, x: Expr, w: Expr) -> Statements:
        """One row of the window: element after element, each added wherever it is seen."""
        spec, lanes, t = self.spec, tile.lanes, self.frame.t
        wide = f"{self.dtype}x{lanes}" if lanes > 1 else self.dtype
        seen: dict[int, list[tuple[int, int]]] = {}
        for s in tile.columns.segments:
            for i in range(s.start, s.stop):
                at = i * spec.row.stride + s.tap * spec.row.dilation
                seen.setdefault(at, []).append((i, s.tap))
        with t.block() as body:
            weights = {
                s.tap: t.let(self._load(spec.w, w + s.tap * spec.channels, lanes))
                for s in tile.columns.segments
            }
            for at in sorted(seen):
                element = t.let(self._load(spec.x, x + at * spec.channels, lanes))
                for i, tap in seen[at]:
                    total = self._get(i, lanes)
                    t.emit(self._set(i, multiply_add(spec.machine, element, weights[tap], total,
                                                     wide), lanes))  # fmt: skip
        return body

    def _load(self, name: str, at: Expr, lanes: int) -> Expr:
        dtype = self.spec.matmul.dtype
        where = at if lanes == 1 else tirx.Ramp(at, i64(1), lanes)
        return self.frame.t.load(self.frame[name], where, dtype)

    def _get(self, i: int, lanes: int) -> Expr:
        return load(self.registers[lanes], i64(i * lanes), lanes)

    def _set(self, i: int, value: Expr, lanes: int) -> Statements:
        return store(self.registers[lanes], value, i64(i * lanes), lanes)

    def _finish(self, tile: Tile) -> Statements:
        spec, frame = self.spec, self.frame

        def pixel(i: int) -> Statements:
            def body(lane: Expr) -> Statements:
                index = (*tile.row.index, tile.first + i, tile.channel + lane)
                at = i64(i * tile.lanes) + lane
                return write_element(spec.matmul, frame, index, self.registers[tile.lanes], at)

            return frame.lanes(tile.lanes, body)

        return [pixel(i) for i in range(tile.columns.width)]
