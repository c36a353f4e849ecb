"""log, log2, log10, log1p: x = 2**k (1 + f), 1 + f from sqrt(1/2) to sqrt(2), a polynomial in f."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan, sqrt
from typing import TYPE_CHECKING

from . import coefficients
from .exponential import LN2_HIGH, LN2_LOW
from .real import Expr, Real, real

if TYPE_CHECKING:
    from ..vocabulary import TirxVocabulary

_h = float.fromhex
Both = tuple[float, float]  # a constant for float32, and for float64
LOG2_E = (_h("0x1.715476p+0"), _h("0x1.71547652b82fep+0"))
LOG2_E_LOW = (_h("0x1.4ae0c0p-26"), _h("0x1.777d0ffda0d24p-56"))
LOG10_E = (_h("0x1.bcb7b2p-2"), _h("0x1.bcb7b1526e50ep-2"))
LOG10_E_LOW = (_h("-0x1.5b235ep-27"), _h("0x1.95355baaafad3p-57"))
LOG10_2 = (_h("0x1.3440000000000p-2"), _h("0x1.34413509f8000p-2"))
LOG10_2_LOW = (_h("0x1.3509f8p-18"), _h("-0x1.80433b83b532ap-44"))


@dataclass(frozen=True)
class Parts:
    """x = 2**k * significand; `biased` is k plus the bias of the exponent, as bits."""

    k: Expr
    significand: Expr
    biased: Expr


def split(m: Real, x: Expr, subnormals: bool = True) -> Parts:
    """Take a positive x apart, with the significand from sqrt(1/2) to sqrt(2)."""
    subnormals = subnormals and not m.t.usual
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


def bent(m: Real, f: Expr, low: Expr) -> Expr:
    """log(1 + f) - f + low: what bends the logarithm away from its tangent."""
    if m.is_single:
        square = m.let(f * f)
        cubic = m.polynomial(f, coefficients.LOGARITHM_FLOAT32)
        return m.fma(square, m.fma(f, cubic, m.const(-0.5)), low)
    s = m.let(f / m.let(f + m.const(2.0)))
    square = m.let(s * s)
    half = m.product(m.let(f * m.const(0.5)), f)  # the same bits on every device
    series = m.fma(square, m.polynomial(square, coefficients.LOGARITHM_FLOAT64), half)
    return m.let(m.fma(s, series, low) - half)


def combined(m: Real, k: Expr, f: Expr, low: Expr) -> Expr:
    """k log(2) + log(1 + f) + low."""
    low = m.fma(k, m.const(m.pick(*LN2_LOW)), low)
    return m.fma(k, m.const(m.pick(*LN2_HIGH)), m.let(f + bent(m, f, low)))


def with_special(m: Real, x: Expr, y: Expr) -> Expr:
    """y where x is positive and finite; the logarithm of the others."""
    if m.t.usual:
        return y
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


def log2(t: TirxVocabulary, x: Expr) -> Expr:
    """The logarithm to base 2; exact for powers of two."""
    m = real(t, x)
    return based(m, x, LOG2_E, LOG2_E_LOW, (1.0, 1.0), (0.0, 0.0))


def log10(t: TirxVocabulary, x: Expr) -> Expr:
    """The logarithm to base 10; exact for powers of ten."""
    m = real(t, x)
    return based(m, x, LOG10_E, LOG10_E_LOW, LOG10_2, LOG10_2_LOW)


def based(m: Real, x: Expr, of_e: Both, of_e_low: Both, of_2: Both, of_2_low: Both) -> Expr:
    """The logarithm to the base in which e and 2 have these logarithms."""
    parts = split(m, x)
    f = m.let(parts.significand - m.const(1.0))
    factor = m.const(m.pick(*of_e))
    first, low = m.two_product(f, factor)
    low = m.fma(bent(m, f, m.const(0.0)), factor, low)
    low = m.fma(f, m.const(m.pick(*of_e_low)), low)
    low = m.fma(parts.k, m.const(m.pick(*of_2_low)), low)
    # exact, as the logarithm of 2 has bits to spare
    base = m.product(parts.k, m.const(m.pick(*of_2)))
    high, error = m.fast_two_sum(base, first)
    return with_special(m, x, m.let(high + m.let(error + low)))


def log1p(t: TirxVocabulary, x: Expr) -> Expr:
    """log(1 + x), accurate near zero."""
    m = real(t, x)
    y = logarithm_plus_one(m, x)
    return m.select(m.abs(x) < m.const(2.0**-60), x, y)


def logarithm_plus_one(m: Real, x: Expr, low: Expr = None, halvings: Expr = None) -> Expr:
    """log(2**halvings (1 + x + low)), accurate near zero."""
    total, lost = m.two_sum(m.const(1.0), x)
    parts = split(m, total, subnormals=False)
    is_near = m.equal(parts.k, m.const(0.0))
    f = m.select(is_near, x, m.let(parts.significand - m.const(1.0)))
    # log(total + lost) = log(total) + lost / total; 1 / significand is about 2.12 - significand
    two_bias = m.word(2 * m.bias)
    down = m.from_bits(m.shift_left(m.let(two_bias - parts.biased), m.fraction_bits))
    inverse = m.let(m.const(1.5 * sqrt(2)) - parts.significand)
    lost = m.select(is_near, m.const(0.0), lost)
    lost = lost if low is None else m.let(lost + low)
    rest = m.let(m.let(lost * down) * inverse)
    rest = m.select(x > m.const(2.0**64), m.const(0.0), rest)
    k = parts.k if halvings is None else m.let(parts.k + halvings)
    return with_special(m, total, combined(m, k, f, rest))
