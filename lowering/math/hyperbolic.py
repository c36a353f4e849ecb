"""tanh and sigmoid: quotients of exponentials, with the rounding of the divisor corrected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import coefficients
from .exponential import power_of_two, reduced, scaled, small_limit
from .real import Expr, Real, real

if TYPE_CHECKING:
    from ..vocabulary import TirxVocabulary


def quotient(m: Real, a: Expr, b: Expr, b_low: Expr, a_low: Expr = None) -> Expr:
    """(a + a_low) / (b + b_low) with an error hardly above half a unit."""
    inverse = m.let(m.const(1.0) / b)
    q = m.let(a * inverse)
    minus_q = m.neg(q)
    rest = m.fma(minus_q, b_low, m.fma(minus_q, b, a))
    rest = rest if a_low is None else m.let(rest + a_low)
    return m.fma(rest, inverse, q)


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
    doubled = m.at_most(m.let(size * m.const(2.0)), 20.0)
    parts = reduced(m, doubled, compensated=False)
    y = m.let(m.const(1.0) + m.let(parts.r + parts.tail))
    below = m.fma(power_of_two(m, parts.word), y, m.const(1.0))
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
    q = quotient(m, above, below, m.let(below_low + above_low), above_low)
    return m.copysign(q, x)


def sigmoid(t: TirxVocabulary, x: Expr) -> Expr:
    """1 / (1 + exp(-x)), without overflow: with e = exp(-|x|), 1 or e over 1 + e."""
    m = real(t, x)
    clamped = m.at_least(m.neg(m.abs(x)), m.pick(-104.0, -746.0))
    parts = reduced(m, clamped)
    y = m.let(m.const(1.0) + m.let(parts.r + parts.tail))
    e = scaled(m, y, parts.word, clamped < small_limit(m))
    below, below_low = m.fast_two_sum(m.const(1.0), e)
    above = m.select(x < m.const(0.0), e, m.const(1.0))
    return quotient(m, above, below, below_low)
