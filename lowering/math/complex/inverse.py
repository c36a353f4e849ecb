"""The square root and what stands on it: inverse circular and hyperbolic functions.

Formulas by Kahan ("Branch cuts for complex elementary functions, or much ado about nothing's sign
bit", 1987), special values of C (annex G).
"""

from __future__ import annotations

from math import inf, nan, pi
from typing import TYPE_CHECKING

from ...tvm_api import tirx
from ..real import Expr, Real
from .exponential import both, choose, either, is_finite, is_infinite
from .pair import Complex

if TYPE_CHECKING:
    from ...vocabulary import TirxVocabulary


def sqrt(t: TirxVocabulary, z: Complex) -> Complex:
    """The square root, in the right half plane."""
    m, x, y = z.m, z.real, z.imag
    zero = m.const(0.0)
    largest = m.let(t.call("maximum", m.abs(x), m.abs(y)))
    is_huge = largest > m.const(m.largest / 8)
    is_tiny = largest < m.const(m.pick(2.0**-90, 2.0**-900))
    step = m.pick(40.0, 400.0)
    scale = m.select(is_huge, m.const(0.0625), m.select(is_tiny, m.const(4.0**step), m.const(1.0)))
    back = m.select(is_huge, m.const(4.0), m.select(is_tiny, m.const(2.0**-step), m.const(1.0)))
    a, b = m.let(m.abs(x) * scale), m.let(m.abs(y) * scale)
    half = m.let(m.let(a + m.let(t.call("hypot", a, b))) * m.const(0.5))
    longer = m.sqrt(half)
    shorter = m.let(m.let(b / longer) * m.const(0.5))
    is_right = x >= zero
    real = m.let(m.select(is_right, longer, shorter) * back)
    imag = m.copysign(m.let(m.select(is_right, shorter, longer) * back), y)
    at_zero = both(m.equal(x, zero), m.equal(y, zero))
    real, imag = m.select(at_zero, zero, real), m.select(at_zero, y, imag)
    return _sqrt_at_infinity(m, z, Complex(t, real, imag))


def _sqrt_at_infinity(m: Real, z: Complex, found: Complex) -> Complex:
    x, y = z.parts
    infinite, zero = m.const(inf), m.const(0.0)
    is_nan = tirx.Not(m.equal(y, y))
    right, left = m.equal(x, infinite), m.equal(x, m.const(-inf))
    real = m.select(right, infinite, m.select(left, m.select(is_nan, y, zero), found.real))
    from_right = m.select(is_nan, y, m.copysign(zero, y))
    imag = m.select(right, from_right, m.select(left, m.copysign(infinite, y), found.imag))
    upward = is_infinite(m, y)
    real, imag = m.select(upward, infinite, real), m.select(upward, y, imag)
    return Complex(m.t, real, imag)


def _roots(t: TirxVocabulary, z: Complex) -> tuple[Complex, Complex]:
    """sqrt(1 - z) and sqrt(1 + z)."""
    m = z.m
    one = m.const(1.0)
    below = Complex(t, m.let(one - z.real), m.neg(z.imag))
    above = Complex(t, m.let(one + z.real), z.imag)
    return sqrt(t, below), sqrt(t, above)


def _cross(m: Real, a: Complex, b: Complex) -> Expr:
    """The imaginary part of conj(a) * b."""
    return m.let(m.product(a.real, b.imag) - m.product(a.imag, b.real))


def _beyond(m: Real, z: Complex) -> Expr:
    """Whether a part is infinite or NaN."""
    return tirx.Not(both(is_finite(m, z.real), is_finite(m, z.imag)))


def _infinite_or_nan(m: Real, z: Complex) -> Expr:
    """inf if a part is infinite, else NaN."""
    any_infinite = either(is_infinite(m, z.real), is_infinite(m, z.imag))
    return m.select(any_infinite, m.const(inf), m.const(nan))


def acos(t: TirxVocabulary, z: Complex) -> Complex:
    """The inverse of the cosine, from 0 to pi."""
    m = z.m
    below, above = _roots(t, z)
    real = m.let(m.let(t.call("atan2", below.real, above.real)) * m.const(2.0))
    imag = m.let(t.call("asinh", _cross(m, above, below)))
    angle = m.let(t.call("atan2", m.abs(z.imag), z.real))
    angle = m.select(_is_imaginary(m, z), m.const(pi / 2), angle)
    far = Complex(t, angle, m.copysign(_infinite_or_nan(m, z), m.neg(z.imag)))
    return choose(m, _beyond(m, z), far, Complex(t, real, imag))


def _is_imaginary(m: Real, z: Complex) -> Expr:
    """Whether z is 0 + i NaN, whose angle is known for all that."""
    return both(m.equal(z.real, m.const(0.0)), tirx.Not(m.equal(z.imag, z.imag)))


def acosh(t: TirxVocabulary, z: Complex) -> Complex:
    """The inverse of the hyperbolic cosine, in the right half plane."""
    m = z.m
    one = m.const(1.0)
    below = sqrt(t, Complex(t, m.let(z.real - one), z.imag))
    above = sqrt(t, Complex(t, m.let(z.real + one), z.imag))
    across = m.let(m.product(below.real, above.real) + m.product(below.imag, above.imag))
    real = m.let(t.call("asinh", across))
    imag = m.let(m.let(t.call("atan2", below.imag, above.real)) * m.const(2.0))
    angle = m.let(t.call("atan2", z.imag, z.real))
    angle = m.select(_is_imaginary(m, z), m.const(pi / 2), angle)
    far = Complex(t, _infinite_or_nan(m, z), angle)
    return choose(m, _beyond(m, z), far, Complex(t, real, imag))


def asinh(t: TirxVocabulary, z: Complex) -> Complex:
    """The inverse of the hyperbolic sine."""
    m, x, y = z.m, z.real, z.imag
    turned = z.turned()  # asinh(z) = -i asin(iz)
    below, above = _roots(t, turned)
    level = m.let(m.product(below.real, above.real) - m.product(below.imag, above.imag))
    angle = m.let(t.call("atan2", turned.real, level))
    height = m.let(t.call("asinh", _cross(m, below, above)))
    found = Complex(t, angle, height).turned_back()
    sideways = m.let(t.call("atan2", y, m.abs(x)))
    is_known = both(m.equal(y, m.const(0.0)), tirx.Not(m.equal(x, x)))
    far = Complex(t, m.copysign(_infinite_or_nan(m, z), x), m.select(is_known, y, sideways))
    return choose(m, _beyond(m, z), far, found)


def asin(t: TirxVocabulary, z: Complex) -> Complex:
    """The inverse of the sine, with a real part from -pi/2 to pi/2."""
    return asinh(t, z.turned()).turned_back()


def atanh(t: TirxVocabulary, z: Complex) -> Complex:
    """The inverse of the hyperbolic tangent, with an imaginary part from -pi/2 to pi/2.

    The real part is log1p(4 x / ((1 - x)**2 + y**2)) / 4, the imaginary one half of the angle of
    (1 - x)(1 + x) - y**2 + 2 i y; scaled where the squares would leave the range."""
    m = z.m
    x, y, one = m.abs(z.real), m.abs(z.imag), m.const(1.0)
    gap, over = m.let(one - x), m.let(one + x)
    near = m.let(t.call("hypot", gap, y))
    limit = m.pick(2.0**50, 2.0**400)
    is_far = either(x > m.const(limit), y > m.const(limit))
    ratio = m.let(m.let(m.let(x * m.const(4.0)) / near) / near)
    real = m.let(m.let(t.call("log1p", ratio)) * m.const(0.25))
    # close to 1 the ratio may overflow, while its logarithm is moderate
    apart = m.let(t.call("log", m.let(t.call("hypot", over, y)))) - m.let(t.call("log", near))
    real = m.select(near < m.const(0.125), m.let(apart * m.const(0.5)), real)
    level = m.let(m.product(gap, over) - m.product(y, y))
    imag = m.let(m.let(t.call("atan2", m.let(y * m.const(2.0)), level)) * m.const(0.5))
    imag = m.select(is_far, m.const(pi / 2), imag)
    real = m.select(is_far, m.let(m.let(x / near) / near), real)
    found = Complex(t, m.copysign(real, z.real), m.copysign(imag, z.imag))
    return choose(m, _beyond(m, z), _atanh_at_infinity(m, z), found)


def _atanh_at_infinity(m: Real, z: Complex) -> Complex:
    x, y = z.parts
    any_infinite = either(is_infinite(m, x), is_infinite(m, y))
    zero = m.const(0.0)
    real = m.select(either(any_infinite, m.equal(x, zero)), zero, m.const(nan))
    is_known = both(any_infinite, m.equal(y, y))
    imag = m.select(is_known, m.const(pi / 2), m.const(nan))
    return Complex(m.t, m.copysign(real, x), m.copysign(imag, y))


def atan(t: TirxVocabulary, z: Complex) -> Complex:
    """The inverse of the tangent, with a real part from -pi/2 to pi/2."""
    return atanh(t, z.turned()).turned_back()
