"""What a matrix product reads and writes, apart from how: operands, epilogue, sizes.

Rows of the result are those of all items of the batch where all share one right operand.
"""

from __future__ import annotations

from dataclasses import dataclass

from ....dsl.dtypes import DType
from ....dsl.graph import Node
from ....dsl.primitive import Expr
from ....dsl.sizes import Dim, Shape, product
from ...fusion import Group
from ...index import Index, address, from_components, split
from ...vocabulary import int64
from ..matmul_spec import unit_stride
from ..matmul_tiles import accumulator
from ..nest import index_at
from .frame import GridFrame, GridKernel


@dataclass(frozen=True)
class Product:
    """`items` products of (rows, k) and (k, columns), for a group around one contraction."""

    group: Group

    @property
    def dtype(self) -> DType:
        return self._node.inputs[0].aval.dtype

    @property
    def accumulator(self) -> DType:
        """The type in which products are summed."""
        return accumulator(self.dtype)

    @property
    def items(self) -> Dim:
        return 1 if self._is_folded else product(self._batch)

    @property
    def rows(self) -> Dim:
        return self._m * product(self._batch) if self._is_folded else self._m

    @property
    def columns(self) -> Dim:
        return self._node.output.aval.shape[-1]

    @property
    def k(self) -> Dim:
        return self._node.inputs[0].aval.shape[-1]

    def read_a(self, frame: GridFrame, item: Expr, row: Expr, k: Expr) -> Expr:
        """An element of the left operand."""
        return self._read(frame, 0, (*self._place(frame, item, row), k))

    def read_b(self, frame: GridFrame, item: Expr, k: Expr, column: Expr) -> Expr:
        """An element of the right operand."""
        batch = tuple(map(frame.t.let, split(frame.t, item, self._batch)))
        return self._read(frame, 1, (*batch, k, column))

    def store(self, frame: GridFrame, place: tuple[Expr, Expr, Expr], total: Expr) -> None:
        """A finished sum (of an item, a row and a column) through the epilogue to the outputs."""
        item, row, column = place
        t, scope, node = frame.t, frame.scope, self._node
        index = (*self._place(frame, item, row), column)
        value = t.let(t.rounded(t.cast(total, self.dtype), self.dtype))
        scope.sources[node.output] = lambda at: value
        runs = [(1, i) for i, n in zip(index, node.output.aval.shape, strict=True) if n != 1]
        positions: dict[Shape, Index] = {}
        for var in self.group.outputs:
            shape = var.aval.shape
            at = positions.setdefault(shape, index_at(shape, runs))
            frame.store(var, scope.element(var, at), address(t, at))
        del scope.sources[node.output]

    def along(self, kernel: GridKernel, operand: int, axis: int) -> bool:
        """Whether neighbours along an axis of an operand are neighbours in memory."""
        frame = kernel.open_grid()

        def read(_: object, index: tuple[Expr, ...]) -> Expr:
            return self._read(frame, operand, tuple(index))

        ndim = self._node.inputs[operand].aval.ndim
        return unit_stride(frame, read, ndim, axis)  # type: ignore[arg-type]

    # ------------------------------------------------------------------ places

    @property
    def _node(self) -> Node:
        return self.group.anchors[0]

    @property
    def _m(self) -> Dim:
        return self._node.inputs[0].aval.shape[-2]

    @property
    def _batch(self) -> Shape:
        return self._node.output.aval.shape[:-2]

    @property
    def _is_folded(self) -> bool:
        return all(n == 1 for n in self._node.inputs[1].aval.shape[:-2])

    def _place(self, frame: GridFrame, item: Expr, row: Expr) -> tuple[Expr, ...]:
        """The batch's components and the row."""
        if self._is_folded:
            return tuple(map(frame.t.let, split(frame.t, row, (*self._batch, self._m))))
        return (*map(frame.t.let, split(frame.t, item, self._batch)), row)

    def _read(self, frame: GridFrame, operand: int, index: tuple[Expr, ...]) -> Expr:
        var = self._node.inputs[operand]
        shape = var.aval.shape
        inside = tuple(int64(0) if n == 1 else i for n, i in zip(shape, index, strict=True))
        return frame.scope.element(var, from_components(shape, inside))
