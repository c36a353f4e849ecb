"""Random numbers: counter-based, the same on every device and for every number of threads.

A `Generator` is four words in an array: a key (the seed) and the number of the next call. Drawing
writes the next number into the array, so that staged code advances it as well.
"""

from __future__ import annotations

import math
import secrets
from typing import TYPE_CHECKING

import numpy as np

from ... import _native
from .. import device as placing
from .. import primitives as p
from .. import record
from ..dtypes import DType, DTypeLike, dtype, float32, float64, int64, uint32, uint64
from ..errors import DTypeError
from ..sizes import Shape
from .convert import ArrayLike, asarray, broadcast, convert
from .logic import less
from .shapes import ShapeLike, as_shape

if TYPE_CHECKING:
    from ..array import Array


class Generator:
    """A stream of random numbers, known by its seed.

    >>> first, second = Generator(7), Generator(7)
    >>> bool((first.uniform(size=3) == second.uniform(size=3)).all())
    True
    """

    def __init__(self, seed: int | None = None) -> None:
        self._seed = secrets.randbits(64) if seed is None else seed
        self._state: Array | None = None

    @property
    def state(self) -> Array:
        """uint32[4]: the key, low word first, and the number of the next call."""
        if self._state is None:
            # Not by `constant`: also inside a trace a generator is state, not a constant.
            self._state = _native.from_buffer(_initial(self._seed), uint32.code, True)
            placing.let_wander(self._state)
        if not record.is_tracing():
            placing.settle(self._state, placing.current().index)
        return self._state

    def seed(self, seed: int) -> None:
        """Start again from a seed."""
        self.state[...] = record.constant(_initial(seed), uint32)

    def bits(self, shape: ShapeLike = ()) -> Array:
        """Uniform random words, uint32."""
        state = asarray(self.state, copy=True)
        drawn = p.random_bits(state, shape=as_shape("bits", shape))
        self._advance(state)
        return drawn

    def _advance(self, state: Array) -> None:
        # The last two words count calls; a carry goes into the upper one.
        one = record.constant(np.array([0, 0, 1, 0], np.uint32), uint32)
        after = state + one
        low = p.slice_(after, start=(2,), sizes=(1,), strides=(1,))
        carry = convert(p.eq(low, low * 0), uint32)
        self.state[...] = after + p.pad(carry, low=(3,), high=(0,), value=0)

    def uniform(
        self,
        low: float = 0.0,
        high: float = 1.0,
        size: ShapeLike = (),
        *,
        dtype: DTypeLike = float32,
    ) -> Array:
        """Uniform numbers in [low, high)."""
        wanted = _float_dtype("uniform", dtype)
        unit = _unit(self, as_shape("uniform", size), wanted)
        return unit if (low, high) == (0.0, 1.0) else unit * (high - low) + low

    def normal(
        self,
        loc: float = 0.0,
        scale: float = 1.0,
        size: ShapeLike = (),
        *,
        dtype: DTypeLike = float32,
    ) -> Array:
        """Normally distributed numbers (Box and Muller's method)."""
        wanted = _float_dtype("normal", dtype)
        sizes = as_shape("normal", size)
        inner = wanted if wanted.itemsize >= 4 else float32
        radius, angle = _unit(self, sizes, inner), _unit(self, sizes, inner)
        # 1 - u is in (0, 1], where the logarithm is finite.
        length = p.sqrt(p.log(1 - radius) * -2.0)
        drawn = convert(length * p.cos(angle * (2 * math.pi)), wanted)
        return drawn if (loc, scale) == (0.0, 1.0) else drawn * scale + loc

    def randint(
        self, low: int, high: int | None = None, size: ShapeLike = (), *, dtype: DTypeLike = int64
    ) -> Array:
        """Uniform integers from low (default 0) to before high."""
        begin, end = (0, low) if high is None else (low, high)
        span = end - begin
        if not 0 < span <= 2**32:
            raise ValueError(f"randint: got {begin} to {end}; the span must be in 1..2**32")
        # The upper half of a 64-bit product: uniform to 2**-32, without a division.
        wide = convert(self.bits(size), uint64) * record.constant(span, uint64)
        drawn = p.shift_right(*broadcast("randint", wide, record.constant(32, uint64)))
        return convert(convert(drawn, int64) + begin, _dtype(dtype))

    def bernoulli(self, probability: ArrayLike = 0.5, size: ShapeLike | None = None) -> Array:
        """True with this probability, as bool."""
        chance = asarray(probability)
        sizes: Shape = chance.shape if size is None else as_shape("bernoulli", size)
        return less(_unit(self, sizes, float32), convert(chance, float32))

    def permutation(self, n: int) -> Array:
        """The numbers 0..n-1 in random order, int64. Not in staged code."""
        return record.constant(np.argsort(self.bits((n,)).numpy(), kind="stable"), int64)


_dtype = dtype


def _initial(seed: int) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    words = (seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF, 0, 0)
    return np.array(words, np.uint32)


def _float_dtype(name: str, like: DTypeLike) -> DType:
    wanted = dtype(like)
    if not wanted.is_float:
        raise DTypeError(f"{name}: got {wanted}; it draws float16, bfloat16, float32 or float64")
    return wanted


def _unit(generator: Generator, shape: Shape, wanted: DType) -> Array:
    """Uniform in [0, 1): as many random bits as the type has, so that no rounding reaches 1."""
    if wanted is float64:
        words = generator.bits((*shape, 2))
        high, low = (_word(words, shape, i) for i in (0, 1))
        whole = (high >> 5) * 67108864.0 + convert(low >> 6, float64)
        return whole * 2.0**-53
    digits = {"float32": 24, "float16": 11, "bfloat16": 8}[wanted.name]
    bits = generator.bits(shape) >> (32 - digits)
    return convert(convert(bits, float32) * 2.0**-digits, wanted)


def _word(words: Array, shape: Shape, i: int) -> Array:
    start = (*(0,) * len(shape), i)
    picked = p.slice_(words, start=start, sizes=(*shape, 1), strides=(1,) * len(start))
    return p.reshape(picked, shape=shape)


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
    return (generator or default).randint(low, high, size, dtype=dtype)


def bernoulli(
    probability: ArrayLike = 0.5,
    size: ShapeLike | None = None,
    *,
    generator: Generator | None = None,
) -> Array:
    """True with this probability, as bool."""
    return (generator or default).bernoulli(probability, size)


def permutation(n: int, *, generator: Generator | None = None) -> Array:
    """The numbers 0..n-1 in random order, int64. Not in staged code."""
    return (generator or default).permutation(n)


__all__ = ["Generator", "bernoulli", "normal", "permutation", "randint", "seed", "uniform"]
