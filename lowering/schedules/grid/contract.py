"""Matrix products: tiles of a block in shared memory, small tiles of a thread in registers.

Operands are read through the group's readers into shared memory, so transposes, casts and maps
before the product cost nothing of their own; the epilogue is applied where the sum is stored.
Products with a vector have too few tiles to fill a device: there a team of threads sums one
element, as in a reduction.
"""

from __future__ import annotations

from dataclasses import dataclass

from ....dsl.primitive import Expr
from ....dsl.sizes import Dim, ceil_divide
from ...fusion import Group
from ...kernel import KernelSource
from ...tvm_api import tirx
from ...vocabulary import int64
from ..nest import split_unit
from .frame import GridFrame, GridKernel
from .loader import Loader, Tile
from .machine import GridMachine
from .product import Product
from .team_product import multiply_add, team_product


@dataclass(frozen=True)
class GridTiles:
    """A block makes `rows` x `columns` of the result, `depth` of k at a time; a thread of it
    `thread_rows` x `thread_columns`."""

    rows: int = 64
    columns: int = 64
    depth: int = 16
    thread_rows: int = 4
    thread_columns: int = 4

    @property
    def threads(self) -> int:
        return self.rows // self.thread_rows * (self.columns // self.thread_columns)

    def bytes(self, itemsize: int) -> int:
        """Of shared memory."""
        return self.depth * (self.rows + self.columns + 2) * itemsize

    @classmethod
    def default(cls, machine: GridMachine, rows: Dim, columns: Dim) -> GridTiles:
        """Large tiles where there is enough to do, small ones where one side is short."""
        least = min([n for n in (rows, columns) if isinstance(n, int)], default=64)
        if least <= 16:
            return cls(16, 16, 16, 1, 1)
        if least <= 32:
            return cls(32, 32, 16, 2, 2)
        known = isinstance(rows, int) and isinstance(columns, int)
        if known and rows * columns >= 1 << 20 and machine.threads >= 256:  # type: ignore[operator]
            return cls(128, 64, 16, 8, 4)
        return cls()


def contract(
    name: str, group: Group, machine: GridMachine, tiles: GridTiles | None = None
) -> KernelSource:
    """The kernel of a group around one product."""
    product = Product(group)
    if tiles is None and (product.rows == 1 or product.columns == 1):
        return team_product(name, product, machine)
    tiles = tiles or GridTiles.default(machine, product.rows, product.columns)
    return _Tiled(name, product, tiles).build()


class _Tiled:
    def __init__(self, name: str, product: Product, tiles: GridTiles) -> None:
        self.product, self.tiles = product, tiles
        self.kernel = GridKernel(name, product.group)
        self.dtype = product.accumulator.name
        self.frame: GridFrame = self.kernel.open_grid()
        self.slow = tiles.columns // tiles.thread_columns

    def build(self) -> KernelSource:
        product, tiles, frame, t = self.product, self.tiles, self.frame, self.frame.t
        row_tiles = ceil_divide(product.rows, tiles.rows)
        column_tiles = ceil_divide(product.columns, tiles.columns)
        self.a = self._tile("tile_a", tiles.rows, product.along(self.kernel, 0, -1))
        self.b = self._tile("tile_b", tiles.columns, product.along(self.kernel, 1, -2))
        self.sums = frame.local("sums", self.dtype, tiles.thread_rows * tiles.thread_columns)
        with frame.scope.block() as statements:
            counts = [product.items, row_tiles, column_tiles]
            item, row, column = split_unit(t, frame.block, counts)
            first_row = t.let(row * int64(tiles.rows))
            corner = item, first_row, t.let(column * int64(tiles.columns))
            self._zero()
            self._sum(Loader(frame, product, corner, tiles.threads))
            self._store(corner)
        blocks = product.items * row_tiles * column_tiles
        self.kernel.close_grid(frame, statements, blocks, tiles.threads)
        return self.kernel.source()

    def _tile(self, name: str, lines: int, along_k: bool) -> Tile:
        """A tile by lines of k; one element more a line, so that columns lie in other banks."""
        depth = self.tiles.depth
        buffer = self.frame.shared(name, self.dtype, depth * (lines + 1))
        return Tile(buffer, lines, depth, lambda line, k: k * int64(lines + 1) + line, along_k)

    # ------------------------------------------------------------------ the sum

    def _zero(self) -> None:
        with self.frame.scope.loop("i", int64(0), int64(self.sums.shape[0].value)) as i:
            self.frame.t.emit(tirx.BufferStore(self.sums, tirx.const(0, self.dtype), [i]))

    def _sum(self, loader: Loader) -> None:
        frame, depth = self.frame, self.tiles.depth
        steps = frame.t.let(frame.t.size(ceil_divide(self.product.k, depth)))
        with frame.scope.loop("step", int64(0), steps) as step:
            first = frame.t.let(step * int64(depth))
            loader.left(self.a, first)
            loader.right(self.b, first)
            frame.barrier()
            with frame.scope.loop("k", int64(0), int64(depth)) as k:
                self._multiply(k)
            frame.barrier()

    def _multiply(self, k: Expr) -> None:
        """One step of k: an outer product in registers."""
        t, tiles = self.frame.t, self.tiles
        column, row = self._own()
        rows = [row * int64(tiles.thread_rows) + int64(i) for i in range(tiles.thread_rows)]
        columns = [column + int64(j * self.slow) for j in range(tiles.thread_columns)]
        a = [t.let(tirx.BufferLoad(self.a.buffer, [self.a.place(r, k)])) for r in rows]
        b = [t.let(tirx.BufferLoad(self.b.buffer, [self.b.place(c, k)])) for c in columns]
        for i, x in enumerate(a):
            for j, y in enumerate(b):
                at = [int64(i * tiles.thread_columns + j)]
                total = multiply_add(x, y, tirx.BufferLoad(self.sums, at))
                t.emit(tirx.BufferStore(self.sums, total, at))

    def _own(self) -> tuple[Expr, Expr]:
        """A thread's column and row among the threads of the block."""
        t, thread = self.frame.t, self.frame.thread
        slow = int64(self.slow)
        return t.let(tirx.truncmod(thread, slow)), t.let(tirx.truncdiv(thread, slow))

    # ------------------------------------------------------------------ the result

    def _store(self, corner: tuple[Expr, Expr, Expr]) -> None:
        frame, t, tiles = self.frame, self.frame.t, self.tiles
        item, first_row, first_column = corner
        own_column, own_row = self._own()
        with frame.scope.loop("i", int64(0), int64(tiles.thread_rows)) as i:
            row = t.let(first_row + own_row * int64(tiles.thread_rows) + i)
            with frame.scope.loop("j", int64(0), int64(tiles.thread_columns)) as j:
                column = t.let(first_column + own_column + j * int64(self.slow))
                inside = tirx.And(
                    row < t.size(self.product.rows), column < t.size(self.product.columns)
                )
                with frame.when(inside):
                    total = tirx.BufferLoad(self.sums, [i * int64(tiles.thread_columns) + j])
                    self.product.store(frame, (item, row, column), t.let(total))
