"""pow: exp(y log|x|) with the logarithm to more bits than the result, and C's special cases.

What is usual goes a short way: positive normal x, and a result from 2**-64 to 2**64, for which the
logarithm needs but six bits more than the result. An element goes its way by its own value alone;
kernels that have seen that a block has usual ones only (schedules/guarded.py) leave the other out.
"""

from __future__ import annotations

from math import inf, nan
from typing import TYPE_CHECKING

from ..tvm_api import tirx
from . import coefficients
from .exponential import LN2_HIGH, LN2_LOW, exponential, power_of_two
from .logarithm import LOG2_E, LOG2_E_LOW, split
from .real import Expr, Pair, Real, real

if TYPE_CHECKING:
    from ..vocabulary import TirxVocabulary

USUAL = 64.0  # the largest exponent of two in the short way
# 2 log2(e) = these and their low parts, for float32 and for float64
TWO_LOG2_E = (LOG2_E[0] * 2, LOG2_E[1] * 2)
TWO_LOG2_E_LOW = (LOG2_E_LOW[0] * 2, LOG2_E_LOW[1] * 2)
TWO_THIRDS_LOW = float.fromhex("0x1.5555555555555p-55")


def pow(t: TirxVocabulary, x: Expr, y: Expr) -> Expr:
    """x**y as C's pow: pow(x, 0) = pow(1, y) = 1, negative x only to integers."""
    m = real(t, x)
    quick, product = usual_power(m, x, y)
    if t.usual:
        return quick
    is_normal = tirx.And(x >= m.const(2.0 ** (1 - m.bias)), x < m.const(inf))
    is_usual = tirx.And(is_normal, m.abs(product) <= m.const(USUAL))
    return m.select(is_usual, quick, any_power(m, x, y))


def any_power(m: Real, x: Expr, y: Expr) -> Expr:
    """x**y for all x and y."""
    if m.is_single:
        size, exponent = (m.let(tirx.Cast("float64", v)) for v in (m.abs(x), y))
        power = single_power(Real(m.t, "float64"), size, exponent)
        return signed(m, x, y, m.let(tirx.Cast("float32", power)))
    return signed(m, x, y, double_power(m, m.abs(x), y))


def usual_power(m: Real, x: Expr, y: Expr) -> Pair:
    """x**y for positive normal x if the second, y log2(x), is at most USUAL in magnitude."""
    parts = split(m, x, subnormals=False)
    s, s_low = atanh_argument(m, m.let(parts.significand - m.const(1.0)))
    square = m.let(s * s)
    # log2(significand) = factor s + s**3 tail, whose slope is about factor (1 + s**2)
    factor, factor_low = m.const(m.pick(*TWO_LOG2_E)), m.const(m.pick(*TWO_LOG2_E_LOW))
    first, low = m.two_product(s, factor)
    low = m.fma(s, factor_low, low)
    low = m.fma(s_low, m.fma(square, factor, factor), low)
    tail = m.polynomial(square, m.pick(coefficients.POWER_TAIL_FLOAT32,
                                       coefficients.POWER_TAIL_FLOAT64))  # fmt: skip
    low = m.fma(m.let(square * s), tail, low)
    high, error = m.fast_two_sum(parts.k, first)
    product, product_low = m.two_product(y, high)
    product_low = m.fma(y, m.let(error + low), product_low)
    shifted = m.let(m.let(product + product_low) + m.const(m.shifter))
    r = m.let(m.let(product - m.let(shifted - m.const(m.shifter))) + product_low)
    fit = m.pick(coefficients.EXPONENTIAL_OF_TWO_FLOAT32, coefficients.EXPONENTIAL_OF_TWO_FLOAT64)
    value = m.fma(r, m.polynomial(r, fit), m.const(1.0))
    scale = m.shift_left(m.bits(shifted), m.fraction_bits)
    return m.from_bits(m.let(m.bits(value) + scale)), product


def signed(m: Real, x: Expr, y: Expr, power: Expr) -> Expr:
    """pow(x, y) from |x|**y."""
    zero, one = m.const(0.0), m.const(1.0)
    is_whole = m.equal(m.rint(y), y)
    half = m.let(y * m.const(0.5))
    is_odd = tirx.And(is_whole, tirx.NE(m.rint(half), half))
    result = m.select(is_odd, m.copysign(power, x), power)
    is_undefined = tirx.And(tirx.And(x < zero, x > m.const(-inf)), tirx.Not(is_whole))
    result = m.select(is_undefined, m.const(nan), result)
    is_minus_one = tirx.And(m.equal(x, m.const(-1.0)), m.equal(m.abs(y), m.const(inf)))
    is_one = tirx.Or(tirx.Or(m.equal(x, one), m.equal(y, zero)), is_minus_one)
    return m.select(is_one, one, result)


def single_power(m: Real, size: Expr, y: Expr) -> Expr:
    """size**y in float64 to some 30 bits, for size >= 0 or NaN and y that were float32."""
    parts = split(m, size, subnormals=False)
    f = m.let(parts.significand - m.const(1.0))
    logarithm = m.fma(f, m.polynomial(f, coefficients.POWER_LOGARITHM), parts.k)
    logarithm = m.select(size > m.const(0.0), logarithm, m.const(-inf))
    logarithm = m.select(size < m.const(inf), logarithm, size)
    bounded = m.at_least(m.at_most(m.let(logarithm * y), 1000.0), -1000.0)
    shifted = m.let(bounded + m.const(m.shifter))
    r = m.let(bounded - m.let(shifted - m.const(m.shifter)))
    value = m.polynomial(r, coefficients.POWER_EXPONENTIAL)
    return m.let(value * power_of_two(m, m.bits(shifted)))


def double_power(m: Real, size: Expr, y: Expr) -> Expr:
    """size**y in float64 for size >= 0, NaN and infinities included."""
    high, low = long_logarithm(m, size)
    # beyond these bounds the result is 0 or infinite for any size != 1, and products stay finite
    bounded = m.at_least(m.at_most(y, 2.0**80), -(2.0**80))
    product, error = m.two_product(high, bounded)
    is_usual = m.abs(product) < m.const(1024.0)
    rest = m.select(is_usual, m.fma(low, bounded, error), m.const(0.0))
    result = exponential(m, product, rest)
    zero, infinite = m.const(0.0), m.const(inf)
    at_zero = m.select(y > zero, zero, infinite)
    at_infinity = m.select(y > zero, infinite, zero)
    result = m.select(m.equal(size, zero), at_zero, result)
    result = m.select(m.equal(size, infinite), at_infinity, result)
    # written so because tirx takes x != x for false
    is_number = tirx.And(size >= zero, m.abs(y) >= zero)
    return m.select(is_number, result, m.const(nan))


def long_logarithm(m: Real, x: Expr) -> Pair:
    """log(x) in two float64, to about 2**-65, for positive finite x."""
    parts = split(m, x)
    f = m.let(parts.significand - m.const(1.0))
    s, s_low = atanh_argument(m, f)
    square, square_low = m.two_product(s, s)
    square_low = m.fma(m.let(s * m.const(2.0)), s_low, square_low)
    # 2 atanh(s) = 2 s + s**3 (2/3 + square * tail)
    tail = m.polynomial(square, coefficients.LOGARITHM_TAIL_FLOAT64)
    c, c_low = m.fast_two_sum(m.const(2 / 3), m.product(square, tail))
    c_low = m.let(c_low + m.const(TWO_THIRDS_LOW))
    cube, cube_low = m.pair_product((square, square_low), (s, s_low))
    term, term_low = m.pair_product((cube, cube_low), (c, c_low))
    base, base_low = m.two_product(parts.k, m.const(LN2_HIGH[1]))
    base_low = m.fma(parts.k, m.const(LN2_LOW[1]), base_low)
    total, error = m.two_sum(base, m.let(s * m.const(2.0)))
    total, error_2 = m.two_sum(total, term)
    small = m.let(m.let(base_low + term_low) + m.let(s_low * m.const(2.0)))
    return m.fast_two_sum(total, m.let(m.let(error + error_2) + small))


def atanh_argument(m: Real, f: Expr) -> Pair:
    """f / (2 + f) in two parts."""
    divisor, divisor_low = m.fast_two_sum(m.const(2.0), f)
    inverse = m.let(m.const(1.0) / divisor)  # one division, which takes as long as ten products
    s = m.let(f * inverse)
    rest = m.fma(m.neg(s), divisor_low, m.fma(m.neg(s), divisor, f))
    return s, m.let(rest * inverse)
