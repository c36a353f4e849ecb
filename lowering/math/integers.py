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
    """The number of zeros below the lowest bit of an unsigned x that is set (of 0: all)."""
    kind = str(x.ty)
    lowest = x & (tirx.bitwise_not(x) + tirx.const(1, kind))
    return ones(t, t.let(lowest - tirx.const(1, kind)))


def ones(t: TirxVocabulary, x: Expr) -> Expr:
    """The number of bits of an unsigned x that are set, by sums of neighbouring fields; LLVM knows
    the pattern, and code for other targets needs no intrinsic."""
    kind = str(x.ty)
    bits = int(kind[4:])

    def field(pattern: int) -> Expr:
        return tirx.const(pattern * ((1 << bits) - 1) // 0xFF, kind)

    def down(y: Expr, count: int) -> Expr:
        return tirx.shift_right(y, tirx.const(count, kind))

    pairs = t.let(x - (down(x, 1) & field(0x55)))
    fours = t.let((pairs & field(0x33)) + (down(pairs, 2) & field(0x33)))
    eights = t.let((fours + down(fours, 4)) & field(0x0F))
    return t.let(down(eights * field(0x01), bits - 8)) if bits > 8 else eights


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
    return ones(t, t.let(magnitude(x)))
