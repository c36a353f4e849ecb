"""How many of a kind are drawn without replacement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ... import primitives as p
from ...dtypes import DType, int64
from ...errors import ArgumentError
from ...sizes import Shape
from ..convert import ArrayLike, convert, is_array
from ..logic import where
from ..shapes import broadcast_to
from .bit_generator import Philox
from .counts import _ROUNDS, _whole, _wide, log_factorial
from .draws import NOT_NEGATIVE, Size, Source, finished, first_accepted, parameters, source, times

if TYPE_CHECKING:
    from ...array import Array

_URN = 10.0  # so many draws are made one by one


class Hypergeometric:
    """Methods of `Generator`."""

    _bits: Philox

    def hypergeometric(
        self, ngood: ArrayLike, nbad: ArrayLike, nsample: ArrayLike, size: Size = None
    ) -> Array:
        """How many of `nsample` draws without replacement are of the `ngood` (E. Stadlober's
        ratio of uniforms, HRUA, 1990; draw by draw for fewer than 10). Not in staged code."""
        wide = _wide("hypergeometric")
        given = {"ngood": ngood, "nbad": nbad, "nsample": nsample}
        shape, good, bad, sample = parameters(
            "hypergeometric", size, wide,
            **{k: (_whole(k, x), NOT_NEGATIVE) for k, x in given.items()},
        )  # fmt: skip
        if _any(sample > good + bad):
            raise ArgumentError("hypergeometric: got ngood + nbad < nsample")
        if _any((good + bad) >= 1e9 + 1e9):
            raise ArgumentError("hypergeometric: got ngood + nbad above 2e9; it takes less")
        good, bad, sample = (_array(x, shape, wide) for x in (good, bad, sample))
        return finished(hypergeometric(self._bits, shape, wide, good, bad, sample), shape, int64)


def _any(condition: Any) -> bool:
    if not is_array(condition):
        return bool(condition)
    return condition._is_concrete and bool(condition.any())


def _array(x: Any, shape: Shape, of: DType) -> Array:
    if is_array(x):
        return broadcast_to(x, shape)
    return p.full(shape=shape, value=x, dtype=of)


def hypergeometric(
    of: Philox, shape: Shape, wide: DType, good: Array, bad: Array, sample: Array
) -> Array:
    """Counts as floats, for arrays of one shape."""
    total = good + bad
    few = p.minimum(sample, total - sample)
    rare = p.minimum(good, bad)
    is_small = few < _URN
    counted = _from_urn(source(of, shape, wide, calls=5), rare, total, few)
    if is_small._is_concrete and bool(is_small.all()):
        drawn = counted
    else:
        # Where the method does not hold, an urn for which it does stands in.
        safe = [where(is_small, v, x) for v, x in ((50.0, rare), (100.0, total), (20.0, few))]
        many = first_accepted(
            "hypergeometric", of, shape, wide, _ROUNDS, _candidates, *_hrua(*safe)
        )
        drawn = where(is_small, counted, many)
    drawn = where(good > bad, few - drawn, drawn)
    return where(few < sample, good - drawn, drawn)


def _from_urn(draw: Source, rare: Array, total: Array, few: Array) -> Array:
    """Draw by draw; each uniform number stands for a ball."""
    found = p.full(shape=draw.shape, value=0.0, dtype=draw.dtype)
    for k in range(int(_URN) - 1):
        unit = draw.call(k // 2).uniform(k % 2)
        hit = unit * (total - float(k)) < rare - found
        found = found + convert(hit & (few > float(k)), draw.dtype)
    return found


def _hrua(rare: Array, total: Array, few: Array) -> tuple[Array, ...]:
    common = total - rare
    share = rare / total
    centre = times(few, share) + 0.5
    spread = times(times(total - few, few), times(share, common / total)) / (total - 1.0)
    width = p.sqrt(spread + 0.5)
    mode = p.floor(times(few + 1.0, rare + 1.0) / (total + 2.0))
    highest = _log_ways(mode, rare, few, common)
    last = p.minimum(p.minimum(few, rare) + 1.0, p.floor(times(width, 16.0) + centre))
    slope = times(width, 2 * np.sqrt(2 / np.e).item()) + (3 - 2 * np.sqrt(3 / np.e).item())
    return rare, few, common, centre, slope, highest, last


def _log_ways(k: Array, rare: Array, few: Array, common: Array) -> Array:
    first = log_factorial(k) + log_factorial(rare - k)
    return first + log_factorial(few - k) + log_factorial(common - few + k)


def _candidates(
    draw: Source, rare: Array, few: Array, common: Array, centre: Array, slope: Array,
    highest: Array, last: Array,
) -> tuple[Array, Array]:  # fmt: skip
    u = 1.0 - draw.uniform()
    x = times(slope, (draw.uniform(1) - 0.5) / u) + centre
    valid = (x >= 0.0) & (x < last)
    k = p.floor(where(valid, x, 0.0))
    k = p.maximum(k, p.maximum(few - common, few * 0.0))
    ways = highest - _log_ways(k, rare, few, common)
    return k, valid & (p.floor(x) == k) & (p.log(u) * 2.0 <= ways)
