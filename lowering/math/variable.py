"""What a loop inside of an element's code changes from turn to turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..tvm_api import tirx

if TYPE_CHECKING:
    from ..vocabulary import TirxVocabulary

Expr = Any


def int64(value: int) -> Expr:
    """An index constant."""
    return tirx.IntImm("int64", value)


class Variable:
    """A place in memory that a loop may change."""

    def __init__(self, t: TirxVocabulary, first: Expr) -> None:
        self.t = t
        self.at, size = t.lane or (int64(0), 1)
        self.cell = tirx.decl_buffer((int64(size),), str(first.ty), "variable", scope="local")
        t.emit(tirx.AllocBuffer(self.cell, {"disable_lower_builtin": tirx.IntImm("bool", 1)}))
        self.set(first)

    def set(self, x: Expr) -> None:
        """Give it another value."""
        self.t.emit(tirx.BufferStore(self.cell, x, [self.at]))

    @property
    def value(self) -> Expr:
        """What it is where this is read."""
        return tirx.BufferLoad(self.cell, [self.at])
