"""Knobs of the matrix product, and their analytic values from registers and caches."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...dsl.dtypes import DType, float32, float64, int64, uint32, uint64
from ...dsl.sizes import Dim
from ..kernel import AUTO
from ..machine import Machine

FMA_LATENCY = 4  # cycles; two of them start each cycle


@dataclass(frozen=True)
class MatmulTiles:
    """How a product is cut up.

    A register tile is `mr` rows by `nr` columns; B lies in panels of `nr` columns and A in panels
    of `mr` rows. `kc` steps of k are taken while a panel of B stays in the first-level cache;
    `block_rows` rows of A lie packed in the second-level cache while B streams past. `form` says
    which way the work is cut into units:

    - "rows": B is packed first, a unit is `mr` rows of the result, each thread packs its A;
    - "columns": A is packed first, a unit is `nr` columns, each thread packs its B on the way;
    - "items": a unit is a whole product of a batch;
    - "vector": one operand is a vector;
    - "any": all but "items" are compiled, and the sizes choose at run time; one of them is
      "direct", rows without packing.

    `unroll` steps of k are written out; without `pack_a` or `pack_b` the tile reads A or B where
    it is; a thread takes at least `grain` units at once; `threads` is that of `kernel.threaded`.
    """

    mr: int
    nr: int
    kc: int
    block_rows: int
    lanes: int
    form: str
    unroll: int = 1
    pack_a: bool = True
    pack_b: bool = True
    grain: int = 1
    threads: str = AUTO

    @property
    def vectors(self) -> int:
        return self.nr // self.lanes


def accumulator(dtype: DType) -> DType:
    """Where products are summed: float32 for half types, unsigned (which wraps) for integers."""
    if dtype.is_float:
        return float64 if dtype is float64 else float32
    return uint64 if dtype in (int64, uint64) else uint32


@dataclass(frozen=True)
class Reading:
    """How operands are read: `a` and `b` say that one can be read where it lies, `along_n` that B
    is read along its rows, `packed_b` that it comes packed."""

    a: bool = False
    b: bool = False
    along_n: bool = False
    packed_b: bool = False


PACKED = Reading(packed_b=True)


def analytic_tiles(
    machine: Machine,
    dtype: DType,
    sizes: tuple[Dim, Dim, Dim, Dim],
    how: Reading,
) -> MatmulTiles:
    """The tiles for `sizes` (m, n, k, items of the batch) when nothing has been measured.

    The panels of packed B depend on n alone, so that one packed buffer serves products with any m.
    """
    m, n, k, _ = sizes
    lanes = max(1, machine.vector_bytes // accumulator(dtype).itemsize)
    mr, vectors = _register_tile(machine, lanes, m, n, fixed=how.packed_b)
    nr = vectors * lanes
    kc = _k_block(machine, nr, accumulator(dtype).itemsize, k)
    if isinstance(m, int) and m <= mr and isinstance(k, int):
        kc = max(k, 1)  # nobody comes back to a panel of B
    tiles = MatmulTiles(mr, nr, kc, mr, lanes, "rows")
    tiles = replace(tiles, form=_form(machine, tiles, sizes, how))
    if tiles.form == "vector":
        return tiles
    reads_b = _reads_b(machine, accumulator(dtype).itemsize, sizes, how)
    tiles = replace(tiles, pack_a=not how.a, pack_b=not reads_b)
    if tiles.form == "columns" and isinstance(m, int):
        return replace(tiles, block_rows=-(-m // mr) * mr)
    rows = _block_rows(machine, accumulator(dtype).itemsize, k)
    return replace(tiles, block_rows=max(1, rows // mr) * mr)


def _register_tile(machine: Machine, lanes: int, m: Dim, n: Dim, *, fixed: bool) -> tuple[int, int]:
    """The rows and vectors of the register tile that waste the least on this m and n."""
    most, vectors = (8, 3) if machine.n_vector_registers >= 32 else (6, 2)
    if isinstance(m, int) and 0 < m <= 4 and not fixed:
        return m, _long_run(machine, m, n, lanes)
    shapes = [(most, vectors)]
    if machine.n_vector_registers >= 32:
        shapes += [(r, vectors) for r in (7, 6, 9)]
        shapes += [] if fixed else [(r, 2) for r in (12, 13, 14, 11, 10)]
    else:
        shapes += [(r, vectors) for r in (5, 4)]
    if not isinstance(m, int) or not isinstance(n, int):
        return shapes[0]
    costs = [(_cycles(m, n, r, v, lanes), i) for i, (r, v) in enumerate(shapes)]
    least = min(costs)[0]
    return next(shapes[i] for cost, i in costs if cost <= least * 1.02)


def _long_run(machine: Machine, m: int, n: Dim, lanes: int) -> int:
    """The vectors of a tile of few rows: long runs along the rows of B, in panels that cores share
    evenly."""
    most = max(1, (machine.n_vector_registers - 2) // (m + 1))
    if not isinstance(n, int):
        return most
    found = range(most, max(1, most * 3 // 4) - 1, -1)
    found = found if -(-n // lanes) > most else range(most, 0, -1)

    def share(vectors: int) -> int:
        panels = -(-n // (vectors * lanes))
        return -(-panels // machine.cores) * vectors

    return min(found, key=share)


def _cycles(m: int, n: int, rows: int, vectors: int, lanes: int) -> float:
    """Cycles that one step of k takes over the whole m by n result."""
    columns = -(-n // lanes)
    full_rows, rest_rows = divmod(m, rows)
    full_columns, rest_columns = divmod(columns, vectors)
    total = 0.0
    for r, how_many in ((rows, full_rows), (rest_rows, 1)):
        for v, times in ((vectors, full_columns), (rest_columns, 1)):
            if r and v:
                total += how_many * times * max(FMA_LATENCY, r * v / 2, (r + v) / 2)
    return total


def _k_block(machine: Machine, nr: int, itemsize: int, k: Dim) -> int:
    """Steps of k for which a panel of B fills the first-level cache."""
    most = max(32, min(384, machine.l1 // (nr * itemsize) // 16 * 16))
    if not isinstance(k, int):
        return most
    if k <= most * 3 // 2:  # one block and no partial sums in memory
        return max(k, 1)
    blocks = -(-k // most)
    return -(-k // (blocks * 8)) * 8


def _block_rows(machine: Machine, itemsize: int, k: Dim) -> int:
    """Rows of A that fill half of the second-level cache, but enough of them to use each block
    of B often."""
    depth = k if isinstance(k, int) else 1024
    return max(128, min(192, machine.l2 // 2 // max(1, depth * itemsize)))


def _form(
    machine: Machine,
    tiles: MatmulTiles,
    sizes: tuple[Dim, Dim, Dim, Dim],
    how: Reading,
) -> str:
    (m, n, k, batch), itemsize = sizes, machine.vector_bytes // tiles.lanes
    if not (isinstance(m, int) and isinstance(n, int) and isinstance(k, int)):
        return "any"
    # Dot products along k have lanes of their own, which the reproducible mode does without.
    in_order = m == 1 and how.along_n
    is_vector = 1 in (m, n) and not how.packed_b
    # A row by a matrix that is near goes by tiles; one from memory, by whole pieces of its rows.
    is_near = m == 1 and how.b and 2 * n * k * itemsize < machine.l3
    if is_vector and not is_near and not (machine.reproducible and not in_order):
        return "vector"
    if isinstance(batch, int) and batch >= 4 * machine.cores:
        return "items"
    rows, columns = -(-m // tiles.mr), -(-n // tiles.nr)
    wide = columns >= 4 * machine.cores or rows < min(columns, 2 * machine.cores)
    return "columns" if m <= COLUMN_ROWS and wide else "rows"


def _reads_b(
    machine: Machine, itemsize: int, sizes: tuple[Dim, Dim, Dim, Dim], how: Reading
) -> bool:
    """Whether B is read where it lies: it then streams from the cache by panels whose rows lie far
    apart, which costs nothing until there are too many of them."""
    m, n, k, _ = sizes
    if not how.b or not (isinstance(m, int) and isinstance(n, int) and isinstance(k, int)):
        return False
    return n * k * itemsize <= machine.l2 * 3 // 2 or m <= FEW_ROWS


DIRECT_BELOW = 64 * 64 * 64  # multiplications; packing does not pay below
FEW_ROWS = 64  # too few to use a packed panel of B often
COLUMN_ROWS = 256  # the most rows for which each thread reads all of A
