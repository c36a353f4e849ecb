"""Products with a vector: a team of threads sums one element of the result."""

from __future__ import annotations

from collections.abc import Sequence

from ....dsl.dtypes import DType
from ....dsl.primitive import Expr
from ....dsl.sizes import ceil_divide
from ...kernel import KernelSource
from ...tvm_api import tirx
from ...vocabulary import int64
from ..nest import split_unit
from .frame import GridFrame, GridKernel
from .machine import GridMachine
from .product import Product
from .tree import Arrangement, Tree, power_of_two_up_to

Place = tuple[Expr, Expr, Expr]  # the batch's item, the row, the column


class Sum:
    """A sum in a register, as the tree of a team wants it."""

    def __init__(self, frame: GridFrame, dtype: DType) -> None:
        self.frame, self.dtypes = frame, (dtype,)
        self.cell = frame.local("sum", dtype.name, 1)

    def state(self) -> tuple[Expr, ...]:
        """The sum so far."""
        return (self.frame.t.let(tirx.BufferLoad(self.cell, [int64(0)])),)

    def merge(self, state: Sequence[Expr]) -> None:
        """Add another sum."""
        self.put(tirx.Add(tirx.BufferLoad(self.cell, [int64(0)]), state[0]))

    def put(self, value: Expr) -> None:
        """Replace the sum."""
        self.frame.t.emit(tirx.BufferStore(self.cell, value, [int64(0)]))


def team_shape(kernel: GridKernel, product: Product, machine: GridMachine) -> Arrangement:
    """Neighbouring threads read neighbours in memory: of k, or of the result's columns."""
    threads = power_of_two_up_to(machine.threads, 256)
    k = product.k
    wanted = threads if not isinstance(k, int) else max(-(-k // 2), 1)
    matrix, axis = (0, -1) if product.columns == 1 else (1, -2)
    if product.along(kernel, matrix, axis):
        lanes = power_of_two_up_to(min(threads, 64), wanted)
        return Arrangement(lanes, threads // lanes)
    columns = min(32, threads)
    lanes = power_of_two_up_to(threads // columns, wanted)
    return Arrangement(lanes, columns, teams_first=True)


def team_product(name: str, product: Product, machine: GridMachine) -> KernelSource:
    """The kernel of a product whose left operand has one row or whose right one has one column."""
    kernel = GridKernel(name, product.group)
    shape = team_shape(kernel, product, machine)
    frame = kernel.open_grid()
    t, total = frame.t, Sum(frame, product.accumulator)
    tree = Tree(frame, shape, total, "tree")
    count = product.items * product.rows * product.columns
    with frame.scope.block() as statements:
        team, lane = shape.place(frame)
        number = t.let(frame.block * int64(shape.teams) + team)
        item, row, column = split_unit(t, number, [product.items, product.rows, product.columns])
        place = item, row, column
        total.put(tirx.const(0, product.accumulator.name))
        with frame.when(number < t.size(count)):
            _sum(frame, product, total, place, lane, shape.lanes)
        (found,) = tree.join(lane)
        with frame.when(tirx.And(number < t.size(count), lane < int64(1))):
            product.store(frame, place, found)
    kernel.close_grid(frame, statements, ceil_divide(count, shape.teams), shape.threads)
    return kernel.source()


def _sum(
    frame: GridFrame, product: Product, total: Sum, place: Place, lane: Expr, lanes: int
) -> None:
    t, (item, row, column) = frame.t, place
    steps = t.let(tirx.truncdiv(t.size(product.k) - lane + int64(lanes - 1), int64(lanes)))
    with frame.scope.loop("i", int64(0), steps) as i:
        k = t.let(i * int64(lanes) + lane)
        a = as_type(product.read_a(frame, item, row, k), product.accumulator)
        b = as_type(product.read_b(frame, item, k, column), product.accumulator)
        total.put(multiply_add(a, b, total.state()[0]))


def as_type(value: Expr, dtype: DType) -> Expr:
    """A value in the type in which products are summed."""
    return value if str(value.ty) == dtype.name else tirx.Cast(dtype.name, value)


def multiply_add(a: Expr, b: Expr, c: Expr) -> Expr:
    """`a * b + c`; floats with one rounding where the device is fast at it."""
    kind = str(c.ty)
    if kind.startswith("float"):
        return tirx.call_pure_extern(kind, "tw_multiply_add", a, b, c)
    return a * b + c
