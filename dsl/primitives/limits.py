"""Numbers brought between two limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..dtypes import DType
from ..primitive import Sample
from .elementwise import NUMBERS, maximum, shared
from .families import elementwise
from .samples import binary_samples

if TYPE_CHECKING:
    from ..array import Array


def _vjp_clip(ct: Array, out: Array, x: Array, low: Array, high: Array) -> tuple[Array, ...]:
    """As of the minimum of the maximum."""
    raised = maximum(x, low)
    to_raised, to_high = shared(ct, high, raised)
    return (*shared(to_raised, x, low), to_high)


def _clip_samples(dtype: DType) -> Iterator[Sample]:
    for sample in binary_samples(dtype):
        x, y = sample.inputs
        yield Sample((x, y, x[::-1] if x.ndim else x))


# In one pass what `minimum(maximum(x, low), high)` gives in two.
clip = elementwise(
    "clip",
    lambda x, low, high: np.minimum(np.maximum(x, low), high),
    _clip_samples,
    lower=lambda t, x, low, high, out: t.call("minimum", t.call("maximum", x, low), high),
    dtypes=NUMBERS,
    vjp=_vjp_clip,
    cost=4,
)
