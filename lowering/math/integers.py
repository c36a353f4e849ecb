"""Functions of whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..tvm_api import tirx
from .variable import Variable

if TYPE_CHECKING:
    from ..vocabulary import TirxVocabulary

Expr = Any


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
