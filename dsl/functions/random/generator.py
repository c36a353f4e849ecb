"""`Generator`: NumPy's distributions on a counter-based stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ... import primitives as p
from ..convert import ArrayLike
from ..shapes import ShapeLike, as_shape
from .bit_generator import Philox, Seed
from .continuous import Continuous
from .counts import Counts
from .hypergeometric import Hypergeometric
from .integers import Integers
from .multivariate import Multivariate
from .orders import Orders
from .positive import Positive

if TYPE_CHECKING:
    from ...array import Array


class Generator(Continuous, Positive, Counts, Hypergeometric, Multivariate, Integers, Orders):
    """A stream of random numbers with NumPy's methods, known by its seed (or a `Philox`).

    The numbers are the same on every device (for arrays of the dtype asked for), for every number
    of threads, eagerly and in staged code, which advances the generator as eager code does. They
    are not NumPy's numbers. Methods of floats also take a `dtype`; the default is float64, or
    what the device has instead.

    >>> first, second = Generator(7), Generator(7)
    >>> bool((first.uniform(size=3) == second.uniform(size=3)).all())
    True
    """

    def __init__(self, bit_generator: Philox | Seed = None) -> None:
        given = isinstance(bit_generator, Philox)
        self._bits = bit_generator if given else Philox(bit_generator)

    @property
    def bit_generator(self) -> Philox:
        """What holds the state: `bit_generator.state` is a dict to keep and to set."""
        return self._bits

    def seed(self, seed: Seed) -> None:
        """Start again from a seed."""
        self._bits.seed(seed)

    def spawn(self, n_children: int) -> list[Generator]:
        """Generators with independent streams, each of which can spawn again. Not in staged code.

        >>> len(Generator(7).spawn(3))
        3
        """
        return [Generator(child) for child in self._bits.spawn(n_children)]

    def fold_in(self, data: ArrayLike) -> Generator:
        """The generator that belongs to an integer: of this one's key and `data` alone, whatever
        was drawn. Works in staged code, where `data` may be traced.

        >>> a, b = Generator(7), Generator(7)
        >>> _ = b.random(5)
        >>> bool(a.fold_in(3).random() == b.fold_in(3).random())
        True
        """
        return Generator(self._bits.fold_in(data))

    def bits(self, shape: ShapeLike = ()) -> Array:
        """Uniform random words, uint32."""
        return p.random_bits(self._bits.reserve(), shape=as_shape("bits", shape))

    def __repr__(self) -> str:
        return f"Generator({self._bits.__class__.__name__})"


def default_rng(seed: Any = None) -> Generator:
    """A generator of a seed: None (from the system), ints, a `SeedSequence`, a `Philox`; a
    Generator is returned as it is.

    >>> default_rng(7).integers(10, size=3).shape
    (3,)
    """
    return seed if isinstance(seed, Generator) else Generator(seed)
