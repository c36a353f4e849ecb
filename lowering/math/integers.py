"""Functions of whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..tvm_api import tirx

if TYPE_CHECKING:
    from ..vocabulary import TirxVocabulary

Expr = Any


def int64(value: int) -> Expr:
    """An index constant."""
    return tirx.IntImm("int64", value)


def magnitude(x: Expr) -> Expr:
    """|x| as the unsigned type of its size."""
    kind = str(x.ty)
    if kind.startswith("u"):
        return x
    bits = tirx.Cast(f"u{kind}", x)
    return tirx.Select(x < tirx.const(0, kind), tirx.const(0, f"u{kind}") - bits, bits)


def trailing_zeros(t: TirxVocabulary, x: Expr) -> Expr:
    """The number of zeros below the lowest bit of an unsigned x that is set (of 0: all but one)."""
    kind = str(x.ty)
    top = tirx.const(1 << (int(kind[4:]) - 1), kind)
    no = tirx.const(False, "bool")
    return t.let(tirx.call_llvm_pure_intrin(kind, "llvm.cttz", t.let(x | top), no))


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


def gcd(t: TirxVocabulary, a: Expr, b: Expr) -> Expr:
    """The greatest common divisor, by halving and subtracting (Stein); gcd(0, b) is |b|.

    The number of steps depends on the elements, so the loop over them stays a serial one.
    """
    t.scalar_only = True
    kind = str(a.ty)
    u, v = t.let(magnitude(a)), t.let(magnitude(b))
    both = t.let(u | v)
    zero = tirx.const(0, str(u.ty))
    is_done = t.let(tirx.Or(tirx.EQ(u, zero), tirx.EQ(v, zero)))
    odd = t.let(tirx.shift_right(u, trailing_zeros(t, u)))
    small = Variable(t, tirx.Select(is_done, both, odd))
    large = Variable(t, tirx.Select(is_done, zero, v))
    with t.block() as body:
        v = large.value
        v = t.let(tirx.shift_right(v, trailing_zeros(t, v)))
        u = t.let(small.value)
        is_less = v < u
        large.set(tirx.Select(is_less, u - v, v - u))
        small.set(tirx.Select(is_less, v, u))
    t.emit(tirx.While(tirx.NE(large.value, zero), tirx.SeqStmt(body)))
    found = t.let(small.value)
    shifted = tirx.shift_left(found, trailing_zeros(t, both))
    return t.let(tirx.Cast(kind, tirx.Select(is_done, found, shifted)))


def bit_count(t: TirxVocabulary, x: Expr) -> Expr:
    """The number of bits of |x| that are set, as an unsigned type of the size of x."""
    bits = t.let(magnitude(x))
    return tirx.call_llvm_pure_intrin(str(bits.ty), "llvm.ctpop", bits)
