"""Random numbers: counter-based, the same on every device and for every number of threads.

`Generator` has NumPy's distributions (`tilewright.numpy.random`). The functions here draw from one
generator of the library, `default`, in float32 unless they are told otherwise: weights and dropout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...dtypes import DTypeLike, float32, int64
from ..convert import ArrayLike, asarray, convert
from ..logic import less
from ..shapes import ShapeLike
from .bit_generator import Philox
from .draws import PROBABILITY, parameters
from .generator import Generator, default_rng

if TYPE_CHECKING:
    from ...array import Array

default = Generator()


def seed(n: int) -> None:
    """Start the default generator again from a seed.

    >>> seed(1)
    >>> a = uniform(size=2)
    >>> seed(1)
    >>> bool((a == uniform(size=2)).all())
    True
    """
    default.seed(n)


def uniform(
    low: float = 0.0,
    high: float = 1.0,
    size: ShapeLike = (),
    *,
    dtype: DTypeLike = float32,
    generator: Generator | None = None,
) -> Array:
    """Uniform numbers in [low, high), float32 by default.

    >>> x = uniform(2.0, 3.0, 100)
    >>> bool((x >= 2).all() & (x < 3).all())
    True
    """
    return (generator or default).uniform(low, high, size, dtype=dtype)


def normal(
    loc: float = 0.0,
    scale: float = 1.0,
    size: ShapeLike = (),
    *,
    dtype: DTypeLike = float32,
    generator: Generator | None = None,
) -> Array:
    """Normally distributed numbers with mean `loc` and standard deviation `scale`."""
    return (generator or default).normal(loc, scale, size, dtype=dtype)


def randint(
    low: int,
    high: int | None = None,
    size: ShapeLike = (),
    *,
    dtype: DTypeLike = int64,
    generator: Generator | None = None,
) -> Array:
    """Uniform integers from low (default 0) to before high."""
    return (generator or default).integers(low, high, size, dtype)


def bernoulli(
    probability: ArrayLike = 0.5,
    size: ShapeLike | None = None,
    *,
    generator: Generator | None = None,
) -> Array:
    """True with this probability, as bool."""
    shape, chance = parameters("bernoulli", size, float32, probability=(probability, PROBABILITY))
    drawn = (generator or default).random(shape, float32)
    return less(drawn, convert(asarray(chance), float32))


def permutation(n: int, *, generator: Generator | None = None) -> Array:
    """The numbers 0..n-1 in random order, int64."""
    return (generator or default).permutation(n)


__all__ = [
    "Generator",
    "Philox",
    "bernoulli",
    "default_rng",
    "normal",
    "permutation",
    "randint",
    "seed",
    "uniform",
]
