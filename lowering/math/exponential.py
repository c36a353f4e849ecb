"""exp, exp2 and expm1: x = n log(2) + r, |r| <= log(2) / 2, a polynomial in r, then times 2**n."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING

from ..scaling import scale
from . import coefficients
from .real import Expr, Real, real

if TYPE_CHECKING:
    from ..vocabulary import TirxVocabulary

# log(2) = high + low. n * high needs no spare bits: x - n * high is one FMA, and exact.
LN2_HIGH = (float.fromhex("0x1.62e43p-1"), log(2))
LN2_LOW = (float.fromhex("-0x1.05c61p-29"), float.fromhex("0x1.abc9e3b39803fp-56"))


@dataclass(frozen=True)
class Reduced:
    """x = n log(2) + r + r_low; `word` holds n in its low bits; expm1(r) = r + tail = whole."""

    word: Expr
    r: Expr
    tail: Expr
    whole: Expr


def reduced(m: Real, x: Expr, low: Expr = None, compensated: bool = True) -> Reduced:
    """Split x + low, |x| < 2**12, and evaluate the polynomial."""
    shifted = m.fma(x, m.const(1 / log(2)), m.const(m.shifter))
    n = m.let(shifted - m.const(m.shifter))
    first = m.fma(n, m.const(-m.pick(*LN2_HIGH)), x)
    minus_low = m.const(-m.pick(*LN2_LOW))
    r = m.fma(n, minus_low, first)
    rest = None
    if compensated:
        rest = m.fma(n, minus_low, m.let(first - r))  # what rounding took from r
    if low is not None:
        r, rest = m.fast_two_sum(r, m.let(rest + low))
    single = coefficients.EXPONENTIAL_FLOAT32
    if not compensated:  # of exp(r) alone a term less is enough
        single = coefficients.EXPONENTIAL_WHOLE_FLOAT32
    q = m.polynomial(r, m.pick(single, coefficients.EXPONENTIAL_FLOAT64))
    square = m.let(r * r)
    tail = m.fma(square, q, rest) if compensated else m.let(square * q)
    # An FMA on every device, as LLVM would make one of the bare sum anyway.
    whole = m.let(r + tail) if compensated else m.fma(square, q, r)
    return Reduced(m.bits(shifted), r, tail, whole)


def power_of_two(m: Real, word: Expr, offset: int = 0) -> Expr:
    """2**(n + offset), for n in the low bits of `word` and a normal result."""
    shifted = m.shift_left(word, m.fraction_bits)
    return m.from_bits(shifted + m.word((m.bias + offset) << m.fraction_bits))


def scaled(m: Real, y: Expr, word: Expr) -> Expr:
    """y * 2**n with one rounding, subnormal results included."""
    return m.let(scale(y, word))


def exponential(m: Real, x: Expr, low: Expr = None) -> Expr:
    """exp(x + low) over the whole range."""
    clamped = m.at_least(m.at_most(x, m.pick(89.0, 710.0)), m.pick(-104.0, -746.0))
    parts = reduced(m, clamped, low, compensated=low is not None)
    y = m.let(m.const(1.0) + parts.whole)
    return scaled(m, y, parts.word)


def exp(t: TirxVocabulary, x: Expr) -> Expr:
    """e**x."""
    return exponential(real(t, x), x)


def exp2(t: TirxVocabulary, x: Expr) -> Expr:
    """2**x: the whole part goes to the exponent, and the fraction is exact."""
    m = real(t, x)
    clamped = m.at_least(m.at_most(x, m.pick(129.0, 1025.0)), m.pick(-151.0, -1076.0))
    shifted = m.let(clamped + m.const(m.shifter))
    r = m.let(clamped - m.let(shifted - m.const(m.shifter)))
    fit = m.pick(coefficients.EXPONENTIAL_OF_TWO_FLOAT32, coefficients.EXPONENTIAL_OF_TWO_FLOAT64)
    y = m.fma(r, m.polynomial(r, fit), m.const(1.0))
    return scaled(m, y, m.bits(shifted))


def expm1(t: TirxVocabulary, x: Expr) -> Expr:
    """e**x - 1, accurate near zero."""
    m = real(t, x)
    clamped = m.at_least(m.at_most(x, m.pick(89.0, 710.0)), m.pick(-20.0, -40.0))
    parts = reduced(m, clamped)
    # half the result, because 2**n itself may overflow
    half = power_of_two(m, parts.word, -1)
    y = m.let(m.fma(half, parts.whole, m.let(half - m.const(0.5))) * m.const(2.0))
    return m.select(m.abs(x) < m.const(2.0**-100), x, y)


def exp2_of_negative(t: TirxVocabulary, x: Expr) -> Expr:
    """2**x for x <= 0, with 0 for what would be subnormal: the weights of attention, where the
    largest is 1."""
    m = real(t, x)
    least = m.pick(-125.0, -1021.0)
    clamped = m.at_least(x, least)
    shifted = m.let(clamped + m.const(m.shifter))
    r = m.let(clamped - m.let(shifted - m.const(m.shifter)))
    fit = m.pick(coefficients.EXPONENTIAL_OF_TWO_FLOAT32, coefficients.EXPONENTIAL_OF_TWO_FLOAT64)
    y = m.fma(r, m.polynomial(r, fit), m.const(1.0))
    # y is in (0.7, 1.5), so that the exponent can be added to its bits.
    whole = m.from_bits(m.let(m.bits(y) + m.shift_left(m.bits(shifted), m.fraction_bits)))
    return m.select(x < m.const(least), m.const(0.0), whole)
