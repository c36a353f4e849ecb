"""Matrix products of half types on matrix units: 16 x 16 x 16 fragments, which a warp multiplies.

The device's fragments hold halves and sum in float32. Operands are read through the group's
readers into shared memory (as in `contract.py`), warps load fragments from there, and finished
sums go through shared memory to the epilogue, as only the device knows which thread holds what.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ....dsl.primitive import Expr
from ....dsl.sizes import ceil_divide
from ...fusion import Group
from ...kernel import KernelSource
from ...tvm_api import fragment_call, fragment_scopes, tirx
from ...vocabulary import int64
from ..nest import split_unit
from .contract import contract
from .frame import GridKernel
from .loader import Loader, Tile
from .machine import GridMachine
from .product import Product

SIDE = 16  # of a fragment
PAD = 8  # elements after each line of a tile, which keep lines apart and fragments aligned


@dataclass(frozen=True)
class GridFragments:
    """A block of `warps_down` x `warps_across` warps, each with `down` x `across` fragments of the
    result; `depth` of k at a time."""

    warps_down: int = 2
    warps_across: int = 2
    down: int = 2
    across: int = 2
    depth: int = 32

    @property
    def rows(self) -> int:
        return self.warps_down * self.down * SIDE

    @property
    def columns(self) -> int:
        return self.warps_across * self.across * SIDE

    def threads(self, warp: int) -> int:
        """Of a block."""
        return self.warps_down * self.warps_across * warp

    @property
    def shared(self) -> int:
        """Bytes of shared memory."""
        a = self.rows * (self.depth + PAD) * 2
        b = self.depth * (self.columns + PAD) * 2
        return a + b + self.rows * (self.columns + PAD) * 4


def fragment_contract(
    name: str, group: Group, machine: GridMachine, knobs: GridFragments | None = None
) -> KernelSource:
    """The kernel of a group around one product: on matrix units where the device has them for the
    dtype and neither side is a vector, else as in `contract.py`."""
    product = Product(group)
    has_units = product.dtype.name in machine.fragments
    if not has_units or product.rows == 1 or product.columns == 1:
        return contract(name, group, machine)
    return _Fragments(name, product, machine, knobs or GridFragments()).build()


class _Fragments:
    def __init__(
        self, name: str, product: Product, machine: GridMachine, knobs: GridFragments
    ) -> None:
        self.product, self.knobs, self.warp = product, knobs, machine.warp
        self.kernel = GridKernel(name, product.group)
        along_k = product.along(self.kernel, 0, -1), product.along(self.kernel, 1, -2)
        self.frame = frame = self.kernel.open_grid()
        dtype, lines = product.dtype.name, (knobs.depth + PAD, knobs.columns + PAD)
        self.strides = lines
        a = frame.shared("tile_a", dtype, knobs.rows * lines[0])
        b = frame.shared("tile_b", dtype, knobs.depth * lines[1])
        by_row = lambda line, k: line * int64(lines[0]) + k  # noqa: E731
        by_k = lambda line, k: k * int64(lines[1]) + line  # noqa: E731
        self.a = Tile(a, knobs.rows, knobs.depth, by_row, along_k[0])
        self.b = Tile(b, knobs.columns, knobs.depth, by_k, along_k[1])
        self.sums = frame.shared("tile_sums", "float32", knobs.rows * lines[1])
        fragments = (("matrix_a", knobs.down), ("matrix_b", knobs.across))
        self.left, self.right = (self._fragment(n, dtype, count) for n, count in fragments)
        self.total = self._fragment("accumulator", "float32", knobs.down * knobs.across)

    def _fragment(self, name: str, dtype: str, count: int) -> Any:
        size = int64(count * SIDE * SIDE)
        return tirx.decl_buffer((size,), dtype, name, scope=f"wmma.{name}")

    def build(self) -> KernelSource:
        product, knobs, frame, t = self.product, self.knobs, self.frame, self.frame.t
        row_tiles = ceil_divide(product.rows, knobs.rows)
        column_tiles = ceil_divide(product.columns, knobs.columns)
        with frame.scope.block() as statements:
            counts = [product.items, row_tiles, column_tiles]
            item, row, column = split_unit(t, frame.block, counts)
            corner = (
                item,
                t.let(row * int64(knobs.rows)),
                t.let(column * int64(knobs.columns)),
            )
            warp = t.let(tirx.truncdiv(frame.thread, int64(self.warp)))
            self.warp_row = t.let(tirx.truncdiv(warp, int64(knobs.warps_across)))
            self.warp_column = t.let(tirx.truncmod(warp, int64(knobs.warps_across)))
            self._sum(Loader(frame, product, corner, knobs.threads(self.warp)))
            self._store(corner)
        blocks = product.items * row_tiles * column_tiles
        fragments = [self.left, self.right, self.total]
        made = [tirx.AllocBuffer(fragment) for fragment in fragments]
        inside = [fragment_scopes(fragments, SIDE, [*made, *statements])]
        self.kernel.close_grid(frame, inside, blocks, knobs.threads(self.warp))
        return self.kernel.source()

    # ------------------------------------------------------------------ the sum

    def _sum(self, loader: Loader) -> None:
        frame, t, knobs = self.frame, self.frame.t, self.knobs
        for at in range(knobs.down * knobs.across):
            t.emit(fragment_call("fill", self.total, SIDE, at))
        steps = t.let(t.size(ceil_divide(self.product.k, knobs.depth)))
        with frame.scope.loop("step", int64(0), steps) as step:
            first = t.let(step * int64(knobs.depth))
            loader.left(self.a, first)
            loader.right(self.b, first)
            frame.barrier()
            with frame.scope.loop("k", int64(0), int64(knobs.depth // SIDE)) as k:
                self._multiply(t.let(k * int64(SIDE)))
            frame.barrier()

    def _multiply(self, k: Expr) -> None:
        t, knobs = self.frame.t, self.knobs
        for i in range(knobs.down):
            at = tirx.BufferLoad(self.a.buffer, [self.a.place(self._row(i), k)])
            t.emit(fragment_call("load", self.left, SIDE, i, at, self.strides[0]))
        for j in range(knobs.across):
            at = tirx.BufferLoad(self.b.buffer, [self.b.place(self._column(j), k)])
            t.emit(fragment_call("load", self.right, SIDE, j, at, self.strides[1]))
        for i in range(knobs.down):
            for j in range(knobs.across):
                total = i * knobs.across + j
                t.emit(fragment_call("multiply", self.total, SIDE, total, self.left, i,
                                     self.right, j))  # fmt: skip

    def _row(self, i: int) -> Expr:
        return (self.warp_row * int64(self.knobs.down) + int64(i)) * int64(SIDE)

    def _column(self, j: int) -> Expr:
        return (self.warp_column * int64(self.knobs.across) + int64(j)) * int64(SIDE)

    # ------------------------------------------------------------------ the result

    def _store(self, corner: tuple[Expr, Expr, Expr]) -> None:
        frame, t, knobs, stride = self.frame, self.frame.t, self.knobs, self.strides[1]
        for i in range(knobs.down):
            for j in range(knobs.across):
                place = self._row(i) * int64(stride) + self._column(j)
                at = tirx.BufferLoad(self.sums, [place])
                number = i * knobs.across + j
                t.emit(fragment_call("store", self.total, SIDE, number, at, stride))
        frame.barrier()
        threads = knobs.threads(self.warp)
        item, first_row, first_column = corner
        with frame.scope.loop("i", int64(0), int64(knobs.rows * knobs.columns // threads)) as i:
            at = t.let(i * int64(threads) + frame.thread)
            line = t.let(tirx.truncdiv(at, int64(knobs.columns)))
            place = t.let(tirx.truncmod(at, int64(knobs.columns)))
            row, column = t.let(first_row + line), t.let(first_column + place)
            limits = t.size(self.product.rows), t.size(self.product.columns)
            with frame.when(tirx.And(row < limits[0], column < limits[1])):
                total = t.let(tirx.BufferLoad(self.sums, [line * int64(stride) + place]))
                self.product.store(frame, (item, row, column), total)
