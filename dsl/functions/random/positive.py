"""The gamma distribution, and those that are made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ... import primitives as p
from ...dtypes import DType, DTypeLike
from ...sizes import Shape
from ..convert import ArrayLike, is_array
from ..logic import where
from .bit_generator import Philox
from .continuous import _shape
from .draws import (
    NOT_NEGATIVE,
    POSITIVE,
    Parameter,
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

_ROUNDS = 13  # a candidate is refused with a probability below 0.05


class Positive:
    """Methods of `Generator`."""

    _bits: Philox
    poisson: Any  # of `Counts`

    def standard_gamma(
        self, shape: ArrayLike, size: Size = None, dtype: DTypeLike | None = None,
        out: Array | None = None,
    ) -> Array:  # fmt: skip
        """Gamma numbers of scale 1 (Marsaglia and Tsang, 2000); 0 for shape 0."""
        of = float_type("standard_gamma", dtype)
        if size is None and out is not None:
            size = out.shape
        _shape("standard_gamma", size, out)
        sizes, shape = parameters("standard_gamma", size, computed(of), shape=(shape, NOT_NEGATIVE))
        return finished(gamma_numbers(self._bits, sizes, of, shape), sizes, of, out)

    def gamma(
        self, shape: ArrayLike, scale: ArrayLike = 1.0, size: Size = None,
        *, dtype: DTypeLike | None = None,
    ) -> Array:  # fmt: skip
        """Gamma numbers."""
        of = float_type("gamma", dtype)
        sizes, shape, scale = parameters("gamma", size, computed(of), shape=(shape, NOT_NEGATIVE),
                                         scale=(scale, NOT_NEGATIVE))  # fmt: skip
        return finished(scaled(gamma_numbers(self._bits, sizes, of, shape), 0.0, scale), sizes, of)

    def chisquare(
        self, df: ArrayLike, size: Size = None, *, dtype: DTypeLike | None = None
    ) -> Array:
        """The sum of `df` squares of standard normal numbers."""
        of = float_type("chisquare", dtype)
        shape, df = parameters("chisquare", size, computed(of), df=(df, POSITIVE))
        return finished(_chisquare(self._bits, shape, of, df), shape, of)

    def noncentral_chisquare(
        self, df: ArrayLike, nonc: ArrayLike, size: Size = None,
        *, dtype: DTypeLike | None = None,
    ) -> Array:  # fmt: skip
        """The same of numbers whose squared means add up to `nonc`. In staged code for df > 1."""
        of = float_type("noncentral_chisquare", dtype)
        shape, df, nonc = parameters("noncentral_chisquare", size, computed(of),
                                     df=(df, POSITIVE), nonc=(nonc, NOT_NEGATIVE))  # fmt: skip
        return finished(self._noncentral(shape, of, df, nonc), shape, of)

    def _noncentral(self, shape: Shape, of: DType, df: Parameter, nonc: Parameter) -> Array:
        is_wide = df > 1.0
        if bool(is_wide.all()) if is_array(is_wide) and is_wide._is_concrete else is_wide is True:
            moved = source(self._bits, shape, of).normal() + apply("sqrt", nonc)
            square: Array = times(moved, moved) + _chisquare(self._bits, shape, of, df - 1.0)
            return square
        pairs = self.poisson(nonc * 0.5, shape)
        freedom = p.cast(pairs, dtype=computed(of)) * 2.0 + df
        return _chisquare(self._bits, shape, of, freedom)

    def f(
        self, dfnum: ArrayLike, dfden: ArrayLike, size: Size = None,
        *, dtype: DTypeLike | None = None,
    ) -> Array:  # fmt: skip
        """The quotient of two mean squares (Fisher)."""
        of = float_type("f", dtype)
        shape, dfnum, dfden = parameters("f", size, computed(of), dfnum=(dfnum, POSITIVE),
                                         dfden=(dfden, POSITIVE))  # fmt: skip
        above = _chisquare(self._bits, shape, of, dfnum) / dfnum
        return finished(above / (_chisquare(self._bits, shape, of, dfden) / dfden), shape, of)

    def noncentral_f(
        self, dfnum: ArrayLike, dfden: ArrayLike, nonc: ArrayLike, size: Size = None,
        *, dtype: DTypeLike | None = None,
    ) -> Array:  # fmt: skip
        """The same with a noncentral numerator."""
        of = float_type("noncentral_f", dtype)
        shape, dfnum, dfden, nonc = parameters(
            "noncentral_f", size, computed(of), dfnum=(dfnum, POSITIVE), dfden=(dfden, POSITIVE),
            nonc=(nonc, NOT_NEGATIVE),
        )  # fmt: skip
        above = self._noncentral(shape, of, dfnum, nonc) / dfnum
        return finished(above / (_chisquare(self._bits, shape, of, dfden) / dfden), shape, of)

    def standard_t(
        self, df: ArrayLike, size: Size = None, *, dtype: DTypeLike | None = None
    ) -> Array:
        """Student's law: a normal number over the root of a mean square."""
        of = float_type("standard_t", dtype)
        shape, df = parameters("standard_t", size, computed(of), df=(df, POSITIVE))
        normal = source(self._bits, shape, of).normal()
        return finished(normal / p.sqrt(_chisquare(self._bits, shape, of, df) / df), shape, of)

    def beta(
        self, a: ArrayLike, b: ArrayLike, size: Size = None, *, dtype: DTypeLike | None = None
    ) -> Array:
        """The share of one gamma number in the sum of two."""
        of = float_type("beta", dtype)
        shape, a, b = parameters("beta", size, computed(of), a=(a, POSITIVE), b=(b, POSITIVE))
        first = log_gamma_numbers(self._bits, shape, of, a)
        second = log_gamma_numbers(self._bits, shape, of, b)
        return finished(1.0 / (p.exp(second - first) + 1.0), shape, of)


def gamma_numbers(of: Philox, shape: Shape, dtype: DType, a: Parameter) -> Array:
    """Gamma numbers of shape parameter a >= 0."""
    drawn = _at_least_one(of, shape, dtype, a)
    # The power 1 / a of a uniform number brings the parameter down by 1.
    drop = source(of, shape, dtype).exponential()
    if not is_array(a):
        return drawn if a >= 1 else drawn * 0.0 if a == 0 else drawn * p.exp(-drop / a)
    return where(a < 1.0, drawn * p.exp(-drop / a), drawn)


def log_gamma_numbers(of: Philox, shape: Shape, dtype: DType, a: Parameter) -> Array:
    """Logarithms of gamma numbers: those of small a are too small to be numbers themselves."""
    drawn = p.log(_at_least_one(of, shape, dtype, a))
    drop = source(of, shape, dtype).exponential()
    if not is_array(a):
        return drawn if a >= 1 else drawn - drop / a
    return where(a < 1.0, drawn - drop / a, drawn)


def _at_least_one(of: Philox, shape: Shape, dtype: DType, a: Parameter) -> Array:
    """Gamma numbers of parameter a, or a + 1 where it is below 1."""
    raised = where(a < 1.0, a + 1.0, a) if is_array(a) else a + 1.0 if a < 1 else a
    d = raised - 1.0 / 3.0
    c = (1.0 / 3.0) / apply("sqrt", d)
    return first_accepted("gamma", of, shape, dtype, _ROUNDS, _gamma_candidates, d, c, calls=2)


def _gamma_candidates(draw: Source, d: Parameter, c: Parameter) -> tuple[Array, Array]:
    x = draw.normal()
    root = times(x, c) + 1.0
    is_positive = root > 0.0
    cube = times(times(root, root), root)
    cube = where(is_positive, cube, 1.0)
    bound = times(times(x, x), 0.5) + times((1.0 - cube) + p.log(cube), d)
    return times(cube, d), is_positive & (draw.call(1).exponential() >= -bound)


def _chisquare(of: Philox, shape: Shape, dtype: DType, df: Parameter) -> Array:
    return gamma_numbers(of, shape, dtype, df * 0.5) * 2.0
