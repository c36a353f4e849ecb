"""A register tile for attention: a sum of outer products with its accumulators in registers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...dsl.primitive import Expr
from ..frame import RangeFrame
from ..machine import Machine
from ..tvm_api import tirx
from ..vocabulary import int64
from .matmul_tir import load, splat, store

UNROLL = 2


@dataclass(frozen=True)
class Sides:
    """What a tile multiplies: `a(row, k)` scalars, `b(vector, k)` vectors."""

    a: Callable[[int, Expr], Expr]
    b: Callable[[int, Expr], Expr]


class RegisterTile:
    """Tiles of up to `size` vectors of `lanes` elements of one phase function."""

    def __init__(
        self, frame: RangeFrame, machine: Machine, dtype: str, lanes: int, size: int
    ) -> None:
        self.frame, self.machine, self.dtype, self.lanes = frame, machine, dtype, lanes
        self.wide = f"{dtype}x{lanes}" if lanes > 1 else dtype
        # Of whole vectors: what reads some lanes would take the registers apart.
        self.registers = frame.local("registers", self.wide, size)

    def product(
        self,
        shape: tuple[int, int],
        steps: Expr,
        sides: Sides,
        first: Callable[[int, int], Expr],
        last: Callable[[int, int, Expr], None],
    ) -> None:
        """Adds `steps` outer products of `shape` (rows, vectors) to `first(row, vector)`, and hands
        the sums to `last(row, vector, sum)`."""
        t, scope = self.frame.t, self.frame.scope
        pairs = [(i, v) for i in range(shape[0]) for v in range(shape[1])]
        for i, v in pairs:
            self._set(shape, i, v, first(i, v))
        unrolled = int64(UNROLL)
        whole = t.let(tirx.truncdiv(steps, unrolled))
        with scope.loop("k", int64(0), whole) as many:
            for u in range(UNROLL):
                self._step(shape, many * unrolled + int64(u), sides)
        if not (isinstance(steps, tirx.IntImm) and steps.value % UNROLL == 0):
            with scope.loop("k", whole * unrolled, steps) as k:
                self._step(shape, k, sides)
        for i, v in pairs:
            last(i, v, self._get(shape, i, v))

    def _step(self, shape: tuple[int, int], k: Expr, sides: Sides) -> None:
        t, rows, vectors = self.frame.t, *shape
        columns = [t.let(sides.b(v, k)) for v in range(vectors)]
        for i in range(rows):
            row = t.let(splat(sides.a(i, k), self.lanes))
            for v, column in enumerate(columns):
                self._set(shape, i, v, self.multiply_add(row, column, self._get(shape, i, v)))

    def multiply_add(self, a: Expr, b: Expr, c: Expr) -> Expr:
        """`a * b + c`."""
        if self.machine.has_fma:
            return tirx.call_llvm_pure_intrin(self.wide, "llvm.fma", a, b, c)
        return c + a * b

    def _at(self, shape: tuple[int, int], i: int, v: int) -> Expr:
        return int64(i * shape[1] + v)

    def _get(self, shape: tuple[int, int], i: int, v: int) -> Expr:
        return load(self.registers, self._at(shape, i, v))

    def _set(self, shape: tuple[int, int], i: int, v: int, value: Expr) -> None:
        self.frame.t.emit(store(self.registers, value, self._at(shape, i, v)))
