"""Packing: operands copied into panels that the register tile reads in order.

A panel of B holds `nr` columns, step of k after step of k. A panel of A holds `mr` rows in blocks
of `kc` steps; inside a block row after row if A is contiguous along k, else step after step, so
that packing copies whole vectors either way. What is missing in a last panel of B is zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...dsl.sizes import Dim, ceil_divide
from ..tvm_api import tirx
from .matmul_spec import MatmulSpec, plain_load
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
    lowest,
    masked_load,
    pieces,
    run,
    sequence,
    store,
    when,
    zero,
)

Copy = Callable[[Expr, Expr], Statements]  # of an element, by row (or step) and column


@dataclass(frozen=True)
class Layout:
    """How the operands lie in memory: along which axis whole vectors can be read, and whether an
    element is a plain load, so that a packed copy would only save its distance to the next."""

    a_along_k: bool
    b_along_n: bool
    a_plain: bool = False
    b_plain: bool = False


class Packer:
    """Emits the packing of one function."""

    def __init__(
        self,
        spec: MatmulSpec,
        tiles: MatmulTiles,
        layout: Layout,
        frame: Frame,
        has_masks: bool = False,
    ) -> None:
        self.spec, self.tiles, self.layout, self.frame = spec, tiles, layout, frame
        self.has_masks = has_masks
        self.dtype = accumulator(spec.dtype).name

    @property
    def k_blocks(self) -> Dim:
        return ceil_divide(self.spec.k, self.tiles.kc)

    @property
    def a_panel(self) -> Dim:
        """Elements of a panel of A."""
        return self.k_blocks * (self.tiles.kc * self.tiles.mr)

    def a_at(self, block: Expr, row: int | Expr, step: Expr) -> Expr:
        """An element of a panel of A, given the start of its block of k."""
        if self.layout.a_along_k:
            return block + row * self.tiles.kc + step
        return block + step * self.tiles.mr + row

    def a_value(self, batch: Sequence[Expr], row: Expr, k: Expr) -> Expr:
        return self.as_sum(self.spec.a(self.frame, (*batch, row, k)))

    def b_value(self, batch: Sequence[Expr], k: Expr, column: Expr) -> Expr:
        return self.as_sum(self.spec.b(self.frame, (*batch, k, column)))

    def b_vector(
        self, index: Sequence[Expr], size: tuple[int | Expr, int], through: Buffer, at: int
    ) -> Expr:
        """A vector of B where it lies, from an index (*batch, k, column) on: `size` is how many of
        its lanes exist, and how many it has. What is no plain load goes `through` a buffer, at a
        position of its own."""
        (*batch, k, column), (real, lanes) = index, size
        is_whole = real == lanes if isinstance(real, int) else False
        if self.layout.b_plain and (is_whole or self.has_masks):
            found = plain_load(self.frame, self.spec.b, (*batch, k, column))
            if found is not None:
                first = found.indices[0]
                value = load(found.source, first, lanes) if is_whole else masked_load(
                    found, real, lanes)  # fmt: skip
                return cast(value, f"{self.dtype}x{lanes}" if lanes > 1 else self.dtype)

        def one(lane: Expr) -> Statements:
            return store(through, self.b_value(batch, k, column + lane), at + lane)

        clear = store(through, zero(self.dtype, lanes), i64(at), lanes)
        self.frame.t.emit(sequence(self._some_lanes(size, clear, one)))
        return load(through, i64(at), lanes)

    def _some_lanes(
        self, size: tuple[int | Expr, int], clear: Statements, one: Callable[[Expr], Statements]
    ) -> Statements:
        frame, (real, lanes) = self.frame, size
        if isinstance(real, int):
            return [[] if real == lanes else clear, pieces(frame, 0, real, lanes, one)]
        some = loop("lane", 0, real, lambda lane: frame.block(lambda: one(lane)))
        return when(real >= lanes, frame.lanes(lanes, one), [clear, some])

    def as_sum(self, value: Expr) -> Expr:
        """An operand in the type in which products are summed."""
        if str(value.ty) == "bool":
            return tirx.Select(value, tirx.const(1, self.dtype), zero(self.dtype))
        return cast(value, self.dtype)

    def pack_a(self, batch: Sequence[Expr], panel: Expr, target: Buffer, base: Expr) -> Statements:
        """One panel of A to `target` from `base` on."""
        spec, tiles, frame = self.spec, self.tiles, self.frame
        first, m = panel * tiles.mr, frame.size(spec.m)

        def block(number: Expr) -> Statements:
            k0 = number * tiles.kc
            steps = lowest(frame.size(spec.k) - k0, tiles.kc)
            start = base + number * (tiles.kc * tiles.mr)

            def copy(row: Expr, step: Expr) -> Statements:
                value = self.a_value(batch, first + row, k0 + step)
                return store(target, value, self.a_at(start, row, step))

            def one_row(row: Expr) -> Statements:
                return run(frame, 0, steps, tiles.lanes, lambda s: copy(row, s))

            if self.layout.a_along_k:
                return loop("i", 0, lowest(m - first, tiles.mr), lambda i: one_row(i))
            return self._by_steps(steps, m - first, copy)

        return loop("kb", 0, frame.size(self.k_blocks), block)

    def _by_steps(self, steps: Expr, rows: Expr, copy: Copy) -> Statements:
        """All steps of a block, the rows of each as one vector."""
        frame, mr = self.frame, self.tiles.mr

        def whole(step: Expr) -> Statements:
            return frame.lanes(mr, lambda row: copy(row, step))

        def part(step: Expr) -> Statements:
            return loop("i", 0, rows, lambda row: frame.block(lambda: copy(row, step)))

        return when(rows >= mr, loop("k", 0, steps, whole), loop("k", 0, steps, part))

    def pack_b(
        self, batch: Sequence[Expr], panel: Expr, k: tuple[Expr, Expr], target: Buffer, base: Expr
    ) -> Statements:
        """Steps k[0] to k[1] of one panel of B to `target`, the first of them at `base`."""
        nr, n = self.tiles.nr, self.spec.n

        def whole() -> Statements:
            return self._columns(batch, (panel * nr, nr), k, target, base)

        if isinstance(n, int):
            full, rest = divmod(n, nr)
            tail = self._columns(batch, (i64(full * nr), rest), k, target, base) if rest else []
            if not full or not rest:
                return tail if rest else whole()
            return when(panel < full, whole(), tail)
        rest = self.frame.size(n) - panel * nr
        return when(rest >= nr, whole(), self._columns(batch, (panel * nr, rest), k, target, base))

    def _columns(
        self,
        batch: Sequence[Expr],
        columns: tuple[Expr, int | Expr],
        k: tuple[Expr, Expr],
        target: Buffer,
        base: Expr,
    ) -> Statements:
        (first, count), (start, stop), tiles, frame = columns, k, self.tiles, self.frame

        def copy(step: Expr, column: Expr) -> Statements:
            value = self.b_value(batch, step, first + column)
            return store(target, value, base + (step - start) * tiles.nr + column)

        def one_step(step: Expr) -> Statements:
            if isinstance(count, int):
                return [*_listed(pieces(frame, 0, count, tiles.lanes, lambda j: copy(step, j))),
                        self._clear(step - start, i64(count), target, base)]  # fmt: skip
            return [run(frame, 0, count, tiles.lanes, lambda j: copy(step, j)),
                    self._clear(step - start, count, target, base)]  # fmt: skip

        if self.layout.b_along_n:
            return loop("k", start, stop, one_step)

        def one_column(j: Expr) -> Statements:
            return run(frame, start, stop, tiles.lanes, lambda step: copy(step, j))

        across = loop("j", 0, count, one_column)
        clear = loop("k", i64(0), stop - start, lambda s: self._clear(s, count, target, base))
        return [across] if count == tiles.nr else [across, clear]

    def _clear(self, step: Expr, count: Expr | int, target: Buffer, base: Expr) -> Statements:
        """Zeros in the columns of a last panel that B does not have."""
        nr = self.tiles.nr
        if isinstance(count, int):
            count = i64(count)
        if isinstance(count, tirx.IntImm) and count.value == nr:
            return []
        at = base + step * nr
        return loop("j", count, nr, lambda j: store(target, zero(self.dtype), at + j))


def _listed(body: Statements) -> list[Statements]:
    return list(body) if isinstance(body, list | tuple) else [body]
