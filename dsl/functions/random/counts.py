"""Discrete distributions: how often, how many."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import device as placing
from ... import primitives as p
from ... import record
from ...dtypes import DType, int64
from ...errors import ArgumentError
from ...sizes import Shape
from ..convert import ArrayLike, convert, is_array
from ..logic import where
from ..shapes import broadcast_to
from .bit_generator import Philox
from .draws import (
    ABOVE_ONE,
    BELOW_ONE,
    NOT_NEGATIVE,
    POSITIVE,
    POSITIVE_PROBABILITY,
    PROBABILITY,
    Condition,
    Parameter,
    Size,
    Source,
    apply,
    finished,
    first_accepted,
    parameters,
    source,
    times,
)  # fmt: skip
from .positive import gamma_numbers

if TYPE_CHECKING:
    from ...array import Array

_ROUNDS = 48  # a candidate is refused with a probability below 0.4
_SMALL = 10.0  # a mean below which numbers are counted up one by one
_MOST_COUNTED = 64  # a number that does not occur at such a mean
_LARGEST = 2.0**63 - 1024  # the largest float64 that an int64 holds
# The mean of a Poisson law whose numbers are all int64, as NumPy has it.
_MEAN = Condition("be at least 0 and small enough for int64",
                  lambda x: (x >= 0) & (x <= 2.0**63 - 1 - np.sqrt(2.0**63 - 1) * 10))  # fmt: skip


class Counts:
    """Methods of `Generator`. Those that draw candidates are not for staged code."""

    _bits: Philox

    def poisson(self, lam: ArrayLike = 1.0, size: Size = None) -> Array:
        """How many events of mean number `lam` happen (W. Hörmann's PTRS, 1993; inversion for
        means below 10), int64.

        >>> import tilewright as tw
        >>> tw.Generator(7).poisson(3.0, 4).dtype
        tilewright.int64
        """
        wide = _wide("poisson")
        shape, lam = parameters("poisson", size, wide, lam=(lam, _MEAN))
        small, large = _by_size(lam)
        drawn: Any = None
        if large is not None:
            drawn = first_accepted(
                "poisson", self._bits, shape, wide, _ROUNDS, _poisson_candidates, *_ptrs(large)
            )
        if small is not None:
            first = apply("exp", -small)
            counted = _counted_up(source(self._bits, shape, wide), first,
                                  lambda k: small / (k + 1.0))  # fmt: skip
            drawn = counted if drawn is None else where(lam < _SMALL, counted, drawn)
        return finished(drawn, shape, int64)

    def binomial(self, n: ArrayLike, p: ArrayLike, size: Size = None) -> Array:
        """How many of `n` trials succeed (W. Hörmann's BTRS, 1993; inversion for small means)."""
        wide = _wide("binomial")
        shape, n, chance = parameters("binomial", size, wide, n=(_whole("n", n), NOT_NEGATIVE),
                                      p=(p, PROBABILITY))  # fmt: skip
        return finished(_binomial(self._bits, shape, wide, n, chance), shape, int64)

    def negative_binomial(self, n: ArrayLike, p: ArrayLike, size: Size = None) -> Array:
        """How many trials fail before `n` succeed: a Poisson law with a gamma mean."""
        wide = _wide("negative_binomial")
        shape, n, chance = parameters("negative_binomial", size, wide, n=(n, POSITIVE),
                                      p=(p, POSITIVE_PROBABILITY))  # fmt: skip
        mean = gamma_numbers(self._bits, shape, wide, n) * ((1.0 - chance) / chance)
        return self.poisson(mean, shape)

    def geometric(self, p: ArrayLike, size: Size = None) -> Array:
        """The number of the first trial that succeeds, from 1, by inversion."""
        wide = _wide("geometric")
        shape, chance = parameters("geometric", size, wide, p=(p, POSITIVE_PROBABILITY))
        drawn = source(self._bits, shape, wide).exponential()
        rate = -_log1p(-chance)
        found = _ceil(drawn / rate) if is_array(rate) or rate > 0 else drawn * 0.0
        return finished(_clipped(found, 1.0), shape, int64)

    def logseries(self, p: ArrayLike, size: Size = None) -> Array:
        """The logarithmic series law (A. W. Kemp, 1981)."""
        wide = _wide("logseries")
        shape, chance = parameters("logseries", size, wide, p=(p, BELOW_ONE))
        rate = _log1p(-chance)
        found = first_accepted("logseries", self._bits, shape, wide, 4, _series_candidates, chance,
                               rate)  # fmt: skip
        return finished(_clipped(found, 1.0), shape, int64)

    def zipf(self, a: ArrayLike, size: Size = None) -> Array:
        """The law with chances proportional to k**-a (L. Devroye, 1986, chapter X.6.1)."""
        wide = _wide("zipf")
        shape, a = parameters("zipf", size, wide, a=(a, ABOVE_ONE))
        found = first_accepted("zipf", self._bits, shape, wide, 72, _zipf_candidates, a - 1.0)
        return finished(_clipped(found, 1.0), shape, int64)


def _wide(name: str) -> DType:
    """The type in which counts are computed."""
    return placing.current().default_float


def _whole(label: str, n: ArrayLike) -> ArrayLike:
    if isinstance(n, float | np.floating) and not float(n).is_integer():
        raise TypeError(f"{label}: got {n!r}; it must be a whole number")
    return n


def _clipped(x: Array, least: float) -> Array:
    return where(x < _LARGEST, where(x < least, least, x), _LARGEST)


def _log1p(x: Parameter) -> Parameter:
    if is_array(x):
        return p.log1p(x)
    return math.log1p(x) if x > -1 else -math.inf


def _ceil(x: Array) -> Array:
    return p.ceil(x)


def _by_size(mean: Parameter) -> tuple[Parameter | None, Parameter | None]:
    """The means below 10 and the others, each held to its range; None if there is none."""
    if not is_array(mean):
        return (mean, None) if mean < _SMALL else (None, mean)
    is_small = mean < _SMALL
    if mean._is_concrete:
        known = is_small.numpy()
        if known.all():
            return mean, None
        if not known.any():
            return None, mean
    return where(is_small, mean, 1.0), where(is_small, _SMALL, mean)


def _counted_up(draw: Source, first: Parameter, ratio: Any) -> Array:
    """Inversion: how many partial sums of the chances are below a uniform number, where chance
    k + 1 is chance k times ratio(k)."""
    unit = draw.uniform()
    chance = first if is_array(first) else p.full(shape=(), value=first, dtype=draw.dtype)
    chance = broadcast_to(chance, draw.shape) if is_array(first) else chance
    total, found = chance, p.full(shape=draw.shape, value=0.0, dtype=draw.dtype)
    for k in range(_MOST_COUNTED):
        is_above = unit >= total
        if k % 8 == 7 and not record.is_tracing() and not bool((is_above).any()):
            break
        found = found + convert(is_above, draw.dtype)
        chance = times(chance, ratio(float(k)))
        total = total + chance
    return found


# --------------------------------------------------------------------------- rejection


def log_factorial(x: Array) -> Array:
    """log(x!) of whole numbers: a table, and from 16 on Stirling's series."""
    table = record.constant(np.array([math.lgamma(k + 1.0) for k in range(16)]), x.dtype)
    flat = p.reshape(convert(where(x < 16.0, where(x > 0.0, x, 0.0), 0.0), int64), shape=(x.size,))
    few = p.reshape(p.gather(table, flat, axis=0), shape=x.shape)
    big = where(x < 16.0, 16.0, x)
    square = 1.0 / times(big, big)
    rest = times(square, times(square, 1.0 / 1260.0) - 1.0 / 360.0) + 1.0 / 12.0
    many = times(big + 0.5, p.log(big)) - big + (rest / big + 0.5 * math.log(2 * math.pi))
    return where(x < 16.0, few, many)


def _ptrs(lam: Parameter) -> tuple[Parameter, ...]:
    b = times(apply("sqrt", lam), 2.53) + 0.931
    a = times(b, 0.02483) - 0.059
    inverse = 1.1328 / (b - 3.4) + 1.1239
    right = 0.9277 - 3.6224 / (b - 2.0)
    return lam, apply("log", lam), b, a, apply("log", inverse), right


def _hat(draw: Source, a: Parameter, b: Parameter) -> tuple[Array, Array, Array]:
    """The transformed uniform number, and what stands under the hat's density."""
    centred = draw.uniform() - 0.5
    edge = 0.5 - abs(centred)
    return times(centred, a * 2.0 / edge + b), edge, draw.uniform(1)


def _accepted(edge: Array, level: Array, right: Parameter, valid: Array, test: Array) -> Array:
    quick = (edge >= 0.07) & (level <= right)
    hopeless = (edge < 0.013) & (level > edge)
    accepted: Array = quick | (valid & ~hopeless & test)
    return accepted


def _poisson_candidates(
    draw: Source, lam: Parameter, log_lam: Parameter, b: Parameter, a: Parameter,
    log_inverse: Parameter, right: Parameter,
) -> tuple[Array, Array]:  # fmt: skip
    moved, edge, level = _hat(draw, a, b)
    k = p.floor(moved + lam + 0.43)
    above = p.log(level) + log_inverse - p.log(a / times(edge, edge) + b)
    test = above <= times(k, log_lam) - lam - log_factorial(k)
    return k, _accepted(edge, level, right, k >= 0.0, test)


def _binomial(of: Philox, shape: Shape, wide: DType, n: Parameter, chance: Parameter) -> Array:
    """With the smaller of the two chances; turned round at the end."""
    is_turned = chance > 0.5
    if is_array(chance):
        q = where(is_turned, 1.0 - chance, chance)
    else:
        q = 1.0 - chance if is_turned else chance
    small, large = _by_size(n * q)
    drawn = None
    if large is not None:
        # Where the mean is small, numbers for which the method holds stand in.
        safe_n, safe_q = (n, q) if small is None else _where_large(n, q)
        drawn = first_accepted("binomial", of, shape, wide, _ROUNDS, _binomial_candidates,
                               *_btrs(safe_n, safe_q))  # fmt: skip
    if small is not None:
        few_n, few_q = (n, q) if large is None else _where_small(n, q)
        odds = few_q / (1.0 - few_q)
        first = apply("exp", times(few_n, _log1p(-few_q)))
        counted = _counted_up(source(of, shape, wide), first,
                              lambda k: times(few_n - k, odds / (k + 1.0)))  # fmt: skip
        counted = where(counted < few_n, counted, few_n)
        drawn = counted if drawn is None else where(n * q < _SMALL, counted, drawn)
    assert drawn is not None
    if not is_array(is_turned):
        return n - drawn if is_turned else drawn
    return where(is_turned, n - drawn, drawn)


def _where_large(n: Parameter, q: Parameter) -> tuple[Parameter, Parameter]:
    is_large = n * q >= _SMALL
    return where(is_large, n, 100.0), where(is_large, q, 0.25)


def _where_small(n: Parameter, q: Parameter) -> tuple[Parameter, Parameter]:
    is_small = n * q < _SMALL
    return where(is_small, n, 1.0), where(is_small, q, 0.25)


def _btrs(n: Parameter, q: Parameter) -> tuple[Parameter, ...]:
    mean = times(n, q)
    spread = apply("sqrt", times(mean, 1.0 - q))
    b = times(spread, 2.53) + 1.15
    a = times(b, 0.0248) - 0.0873 + times(q, 0.01)
    right = 0.92 - 4.2 / b
    alpha = times(5.1 / b + 2.83, spread)
    mode = apply("floor", times(n + 1.0, q))
    mode = float(mode) if not is_array(mode) else mode
    return n, mean + 0.5, a, b, right, alpha, mode, apply("log", q / (1.0 - q))


def _binomial_candidates(
    draw: Source, n: Parameter, centre: Parameter, a: Parameter, b: Parameter, right: Parameter,
    alpha: Parameter, mode: Parameter, log_odds: Parameter,
) -> tuple[Array, Array]:  # fmt: skip
    moved, edge, level = _hat(draw, a, b)
    k = p.floor(moved + centre)
    valid = (k >= 0.0) & (k <= n)
    inside = where(valid, k, mode)
    whole = p.full(shape=k.shape, value=0.0, dtype=k.dtype)
    n, mode = whole + n, whole + mode
    highest = log_factorial(mode) + log_factorial(n - mode)
    here = log_factorial(inside) + log_factorial(n - inside)
    above = p.log(level * alpha / (a / times(edge, edge) + b))
    test = above <= highest - here + times(inside - mode, log_odds)
    return k, valid & _accepted(edge, level, right, valid, test)


def _series_candidates(draw: Source, chance: Parameter, rate: Parameter) -> tuple[Array, Array]:
    v = draw.uniform(1)
    q = -p.expm1(times(draw.uniform(), rate))
    long = p.floor(p.log(v) / p.log(q)) + 1.0
    middle = where(v >= q, 1.0, 2.0)
    found = where(v >= chance, 1.0, where(v <= times(q, q), long, middle))
    return found, (v > 0.0) & (found >= 1.0)


def _zipf_candidates(draw: Source, less: Parameter) -> tuple[Array, Array]:
    """`less` is a - 1."""
    whole = p.full(shape=draw.shape, value=0.0, dtype=draw.dtype)
    b = p.exp2(whole + less)
    x = p.floor(p.exp(draw.exponential() / less))
    fits = (x >= 1.0) & (x < _LARGEST)
    x = where(fits, x, 1.0)
    t = p.exp(times(p.log1p(1.0 / x), less))
    left = times(times(draw.uniform(1), x), (t - 1.0) / (b - 1.0))
    return x, fits & (left <= t / b)


def check_count(name: str, label: str, n: Any) -> int:
    """A number of things; raises ArgumentError if it is negative."""
    count = int(n)
    if count < 0 or count != n:
        raise ArgumentError(f"{name}: got {label} = {n}; it must be a whole number, not negative")
    return count
