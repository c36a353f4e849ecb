"""log and log1p: x = 2**k (1 + f) with 1 + f from sqrt(1/2) to sqrt(2), a polynomial in f."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan, sqrt
from typing import TYPE_CHECKING

from ..tvm_api import tirx
from . import coefficients
from .exponential import LN2_HIGH, LN2_LOW
from .real import Expr, Real, real

if TYPE_CHECKING:
    from ..vocabulary import TirxVocabulary


@dataclass(frozen=True)
class Parts:
    """x = 2**k * significand; `biased` is k plus the bias of the exponent, as bits."""

    k: Expr
    significand: Expr
    biased: Expr


def split(m: Real, x: Expr, subnormals: bool = True) -> Parts:
    """Take a positive x apart, with the significand from sqrt(1/2) to sqrt(2)."""
    fraction, lowest = m.fraction_bits, m.bits_of(sqrt(0.5))
    extra = m.const(2.0**fraction + m.bias)
    if subnormals:
        is_tiny = x < m.const(2.0 ** (1 - m.bias))
        extra = m.select(is_tiny, m.const(2.0**fraction + m.bias + fraction), extra)
        x = m.select(is_tiny, m.let(x * m.const(2.0**fraction)), x)
    moved = m.let(m.bits(x) + m.word((m.bias << fraction) - lowest))
    biased = m.shift_right(moved, fraction)
    # an integer below 2**fraction becomes a float by giving it the exponent of 2**fraction
    k = m.let(m.from_bits(biased | m.word(m.bits_of(2.0**fraction))) - extra)
    significand = m.from_bits((moved & m.word((1 << fraction) - 1)) + m.word(lowest))
    return Parts(k, significand, biased)


def combined(m: Real, k: Expr, f: Expr, low: Expr) -> Expr:
    """k log(2) + log(1 + f) + low."""
    low = m.fma(k, m.const(m.pick(*LN2_LOW)), low)
    if m.is_single:
        square = m.let(f * f)
        cubic = m.polynomial(f, coefficients.LOGARITHM_FLOAT32)
        rest = m.fma(square, m.fma(f, cubic, m.const(-0.5)), low)
        return m.fma(k, m.const(LN2_HIGH[0]), m.let(f + rest))
    s = m.let(f / m.let(f + m.const(2.0)))
    square = m.let(s * s)
    series = m.let(square * m.polynomial(square, coefficients.LOGARITHM_FLOAT64))
    half = m.let(m.let(f * m.const(0.5)) * f)
    rest = m.fma(s, m.let(half + series), low)
    return m.fma(k, m.const(LN2_HIGH[1]), m.let(f - m.let(half - rest)))


def with_special(m: Real, x: Expr, y: Expr) -> Expr:
    """y where x is positive and finite; the logarithm of the others."""
    y = m.select(x < m.const(inf), y, x)
    not_positive = m.select(m.equal(x, m.const(0.0)), m.const(-inf), m.const(nan))
    return m.select(x > m.const(0.0), y, not_positive)


def logarithm(m: Real, x: Expr, subnormals: bool = True) -> Expr:
    """The natural logarithm."""
    parts = split(m, x, subnormals)
    y = combined(m, parts.k, m.let(parts.significand - m.const(1.0)), m.const(0.0))
    return with_special(m, x, y)


def log(t: TirxVocabulary, x: Expr) -> Expr:
    """The natural logarithm."""
    return logarithm(real(t, x), x)


def log1p(t: TirxVocabulary, x: Expr) -> Expr:
    """log(1 + x), accurate near zero."""
    m = real(t, x)
    total, lost = m.two_sum(m.const(1.0), x)
    parts = split(m, total, subnormals=False)
    is_near = m.equal(parts.k, m.const(0.0))
    f = m.select(is_near, x, m.let(parts.significand - m.const(1.0)))
    # log(total + lost) = log(total) + lost / total; 1 / significand is about 2.12 - significand
    two_bias = m.word(2 * m.bias)
    down = m.from_bits(m.shift_left(m.let(two_bias - parts.biased), m.fraction_bits))
    inverse = m.let(m.const(1.5 * sqrt(2)) - parts.significand)
    low = m.let(m.let(lost * down) * inverse)
    is_exact = tirx.Or(is_near, x > m.const(2.0**64))
    low = m.select(is_exact, m.const(0.0), low)
    y = with_special(m, total, combined(m, parts.k, f, low))
    return m.select(m.abs(x) < m.const(2.0**-60), x, y)
