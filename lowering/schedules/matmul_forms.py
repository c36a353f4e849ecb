"""The phases of each form of the packed product (see `MatmulTiles.form`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...dsl.sizes import Dim, ceil_divide, minimum
from ..kernel import Phase
from ..machine import Machine
from .matmul_block import Block, Panels, split_rows
from .matmul_micro import Micro
from .matmul_pack import Layout, Packer
from .matmul_spec import MatmulSpec, unravel
from .matmul_tiles import MatmulTiles
from .matmul_tir import (
    Expr,
    Frame,
    Statements,
    highest,
    i64,
    let,
    loop,
    lowest,
    quotient,
)

PACK_STEPS = 256  # steps of k in one unit of packing


@dataclass(frozen=True)
class Build:
    """What the phases of a kernel are built from. `enabled` is 0 or 1: whether the sizes ask for
    this form at run time."""

    spec: MatmulSpec
    tiles: MatmulTiles
    layout: Layout
    machine: Machine
    frame: Callable[[], Frame]
    enabled: Dim = 1

    @property
    def row_panels(self) -> Dim:
        return ceil_divide(self.spec.m, self.tiles.mr)

    @property
    def column_panels(self) -> Dim:
        return ceil_divide(self.spec.n, self.tiles.nr)

    @property
    def k_blocks(self) -> Dim:
        return ceil_divide(self.spec.k, self.tiles.kc)

    @property
    def a_panel(self) -> Dim:
        return self.k_blocks * (self.tiles.kc * self.tiles.mr)

    @property
    def b_panel(self) -> Dim:
        return self.spec.k * self.tiles.nr

    def parts(self) -> tuple[Frame, Packer, Micro]:
        frame = self.frame()
        masks = self.machine.has_masks
        packer = Packer(self.spec, self.tiles, self.layout, frame, masks)
        return frame, packer, Micro(self.spec, self.tiles, self.machine, frame)

    def phase(self, frame: Frame, symbol: str, body: Statements, units: Dim, cost: Dim) -> Phase:
        name = f"{self.spec.name}_{symbol}"
        # A product without elements has no memory to write to: none of its phases runs.
        units = units * self.enabled * minimum(self.spec.m * self.spec.n, 1)
        return Phase(name, frame.function(name, body), units, self.tiles.grain, cost)

    def cost(self, multiplications: Dim) -> Dim:
        """Picoseconds for so many multiplications at about two thirds of a common peak."""
        rate = self.tiles.lanes * (5 if self.machine.has_fma else 2)
        return multiplications * 1000 // rate + 1000


def over_items(
    frame: Frame,
    build: Build,
    units: Dim,
    body: Callable[[Sequence[Expr], Expr, Expr, Expr], Statements],
) -> Statements:
    """The phase's range, cut at the items of the batch: `body(index, item, first, last)`."""
    spec = build.spec
    if not spec.batch:
        return body((), i64(0), frame.begin, frame.end)
    each = frame.size(units)

    def one(item: Expr) -> Statements:
        first = highest(frame.begin - item * each, 0)
        last = lowest(frame.end - item * each, each)
        return frame.block(lambda: let("first", first, lambda first: let(
            "last", last, lambda last: body(
                tuple(frame.t.let(i) for i in unravel(frame, item, spec.batch)), item,
                first, last))))  # fmt: skip

    return loop("item", quotient(frame.begin, each), quotient(frame.end - 1, each) + 1, one)


def pack_b_phase(build: Build, target: str) -> Phase:
    """All panels of B, by blocks of k: neighbouring units read neighbouring memory."""
    spec, tiles = build.spec, build.tiles
    frame, packer, _ = build.parts()
    panels, chunks = build.column_panels, ceil_divide(spec.k, PACK_STEPS)

    def body(index: Sequence[Expr], item: Expr, first: Expr, last: Expr) -> Statements:
        def unit(u: Expr) -> Statements:
            panel = u - quotient(u, frame.size(panels)) * frame.size(panels)
            start = quotient(u, frame.size(panels)) * PACK_STEPS
            stop = lowest(start + PACK_STEPS, frame.size(spec.k))
            at = (item * frame.size(panels) + panel) * frame.size(build.b_panel)
            at = at + start * tiles.nr
            return let("panel", panel, lambda panel: let("start", start, lambda start: let(
                "stop", stop, lambda stop: packer.pack_b(
                    index, panel, (start, stop), frame[target], at))))  # fmt: skip

        return loop("u", first, last, unit)

    units = panels * chunks
    cost = minimum(spec.k, PACK_STEPS) * (tiles.nr * 60)
    statements = over_items(frame, build, units, body)
    return build.phase(frame, "pack_b", statements, units * spec.items, cost)


def pack_a_phase(build: Build) -> Phase:
    """All panels of A."""
    frame, packer, _ = build.parts()
    panels = build.row_panels

    def body(index: Sequence[Expr], item: Expr, first: Expr, last: Expr) -> Statements:
        def unit(p: Expr) -> Statements:
            at = (item * frame.size(panels) + p) * frame.size(build.a_panel)
            return let("at", at, lambda at: packer.pack_a(index, p, frame["packed_a"], at))

        return loop("p", first, last, unit)

    cost = build.spec.k * (build.tiles.mr * 60)
    statements = over_items(frame, build, panels, body)
    return build.phase(frame, "pack_a", statements, panels * build.spec.items, cost)


def _own_a(
    build: Build, frame: Frame, packer: Packer, index: Sequence[Expr], rows: tuple[Expr, Expr]
) -> tuple[Panels | None, Statements]:
    """The panels of A that a thread packs for itself, and the packing; none if A is read where
    it is."""
    if not build.tiles.pack_a:
        return None, []
    (p0, p1), size = rows, frame.size(build.a_panel)
    a = Panels(frame["own_a"], lambda p: (p - p0) * size)
    return a, loop("p", p0, p1, lambda p: packer.pack_a(index, p, a.buffer, a.start(p)))


def rows_phase(build: Build, packed_b: str, symbol: str = "rows") -> Phase:
    """A unit is a panel of rows; each thread packs the rows of A that it takes. Without a name for
    packed B it is read where it is."""
    spec, tiles = build.spec, build.tiles
    frame, packer, micro = build.parts()
    b_panel, columns = frame.size(build.b_panel), build.column_panels

    def body(index: Sequence[Expr], item: Expr, first: Expr, last: Expr) -> Statements:
        def part(p0: Expr, p1: Expr) -> Statements:
            a, pack = _own_a(build, frame, packer, index, (p0, p1))
            b = None
            if packed_b:
                b = Panels(frame[packed_b], lambda j: (item * frame.size(columns) + j) * b_panel)
            block = Block(micro, packer, a, b, frame["sums"], index, p0, p1)
            stop = columns if isinstance(columns, int) else frame.size(columns)
            return [pack, block.columns(0, stop)]

        return split_rows(first, last, tiles.block_rows // tiles.mr, part)

    units = build.row_panels
    statements = over_items(frame, build, units, body)
    cost = build.cost(spec.n * spec.k * tiles.mr)
    return build.phase(frame, symbol, statements, units * spec.items, cost)


def columns_phase(build: Build, packed_b: str) -> Phase:
    """A unit is a panel of columns, for all rows; B is packed on the way, block by block."""
    spec, tiles = build.spec, build.tiles
    frame, packer, micro = build.parts()
    a_panel, b_panel = frame.size(build.a_panel), frame.size(build.b_panel)
    rows, columns = frame.size(build.row_panels), build.column_panels

    def body(index: Sequence[Expr], item: Expr, first: Expr, last: Expr) -> Statements:
        def fill(panel: Expr, kb: Expr) -> Statements:
            k = kb * tiles.kc, lowest((kb + 1) * tiles.kc, frame.size(spec.k))
            return packer.pack_b(index, panel, k, frame["own_b"], i64(0))

        a = None
        if tiles.pack_a:
            a = Panels(frame["packed_a"], lambda p: (item * rows + p) * a_panel)
        if packed_b:
            b = Panels(frame[packed_b], lambda j: (item * frame.size(columns) + j) * b_panel)
            block = Block(micro, packer, a, b, frame["sums"], index, i64(0), rows)
        elif not tiles.pack_b:
            block = Block(micro, packer, a, None, frame["sums"], index, i64(0), rows)
        else:
            b = Panels(frame["own_b"], lambda j: i64(0))
            block = Block(micro, packer, a, b, frame["sums"], index, i64(0), rows, fill)
        return block.columns(first, last)

    statements = over_items(frame, build, columns, body)
    cost = build.cost(spec.m * spec.k * tiles.nr)
    return build.phase(frame, "columns", statements, columns * spec.items, cost)


def _item_of_b(
    build: Build, frame: Frame, packer: Packer, index: Sequence[Expr], which: tuple[Expr, str]
) -> tuple[Panels | None, Statements]:
    """The panels of one item's B, and the packing by the thread that multiplies them."""
    (item, packed_b), columns, b_panel = which, build.column_panels, frame.size(build.b_panel)
    if packed_b:
        at = item * frame.size(columns)
        return Panels(frame[packed_b], lambda j: (at + j) * b_panel), []
    if not build.tiles.pack_b:
        return None, []
    b = Panels(frame["own_b"], lambda j: j * b_panel)
    k = (i64(0), frame.size(build.spec.k))
    return b, loop("j", 0, frame.size(columns),
                   lambda j: packer.pack_b(index, j, k, b.buffer, b.start(j)))  # fmt: skip


def items_phase(build: Build, packed_b: str) -> Phase:
    """A unit is one product of the batch, with both operands packed by its thread."""
    spec, tiles = build.spec, build.tiles
    frame, packer, micro = build.parts()
    rows, columns = build.row_panels, build.column_panels
    stop = columns if isinstance(columns, int) else frame.size(columns)

    def one(item: Expr) -> Statements:
        index = tuple(frame.t.let(i) for i in unravel(frame, item, spec.batch))
        b, pack = _item_of_b(build, frame, packer, index, (item, packed_b))

        def part(p0: Expr, p1: Expr) -> Statements:
            a, pack_a = _own_a(build, frame, packer, index, (p0, p1))
            block = Block(micro, packer, a, b, frame["sums"], index, p0, p1)
            return [pack_a, block.columns(0, stop)]

        most = tiles.block_rows // tiles.mr
        return [pack, split_rows(i64(0), frame.size(rows), most, part)]

    body = loop("item", frame.begin, frame.end, lambda item: frame.block(lambda: one(item)))
    cost = build.cost(spec.m * spec.n * spec.k)
    return build.phase(frame, "items", body, spec.items, cost)
