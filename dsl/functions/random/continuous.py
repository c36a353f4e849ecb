"""Continuous distributions that follow from one or two elementary draws."""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING, Any

from ... import primitives as p
from ...dtypes import DTypeLike
from ...errors import ArgumentError
from ..convert import ArrayLike, is_array
from ..logic import where
from ..shapes import as_shape
from .bit_generator import Philox
from .draws import (
    ANY,
    NOT_NEGATIVE,
    POSITIVE,
    Size,
    Source,
    apply,
    computed,
    finished,
    first_accepted,
    float_type,
    parameters,
    scaled,
    source,
    times,
)  # fmt: skip

if TYPE_CHECKING:
    from ...array import Array


class Continuous:
    """Methods of `Generator`."""

    _bits: Philox

    def random(
        self, size: Size = None, dtype: DTypeLike | None = None, out: Array | None = None
    ) -> Array:
        """Uniform numbers in [0, 1), float64 by default; as many random bits as the type holds.

        >>> import tilewright as tw
        >>> tw.Generator(7).random(3).shape
        (3,)
        """
        of, shape = float_type("random", dtype), _shape("random", size, out)
        drawn = p.random_uniform(self._bits.reserve(), shape=shape, dtype=of, lane=0)
        return finished(drawn, shape, of, out)

    def uniform(
        self, low: ArrayLike = 0.0, high: ArrayLike = 1.0, size: Size = None,
        *, dtype: DTypeLike | None = None,
    ) -> Array:  # fmt: skip
        """Uniform numbers in [low, high)."""
        of = float_type("uniform", dtype)
        if not is_array(low) and not is_array(high) and _scalars(low, high):
            spread: Any = float(high) - float(low)
            if not abs(spread) < float("inf"):
                raise OverflowError(f"uniform: got {low} to {high}; the range must be finite")
        shape, low, high = parameters("uniform", size, computed(of), low=(low, ANY),
                                      high=(high, ANY))  # fmt: skip
        unit = p.random_uniform(self._bits.reserve(), shape=shape, dtype=of, lane=0)
        return finished(scaled(unit, low, high - low), shape, of)

    def standard_normal(
        self, size: Size = None, dtype: DTypeLike | None = None, out: Array | None = None
    ) -> Array:
        """Normal numbers of mean 0 and standard deviation 1 (Box and Muller's method)."""
        of, shape = float_type("standard_normal", dtype), _shape("standard_normal", size, out)
        return finished(source(self._bits, shape, of).normal(), shape, of, out)

    def normal(
        self, loc: ArrayLike = 0.0, scale: ArrayLike = 1.0, size: Size = None,
        *, dtype: DTypeLike | None = None,
    ) -> Array:  # fmt: skip
        """Normal numbers of mean `loc` and standard deviation `scale`."""
        of = float_type("normal", dtype)
        shape, loc, scale = parameters("normal", size, computed(of), loc=(loc, ANY),
                                       scale=(scale, NOT_NEGATIVE))  # fmt: skip
        return finished(scaled(source(self._bits, shape, of).normal(), loc, scale), shape, of)

    def lognormal(
        self, mean: ArrayLike = 0.0, sigma: ArrayLike = 1.0, size: Size = None,
        *, dtype: DTypeLike | None = None,
    ) -> Array:  # fmt: skip
        """Numbers whose logarithm is normal."""
        of = float_type("lognormal", dtype)
        shape, mean, sigma = parameters("lognormal", size, computed(of), mean=(mean, ANY),
                                        sigma=(sigma, NOT_NEGATIVE))  # fmt: skip
        drawn = scaled(source(self._bits, shape, of).normal(), mean, sigma)
        return finished(p.exp(drawn), shape, of)

    def standard_exponential(
        self, size: Size = None, dtype: DTypeLike | None = None, method: str = "zig",
        out: Array | None = None,
    ) -> Array:  # fmt: skip
        """Exponential numbers of mean 1, by inversion, whatever the `method`."""
        if method not in ("zig", "inv"):
            raise ArgumentError(f"standard_exponential: got {method!r}; it is 'zig' or 'inv'")
        of = float_type("standard_exponential", dtype)
        shape = _shape("standard_exponential", size, out)
        return finished(source(self._bits, shape, of).exponential(), shape, of, out)

    def exponential(
        self, scale: ArrayLike = 1.0, size: Size = None, *, dtype: DTypeLike | None = None
    ) -> Array:
        """Exponential numbers of mean `scale`."""
        draw, shape, scale, of = self._by_scale("exponential", size, dtype, scale)
        return finished(scaled(draw.exponential(), 0.0, scale), shape, of)

    def rayleigh(
        self, scale: ArrayLike = 1.0, size: Size = None, *, dtype: DTypeLike | None = None
    ) -> Array:
        """The length of a vector of two normal numbers of standard deviation `scale`."""
        draw, shape, scale, of = self._by_scale("rayleigh", size, dtype, scale)
        return finished(scaled(p.sqrt(draw.exponential() * 2.0), 0.0, scale), shape, of)

    def _by_scale(self, name: str, size: Size, dtype: Any, scale: ArrayLike) -> Any:
        of = float_type(name, dtype)
        shape, scale = parameters(name, size, computed(of), scale=(scale, NOT_NEGATIVE))
        return source(self._bits, shape, of), shape, scale, of

    def _by_place(self, name: str, size: Size, dtype: Any, loc: ArrayLike, scale: ArrayLike) -> Any:
        of = float_type(name, dtype)
        given = {"loc": (loc, ANY), "scale": (scale, NOT_NEGATIVE)}
        shape, loc, scale = parameters(name, size, computed(of), **given)
        return source(self._bits, shape, of), shape, loc, scale, of

    def laplace(
        self, loc: ArrayLike = 0.0, scale: ArrayLike = 1.0, size: Size = None,
        *, dtype: DTypeLike | None = None,
    ) -> Array:  # fmt: skip
        """Exponential numbers to both sides of `loc`."""
        draw, shape, loc, scale, of = self._by_place("laplace", size, dtype, loc, scale)
        drawn = draw.exponential()
        signed = where(draw.uniform(1) < 0.5, drawn, -drawn)
        return finished(scaled(signed, loc, scale), shape, of)

    def logistic(
        self, loc: ArrayLike = 0.0, scale: ArrayLike = 1.0, size: Size = None,
        *, dtype: DTypeLike | None = None,
    ) -> Array:  # fmt: skip
        """The logarithm of a quotient of exponential numbers."""
        draw, shape, loc, scale, of = self._by_place("logistic", size, dtype, loc, scale)
        drawn = p.log(draw.exponential() / draw.exponential(1))
        return finished(scaled(drawn, loc, scale), shape, of)

    def gumbel(
        self, loc: ArrayLike = 0.0, scale: ArrayLike = 1.0, size: Size = None,
        *, dtype: DTypeLike | None = None,
    ) -> Array:  # fmt: skip
        """Minus the logarithm of exponential numbers: the law of the largest of many."""
        draw, shape, loc, scale, of = self._by_place("gumbel", size, dtype, loc, scale)
        return finished(scaled(-p.log(draw.exponential()), loc, scale), shape, of)

    def standard_cauchy(self, size: Size = None, *, dtype: DTypeLike | None = None) -> Array:
        """The tangent of a uniform angle."""
        of, shape = float_type("standard_cauchy", dtype), _shape("standard_cauchy", size)
        turned = times(source(self._bits, shape, of).uniform() - 0.5, pi)
        return finished(p.tan(turned), shape, of)

    def _by_power(self, name: str, size: Size, dtype: Any, a: ArrayLike) -> Any:
        of = float_type(name, dtype)
        shape, a = parameters(name, size, computed(of), a=(a, POSITIVE))
        return source(self._bits, shape, of).exponential(), shape, a, of

    def pareto(self, a: ArrayLike, size: Size = None, *, dtype: DTypeLike | None = None) -> Array:
        """Pareto's second law (Lomax): exp(E / a) - 1 for exponential E."""
        drawn, shape, a, of = self._by_power("pareto", size, dtype, a)
        return finished(p.expm1(drawn / a), shape, of)

    def power(self, a: ArrayLike, size: Size = None, *, dtype: DTypeLike | None = None) -> Array:
        """Numbers in [0, 1] with density a x**(a - 1)."""
        drawn, shape, a, of = self._by_power("power", size, dtype, a)
        return finished(p.exp(-drawn / a), shape, of)

    def weibull(self, a: ArrayLike, size: Size = None, *, dtype: DTypeLike | None = None) -> Array:
        """E**(1 / a) for exponential E; 0 for a = 0."""
        of = float_type("weibull", dtype)
        shape, a = parameters("weibull", size, computed(of), a=(a, NOT_NEGATIVE))
        drawn = source(self._bits, shape, of).exponential()
        if not is_array(a):
            return finished(drawn * 0.0 if a == 0 else drawn ** (1.0 / a), shape, of)
        positive = a > 0.0
        found = drawn ** (1.0 / where(positive, a, 1.0))
        return finished(where(positive, found, 0.0), shape, of)

    def triangular(
        self, left: ArrayLike, mode: ArrayLike, right: ArrayLike, size: Size = None,
        *, dtype: DTypeLike | None = None,
    ) -> Array:  # fmt: skip
        """Numbers in [left, right], likeliest at `mode`."""
        of = float_type("triangular", dtype)
        shape, left, mode, right = parameters(
            "triangular", size, computed(of), left=(left, ANY), mode=(mode, ANY), right=(right, ANY)
        )
        for name, low, high in (("left > mode", left, mode), ("mode > right", mode, right)):
            _check_order(f"triangular: got {name}", low, high)
        _check_order("triangular: got left == right", left, right, strictly=True)
        base = right - left
        unit = source(self._bits, shape, of).uniform()
        below = times(unit, times(mode - left, base))
        above = times(1.0 - unit, times(right - mode, base))
        found = where(unit * base <= mode - left, p.sqrt(below) + left, right - p.sqrt(above))
        return finished(found, shape, of)

    def wald(
        self, mean: ArrayLike, scale: ArrayLike, size: Size = None,
        *, dtype: DTypeLike | None = None,
    ) -> Array:  # fmt: skip
        """The inverse Gaussian law (Michael, Schucany and Haas, 1976)."""
        of = float_type("wald", dtype)
        shape, mean, scale = parameters("wald", size, computed(of), mean=(mean, POSITIVE),
                                        scale=(scale, POSITIVE))  # fmt: skip
        draw = source(self._bits, shape, of, calls=2)
        normal = draw.normal()
        d = times(times(normal, normal), mean / (2.0 * scale))
        smaller = mean / (d + 1.0 + p.sqrt(times(d, d + 2.0)))
        chosen = draw.call(1).uniform() * (smaller + mean) <= mean
        return finished(where(chosen, smaller, times(mean, mean) / smaller), shape, of)

    def vonmises(
        self, mu: ArrayLike, kappa: ArrayLike, size: Size = None,
        *, dtype: DTypeLike | None = None,
    ) -> Array:  # fmt: skip
        """Angles in [-pi, pi] around `mu` (Best and Fisher, 1979). Not in staged code."""
        of = float_type("vonmises", dtype)
        shape, mu, kappa = parameters("vonmises", size, computed(of), mu=(mu, ANY),
                                      kappa=(kappa, NOT_NEGATIVE))  # fmt: skip
        root = apply("sqrt", times(kappa, kappa) * 4.0 + 1.0)
        twice = apply("sqrt", (root + 1.0) * 2.0)
        total = root + 1.0 + twice
        narrow = (1.0 / (root + times(kappa, 2.0)) + 1.0 + twice) / total  # 1 - rho
        least = times(times(narrow, narrow), total * 0.25)
        found = first_accepted(
            "vonmises", self._bits, shape, of, 40, _on_a_circle,
            kappa, narrow / (2.0 - narrow), least,
        )  # fmt: skip
        turned = found + mu
        # To [-pi, pi], by whole turns.
        return finished(turned - times(p.round_(turned * (0.5 / pi)), 2 * pi), shape, of)


def _on_a_circle(draw: Source, kappa: Any, ratio: Any, least: Any) -> tuple[Array, Array]:
    """An angle of a wrapped Cauchy law; no difference of close numbers, so any kappa will do."""
    x = times(p.tan(times(draw.uniform() - 0.5, pi)), ratio)
    square = times(x, x)
    y = times(square / (square + 1.0), times(kappa, 2.0)) + least
    return p.atan(x) * 2.0, draw.exponential(1) + p.log(y) + 1.0 >= y


def _scalars(*values: Any) -> bool:
    return all(isinstance(v, int | float) for v in values)


def _check_order(message: str, low: Any, high: Any, strictly: bool = False) -> None:
    """Raise ArgumentError where known values are in the wrong order."""
    for x in (low, high):
        if is_array(x) and not x._is_concrete:
            return
    wrong = (low >= high) if strictly else (low > high)
    if bool(wrong.any()) if is_array(wrong) else wrong:
        raise ArgumentError(message)


def _shape(name: str, size: Size, out: Any = None) -> Any:
    if size is None:
        return () if out is None else out.shape
    shape = as_shape(name, size)
    if out is not None and out.shape != shape:
        raise ArgumentError(f"{name}: got size {shape} and out of {out.shape}; they must be equal")
    return shape
