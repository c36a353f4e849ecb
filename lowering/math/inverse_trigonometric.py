"""asin, acos, atan and atan2: short polynomials after a change of argument, and exact offsets."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from ..tvm_api import tirx
from . import coefficients
from .real import Expr, Pair, Real, real
from .trigonometric import HALF_PI, HALF_PI_LOW

if TYPE_CHECKING:
    from ..vocabulary import TirxVocabulary

# 3 pi / 4 = high + low; the other multiples of pi / 4 are those of pi / 2 times a power of two
THREE_QUARTERS_PI = (float.fromhex("0x1.2d97c8p+1"), float.fromhex("0x1.2d97c7f3321d2p+1"))
THREE_QUARTERS_PI_LOW = (float.fromhex("-0x1.99bc5cp-28"), float.fromhex("0x1.a79394c9e8a0ap-54"))
TANGENT_OF_EIGHTH = 0.41421356237309503


def half_pi(m: Real, times: float) -> Pair:
    """pi / 2 times a power of two, in two parts."""
    return m.const(times * m.pick(*HALF_PI)), m.const(times * m.pick(*HALF_PI_LOW))


def arcsine_parts(m: Real, size: Expr) -> tuple[Expr, Pair]:
    """Whether size <= 1/2, and asin(s) in two parts for s = size, or sqrt((1 - size) / 2)."""
    is_small = size <= m.const(0.5)
    flank = m.let(m.let(m.const(1.0) - size) * m.const(0.5))
    square = m.select(is_small, m.let(size * size), flank)
    root = m.sqrt(flank)
    doubled = m.at_least(m.let(root * m.const(2.0)), m.pick(2.0**-100, 2.0**-500))
    lost = m.let(m.fma(m.neg(root), root, flank) / doubled)
    s = m.select(is_small, size, root)
    series = m.polynomial(
        square, m.pick(coefficients.ARCSINE_FLOAT32, coefficients.ARCSINE_FLOAT64)
    )
    tail = m.fma(m.let(s * square), series, m.select(is_small, m.const(0.0), lost))
    return is_small, (s, tail)


def asin(t: TirxVocabulary, x: Expr) -> Expr:
    """The arc sine; beyond 1/2 it is pi / 2 - 2 asin(sqrt((1 - |x|) / 2)); NaN beyond 1."""
    m = real(t, x)
    is_small, (s, tail) = arcsine_parts(m, m.abs(x))
    base, base_low = half_pi(m, 1.0)
    high, error = m.fast_two_sum(base, m.let(s * m.const(-2.0)))
    large = m.let(high + m.fma(tail, m.const(-2.0), m.let(base_low + error)))
    return m.copysign(m.select(is_small, m.let(s + tail), large), x)


def acos(t: TirxVocabulary, x: Expr) -> Expr:
    """The arc cosine: pi / 2 - asin(x), or by the same change of argument; NaN beyond 1."""
    m = real(t, x)
    is_small, (s, tail) = arcsine_parts(m, m.abs(x))
    factor = m.select(is_small, m.copysign(m.const(1.0), m.neg(x)), m.copysign(m.const(2.0), x))
    is_positive = x > m.const(0.0)
    base, base_low = (
        m.select(is_small, half, m.select(is_positive, m.const(0.0), whole))
        for half, whole in zip(half_pi(m, 1.0), half_pi(m, 2.0), strict=True)
    )
    high, error = m.fast_two_sum(base, m.product(factor, s))
    return m.let(high + m.fma(factor, tail, m.let(base_low + error)))


def arctangent(m: Real, r: Expr) -> Expr:
    """atan(r) - r for |r| <= tan(pi / 8)."""
    square = m.let(r * r)
    fit = m.pick(coefficients.ARCTANGENT_FLOAT32, coefficients.ARCTANGENT_FLOAT64)
    return m.product(m.let(square * r), m.polynomial(square, fit))  # no FMA with what is added


def atan(t: TirxVocabulary, x: Expr) -> Expr:
    """The arc tangent, of x, (x - 1) / (x + 1) or -1 / x, each at most tan(pi / 8)."""
    m = real(t, x)
    size = m.at_most(m.abs(x), 2.0**60)  # beyond, the result is pi / 2
    one, zero = m.const(1.0), m.const(0.0)
    is_large = size > m.const(1 / TANGENT_OF_EIGHTH)
    is_small = size < m.const(TANGENT_OF_EIGHTH)
    less, less_low = m.two_sum(size, m.const(-1.0))
    more, more_low = m.two_sum(size, one)

    def chosen(small: Expr, large: Expr, middle: Expr) -> Expr:
        return m.select(is_small, small, m.select(is_large, large, middle))

    above, above_low = chosen(size, m.const(-1.0), less), chosen(zero, zero, less_low)
    below, below_low = chosen(one, size, more), chosen(zero, zero, more_low)
    r = m.quotient(above, below, below_low, above_low)
    (quarter, quarter_low), (half, half_low) = half_pi(m, 0.5), half_pi(m, 1.0)
    high, error = m.fast_two_sum(chosen(zero, half, quarter), r)
    low = m.let(chosen(zero, half_low, quarter_low) + error)
    return m.copysign(m.let(high + m.let(arctangent(m, r) + low)), x)


def atan2(t: TirxVocabulary, y: Expr, x: Expr) -> Expr:
    """The angle of the point (x, y), from -pi to pi, with C's special cases."""
    m = real(t, y)
    low, high, is_steep = ordered_sides(m, m.abs(y), m.abs(x))
    is_wide = low > m.let(high * m.const(TANGENT_OF_EIGHTH))
    less, less_low = m.two_sum(low, m.neg(high))
    more, more_low = m.two_sum(high, low)
    zero = m.const(0.0)
    above, above_low = m.select(is_wide, less, low), m.select(is_wide, less_low, zero)
    below, below_low = m.select(is_wide, more, high), m.select(is_wide, more_low, zero)
    r = m.quotient(above, below, below_low, above_low)
    is_left = m.copysign(m.const(1.0), x) < zero
    # the angle is an eighth of a turn times 0, 1, 2, 3 or 4, and atan(r) added or taken away
    is_away = tirx.NE(tirx.Cast("int8", is_left), tirx.Cast("int8", is_steep))
    signed = m.select(is_away, m.neg(r), r)
    base, base_low = (
        m.select(
            is_wide,
            m.select(is_left, three, quarter),
            m.select(is_steep, half, m.select(is_left, whole, zero)),
        )
        for quarter, half, whole, three in zip(*angles(m), strict=True)
    )
    total, error = m.fast_two_sum(base, signed)
    angle = m.let(total + m.let(arctangent(m, signed) + m.let(base_low + error)))
    is_number = tirx.And(m.abs(x) >= zero, m.abs(y) >= zero)
    return m.select(is_number, m.copysign(angle, y), m.let(x + y))


def angles(m: Real) -> tuple[Pair, Pair, Pair, Pair]:
    """pi / 4, pi / 2, pi and 3 pi / 4, each in two parts."""
    three = m.const(m.pick(*THREE_QUARTERS_PI)), m.const(m.pick(*THREE_QUARTERS_PI_LOW))
    return half_pi(m, 0.5), half_pi(m, 1.0), half_pi(m, 2.0), three


def ordered_sides(m: Real, y: Expr, x: Expr) -> tuple[Expr, Expr, Expr]:
    """The shorter and the longer side of y, x >= 0, scaled to where quotients of them are exact
    enough, and whether y is the longer. Infinite sides count as 1, the others beside them as 0."""
    is_steep = y > x
    low, high = m.select(is_steep, x, y), m.select(is_steep, y, x)
    zero, one, infinite = m.const(0.0), m.const(1.0), m.const(inf)
    is_infinite = m.equal(high, infinite)
    low = m.select(is_infinite, m.select(m.equal(low, infinite), one, zero), low)
    high = m.select(tirx.Or(is_infinite, m.equal(high, zero)), one, high)
    is_huge = high > m.const(m.pick(2.0**100, 2.0**900))
    is_tiny = high < m.const(m.pick(2.0**-60, 2.0**-500))
    scale = m.select(is_huge, m.const(m.pick(2.0**-64, 2.0**-512)), one)
    scale = m.select(is_tiny, m.const(m.pick(2.0**64, 2.0**512)), scale)
    return m.let(low * scale), m.let(high * scale), is_steep
