"""What a matrix product computes, apart from how: operands as readers, the epilogue, sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...dsl.dtypes import DType
from ...dsl.sizes import Dim, Shape, product
from ..kernel import BufferSpec
from ..tvm_api import Analyzer, TensorLoad, structural_map, structural_walk, tirx
from .matmul_tir import Expr, Frame, variable

Reader = Callable[[Frame, Sequence[Expr]], Expr]
Epilogue = Callable[[Frame, Sequence[Expr], Expr], Sequence[Expr]]


def plain_epilogue(frame: Frame, index: Sequence[Expr], value: Expr) -> Sequence[Expr]:
    """The product itself as the one output."""
    return (value,)


@dataclass(frozen=True)
class MatmulSpec:
    """`out[..., m, n] = epilogue(sum over k of a[..., m, k] * b[..., k, n])`.

    `a(frame, (*batch, m, k))` and `b(frame, (*batch, k, n))` give operands of `dtype`, as the
    vocabulary `frame.t` computes with them, from the flat buffers `frame[name]`; transposes, casts
    and elementwise maps belong into them. They may emit names into the open block of `frame.t`.
    `epilogue(frame, (*batch, m, n), sum)` gives one value for each of `outputs`, all of the shape
    (*batch, m, n); the sum has been rounded to `dtype`. `light_epilogue` says that it is a few
    instructions, so that copies of it for each register do no harm. If `packed_b` names an input,
    B is that buffer, as the kernel of `pack_kernel` writes it, and `b` is not called.
    `b_batched=False` says that all of the batch share one B (its index then has no meaning).
    `folded` and `unfolded_m` are set by `fold`.
    """

    name: str
    inputs: tuple[BufferSpec, ...]
    outputs: tuple[BufferSpec, ...]
    m: Dim
    n: Dim
    k: Dim
    dtype: DType
    a: Reader
    b: Reader
    batch: Shape = ()
    epilogue: Epilogue = plain_epilogue
    packed_b: str = ""
    b_batched: bool = True
    light_epilogue: bool = True
    sizes: tuple[str, ...] = ()
    folded: Shape = ()
    unfolded_m: Dim = 0

    @property
    def items(self) -> Dim:
        """The number of products in the batch."""
        return product(self.batch)

    def fold(self) -> MatmulSpec:
        """The same product with the batch as rows of A, where all of it shares one B."""
        if self.b_batched or not self.batch:
            return self
        m = self.m * product(self.batch)
        made = replace(self, batch=(), m=m, folded=self.batch, unfolded_m=self.m)
        nowhere = [tirx.IntImm("int64", 0)] * len(self.batch)
        return replace(
            made,
            a=lambda frame, index: self.a(frame, made.unfold(frame, index)),
            b=lambda frame, index: self.b(frame, (*nowhere, *index)),
        )

    def unfold(self, frame: Frame, index: Sequence[Expr]) -> Sequence[Expr]:
        """An index of the folded product as one of the product that the user wrote."""
        if not self.folded:
            return tuple(index)
        row, last = index
        rows = frame.size(self.unfolded_m)
        item = tirx.truncdiv(row, rows)
        return (*unravel(frame, item, self.folded), tirx.truncmod(row, rows), last)

    def flat(self, frame: Frame, index: Sequence[Expr]) -> Expr:
        """The row-major position of an (unfolded) index in an output."""
        shape = (*(self.folded or self.batch), self.unfolded_m if self.folded else self.m, self.n)
        position = index[0]
        for i, dim in zip(index[1:], shape[1:], strict=True):
            position = position * frame.size(dim) + i
        return position


def unravel(frame: Frame, position: Expr, shape: Shape) -> tuple[Expr, ...]:
    """A row-major position as an index of `shape`."""
    index: list[Expr] = []
    for dim in reversed(shape[1:]):
        index.insert(0, tirx.truncmod(position, frame.size(dim)))
        position = tirx.truncdiv(position, frame.size(dim))
    return (position, *index) if shape else ()


def unit_stride(frame: Frame, reader: Reader, ndim: int, axis: int) -> bool:
    """Whether neighbours along an axis of an operand are neighbours in memory (or one element), so
    that a vector of them loads at once. `frame` is one that is thrown away."""
    steps = _steps(frame, reader, ndim, axis)
    return all(isinstance(s, tirx.IntImm) and s.value in (0, 1) for s in steps)


def is_plain(frame: Frame, reader: Reader, ndim: int, unit: int | None, even: int) -> bool:
    """Whether an operand is one load and nothing else, at steps of one element along the axis
    `unit` (if there is one) and of any fixed length along `even`: then reading it again costs no
    more than reading a copy. `frame` is one that is thrown away."""
    index = [variable(f"i{n}") for n in range(ndim)]
    with frame.t.block():
        if plain_load(frame, reader, index) is None:
            return False
    (step,) = _steps(frame, reader, ndim, even)
    found: list[Any] = []
    structural_walk(step, (tirx.Var, lambda var: found.append(var)))
    if any(var.name.startswith("i") and var.name[1:].isdigit() for var in found):
        return False
    return unit is None or _is_one(_steps(frame, reader, ndim, unit)[0])


def plain_load(frame: Frame, reader: Reader, index: Sequence[Expr]) -> Expr | None:
    """The load that an operand's element is, its position's names in the open block; None if the
    element is more than a load."""
    with frame.t.block() as statements:
        value = reader(frame, index)
    names: dict[Any, Expr] = {}
    cells: dict[Any, Expr] = {}
    for statement in statements:
        if isinstance(statement, tirx.Bind):
            names[statement.var] = statement.value
        elif isinstance(statement, tirx.BufferStore):
            cells[statement.buffer] = statement.value
    value = names.get(value, value) if isinstance(value, tirx.Var) else value
    if isinstance(value, TensorLoad):
        value = cells.get(value.source, value)
    if not isinstance(value, TensorLoad) or not _is_parameter(frame, value.source):
        return None
    for statement in statements:
        if isinstance(statement, tirx.Bind) and str(statement.var.ty) == "int64":
            frame.t.emit(statement)
    return value


def _is_parameter(frame: Frame, buffer: Any) -> bool:
    return any(buffer.same_as(known) for known in frame.buffers.values())


def _steps(frame: Frame, reader: Reader, ndim: int, axis: int) -> list[Expr]:
    """How far each load moves in memory from one element to the next along an axis."""
    index = [variable(f"i{n}") for n in range(ndim)]
    moved = [i + 1 if n == axis % ndim else i for n, i in enumerate(index)]
    here, there = (_addresses(frame, reader, i) for i in (index, moved))
    analyzer = Analyzer()
    return [analyzer.simplify(b - a) for a, b in zip(here, there, strict=True)]


def _is_one(step: Expr) -> bool:
    return isinstance(step, tirx.IntImm) and step.value == 1


def _addresses(frame: Frame, reader: Reader, index: Sequence[Expr]) -> list[Expr]:
    """The positions of all loads that an element needs, names replaced by what they stand for."""
    with frame.t.block() as statements:
        value = reader(frame, index)
    names: dict[Any, Expr] = {}
    found: list[Expr] = []

    def expanded(expr: Expr) -> Expr:
        return structural_map(expr, (tirx.Var, lambda var: names.get(var, var)))

    def add(at: Expr) -> None:
        if _is_parameter(frame, at.source):  # not a name by way of a cell
            found.append(expanded(at.indices[0]))

    def visit(expr: Expr) -> None:
        structural_walk(expr, (TensorLoad, add))

    for statement in statements:
        if isinstance(statement, tirx.Bind):
            visit(statement.value)
            names[statement.var] = expanded(statement.value)
        elif isinstance(statement, tirx.BufferStore):  # a name by way of a cell
            visit(statement.value)
    visit(value)
    return found
