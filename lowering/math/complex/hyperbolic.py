"""Circular and hyperbolic functions of complex numbers, with C's special values (annex G).

A circular function is the hyperbolic one turned by a quarter: sin(z) = -i sinh(iz).
"""

from __future__ import annotations

from math import exp as exact_exp
from math import inf, nan
from typing import TYPE_CHECKING

from ...tvm_api import tirx
from ..real import Expr, Real
from ..trigonometric import sin_cos
from .exponential import both, is_finite, is_infinite
from .pair import Complex

if TYPE_CHECKING:
    from ...vocabulary import TirxVocabulary


def _sinh_cosh(t: TirxVocabulary, m: Real, x: Expr) -> tuple[Expr, Expr, Expr]:
    """sinh(x) and cosh(x), each still to be multiplied by the third number, which is 1 unless
    the functions overflow."""
    size = m.abs(x)
    shift = m.pick(64.0, 512.0)
    is_large = size > m.const(m.pick(80.0, 700.0))
    near = m.select(is_large, m.const(0.0), x)
    grown = m.let(t.call("exp", m.select(is_large, m.let(size - m.const(shift)), m.const(0.0))))
    sine = m.select(is_large, m.copysign(grown, x), m.let(t.call("sinh", near)))
    cosine = m.select(is_large, grown, m.let(t.call("cosh", near)))
    factor = m.select(is_large, m.const(exact_exp(shift) / 2), m.const(1.0))
    return sine, cosine, factor


def sinh(t: TirxVocabulary, z: Complex) -> Complex:
    """sinh(x) cos(y) + i cosh(x) sin(y)."""
    m, x, y = z.m, z.real, z.imag
    sine, cosine = sin_cos(t, y)
    above, below, factor = _sinh_cosh(t, m, x)
    real, imag = m.let(m.let(above * cosine) * factor), m.let(m.let(below * sine) * factor)
    zero, turns = m.const(0.0), is_finite(m, y)
    is_end = tirx.Or(m.equal(x, zero), is_infinite(m, x))
    real = m.select(both(is_end, tirx.Not(turns)), x, real)
    return Complex(t, real, m.select(m.equal(y, zero), y, imag))


def cosh(t: TirxVocabulary, z: Complex) -> Complex:
    """cosh(x) cos(y) + i sinh(x) sin(y)."""
    m, x, y = z.m, z.real, z.imag
    sine, cosine = sin_cos(t, y)
    above, below, factor = _sinh_cosh(t, m, x)
    real, imag = m.let(m.let(below * cosine) * factor), m.let(m.let(above * sine) * factor)
    zero, lost = m.const(0.0), tirx.Not(is_finite(m, y))
    real = m.select(both(is_infinite(m, x), lost), m.const(inf), real)
    imag = m.select(both(m.equal(x, zero), lost), zero, imag)
    at_real = m.let(y * m.copysign(m.const(1.0), x))
    return Complex(t, real, m.select(m.equal(y, zero), at_real, imag))


def tanh(t: TirxVocabulary, z: Complex) -> Complex:
    """The hyperbolic tangent, by Kahan ("Branch cuts for complex elementary functions", 1987)."""
    m, x, y = z.m, z.real, z.imag
    zero, one, lost = m.const(0.0), m.const(1.0), tirx.Not(is_finite(m, y))
    size = m.abs(x)
    is_large = size > m.const(m.pick(10.0, 22.0))
    near = m.select(is_large, zero, x)
    slope, rise = m.let(t.call("tan", y)), m.let(t.call("sinh", near))
    beta = m.let(m.product(slope, slope) + one)
    divisor = m.let(m.product(beta, m.product(rise, rise)) + one)
    real = m.let(m.let(m.let(beta * m.let(t.call("cosh", near))) * rise) / divisor)
    imag = m.let(slope / divisor)
    # far out: 1 + 4 i sin(y) cos(y) exp(-2 x)
    sine, cosine = sin_cos(t, y)
    small = m.let(t.call("exp", m.let(size * m.const(-2.0))))
    edge = m.let(m.let(m.let(sine * cosine) * m.const(4.0)) * small)
    # At infinity C's zero has the sign of sin(2 y), the array API's that of y.
    at_end = m.select(lost, zero, m.copysign(zero, y))
    edge = m.select(is_infinite(m, x), at_end, edge)
    real = m.select(is_large, m.copysign(one, x), real)
    imag = m.select(is_large, edge, imag)
    real = m.select(both(is_finite(m, x), lost), m.select(m.equal(x, zero), x, m.const(nan)), real)
    return Complex(t, real, m.select(m.equal(y, zero), y, imag))


def sin(t: TirxVocabulary, z: Complex) -> Complex:
    """The sine."""
    return sinh(t, z.turned()).turned_back()


def cos(t: TirxVocabulary, z: Complex) -> Complex:
    """The cosine."""
    return cosh(t, z.turned())


def tan(t: TirxVocabulary, z: Complex) -> Complex:
    """The tangent."""
    return tanh(t, z.turned()).turned_back()
