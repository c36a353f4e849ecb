"""Functions of the parts of a float, and the remainder. All are exact."""

from __future__ import annotations

from math import inf, nan
from typing import TYPE_CHECKING

from ..tvm_api import tirx
from .exponential import power_of_two
from .logarithm import split
from .real import Expr, Real, real
from .variable import Variable

if TYPE_CHECKING:
    from ...dsl.dtypes import DType
    from ..vocabulary import TirxVocabulary

SMALLEST = {"float16": 2.0**-24, "bfloat16": 2.0**-133, "float32": 2.0**-149, "float64": 2.0**-1074}
# In the float32 that holds a half value its neighbour is this many float32 away.
STEPS = {"float16": 1 << 13, "bfloat16": 1 << 16, "float32": 1, "float64": 1}
FLOAT16_TINY, FLOAT16_LARGEST = 2.0**-14, 65504.0


def nextafter(t: TirxVocabulary, x: Expr, y: Expr, dtype: DType) -> Expr:
    """The next number of `dtype` from x towards y; half types come and go as float32."""
    m = real(t, x)
    size, zero = m.abs(x), m.const(0.0)
    bits, step = m.bits(size), m.word(STEPS[dtype.name])
    away, back = m.from_bits(bits + step), m.from_bits(bits - step)
    if dtype.name == "float16":  # whose subnormals are all one distance apart
        least = m.const(SMALLEST["float16"])
        away = m.select(size < m.const(FLOAT16_TINY), m.let(size + least), away)
        back = m.select(size <= m.const(FLOAT16_TINY), m.let(size - least), back)
        back = m.at_most(back, FLOAT16_LARGEST)
    grows = m.equal(tirx.Cast("int8", y > x), tirx.Cast("int8", x > zero))
    moved = m.copysign(m.select(grows, away, back), x)
    first = m.copysign(m.const(SMALLEST[dtype.name]), y)
    moved = m.select(m.equal(x, zero), first, moved)
    moved = m.select(m.equal(x, y), y, moved)
    is_number = tirx.And(size >= zero, m.abs(y) >= zero)
    return m.select(is_number, moved, m.let(x + y))


def is_ordinary(m: Real, x: Expr) -> Expr:
    """Whether x is neither zero nor infinite nor NaN."""
    size = m.abs(x)
    return tirx.And(size > m.const(0.0), size < m.const(inf))


def ldexp(t: TirxVocabulary, x: Expr, n: Expr) -> Expr:
    """x * 2**n, rounded once, for whole n."""
    m = real(t, x)
    parts = split(m, m.abs(x))
    limit = m.pick(400.0, 2400.0)  # from the least number to beyond the largest
    exponent = m.let(parts.k + m.at_least(m.at_most(n, limit), -limit))
    exponent = m.at_least(m.at_most(exponent, m.pick(180.0, 1200.0)), m.pick(-180.0, -1200.0))
    y = m.copysign(multiplied(m, parts.significand, exponent), x)
    return m.select(is_ordinary(m, x), y, x)


def multiplied(m: Real, x: Expr, exponent: Expr) -> Expr:
    """x * 2**exponent by two powers, as one may not hold it; exact until the second."""
    half = m.rint(m.let(exponent * m.const(0.5)))
    for part in (half, m.let(exponent - half)):
        x = m.let(x * power_of_two(m, m.bits(m.let(part + m.const(m.shifter)))))
    return x


def fmod(t: TirxVocabulary, x: Expr, y: Expr) -> Expr:
    """The remainder of x / y with the sign of x, as C's; NaN of infinite x or zero y.

    A quotient that fits a significand is done at once; for others y is scaled up, turn by turn.
    What is left is exact, as it is a multiple of the divisor's last bit. The number of turns
    depends on the elements, so the loop over them stays a serial one.
    """
    t.scalar_only = True
    m = real(t, x)
    size, divisor, zero = m.abs(x), m.abs(y), m.const(0.0)
    is_usual = tirx.And(size < m.const(inf), divisor > zero)
    quotient = m.let(size / divisor)
    is_easy = tirx.And(quotient >= m.const(1.0), quotient < m.const(2.0 ** (m.fraction_bits - 2)))
    once = m.select(is_easy, taken_off(m, size, divisor, quotient), size)
    # what has no remainder takes no turn
    rest = Variable(t, m.select(is_usual, once, zero))
    bound = m.select(is_usual, divisor, m.const(1.0))
    with t.block() as body:
        left = m.let(rest.value)
        above = m.let(split(m, left).k - split(m, bound).k)
        above = m.let(above - m.const(m.fraction_bits - 2.0))
        above = m.at_most(m.at_least(above, 0.0), 2.0 * m.bias)  # what two powers hold
        step = multiplied(m, bound, above)
        rest.set(taken_off(m, left, step, m.let(left / step)))
    t.emit(tirx.While(rest.value >= bound, tirx.SeqStmt(body)))
    return m.select(is_usual, m.copysign(m.let(rest.value), x), m.const(nan))


def taken_off(m: Real, x: Expr, step: Expr, quotient: Expr) -> Expr:
    """x less the whole number of steps in it; rounding may have made the quotient one too large."""
    left = m.fma(m.neg(m.call("trunc", quotient)), step, x)
    left = m.select(left < m.const(0.0), m.let(left + step), left)
    return m.select(left >= step, m.let(left - step), left)


def mantissa(t: TirxVocabulary, x: Expr) -> Expr:
    """The m of x = m * 2**e, 1/2 <= |m| < 1; x itself if it is zero, infinite or NaN."""
    m = real(t, x)
    y = split(m, m.abs(x)).significand
    y = m.select(y < m.const(1.0), y, m.let(y * m.const(0.5)))
    return m.select(is_ordinary(m, x), m.copysign(y, x), x)


def exponent(t: TirxVocabulary, x: Expr) -> Expr:
    """The e of x = m * 2**e, 1/2 <= |m| < 1; 0 if x is zero, infinite or NaN."""
    m = real(t, x)
    parts = split(m, m.abs(x))
    is_below = parts.significand < m.const(1.0)
    e = m.select(is_below, parts.k, m.let(parts.k + m.const(1.0)))
    return m.select(is_ordinary(m, x), e, m.const(0.0))
