"""Products with a vector, read where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...dsl.sizes import Dim, ceil_divide
from ..kernel import Phase
from .matmul_forms import Build, over_items
from .matmul_micro import Micro, multiply_add, write_element
from .matmul_pack import Packer
from .matmul_spec import plain_load
from .matmul_tiles import accumulator
from .matmul_tir import (
    Buffer,
    Expr,
    Frame,
    Statements,
    i64,
    let,
    load,
    loop,
    lowest,
    prefetch,
    quotient,
    run,
    store,
    when,
    zero,
)

DOT_ROWS = 4  # rows of the matrix that share a loaded piece of the vector
STEPS = 8  # rows of the matrix added at once to a piece of the result
MOST_COLUMNS = 1024  # of a piece: the processor fetches ahead inside a page


@dataclass
class _Vector:
    """`out[j] = sum over k of w(j, k) * x(k)`: one operand is a vector."""

    build: Build
    frame: Frame
    packer: Packer
    one_row: bool  # whether A is the vector (M = 1), else B is (N = 1)
    batch: Sequence[Expr] = ()

    @property
    def is_far(self) -> bool:
        """Whether the matrix comes from memory, and its next rows are to be asked for. (From the
        third level they come soon enough.) Measured for 4096 x 4096 on one core: 2.8 ms without,
        2.0 with."""
        spec = self.build.spec
        size = spec.n * spec.k * accumulator(spec.dtype).itemsize
        is_large = isinstance(size, int) and 2 * size > self.build.machine.l3
        return is_large and self.one_row and self.build.layout.b_plain

    @property
    def count(self) -> Dim:
        return self.build.spec.n if self.one_row else self.build.spec.m

    def x(self, k: Expr) -> Expr:
        packer = self.packer
        value = packer.a_value if self.one_row else packer.b_value
        index = (i64(0), k) if self.one_row else (k, i64(0))
        return value(self.batch, *index)

    def w(self, j: Expr, k: Expr) -> Expr:
        if self.one_row:
            return self.packer.b_value(self.batch, k, j)
        return self.packer.a_value(self.batch, j, k)

    def add(self, total: Expr, x: Expr, w: Expr) -> Expr:
        return multiply_add(self.build.machine, x, w, total, self.packer.dtype)

    def write(self, j: Expr, memory: Buffer, at: Expr) -> Statements:
        index = (i64(0), j) if self.one_row else (j, i64(0))
        return write_element(self.build.spec, self.frame, (*self.batch, *index), memory, at)

    def __post_init__(self) -> None:
        self.micro = Micro(self.build.spec, self.build.tiles, self.build.machine, self.frame)
        self.width = self.build.tiles.lanes * 2
        self.sums = self.frame.local("totals", self.packer.dtype, DOT_ROWS * self.width)
        self.rest = self.frame.local("rest", self.packer.dtype, DOT_ROWS)

    def dots(self, j: Expr, rows: int) -> Statements:
        """Elements j to j + rows of the result, as dot products along k."""
        frame, width, dtype = self.frame, self.width, self.packer.dtype
        k_size = frame.size(self.build.spec.k)
        done = quotient(k_size, width) * width

        def add(memory: Buffer, at: Expr, r: int, k: Expr) -> Statements:
            return store(memory, self.add(load(memory, at), self.x(k), self.w(j + r, k)), at)

        def vector(k: Expr, r: int) -> Statements:
            return frame.lanes(width, lambda lane: add(self.sums, r * width + lane, r, k + lane))

        def step(k: Expr) -> Statements:
            return [vector(k, r) for r in range(rows)]

        def last(k: Expr) -> Statements:
            return frame.block(lambda: [add(self.rest, i64(r), r, k) for r in range(rows)])

        clear = [store(self.sums, zero(dtype, width), i64(r * width), width) for r in range(rows)]
        clear += [store(self.rest, zero(dtype), i64(r)) for r in range(rows)]
        return [
            clear,
            loop("k", 0, done, step, width),
            loop("k", done, k_size, last),
            [self._total(j, r) for r in range(rows)],
        ]

    def _total(self, j: Expr, r: int) -> Statements:
        """The sum over the lanes, as a tree, and the store of element j + r."""
        made: list[Statements] = []
        start, half = r * self.width, self.width // 2
        while half:
            a, b = (load(self.sums, i64(start + at), half) for at in (0, half))
            made.append(store(self.sums, a + b, i64(start), half))
            half //= 2
        total = load(self.sums, i64(start)) + load(self.rest, i64(r))
        made.append(store(self.rest, total, i64(r)))
        return [made, self.write(j + r, self.rest, i64(r))]

    def axpy(self, first: Expr, last: Expr) -> Statements:
        """Elements [first, last) of the result, as sums of whole rows of the matrix."""
        frame, memory, lanes = self.frame, self.frame["sums"], self.build.tiles.lanes
        k_size, dtype = frame.size(self.build.spec.k), self.packer.dtype
        done = quotient(k_size, STEPS) * STEPS

        def add(k: Expr, steps: int) -> Statements:
            with frame.t.block() as names:
                xs = [frame.t.let(self.x(k + s)) for s in range(steps)]

            def ahead(j: Expr) -> Statements:
                rows = [(*self.batch, k + (s + steps), j) for s in range(steps)]
                found = [plain_load(frame, self.build.spec.b, at) for at in rows]
                return [prefetch(element) for element in found if element is not None]

            def one(j: Expr) -> Statements:
                total = load(memory, j - first)
                for s, x in enumerate(xs):
                    total = self.add(total, x, self.w(j, k + s))
                return store(memory, total, j - first)

            return [names, run(frame, first, last, lanes, one, ahead if self.is_far else None)]

        return [
            loop("j", 0, last - first, lambda j: store(memory, zero(dtype), j)),
            loop("k", 0, done, lambda k: add(k, STEPS), STEPS),
            loop("k", done, k_size, lambda k: add(k, 1)),
            run(frame, first, last, lanes, lambda j: self.write(j, memory, j - first)),
        ]


def vector_phase(build: Build, symbol: str, one_row: bool, along_k: bool) -> Phase:
    """The product with a vector; `along_k` says that the matrix lies in memory along k."""
    frame, packer, _ = build.parts()
    vector = _Vector(build, frame, packer, one_row)
    size = DOT_ROWS if along_k else axpy_columns(build, vector.count)
    units, count = ceil_divide(vector.count, size), frame.size(vector.count)

    def unit(u: Expr) -> Statements:
        stop = lowest(u * size + size, count)
        if not along_k:
            return let("first", u * size, lambda first: let(
                "last", stop, lambda last: vector.axpy(first, last)))  # fmt: skip
        rest = loop("j", u * size, stop, lambda j: vector.dots(j, 1))
        return when(u * size + size <= count, vector.dots(u * size, size), rest)

    def body(index: Sequence[Expr], item: Expr, first: Expr, last: Expr) -> Statements:
        vector.batch = index
        return loop("u", first, last, unit)

    statements = over_items(frame, build, units, body)
    cost = build.spec.k * (size * 100) + 1000
    return build.phase(frame, symbol, statements, units * build.spec.items, cost)


def axpy_columns(build: Build, count: Dim) -> int:
    """Elements of the result in one unit: long runs of memory, but enough units for all cores."""
    if not isinstance(count, int):
        return 512
    lanes, cores = build.tiles.lanes, build.machine.cores
    units = cores * -(-count // (cores * MOST_COLUMNS))
    return min(MOST_COLUMNS, -(-count // (units * lanes * 4)) * lanes * 4)
