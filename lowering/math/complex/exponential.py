"""Exponentials, logarithms and powers of complex numbers.

Infinities, NaN and signed zeros are those of C (ISO C, annex G). Errors are in units in the last
place of the result's modulus: both parts of a sum may cancel.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp as exact_exp
from math import inf, log, nan
from typing import TYPE_CHECKING

from ...tvm_api import tirx
from ..real import Expr, Real
from ..trigonometric import sin_cos
from .pair import Complex

if TYPE_CHECKING:
    from ...vocabulary import TirxVocabulary

LARGEST_POWER = 100  # whole exponents below are products, as in NumPy


def is_finite(m: Real, x: Expr) -> Expr:
    """Whether a real is neither infinite nor NaN."""
    return m.abs(x) < m.const(inf)


def is_infinite(m: Real, x: Expr) -> Expr:
    """Whether a real is infinite."""
    return m.equal(m.abs(x), m.const(inf))


def either(a: Expr, b: Expr) -> Expr:
    """Whether one of two conditions holds."""
    return tirx.Or(a, b)


def both(a: Expr, b: Expr) -> Expr:
    """Whether two conditions hold."""
    return tirx.And(a, b)


def split_exp(m: Real, x: Expr) -> tuple[Expr, Expr]:
    """exp(x) as two factors, so that its product with a small number need not overflow."""
    shift = m.pick(64.0, 512.0)
    is_large = x > m.const(m.pick(80.0, 700.0))
    first = m.let(m.t.call("exp", m.select(is_large, m.let(x - m.const(shift)), x)))
    return first, m.select(is_large, m.const(exact_exp(shift)), m.const(1.0))


def exp(t: TirxVocabulary, z: Complex) -> Complex:
    """e to the power z."""
    m, x, y = z.m, z.real, z.imag
    sine, cosine = sin_cos(t, y)
    first, second = split_exp(m, x)
    real, imag = (m.let(m.let(first * part) * second) for part in (cosine, sine))
    zero = m.const(0.0)
    turns = is_finite(m, y)
    vanishes = both(m.equal(x, m.const(-inf)), tirx.Not(turns))
    explodes = both(m.equal(x, m.const(inf)), tirx.Not(turns))
    real = m.select(vanishes, zero, m.select(explodes, m.const(inf), real))
    imag = m.select(vanishes, zero, imag)
    return Complex(t, real, m.select(m.equal(y, zero), y, imag))


def exp2(t: TirxVocabulary, z: Complex) -> Complex:
    """2 to the power z: the angle is rounded, the power of the real part is not."""
    m = z.m
    turned = exp(t, Complex(t, m.const(0.0), m.let(z.imag * m.const(log(2)))))
    size = m.let(t.call("exp2", z.real))
    whole = exp(t, z.map(lambda part: m.let(part * m.const(log(2)))))
    usual = both(is_finite(m, z.real), size < m.const(inf))
    return choose(m, usual, turned.scaled(size), whole)


def expm1(t: TirxVocabulary, z: Complex) -> Complex:
    """exp(z) - 1: the real part is expm1(x) cos(y) - 2 sin(y / 2)**2, so that nothing cancels."""
    m, x, y = z.m, z.real, z.imag
    whole = exp(t, z)
    half = m.let(t.call("sin", m.let(y * m.const(0.5))))
    less = m.let(m.product(half, half) * m.const(2.0))
    # 0 - less, not a difference: expm1(-0 + 0j) is +0 + 0j, as the array API has it
    rest = m.let(m.const(0.0) - less)
    near = m.let(m.product(m.let(t.call("expm1", x)), m.let(t.call("cos", y))) + rest)
    outside = either(x > m.const(60.0), x < m.const(-1.0))  # where exp(x) is far from 1
    is_far = either(outside, tirx.Not(is_finite(m, y)))
    far = m.let(whole.real - m.const(1.0))
    return Complex(t, m.select(is_far, far, near), whole.imag)


def log_modulus(t: TirxVocabulary, x: Expr, y: Expr, squares: Expr, logarithm: str) -> Expr:
    """log(|x + iy|) to the base of `logarithm`, where |x + iy|**2 = 1 + `squares`.

    Near the unit circle it is half of log1p(squares), which the modulus itself has lost."""
    m = Real(t, str(x.ty))
    unit = {"log": 1.0, "log2": 1 / log(2), "log10": 1 / log(10)}[logarithm]
    is_huge = either(m.abs(x) > m.const(m.largest / 4), m.abs(y) > m.const(m.largest / 4))
    scale = m.select(is_huge, m.const(0.25), m.const(1.0))
    length = m.let(t.call("hypot", m.let(x * scale), m.let(y * scale)))
    far = m.let(t.call(logarithm, length))
    far = m.select(is_huge, m.let(far + m.const(2 * log(2) * unit)), far)
    near = m.let(m.let(t.call("log1p", squares)) * m.const(0.5 * unit))
    is_near = both(length > m.const(0.5), length < m.const(2.0))
    # of reals the logarithm itself is exact where it can be
    return m.select(both(is_near, tirx.Not(m.equal(y, m.const(0.0)))), near, far)


def logarithm(name: str) -> Callable[[TirxVocabulary, Complex], Complex]:
    """The complex logarithm to the base of a real one."""
    unit = {"log": 1.0, "log2": 1 / log(2), "log10": 1 / log(10)}[name]

    def function(t: TirxVocabulary, z: Complex) -> Complex:
        m = z.m
        x, y = m.abs(z.real), m.abs(z.imag)
        larger, smaller = m.select(x > y, x, y), m.select(x > y, y, x)
        one = m.const(1.0)
        squares = m.fma(smaller, smaller, m.product(m.let(larger - one), m.let(larger + one)))
        angle = m.let(t.call("atan2", z.imag, z.real))
        imag = angle if unit == 1 else m.let(angle * m.const(unit))
        return Complex(t, log_modulus(t, z.real, z.imag, squares, name), imag)

    return function


def log1p(t: TirxVocabulary, z: Complex) -> Complex:
    """log(1 + z), exact for small z."""
    m, x, y = z.m, z.real, z.imag
    squares = m.fma(y, y, m.product(x, m.let(x + m.const(2.0))))
    moved = m.let(x + m.const(1.0))
    real = log_modulus(t, moved, y, squares, "log")
    # where y is 0 the sum above has lost digits of x
    alone = m.let(t.call("log1p", x))
    is_real = both(m.equal(y, m.const(0.0)), x >= m.const(-1.0))
    return Complex(t, m.select(is_real, alone, real), m.let(t.call("atan2", y, moved)))


def pow(t: TirxVocabulary, z: Complex, w: Complex) -> Complex:
    """z to the power w: exp(w log(z)), and products for whole exponents below 100, as in NumPy."""
    m = z.m
    zero, one = m.const(0.0), m.const(1.0)
    general = exp(t, (w * logarithm("log")(t, z)).named())
    limit = m.const(float(LARGEST_POWER))
    size = m.abs(w.real)
    is_whole = both(m.equal(w.real, m.rint(w.real)), both(size < limit, m.equal(w.imag, zero)))
    product = _whole_power(t, z, m.select(is_whole, size, zero))
    inverse = divide(t, Complex(t, one, zero), product)
    product = choose(m, w.real < zero, inverse, product)
    result = choose(m, is_whole, product, general)
    # 0 to a power: 0 for a positive real part, else undefined
    from_zero = m.select(w.real > zero, zero, m.const(nan))
    at_zero = Complex(t, from_zero, from_zero)
    result = choose(m, z.equals(Complex(t, zero, zero)), at_zero, result)
    is_one = w.equals(Complex(t, zero, zero))
    return choose(m, is_one, Complex(t, one, zero), result)


def _whole_power(t: TirxVocabulary, z: Complex, exponent: Expr) -> Complex:
    """z to a whole power from 0 to 99, by its binary digits."""
    m = z.m
    result = Complex(t, m.const(1.0), m.const(0.0))
    is_first = m.let(tirx.const(1, "int32"))
    left = m.let(tirx.Cast("int32", exponent))
    for bit in range(LARGEST_POWER.bit_length()):
        is_set = tirx.NE(
            tirx.bitwise_and(left, tirx.const(1 << bit, "int32")), tirx.const(0, "int32")
        )
        once = tirx.NE(is_first, tirx.const(0, "int32"))
        taken = choose(m, once, z, (result * z).named())  # 1 * z may lose an infinity
        result = choose(m, is_set, taken, result)
        is_first = m.let(tirx.Select(is_set, tirx.const(0, "int32"), is_first))
        z = (z * z).named()
    return result


def choose(m: Real, condition: Expr, x: Complex, y: Complex) -> Complex:
    """x where the condition holds, else y."""
    real, imag = (m.select(condition, a, b) for a, b in zip(x.parts, y.parts, strict=True))
    return Complex(m.t, real, imag)


def divide(t: TirxVocabulary, z: Complex, w: Complex) -> Complex:
    """z / w by Smith's algorithm ("Algorithm 116: Complex division", 1962), as NumPy does it."""
    m = z.m
    real_size, imag_size = m.abs(w.real), m.abs(w.imag)
    is_first = real_size >= imag_size
    large = m.select(is_first, w.real, w.imag)
    small = m.select(is_first, w.imag, w.real)
    zero = m.const(0.0)
    is_zero = both(m.equal(real_size, zero), m.equal(imag_size, zero))
    ratio = m.let(small / large)
    scale = m.let(m.const(1.0) / m.let(large + m.product(small, ratio)))
    a = m.select(is_first, z.real, z.imag)
    b = m.select(is_first, z.imag, z.real)
    real = m.let(m.let(a + m.product(b, ratio)) * scale)
    other = m.let(m.let(b - m.product(a, ratio)) * scale)
    imag = m.select(is_first, other, m.neg(other))
    by_zero = [m.let(part / real_size) for part in z.parts]
    return Complex(t, m.select(is_zero, by_zero[0], real), m.select(is_zero, by_zero[1], imag))
