"""The modified Bessel functions I0 and I1: a power series up to 8, beyond it exp(x) / sqrt(x) times
a polynomial in 1 / x. float32 is computed in float64."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from ..tvm_api import tirx
from . import coefficients
from .exponential import power_of_two, reduced
from .real import Expr, Pair, Real, real

if TYPE_CHECKING:
    from ..vocabulary import TirxVocabulary

BOUND = 8.0
CAREFUL = 4  # so many coefficients are added with their rounding errors kept
# 1 / sqrt(2 pi) in two parts
LIMIT = (float.fromhex("0x1.9884533d43651p-2"), float.fromhex("-0x1.cbc0d30ebfd15p-56"))
Fit = tuple[float, ...]


def i0(t: TirxVocabulary, x: Expr) -> Expr:
    """The modified Bessel function of the first kind of order 0."""
    m, size = wide(t, x)
    rest, low = near_rest(m, size, coefficients.BESSEL_0_NEAR)
    total, error = m.two_sum(m.const(1.0), rest)
    near = m.let(total + m.let(error + low))
    return narrow(m, x, chosen(m, size, near, coefficients.BESSEL_0_FAR))


def i1(t: TirxVocabulary, x: Expr) -> Expr:
    """The modified Bessel function of the first kind of order 1."""
    m, size = wide(t, x)
    half = m.let(size * m.const(0.5))
    rest, low = near_rest(m, size, coefficients.BESSEL_1_NEAR)
    total, error = m.two_sum(m.const(1.0), rest)
    near = m.fma(half, total, m.let(half * m.let(error + low)))
    near = m.select(size < m.const(2.0**-1000), half, near)
    return real(t, x).copysign(narrow(m, x, chosen(m, size, near, coefficients.BESSEL_1_FAR)), x)


def wide(t: TirxVocabulary, x: Expr) -> tuple[Real, Expr]:
    """The arithmetic of float64, and |x| in it."""
    m = Real(t, "float64")
    return m, m.abs(t.let(tirx.Cast("float64", x)))


def narrow(m: Real, x: Expr, y: Expr) -> Expr:
    """y in the type of x."""
    return y if str(x.ty) == "float64" else m.let(tirx.Cast("float32", y))


def near_rest(m: Real, size: Expr, fit: Fit) -> Pair:
    """The series without its first term 1, for x up to 8, in two parts."""
    x = m.at_most(size, BOUND)
    square, low = m.two_product(x, x)
    total, slope, error = m.const(fit[-1]), m.const(0.0), m.const(0.0)
    for c in reversed(fit[CAREFUL:-1]):
        # the slope, for the part of the square that was rounded away
        slope = m.fma(slope, square, total)
        total = m.fma(total, square, m.const(c))
    for c in reversed(fit[:CAREFUL]):
        slope = m.fma(slope, square, total)
        product, product_error = m.two_product(total, square)
        total, sum_error = m.two_sum(product, m.const(c))
        error = m.fma(error, square, m.let(product_error + sum_error))
    # and the last step, without a constant: times the square
    slope = m.fma(slope, square, total)
    product, product_error = m.two_product(total, square)
    return product, m.fma(slope, low, m.fma(error, square, product_error))


def chosen(m: Real, size: Expr, near: Expr, fit: Fit) -> Expr:
    """`near` up to 8, else exp(x) / sqrt(x) times the polynomial in 1 / x."""
    x = m.at_least(m.at_most(size, 714.5), BOUND)
    parts = reduced(m, x)
    growth, growth_low = m.fast_two_sum(m.const(1.0), parts.r)
    growth_low = m.let(growth_low + parts.tail)
    inverse = m.let(m.const(1.0) / x)
    centred = m.fma(inverse, m.const(2 * BOUND), m.const(-1.0))
    bend = m.fma(inverse, m.polynomial(centred, fit), m.const(LIMIT[1]))
    high, low = m.fast_two_sum(m.const(LIMIT[0]), bend)
    above, above_low = m.pair_product((growth, growth_low), (high, low))
    root = m.sqrt(x)
    root_low = m.let(m.fma(m.neg(root), root, x) / m.let(root * m.const(2.0)))
    q = m.quotient(above, root, root_low, above_low)
    # scaled in two steps, because exp(x) may overflow where the result does not
    far = m.let(m.let(q * power_of_two(m, parts.word, -10)) * m.const(2.0**10))
    far = m.select(size < m.const(inf), far, size)
    return m.select(size <= m.const(BOUND), near, far)
