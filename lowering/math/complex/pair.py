"""`Complex`: a complex element, as two scalar expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...tvm_api import tirx
from ..real import Real

if TYPE_CHECKING:
    from ...vocabulary import TirxVocabulary

Expr = Any


class Complex:
    """A real and an imaginary part, of one float type, with Python's operators.

    Comparisons are NumPy's: by the real parts, and by the imaginary ones where these are equal.
    Products and sums of products are rounded at each step: contracted, the imaginary part of
    z * conj(z) would not be zero.
    """

    __slots__ = ("imag", "real", "t")

    def __init__(self, t: TirxVocabulary, real: Expr, imag: Expr) -> None:
        self.t, self.real, self.imag = t, real, imag

    @property
    def parts(self) -> tuple[Expr, Expr]:
        """Both parts."""
        return self.real, self.imag

    @property
    def m(self) -> Real:
        """The arithmetic of the parts."""
        return Real(self.t, str(self.real.ty))

    def map(self, function: Callable[[Expr], Expr]) -> Complex:
        """A function of each part by itself."""
        return Complex(self.t, function(self.real), function(self.imag))

    def named(self) -> Complex:
        """With named parts, so that uses do not copy the expressions."""
        return self.map(self.t.let)

    def __add__(self, other: Complex) -> Complex:
        return Complex(self.t, self.real + other.real, self.imag + other.imag)

    def __sub__(self, other: Complex) -> Complex:
        return Complex(self.t, self.real - other.real, self.imag - other.imag)

    def __mul__(self, other: Complex) -> Complex:
        a, b, m = self.named(), other.named(), self.m
        product = m.canonical_product if self.t.plain_loops else m.product
        real = m.let(product(a.real, b.real) - product(a.imag, b.imag))
        imag = m.let(product(a.real, b.imag) + product(a.imag, b.real))
        return Complex(self.t, real, imag)

    def scaled(self, factor: Expr) -> Complex:
        """Both parts times a real number."""
        return self.map(lambda part: self.t.let(part * factor))

    def __neg__(self) -> Complex:
        return self.map(self.m.neg)

    def conj(self) -> Complex:
        """The complex conjugate."""
        return Complex(self.t, self.real, self.m.neg(self.imag))

    def turned(self) -> Complex:
        """i times this."""
        return Complex(self.t, self.m.neg(self.imag), self.real)

    def turned_back(self) -> Complex:
        """-i times this."""
        return Complex(self.t, self.imag, self.m.neg(self.real))

    def equals(self, other: Complex) -> Expr:
        """Whether both parts are equal."""
        return tirx.And(tirx.EQ(self.real, other.real), tirx.EQ(self.imag, other.imag))

    def is_nan(self) -> Expr:
        """Whether either part is NaN."""
        return tirx.Or(*(tirx.Not(tirx.EQ(p, p)) for p in self.parts))

    def _before(self, other: Complex, last: Callable[[Expr, Expr], Expr]) -> Expr:
        """NumPy's order: a NaN in an imaginary part leaves the real parts to decide, unless they
        are equal; nothing is before a NaN in the real part."""
        a, b = self.named(), other.named()
        fine = tirx.And(tirx.EQ(a.imag, a.imag), tirx.EQ(b.imag, b.imag))
        less = tirx.And(tirx.LT(a.real, b.real), fine)
        return tirx.Or(less, tirx.And(tirx.EQ(a.real, b.real), last(a.imag, b.imag)))

    def __lt__(self, other: Complex) -> Expr:
        return self._before(other, tirx.LT)

    def __le__(self, other: Complex) -> Expr:
        return self._before(other, tirx.LE)

    def __gt__(self, other: Complex) -> Expr:
        return other < self

    def __ge__(self, other: Complex) -> Expr:
        return other <= self
