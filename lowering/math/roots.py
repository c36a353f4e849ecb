"""cbrt and hypot."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from ..tvm_api import tirx
from . import coefficients
from .exponential import power_of_two
from .logarithm import split
from .real import Expr, Real, real

if TYPE_CHECKING:
    from ..vocabulary import TirxVocabulary


def cbrt(t: TirxVocabulary, x: Expr) -> Expr:
    """The cube root: x = 2**(3 j) s, a first guess at s**(-1/3), and Newton's steps."""
    m = real(t, x)
    size = m.abs(x)
    parts = split(m, size)
    third = m.rint(m.let(parts.k * m.const(1 / 3)))
    over = m.fma(third, m.const(-3.0), parts.k)  # -1, 0 or 1

    def by_rest(below: float, above: float) -> Expr:
        one = m.const(1.0)
        upper = m.select(over > m.const(0.5), m.const(above), one)
        return m.select(over < m.const(-0.5), m.const(below), upper)

    s = m.let(parts.significand * by_rest(0.5, 2.0))
    fit = m.pick(coefficients.INVERSE_CUBE_ROOT_FLOAT32, coefficients.INVERSE_CUBE_ROOT_FLOAT64)
    guess = m.polynomial(parts.significand, fit)
    y = near_cube_root(m, s, m.let(guess * by_rest(2.0 ** (1 / 3), 0.5 ** (1 / 3))))
    scale = power_of_two(m, m.bits(m.let(third + m.const(m.shifter))))
    y = m.let(y * scale)
    is_usual = tirx.And(size > m.const(0.0), size < m.const(inf))
    return m.select(is_usual, m.copysign(y, x), x)


def near_cube_root(m: Real, s: Expr, inverse: Expr) -> Expr:
    """The cube root of s from an approximation to its inverse."""
    for _ in range(m.pick(1, 2)):
        cube = m.let(m.let(inverse * inverse) * m.let(inverse * s))
        step = m.let(m.let(m.const(1.0) - cube) * m.const(1 / 3))
        inverse = m.fma(inverse, step, inverse)
    square = m.let(inverse * inverse)
    y = m.let(s * square)
    y_square, y_square_low = m.two_product(y, y)
    rest = m.fma(m.neg(y), y_square_low, m.fma(m.neg(y), y_square, s))
    return m.fma(rest, m.let(square * m.const(1 / 3)), y)


def hypot(t: TirxVocabulary, x: Expr, y: Expr) -> Expr:
    """sqrt(x**2 + y**2) without overflow on the way; infinite where either is."""
    m = real(t, x)
    x, y = m.abs(x), m.abs(y)
    larger = m.select(x > y, x, y)
    is_huge = larger > m.const(m.pick(2.0**60, 2.0**500))
    is_tiny = larger < m.const(m.pick(2.0**-40, 2.0**-400))
    one = m.const(1.0)

    def chosen(huge: tuple[float, float], tiny: tuple[float, float]) -> Expr:
        rest = m.select(is_tiny, m.const(m.pick(*tiny)), one)
        return m.select(is_huge, m.const(m.pick(*huge)), rest)

    scale = chosen((2.0**-70, 2.0**-600), (2.0**100, 2.0**700))
    back = chosen((2.0**70, 2.0**600), (2.0**-100, 2.0**-700))
    a, b = m.let(x * scale), m.let(y * scale)
    length = m.let(m.sqrt(m.fma(a, a, m.let(b * b))) * back)
    infinite = m.const(inf)
    is_infinite = tirx.Or(m.equal(x, infinite), m.equal(y, infinite))
    return m.select(is_infinite, infinite, length)
