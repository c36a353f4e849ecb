"""`numpy.random` on tilewright's arrays: `default_rng`, `Generator` with NumPy's distributions.

The bit generator is Philox4x32-10, which is counter-based: the same numbers on every device and
for every number of threads. They are not the numbers that NumPy draws from the same seed. Seeds go
through NumPy's own `SeedSequence`. The functions of one hidden generator (`np.random.rand`) are not
here: NumPy keeps them for old programs.

>>> rng = default_rng(7)
>>> rng.standard_normal((2, 3)).shape
(2, 3)
"""

from numpy.random import SeedSequence

from ..dsl.functions.random import Generator, Philox, default_rng

__all__ = ["Generator", "Philox", "SeedSequence", "default_rng"]
