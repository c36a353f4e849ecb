"""tanh, sigmoid, sinh and cosh: sums and quotients of exponentials."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

from . import coefficients
from .exponential import LN2_HIGH, power_of_two, reduced, scaled
from .real import Expr, Real, real

if TYPE_CHECKING:
    from ..vocabulary import TirxVocabulary

# sinh and cosh overflow below these, and exp of them is less than four times too large
LARGEST_ARGUMENT = (89.45, 710.5)


def tanh(t: TirxVocabulary, x: Expr) -> Expr:
    """The hyperbolic tangent."""
    m = real(t, x)
    return single_tanh(m, x) if m.is_single else double_tanh(m, x)


def single_tanh(m: Real, x: Expr) -> Expr:
    """A polynomial up to 0.6, where 1 - 2 / (exp(2 |x|) + 1) would lose bits."""
    size = m.abs(x)
    square = m.let(x * x)
    series = m.polynomial(square, coefficients.TANGENT_FLOAT32)
    near = m.fma(m.let(square * x), series, x)
    bounded = m.at_most(size, 10.0)
    shifted = m.fma(bounded, m.const(2 / log(2)), m.const(m.shifter))
    # of at most 29 halves of log(2), whose low part far results do not show
    r = m.fma(m.let(shifted - m.const(m.shifter)), m.const(-LN2_HIGH[0] / 2), bounded)
    y = m.fma(r, m.polynomial(r, coefficients.EXPONENTIAL_OF_DOUBLE_FLOAT32), m.const(1.0))
    below = m.fma(power_of_two(m, m.bits(shifted)), y, m.const(1.0))
    far = m.let(m.const(1.0) - m.let(m.const(2.0) / below))
    # the sign for both: the polynomial gives +0 for -0
    return m.copysign(m.select(size < m.const(0.6), near, far), x)


def double_tanh(m: Real, x: Expr) -> Expr:
    """expm1(2 |x|) / (expm1(2 |x|) + 2) with the sign of x: cheaper than a long polynomial."""
    doubled = m.at_most(m.let(m.abs(x) * m.const(2.0)), 40.0)
    parts = reduced(m, doubled)
    scale = power_of_two(m, parts.word)
    minus_one = m.let(scale - m.const(1.0))
    whole, whole_low = m.fast_two_sum(parts.r, parts.tail)
    above, above_low = m.fma(scale, whole, minus_one), m.let(scale * whole_low)
    below, below_low = m.two_sum(above, m.const(2.0))
    q = m.quotient(above, below, m.let(below_low + above_low), above_low)
    return m.copysign(q, x)


def sigmoid(t: TirxVocabulary, x: Expr) -> Expr:
    """1 / (1 + exp(-x)), without overflow: with e = exp(-|x|), 1 or e over 1 + e."""
    m = real(t, x)
    clamped = m.at_least(m.neg(m.abs(x)), m.pick(-104.0, -746.0))
    parts = reduced(m, clamped)
    y = m.let(m.const(1.0) + parts.whole)
    e = scaled(m, y, parts.word)
    below, below_low = m.fast_two_sum(m.const(1.0), e)
    above = m.select(x < m.const(0.0), e, m.const(1.0))
    return m.quotient(above, below, below_low)


def sinh(t: TirxVocabulary, x: Expr) -> Expr:
    """The hyperbolic sine: (E + E / (E + 1)) / 2 for E = expm1(|x|)."""
    m = real(t, x)
    size = m.abs(x)
    parts = reduced(m, m.at_most(size, m.pick(*LARGEST_ARGUMENT)))
    # a quarter of E, because E may overflow where the result does not
    quarter = power_of_two(m, parts.word, -2)
    whole, whole_low = m.fast_two_sum(parts.r, parts.tail)
    minus = m.let(quarter - m.const(0.25))
    fourth, error = m.fast_two_sum(minus, m.product(quarter, whole))
    low = m.fma(quarter, whole_low, error)
    divisor, divisor_low = m.two_sum(m.let(fourth * m.const(4.0)), m.const(1.0))
    q = m.quotient(fourth, divisor, divisor_low, low)
    q = m.select(fourth < m.const(2.0**100), q, m.const(0.0))  # where the divisor may overflow
    y = m.let(m.let(fourth + m.let(q + low)) * m.const(2.0))
    return m.copysign(m.select(size < m.const(m.pick(2.0**-13, 2.0**-28)), size, y), x)


def cosh(t: TirxVocabulary, x: Expr) -> Expr:
    """The hyperbolic cosine: a quarter of exp(|x|) and a sixteenth of its inverse, doubled."""
    m = real(t, x)
    parts = reduced(m, m.at_most(m.abs(x), m.pick(*LARGEST_ARGUMENT)))
    y = m.let(m.const(1.0) + parts.whole)
    fourth = m.let(power_of_two(m, parts.word, -2) * y)
    return m.let(m.let(fourth + m.let(m.const(0.0625) / fourth)) * m.const(2.0))
