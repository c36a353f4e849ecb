"""Arithmetic of one float type over tirx, for writing elementary functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..tvm_api import tirx

if TYPE_CHECKING:
    from ..vocabulary import TirxVocabulary

Expr = Any
Pair = tuple[Expr, Expr]  # an unevaluated sum, the second far smaller than the first


class Real:
    """float32 or float64: constants, FMA, bit access; every result is named by `t.let`."""

    def __init__(self, t: TirxVocabulary, dtype: str) -> None:
        self.t = t
        self.dtype = dtype
        self.numpy = np.dtype(dtype).type
        self.is_single = dtype == "float32"
        self.unsigned = "uint32" if self.is_single else "uint64"
        self.fraction_bits = 23 if self.is_single else 52
        self.bias = 127 if self.is_single else 1023
        # adding 1.5 * 2**fraction_bits rounds to an integer, which is then in the low bits
        self.largest = float(np.finfo(dtype).max)
        self.shifter = 1.5 * 2.0**self.fraction_bits

    def pick(self, single: Any, double: Any) -> Any:
        """The first for float32, the second for float64."""
        return single if self.is_single else double

    def const(self, value: float) -> Expr:
        """A constant, rounded to the type."""
        return tirx.FloatImm(self.dtype, float(self.numpy(value)))

    def word(self, value: int) -> Expr:
        """An unsigned constant as wide as the type."""
        return tirx.const(value, self.unsigned)

    def let(self, x: Expr) -> Expr:
        """Name a value."""
        return self.t.let(x)

    def call(self, name: str, *xs: Expr) -> Expr:
        """An LLVM intrinsic."""
        return self.let(tirx.call_llvm_pure_intrin(self.dtype, f"llvm.{name}", *xs))

    def fma(self, a: Expr, b: Expr, c: Expr) -> Expr:
        """a * b + c, rounded once."""
        return self.call("fma", a, b, c)

    def product(self, a: Expr, b: Expr) -> Expr:
        """a * b, rounded: LLVM would fuse a bare product into an error-free sum of it."""
        return self.call("arithmetic.fence", a * b)

    def canonical_product(self, a: Expr, b: Expr) -> Expr:
        """The same for loops that LLVM is to vectorise, in which it stops at fences but not at
        `canonicalize`: one product more, by 1, that it may not fold."""
        return self.call("canonicalize", a * b)

    def neg(self, x: Expr) -> Expr:
        """-x, zeros and NaN included."""
        return self.let(x * self.const(-1.0))

    def abs(self, x: Expr) -> Expr:
        """|x|."""
        return self.call("fabs", x)

    def rint(self, x: Expr) -> Expr:
        """x to the nearest integer, ties to even."""
        return self.call("rint", x)

    def copysign(self, x: Expr, sign: Expr) -> Expr:
        """|x| with the sign of `sign`."""
        return self.call("copysign", x, sign)

    def select(self, condition: Expr, x: Expr, y: Expr) -> Expr:
        """x where the condition holds, else y; both are computed."""
        return self.let(tirx.Select(condition, x, y))

    def equal(self, x: Expr, y: Expr) -> Expr:
        """x == y as a condition (tirx's operator may compare expressions, not values)."""
        return tirx.EQ(x, y)

    def at_most(self, x: Expr, limit: float) -> Expr:
        """min(x, limit); NaN stays."""
        return self.select(x > self.const(limit), self.const(limit), x)

    def at_least(self, x: Expr, limit: float) -> Expr:
        """max(x, limit); NaN stays."""
        return self.select(x < self.const(limit), self.const(limit), x)

    def bits(self, x: Expr) -> Expr:
        """The bits of a float."""
        return self.let(tirx.reinterpret(self.unsigned, x))

    def from_bits(self, word: Expr) -> Expr:
        """The float with these bits."""
        return self.let(tirx.reinterpret(self.dtype, word))

    def bits_of(self, value: float) -> int:
        """The bits of a constant, as an integer."""
        kind = np.uint32 if self.is_single else np.uint64
        return int(np.array(value, self.numpy).view(kind))

    def shift_left(self, word: Expr, count: int) -> Expr:
        """word << count; what leaves the word is lost."""
        return self.let(tirx.shift_left(word, self.word(count)))

    def shift_right(self, word: Expr, count: int) -> Expr:
        """word >> count, zeros shifted in."""
        return self.let(tirx.shift_right(word, self.word(count)))

    def polynomial(self, x: Expr, coefficients: tuple[float, ...]) -> Expr:
        """The polynomial with these coefficients, lowest degree first, by Horner's rule."""
        total = self.const(coefficients[-1])
        for c in reversed(coefficients[:-1]):
            total = self.fma(total, x, self.const(c))
        return total

    def sqrt(self, x: Expr) -> Expr:
        """The square root; NaN below zero."""
        return self.call("sqrt", x)

    def quotient(self, a: Expr, b: Expr, b_low: Expr, a_low: Expr = None) -> Expr:
        """(a + a_low) / (b + b_low) with an error hardly above half a unit."""
        inverse = self.let(self.const(1.0) / b)
        q = self.let(a * inverse)
        minus_q = self.neg(q)
        rest = self.fma(minus_q, b_low, self.fma(minus_q, b, a))
        rest = rest if a_low is None else self.let(rest + a_low)
        return self.fma(rest, inverse, q)

    def two_sum(self, a: Expr, b: Expr) -> Pair:
        """a + b and its rounding error, exactly, for any a and b."""
        total = self.let(a + b)
        part = self.let(total - a)
        return total, self.let(self.let(a - self.let(total - part)) + self.let(b - part))

    def fast_two_sum(self, a: Expr, b: Expr) -> Pair:
        """a + b and its rounding error, exactly, if |a| >= |b| or a is zero."""
        total = self.let(a + b)
        return total, self.let(b - self.let(total - a))

    def two_product(self, a: Expr, b: Expr) -> Pair:
        """a * b and its rounding error, exactly."""
        product = self.product(a, b)
        return product, self.fma(a, b, self.neg(product))

    def pair_product(self, a: Pair, b: Pair) -> Pair:
        """The product of two pairs, to about twice the digits of the type."""
        high, low = self.two_product(a[0], b[0])
        return high, self.fma(a[0], b[1], self.fma(a[1], b[0], low))


def real(t: TirxVocabulary, x: Expr) -> Real:
    """The arithmetic of the type of x."""
    return Real(t, str(x.ty))
