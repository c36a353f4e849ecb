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
from .machine import GridMachine
from .product import Product
from .team_product import as_type, multiply_add, team_product


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
        self.a_along_k = product.along(self.kernel, 0, -1)
        self.b_along_k = product.along(self.kernel, 1, -2)
        self.frame: GridFrame = self.kernel.open_grid()
        self.slow = tiles.columns // tiles.thread_columns

    def build(self) -> KernelSource:
        product, tiles, frame, t = self.product, self.tiles, self.frame, self.frame.t
        row_tiles = ceil_divide(product.rows, tiles.rows)
        column_tiles = ceil_divide(product.columns, tiles.columns)
        self.a = frame.shared("tile_a", self.dtype, tiles.depth * (tiles.rows + 1))
        self.b = frame.shared("tile_b", self.dtype, tiles.depth * (tiles.columns + 1))
        self.sums = frame.local("sums", self.dtype, tiles.thread_rows * tiles.thread_columns)
        with frame.scope.block() as statements:
            counts = [product.items, row_tiles, column_tiles]
            item, row, column = split_unit(t, frame.block, counts)
            self.item = item
            self.row, self.column = (
                t.let(row * int64(tiles.rows)),
                t.let(column * int64(tiles.columns)),
            )
            self._zero()
            self._sum()
            self._store()
        blocks = product.items * row_tiles * column_tiles
        self.kernel.close_grid(frame, statements, blocks, tiles.threads)
        return self.kernel.source()

    # ------------------------------------------------------------------ the sum

    def _zero(self) -> None:
        with self.frame.scope.loop("i", int64(0), int64(self.sums.shape[0].value)) as i:
            self.frame.t.emit(tirx.BufferStore(self.sums, tirx.const(0, self.dtype), [i]))

    def _sum(self) -> None:
        frame, depth = self.frame, self.tiles.depth
        steps = frame.t.let(frame.t.size(ceil_divide(self.product.k, depth)))
        with frame.scope.loop("step", int64(0), steps) as step:
            first = frame.t.let(step * int64(depth))
            self._load_a(first)
            self._load_b(first)
            frame.barrier()
            with frame.scope.loop("k", int64(0), int64(depth)) as k:
                self._multiply(k)
            frame.barrier()

    def _load_a(self, first: Expr) -> None:
        def one(line: Expr, k: Expr) -> None:
            at, row = first + k, self.row + line
            read = lambda: self.product.read_a(self.frame, self.item, row, at)  # noqa: E731
            self._fill(self.a, k * int64(self.tiles.rows + 1) + line, (row, self.product.rows), at,
                       read)  # fmt: skip

        self._spread(self.tiles.rows, self.a_along_k, one)

    def _load_b(self, first: Expr) -> None:
        def one(line: Expr, k: Expr) -> None:
            at, column = first + k, self.column + line
            read = lambda: self.product.read_b(self.frame, self.item, at, column)  # noqa: E731
            place = k * int64(self.tiles.columns + 1) + line
            self._fill(self.b, place, (column, self.product.columns), at, read)

        self._spread(self.tiles.columns, self.b_along_k, one)

    def _spread(self, lines: int, along_k: bool, body) -> None:  # noqa: ANN001
        """A tile's elements over the threads, neighbours in memory to neighbouring threads."""
        frame, depth, threads = self.frame, self.tiles.depth, self.tiles.threads
        t = frame.t
        with frame.scope.loop("i", int64(0), int64(-(-lines * depth // threads))) as i:
            at = t.let(i * int64(threads) + frame.thread)
            with frame.when(None if lines * depth % threads == 0 else at < int64(lines * depth)):
                fast = int64(depth if along_k else lines)
                slow, quick = t.let(tirx.truncdiv(at, fast)), t.let(tirx.truncmod(at, fast))
                body(*((slow, quick) if along_k else (quick, slow)))

    def _fill(self, tile, place, line, at, read) -> None:  # noqa: ANN001
        """One element of a tile: the operand's, or zero outside of it."""
        frame, t = self.frame, self.frame.t
        position, size = line
        side = self.tiles.rows if tile is self.a else self.tiles.columns
        conditions = []
        if not isinstance(size, int) or size % side:
            conditions.append(position < t.size(size))
        if not isinstance(self.product.k, int) or self.product.k % self.tiles.depth:
            conditions.append(at < t.size(self.product.k))
        if not conditions:
            t.emit(tirx.BufferStore(tile, as_type(read(), self.product.accumulator), [place]))
            return
        inside = conditions[0] if len(conditions) == 1 else tirx.And(*conditions)
        place = t.let(place)
        t.emit(tirx.BufferStore(tile, tirx.const(0, self.dtype), [place]))
        with frame.when(inside):
            t.emit(tirx.BufferStore(tile, as_type(read(), self.product.accumulator), [place]))

    def _multiply(self, k: Expr) -> None:
        """One step of k: an outer product in registers."""
        frame, t, tiles = self.frame, self.frame.t, self.tiles
        column, row = self._own()
        rows = [row * int64(tiles.thread_rows) + int64(i) for i in range(tiles.thread_rows)]
        columns = [column + int64(j * self.slow) for j in range(tiles.thread_columns)]
        a = [t.let(tirx.BufferLoad(self.a, [k * int64(tiles.rows + 1) + r])) for r in rows]
        b = [t.let(tirx.BufferLoad(self.b, [k * int64(tiles.columns + 1) + c])) for c in columns]
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

    def _store(self) -> None:
        frame, t, tiles = self.frame, self.frame.t, self.tiles
        own_column, own_row = self._own()
        with frame.scope.loop("i", int64(0), int64(tiles.thread_rows)) as i:
            row = t.let(self.row + own_row * int64(tiles.thread_rows) + i)
            with frame.scope.loop("j", int64(0), int64(tiles.thread_columns)) as j:
                column = t.let(self.column + own_column + j * int64(self.slow))
                inside = tirx.And(
                    row < t.size(self.product.rows), column < t.size(self.product.columns)
                )
                with frame.when(inside):
                    total = tirx.BufferLoad(self.sums, [i * int64(tiles.thread_columns) + j])
                    self.product.store(frame, self.item, row, column, t.let(total))

