"""sin, cos, tan and sinc over the whole range: x times 2/pi modulo 4, then a polynomial.

The reduction (Payne and Hanek, "Radian reduction for trigonometric functions", 1983) takes only
the pieces of 2/pi that matter for the size of x: pieces above them would give multiples of four
quarter turns. Vectors cannot look pieces up in a table quickly, so selects choose them: a shift
register of constants, shifted by 2**i places where bit i of the size's class is set.

Of angles below NEAR three products with the parts of pi are enough, and for sin and cos one
polynomial over half a turn. An element is reduced by its own size alone; kernels that have seen
that all of a block's angles are near (schedules/guarded.py) leave the other ways out.
"""

from __future__ import annotations

from math import inf, pi
from typing import TYPE_CHECKING

from ..tvm_api import tirx
from . import coefficients
from .real import Expr, Pair, Real, real

if TYPE_CHECKING:
    from ..vocabulary import TirxVocabulary

# pi / 2 = high + low, for float32 and for float64
HALF_PI = (float.fromhex("0x1.921fb6p+0"), pi / 2)
HALF_PI_LOW = (float.fromhex("-0x1.777a5cp-25"), float.fromhex("0x1.1a62633145c07p-54"))
# pi = the sum of these, for float32 and for float64
PI_PARTS = (
    tuple(map(float.fromhex, ("0x1.921fb6p+1", "-0x1.777a5cp-24", "-0x1.ee59dap-49"))),
    tuple(
        map(
            float.fromhex,
            ("0x1.921fb54442d18p+1", "0x1.1a62633145c07p-53", "-0x1.f1976b7ed8fbcp-109"),
        )
    ),
)
NEAR = 2.0**15
Registers = list[list[Expr]]


def sin(t: TirxVocabulary, x: Expr) -> Expr:
    """The sine; NaN for infinities."""
    m = real(t, x)
    word = usual_wave(m, m.abs(x), 0)
    negative = m.let(m.bits(x) & m.word(1 << (m.fraction_bits + m.pick(8, 11))))
    return m.from_bits(word ^ negative)


def cos(t: TirxVocabulary, x: Expr) -> Expr:
    """The cosine; NaN for infinities."""
    m = real(t, x)
    return m.from_bits(usual_wave(m, m.abs(x), 1))


def usual_wave(m: Real, size: Expr, quarters: int) -> Expr:
    """The bits of sin(size + quarters pi / 2) for size >= 0 and no or one quarter turn."""
    near = near_wave(m, size, quarters)
    if m.t.usual:
        return near
    far = m.select(size < m.const(inf), size, m.let(size - size))
    quarter, r, r_low = far_quarters(m, far) if m.is_single else double_turns(m, far)
    quarter = m.let(quarter + m.word(quarters))
    value = flipped(m, wave(m, quarter, r, r_low), quarter)
    return m.let(tirx.Select(size < m.const(NEAR), near, value))


def near_wave(m: Real, size: Expr, quarters: int) -> Expr:
    """The same for a size below NEAR: size = n pi + r (or (n + 1/2) pi + r), |r| <= pi / 2.

    The first product is exact, as all bits of the difference fit; the square's lost part counts
    where |r| is more than 1."""
    turned = m.fma(size, m.const(1 / pi), m.const(-0.5 if quarters else m.shifter))
    turned = m.let(turned + m.const(m.shifter)) if quarters else turned
    n = m.let(turned - m.const(m.shifter))
    n = m.fma(n, m.const(2.0), m.const(1.0)) if quarters else n
    r = size
    for part in m.pick(*PI_PARTS):
        r = m.fma(n, m.const(-part / (1 + quarters)), r)
    square = m.let(r * r)
    lost = m.let(m.fma(r, r, m.neg(square)) * m.let(r * m.const(-0.12)))
    cube = m.let(square * r)
    fit = m.pick(coefficients.SINE_HALF_TURN_FLOAT32, coefficients.SINE_HALF_TURN_FLOAT64)
    tail = m.fma(cube, m.polynomial(square, fit), lost)
    sign = m.let(m.bits(turned) + m.word(quarters))
    sign = m.shift_left(sign, m.fraction_bits + m.pick(8, 11))
    return m.let(m.bits(m.let(r + tail)) ^ sign)


def tan(t: TirxVocabulary, x: Expr) -> Expr:
    """The tangent: sine over cosine of the rest, or the negative inverse; NaN for infinities."""
    m = real(t, x)
    quarter, r, r_low = quarter_turns(m, m.abs(x))
    is_odd = tirx.NE(quarter & m.word(1), m.word(0))
    parts = sine_and_cosine(m, r, r_low)
    (sine, sine_low), (cosine, cosine_low) = (m.fast_two_sum(*pair) for pair in parts)
    above, below = m.select(is_odd, cosine, sine), m.select(is_odd, sine, cosine)
    above_low = m.select(is_odd, cosine_low, sine_low)
    y = m.quotient(above, below, m.select(is_odd, sine_low, cosine_low), above_low)
    sign = m.shift_left(m.let(quarter & m.word(1)), m.fraction_bits + m.pick(8, 11))
    negative = m.let(m.bits(x) & m.word(1 << (m.fraction_bits + m.pick(8, 11))))
    return m.from_bits(m.let(m.bits(y) ^ sign) ^ negative)


def cos_turns(t: TirxVocabulary, x: Expr) -> Expr:
    """cos(2 pi x): the reduction to an eighth of a turn is exact; NaN for infinities."""
    m = real(t, x)
    part = m.let(x - m.rint(x))
    shifted = m.fma(part, m.const(4.0), m.const(m.shifter))
    n = m.let(shifted - m.const(m.shifter))
    rest = m.fma(n, m.const(-0.25), part)
    r, r_low = m.two_product(rest, m.const(4 * m.pick(*HALF_PI)))
    r_low = m.fma(rest, m.const(4 * m.pick(*HALF_PI_LOW)), r_low)
    quarter = m.let(m.bits(shifted) + m.word(1))
    return m.from_bits(flipped(m, wave(m, quarter, r, r_low), quarter))


def sinc(t: TirxVocabulary, x: Expr) -> Expr:
    """sin(pi x) / (pi x), and 1 at 0; NaN for infinities, as NumPy."""
    m = real(t, x)
    size = m.at_most(m.abs(x), 2.0**60)  # beyond 2**53 all are even numbers
    turns = m.fma(m.rint(m.let(size * m.const(0.5))), m.const(-2.0), size)
    shifted = m.fma(turns, m.const(2.0), m.const(m.shifter))
    n = m.let(shifted - m.const(m.shifter))
    high, low = m.const(2 * m.pick(*HALF_PI)), m.const(2 * m.pick(*HALF_PI_LOW))
    rest = m.fma(n, m.const(-0.5), turns)
    r, r_low = m.two_product(rest, high)
    quarter = m.bits(shifted)
    value = wave(m, quarter, r, m.fma(rest, low, r_low))
    below, below_low = m.two_product(size, high)
    above = m.from_bits(flipped(m, value, quarter))
    y = m.quotient(above, below, m.fma(size, low, below_low))
    y = m.select(m.equal(y, m.const(0.0)), m.const(0.0), y)  # no negative zeros
    y = m.select(size < m.const(2.0**-32), m.const(1.0), y)
    return m.select(m.abs(x) < m.const(inf), y, m.let(x - x))


def sin_cos(t: TirxVocabulary, x: Expr) -> Pair:
    """The sine and the cosine by one reduction; NaN for infinities."""
    m = real(t, x)
    quarter, r, r_low = quarter_turns(m, m.abs(x))
    (sine, sine_low), (cosine, cosine_low) = sine_and_cosine(m, r, r_low)
    is_odd = tirx.NE(quarter & m.word(1), m.word(0))
    along, across = m.let(sine + sine_low), m.let(cosine + cosine_low)
    negative = m.let(m.bits(x) & m.word(1 << (m.fraction_bits + m.pick(8, 11))))
    up = flipped(m, m.select(is_odd, across, along), quarter) ^ negative
    level = flipped(m, m.select(is_odd, along, across), m.let(quarter + m.word(1)))
    return m.from_bits(up), m.from_bits(level)


def sine_and_cosine(m: Real, r: Expr, r_low: Expr) -> tuple[Pair, Pair]:
    """sin and cos of r + r_low, |r| <= pi / 4, each as a large and a small part."""
    sines = m.pick(coefficients.SINE_FLOAT32, coefficients.SINE_FLOAT64)
    cosines = m.pick(coefficients.COSINE_FLOAT32, coefficients.COSINE_FLOAT64)
    square = m.let(r * r)
    sine_tail = m.let(m.let(square * r) * m.polynomial(square, sines))
    half = m.let(square * m.const(0.5))
    top = m.let(m.const(1.0) - half)
    lost = m.let(m.let(m.const(1.0) - top) - half)
    cosine_tail = m.fma(m.let(square * square), m.polynomial(square, cosines), lost)
    if r_low is not None:
        sine_tail = m.fma(m.let(m.const(1.0) - half), r_low, sine_tail)
        cosine_tail = m.fma(m.neg(r), r_low, cosine_tail)
    return (r, sine_tail), (top, cosine_tail)


def wave(m: Real, quarter: Expr, r: Expr, r_low: Expr) -> Expr:
    """sin(r + r_low) for an even number of quarter turns, cos for an odd one."""
    (sine, sine_low), (cosine, cosine_low) = sine_and_cosine(m, r, r_low)
    is_odd = tirx.NE(quarter & m.word(1), m.word(0))
    return m.let(m.select(is_odd, cosine, sine) + m.select(is_odd, cosine_low, sine_low))


def flipped(m: Real, value: Expr, quarter: Expr) -> Expr:
    """The bits of -value for 2 or 3 quarter turns (modulo 4), else of value."""
    sign = m.shift_left(m.let(quarter & m.word(2)), m.fraction_bits + m.pick(7, 10))
    return m.let(m.bits(value) ^ sign)


def quarter_turns(m: Real, x: Expr) -> tuple[Expr, Expr, Expr]:
    """x = n pi / 2 + r + r_low for x >= 0: n in the low bits of a word, |r| <= pi / 4."""
    near = near_quarters(m, x)
    if m.t.usual:
        return near
    far = m.select(x < m.const(inf), x, m.let(x - x))
    others = far_quarters(m, far) if m.is_single else double_turns(m, far)
    is_near = x < m.const(NEAR)
    n, r, r_low = (m.let(tirx.Select(is_near, *pair)) for pair in zip(near, others, strict=True))
    return n, r, r_low


def near_quarters(m: Real, x: Expr) -> tuple[Expr, Expr, Expr]:
    """The same for x below NEAR, by the parts of pi: the first product is exact."""
    turned = m.fma(x, m.const(2 / pi), m.const(m.shifter))
    n = m.neg(m.let(turned - m.const(m.shifter)))
    high, middle, low = (m.const(part / 2) for part in m.pick(*PI_PARTS))
    product, lost = m.two_product(n, middle)
    r, error = m.two_sum(m.fma(n, high, x), product)
    return m.bits(turned), r, m.fma(n, low, m.let(error + lost))


def far_quarters(m: Real, x: Expr) -> tuple[Expr, Expr, Expr]:
    """The reduction of any float32 by pieces of 2/pi."""
    wide = Real(m.t, "float64")
    turned, angle = far_turns(wide, m.let(tirx.Cast("float64", x)))
    quarter = m.let(tirx.Cast("uint32", wide.bits(turned)))
    r = m.let(tirx.Cast("float32", angle))
    return quarter, r, m.let(tirx.Cast("float32", angle - tirx.Cast("float64", r)))


def far_turns(wide: Real, size: Expr) -> Pair:
    """The nearest number of quarter turns, in the low bits of a float64, and the angle left of a
    float32, by pieces of 2/pi.

    From 2**78 on a float32 times the first piece of 2/pi, a multiple of 2**-53, is a multiple of
    four: then the next three pieces do what the first three do for smaller numbers.
    """
    is_large = size >= wide.const(2.0**78)
    pieces = [wide.const(c * 2.0 ** (-53 * i)) for i, c in enumerate(coefficients.TWO_OVER_PI_53)]
    first, second, third = (wide.select(is_large, pieces[i + 1], pieces[i]) for i in range(3))
    high, high_low = wide.two_product(size, first)
    middle, middle_low = wide.two_product(size, second)
    low = wide.fma(size, third, middle_low)
    high = modulo_four(wide, high)
    total = wide.let(wide.let(high + high_low) + middle)
    turned = wide.let(total + wide.const(wide.shifter))
    whole = wide.let(turned - wide.const(wide.shifter))
    # in this order all sums but the last are exact, or what they lose is far below the rest
    rest = wide.let(wide.let(wide.let(high - whole) + high_low) + middle)
    return turned, wide.let(wide.let(rest + low) * wide.const(pi / 2))


def double_turns(m: Real, x: Expr) -> tuple[Expr, Expr, Expr]:
    """The reduction of a float64, by exact products and sums of two parts."""
    pieces = [m.const(c) for c in coefficients.TWO_OVER_PI_53]
    size, (chosen,) = shifted(m, x, [pieces], 53, 5, (5,))
    high, low = [], []
    for i in range(5):
        a, b = m.two_product(size, m.let(chosen[i] * m.const(2.0 ** (-53 * i))))
        high.append(modulo_four(m, a) if i < 2 else a)
        low.append(modulo_four(m, b) if i < 1 else b)
    total, errors = high[0], []
    for term in (low[0], high[1], low[1], high[2]):
        total, error = m.two_sum(total, term)
        errors.append(error)
    turned = m.let(total + m.const(m.shifter))
    total = m.let(total - m.let(turned - m.const(m.shifter)))
    r, r_low = radians(m, total, [*errors, low[2], high[3]], m.let(low[3] + high[4]))
    is_near = x < m.const(pi / 4)
    n = m.select(is_near, m.word(0), m.bits(turned))
    return n, m.select(is_near, x, r), m.select(is_near, m.const(0.0), r_low)


def radians(m: Real, total: Expr, terms: list[Expr], last: Expr) -> Pair:
    """(total + terms + last) quarter turns as an angle in two parts, though they may cancel."""
    below = terms[0]
    for term in terms[1:]:
        below, error = m.two_sum(below, term)
        last = m.let(last + error)
    total, error = m.two_sum(total, below)
    total, low = m.two_sum(total, m.let(error + last))
    r, r_low = m.two_product(total, m.const(pi / 2))
    r_low = m.fma(total, m.const(HALF_PI_LOW[1]), m.fma(low, m.const(pi / 2), r_low))
    return m.fast_two_sum(r, r_low)


def modulo_four(m: Real, x: Expr) -> Expr:
    """x less a multiple of four, exactly; from -2 to 2."""
    return m.fma(m.rint(m.let(x * m.const(0.25))), m.const(-4.0), x)


def shifted(
    m: Real, x: Expr, registers: Registers, step: int, stages: int, needed: tuple[int, ...]
) -> tuple[Expr, Registers]:
    """x / 2**(step * k), and `needed` pieces of each register from place k on, k the class of x.

    Class k starts at 2**(step * k + p + 1) for p significant bits: there the least bit of x times
    the least of piece k - 1 is a multiple of four. The lowest class goes down to zero.
    """
    start = step + (25 if step == 29 else 54)
    for stage in reversed(range(stages)):
        places = 1 << stage
        is_large = x >= m.const(2.0 ** (start + step * (places - 1)))
        x = m.let(x * m.select(is_large, m.const(2.0 ** (-step * places)), m.const(1.0)))
        kept = [n + places - 1 for n in needed]
        registers = [
            [
                m.select(is_large, r[i + places], r[i]) if i + places < len(r) else r[i]
                for i in range(min(count, len(r)))
            ]
            for r, count in zip(registers, kept, strict=True)
        ]
    return x, registers
