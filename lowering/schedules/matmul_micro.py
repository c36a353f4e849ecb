"""The register tile: accumulators in registers, one step of k an outer product.

All indices into the accumulators are constants, so that LLVM keeps them in registers. Tails have
tiles of their own; what does not fill a vector leaves through a small tile in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from ...dsl.dtypes import bool_
from ..machine import Machine
from ..tvm_api import tirx
from .matmul_spec import MatmulSpec
from .matmul_tiles import MatmulTiles, accumulator
from .matmul_tir import (
    Buffer,
    Expr,
    Frame,
    Statements,
    cast,
    i64,
    load,
    loop,
    pieces,
    prefetch,
    quotient,
    run,
    splat,
    store,
    when,
    zero,
)


@dataclass(frozen=True)
class Place:
    """Where a register tile lies: its first row and column, and how much of it is real."""

    batch: Sequence[Expr]
    row: Expr
    column: Expr
    rows: Expr | int
    columns: Expr | int


@dataclass(frozen=True)
class Operands:
    """How a tile reads one step of k: `a(row, k)` is a scalar, `b(vector, k)` a vector; they may
    emit names into the open block."""

    a: Callable[[int, Expr], Expr]
    b: Callable[[int, Expr], Expr]
    ahead: Callable[[Expr], Sequence[Expr]] | None = None  # elements to prefetch in step k


class Micro:
    """Emits register tiles of one function."""

    def __init__(
        self, spec: MatmulSpec, tiles: MatmulTiles, machine: Machine, frame: Frame
    ) -> None:
        self.spec, self.tiles, self.machine, self.frame = spec, tiles, machine, frame
        self.dtype = accumulator(spec.dtype).name
        self.wide = f"{self.dtype}x{tiles.lanes}" if tiles.lanes > 1 else self.dtype
        # An array of whole vectors: one of elements LLVM may take apart into them, and then puts
        # every vector together anew in each step of k.
        self.registers = frame.local("registers", self.wide, tiles.mr * tiles.vectors)
        self.leaving = frame.local("leaving", self.dtype, tiles.lanes)
        self.column = frame.local("column", self.dtype, tiles.nr)  # for `Packer.b_vector`

    def clear(self, rows: int, vectors: int) -> Statements:
        return [
            self._set(i, v, zero(self.dtype, self.tiles.lanes)) for i, v in _pairs(rows, vectors)
        ]

    def fetch(self, memory: Buffer, base: Expr, rows: int, vectors: int) -> Statements:
        """Registers from partial sums in memory."""
        at = [(i, v, base + self._offset(i, v)) for i, v in _pairs(rows, vectors)]
        return [self._set(i, v, load(memory, where, self.tiles.lanes)) for i, v, where in at]

    def spill(self, memory: Buffer, base: Expr, rows: int, vectors: int) -> Statements:
        """Partial sums to memory."""
        width = self.tiles.lanes
        return [
            store(memory, self._get(i, v), base + self._offset(i, v), width)
            for i, v in _pairs(rows, vectors)
        ]

    def steps(self, start: Expr, stop: Expr, rows: int, vectors: int, how: Operands) -> Statements:
        """Adds the outer products of all steps of k in a range."""
        unroll = self.tiles.unroll

        def one(k: Expr) -> Statements:
            return self._step(k, rows, vectors, how)

        if unroll == 1:
            return loop("k", start, stop, one)
        whole = start + quotient(stop - start, unroll) * unroll
        many = loop("k", start, whole, lambda k: [one(k + s) for s in range(unroll)], unroll)
        return [many, loop("k", whole, stop, one)]

    def _step(self, k: Expr, rows: int, vectors: int, how: Operands) -> Statements:
        width, t = self.tiles.lanes, self.frame.t
        with t.block() as body:
            if how.ahead:
                for element in how.ahead(k):
                    t.emit(prefetch(element))
            columns = [t.let(how.b(v, k)) for v in range(vectors)]
            for i in range(rows):
                row = t.let(splat(how.a(i, k), width))
                for v, column in enumerate(columns):
                    self.accumulate(i, v, row, column, self.wide)
        return body

    def accumulate(self, i: int, v: int, row: Expr, column: Expr, wide: str) -> None:
        """Adds a product of vectors of the type `wide` to a register."""
        total = multiply_add(self.machine, row, column, self._get(i, v), wide)
        self.frame.t.emit(self._set(i, v, total))

    def _offset(self, i: int, v: int) -> int:
        return i * self.tiles.nr + v * self.tiles.lanes

    def _get(self, i: int, v: int) -> Expr:
        return load(self.registers, i64(i * self.tiles.vectors + v))

    def _set(self, i: int, v: int, value: Expr) -> Statements:
        return store(self.registers, value, i64(i * self.tiles.vectors + v))

    def finish(
        self, place: Place, memory: Buffer, base: Expr, rows: int, vectors: int
    ) -> Statements:
        """Applies the epilogue and writes the tile to the outputs."""
        through_memory = [
            self.spill(memory, base, rows, vectors),
            self._copy_out(place, memory, base),
        ]
        if not self.spec.light_epilogue:
            return through_memory
        full = vectors * self.tiles.lanes
        whole = _equal(place.rows, rows, self.tiles.mr)
        at_once = [self._lanes(place, i, v) for i, v in _pairs(rows, vectors)]
        if isinstance(place.columns, int) and full - self.tiles.lanes < place.columns < full:
            vectors -= 1  # the last one leaves through memory
            at_once = [self._lanes(place, i, v) for i, v in _pairs(rows, vectors)]
            at_once.append(self._last_vectors(place, memory, base, rows, vectors))
        else:
            whole = _both(whole, _equal(place.columns, full, self.tiles.nr))
        return when(whole, at_once, through_memory)

    def _last_vectors(
        self, place: Place, memory: Buffer, base: Expr, rows: int, vector: int
    ) -> Statements:
        """The columns of a tile that do not fill its last vector."""
        width, first = self.tiles.lanes, vector * self.tiles.lanes
        count = int(place.columns) - first

        def element(i: int, j: Expr) -> Statements:
            return self._write(place, i64(i), first + j, memory, base + i * width + j)

        spilled = [store(memory, self._get(i, vector), base + i * width, width)
                   for i in range(rows)]  # fmt: skip
        written = [pieces(self.frame, 0, count, width, partial(element, i)) for i in range(rows)]
        return [spilled, written]

    def _lanes(self, place: Place, i: int, v: int) -> Statements:
        """One vector from registers to the outputs."""
        start = v * self.tiles.lanes

        def body(lane: Expr) -> Statements:
            return self._write(place, i64(i), start + lane, self.leaving, lane)

        made = store(self.leaving, self._get(i, v), i64(0), self.tiles.lanes)
        return [made, self.frame.lanes(self.tiles.lanes, body)]

    def _copy_out(self, place: Place, memory: Buffer, base: Expr) -> Statements:
        """The epilogue over a tile in memory, by whole vectors and then what is left."""
        width, frame = self.tiles.lanes, self.frame

        def element(row: Expr, column: Expr) -> Statements:
            return self._write(place, row, column, memory, base + row * self.tiles.nr + column)

        def one_row(row: Expr) -> Statements:
            if isinstance(place.columns, int):
                return pieces(frame, 0, place.columns, width, lambda j: element(row, j))
            return run(frame, 0, place.columns, width, lambda j: element(row, j))

        return loop("i", 0, place.rows, one_row)

    def _write(self, place: Place, row: Expr, column: Expr, memory: Buffer, at: Expr) -> Statements:
        index = (*place.batch, place.row + row, place.column + column)
        return write_element(self.spec, self.frame, index, memory, at)


def multiply_add(machine: Machine, a: Expr, b: Expr, c: Expr, wide: str) -> Expr:
    """`a * b + c` in the type `wide`."""
    if machine.has_fma and wide.startswith("float"):
        return tirx.call_llvm_pure_intrin(wide, "llvm.fma", a, b, c)
    return c + a * b


def write_element(
    spec: MatmulSpec, frame: Frame, index: Sequence[Expr], memory: Buffer, at: Expr
) -> Statements:
    """A finished sum through the epilogue to the outputs."""
    with frame.t.block() as body:
        index = spec.unfold(frame, index)
        value = _rounded(spec, frame, load(memory, at))
        offset = spec.flat(frame, index)
        results = spec.epilogue(frame, index, value)
        for out, result in zip(spec.outputs, results, strict=True):
            frame.t.store(frame[out.name], offset, result, out.dtype)
    return body


def _rounded(spec: MatmulSpec, frame: Frame, total: Expr) -> Expr:
    """A sum as an element of the operands' type."""
    if spec.dtype is bool_:
        return frame.t.cast(total, bool_)
    if spec.dtype.is_float:
        return frame.t.rounded(total, spec.dtype)
    return cast(total, spec.dtype.name)


def _equal(real: Expr | int, tile: int, most: int) -> Expr | bool:
    """Whether a tile is whole; of tiles for a size that is not known only the largest can be."""
    return real == tile if isinstance(real, int) else tile == most and real == i64(tile)


def _both(a: Expr | bool, b: Expr | bool) -> Expr | bool:
    if isinstance(a, bool):
        return a and b
    return (b and a) if isinstance(b, bool) else tirx.And(a, b)


def _pairs(rows: int, vectors: int) -> list[tuple[int, int]]:
    return [(i, v) for i in range(rows) for v in range(vectors)]
