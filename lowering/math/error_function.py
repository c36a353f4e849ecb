"""erf: a polynomial near zero; 1 - exp(p(|x|)) beyond, where p fits log(erfc)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import coefficients
from .exponential import power_of_two, reduced
from .real import Expr, real

if TYPE_CHECKING:
    from ..vocabulary import TirxVocabulary


def erf(t: TirxVocabulary, x: Expr) -> Expr:
    """The error function."""
    m = real(t, x)
    near = m.pick(coefficients.ERROR_NEAR_FLOAT32, coefficients.ERROR_NEAR_FLOAT64)
    far = m.pick(coefficients.ERROR_FAR_FLOAT32, coefficients.ERROR_FAR_FLOAT64)
    size = m.abs(x)
    inside = m.fma(x, m.polynomial(m.let(x * x), near), x)
    parts = reduced(m, m.polynomial(m.at_most(size, m.pick(4.0, 6.0)), far), compensated=False)
    complement = m.let(m.const(1.0) + parts.whole)
    outside = m.fma(complement, m.neg(power_of_two(m, parts.word)), m.const(1.0))
    return m.select(size < m.const(1.0), inside, m.copysign(outside, x))
