"""asinh, acosh and atanh: log(1 + t), with t in two parts."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from .logarithm import logarithm_plus_one
from .real import Expr, Pair, Real, real

if TYPE_CHECKING:
    from ..vocabulary import TirxVocabulary

LARGE = (2.0**13, 2.0**28)  # from here on log(x + sqrt(x**2 +- 1)) is log(2 x)


def grown(m: Real, x: Expr, t: Pair) -> Expr:
    """log(1 + t), or log(2 x) for large x."""
    is_large = x > m.const(m.pick(*LARGE))
    zero, one = m.const(0.0), m.const(1.0)
    high = m.select(is_large, m.let(x - one), t[0])
    low = m.select(is_large, zero, t[1])
    return logarithm_plus_one(m, high, low, m.select(is_large, one, zero))


def root(m: Real, x: Expr, low: Expr) -> Pair:
    """sqrt(x + low) in two parts."""
    s = m.sqrt(x)
    doubled = m.at_least(m.let(s * m.const(2.0)), m.pick(2.0**-100, 2.0**-500))
    return s, m.let(m.let(m.fma(m.neg(s), s, x) + low) / doubled)


def asinh(t: TirxVocabulary, x: Expr) -> Expr:
    """The inverse of sinh: log(1 + |x| + x**2 / (1 + sqrt(1 + x**2))) with the sign of x."""
    m = real(t, x)
    size = m.abs(x)
    square, square_low = m.two_product(size, size)
    total, error = m.two_sum(m.const(1.0), square)
    s, s_low = root(m, total, m.let(error + square_low))
    below, below_low = m.fast_two_sum(s, m.const(1.0))
    below_low = m.let(below_low + s_low)
    q = m.let(square / below)
    rest = m.fma(m.neg(q), below_low, m.fma(m.neg(q), below, square))
    q_low = m.let(m.let(rest + square_low) / below)
    high, low = m.two_sum(size, q)
    y = grown(m, size, (high, m.let(low + q_low)))
    return m.copysign(m.select(size < m.const(m.pick(2.0**-13, 2.0**-28)), size, y), x)


def acosh(t: TirxVocabulary, x: Expr) -> Expr:
    """The inverse of cosh: log(1 + u + sqrt(u (x + 1))) with u = x - 1; NaN below 1."""
    m = real(t, x)
    less, less_low = m.two_sum(x, m.const(-1.0))
    more, more_low = m.two_sum(x, m.const(1.0))
    product, product_low = m.two_product(less, more)
    product_low = m.fma(less, more_low, m.fma(less_low, more, product_low))
    s, s_low = root(m, product, product_low)
    high, low = m.fast_two_sum(s, less)
    y = grown(m, x, (high, m.let(low + m.let(s_low + less_low))))
    return m.select(x >= m.const(1.0), y, m.const(nan))


def atanh(t: TirxVocabulary, x: Expr) -> Expr:
    """The inverse of tanh: log(1 + 2 |x| / (1 - |x|)) / 2 with the sign of x; NaN beyond 1."""
    m = real(t, x)
    size = m.abs(x)
    below, below_low = m.two_sum(m.const(1.0), m.neg(size))
    above = m.let(size * m.const(2.0))
    q = m.let(above / below)
    rest = m.fma(m.neg(q), below_low, m.fma(m.neg(q), below, above))
    y = logarithm_plus_one(m, q, m.let(rest / below))
    y = m.let(y * m.const(0.5))
    return m.copysign(m.select(size < m.const(m.pick(2.0**-13, 2.0**-28)), size, y), x)
