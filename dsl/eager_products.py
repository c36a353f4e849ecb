"""Matrix products, eagerly: operands are moved into place, and a program multiplies them."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from .device import current
from .dtypes import float32, float64
from .eager_moves import move, reshaped
from .eager_programs import cached, graph_of, new_table
from .engine import engine
from .graph import Aval, Graph, Node, Var
from .primitive import REGISTRY, Primitive
from .sizes import Shape, known, symbol

if TYPE_CHECKING:
    from .array import Array

_BATCH, _M, _K, _COLUMNS = map(symbol, ("batch", "m", "k", "columns"))
_MOST_SHAPES = 32  # before one program serves all further shapes
_shapes_seen: dict[Any, int] = new_table()


@dataclass(frozen=True)
class Moved:
    """An operand, and the moves that brought it into place."""

    cell: Array
    moves: tuple[tuple[str, dict[str, Any]], ...] = ()

    def then(self, name: str, **params: Any) -> Moved:
        """The operand after one more move."""
        return Moved(move(name, self.cell, **params), (*self.moves, (name, params)))

    def reshaped(self, shape: tuple[int, ...]) -> Moved:
        """The operand in another shape."""
        return self if self.cell.shape == shape else self.then("reshape", shape=shape)

    @property
    def is_transposed(self) -> bool:
        """Whether its matrices lie column by column, so that x.mT is contiguous."""
        rows, columns = self.cell.shape[-2:]
        if rows == 1 or columns == 1 or self.cell._contiguous:
            return False
        return bool(self.turned().cell._contiguous)

    def turned(self) -> Moved:
        """The last two axes exchanged."""
        ndim = self.cell.ndim
        return self.then("transpose", axes=(*range(ndim - 2), ndim - 1, ndim - 2))


@dataclass(frozen=True)
class Product:
    """A program, and the operands as it takes them."""

    program: Any
    operands: tuple[Moved, Moved]
    turned: tuple[bool, bool]  # whether they are handed over with their last axes exchanged


def contract(primitive: Primitive, out: Aval, a: Array, b: Array, *, params: Any) -> Array:
    """A batched product, on the current device."""
    product = plan_product(primitive, out, a, b, params)
    (result,) = product.program(*(x.cell for x in product.operands))
    return reshaped(result, out.shape)


def plan_product(primitive: Primitive, out: Aval, a: Array, b: Array, params: Any) -> Product:
    """How to multiply two arrays that lie as these do."""
    batch = known(out.shape[:-2])
    flat: tuple[int, ...] = ()
    m, k, n = a.shape[-2], a.shape[-1], b.shape[-1]
    left, right = Moved(a), Moved(b)
    if prod(b.shape[:-2]) == 1 and not left.is_transposed:
        # One right operand for all: the batch is just more rows.
        left, right = left.reshaped((prod(batch) * m, k)), right.reshaped((k, n))
    else:
        flat = (prod(batch),)
        left, right = _flat_batch(left, batch, (m, k)), _flat_batch(right, batch, (k, n))
    turned = (left.is_transposed, right.is_transposed)
    key = (primitive.name, a.dtype, b.dtype, len(flat), turned, tuple(params.items()))
    placed = left.turned() if turned[0] else left, right.turned() if turned[1] else right
    program = _program(primitive, key, [x.cell for x in placed], turned, params)
    return Product(program, placed, turned)


def _flat_batch(x: Moved, batch: tuple[int, ...], matrix: tuple[int, int]) -> Moved:
    if x.cell.shape[:-2] != batch:
        x = x.then("broadcast_to", shape=(*batch, *matrix))
    return x.then("reshape", shape=(prod(batch), *matrix))


def _program(
    primitive: Primitive, key: Any, args: list[Array], turned: tuple[bool, bool], params: Any
) -> Any:
    """A program for exactly these sizes, or one for all sizes.

    The one for all holds every form of the schedule and takes seconds to compile; a program for
    one shape takes a tenth of one, and is the faster. So the one for all is used where it is
    there already and the other is not, and where there have been many shapes.
    """
    shapes: tuple[Shape, ...] = tuple(x.shape for x in args)
    is_summed = args[0].dtype.is_integer or args[0].dtype in (float32, float64)
    is_vector = args[0].ndim == 2 and shapes[0][0] == shapes[1][1] == 1
    if is_summed and is_vector:
        shapes = ((1, _K), (_K, 1))  # a plain reduction, for all lengths

    def graph_for(of: tuple[Shape, ...]) -> Graph:
        inputs = [Var(Aval(s, x.dtype)) for s, x in zip(of, args, strict=True)]
        before = [_turn_node(v) for v, t in zip(inputs, turned, strict=True) if t]
        return graph_of(primitive, tuple(inputs), dict(params), *before)

    def make() -> Any:
        lead: Shape = (_BATCH,) * (args[0].ndim - 2)
        sizes = ((_M, _K), (_K, _COLUMNS))
        open_ = [(*lead, *(reversed(s) if t else s)) for s, t in zip(sizes, turned, strict=True)]
        exact, general = graph_for(shapes), graph_for(tuple(open_))
        if _K in shapes[0]:
            return engine().program(exact)
        if not engine().is_ready(exact) and engine().is_ready(general):
            return engine().program(general)
        count = _shapes_seen[current().index, key] = _shapes_seen.get((current().index, key), 0) + 1
        # Schedules of grids have one form, and a driver's compiler takes its time for each kernel.
        most = 0 if current().index else _MOST_SHAPES
        return engine().program(general if count > most else exact)

    return cached((*key, shapes), make)


def _turn_node(var: Var) -> Node:
    n = var.aval.ndim
    axes = (*range(n - 2), n - 1, n - 2)
    out = Var(Aval(tuple(var.aval.shape[i] for i in axes), var.aval.dtype))
    return Node(REGISTRY["transpose"], (var,), {"axes": axes}, (out,))
