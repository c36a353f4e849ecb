"""Composites: the public functions, with NumPy's names and signatures where NumPy has them."""

from . import (
    arithmetic,
    convert,
    creation,
    elementary,
    linear,
    logic,
    neural,
    quantiles,
    random,
    reductions,
    selection,
    sets,
    shapes,
    sorting,
)
from .arithmetic import *  # noqa: F403
from .convert import *  # noqa: F403
from .creation import *  # noqa: F403
from .elementary import *  # noqa: F403
from .linear import *  # noqa: F403
from .logic import *  # noqa: F403
from .neural import *  # noqa: F403
from .quantiles import *  # noqa: F403
from .random import Generator, bernoulli, normal, permutation, randint, seed, uniform
from .reductions import *  # noqa: F403
from .selection import *  # noqa: F403
from .sets import *  # noqa: F403
from .shapes import *  # noqa: F403
from .sorting import *  # noqa: F403

# Not `*`: mypy reads a plain list of names, and the modules' own lists are short.
__all__ = [
    "Generator",
    "bernoulli",
    "normal",
    "permutation",
    "randint",
    "random",
    "seed",
    "uniform",
    *arithmetic.__all__,
    *convert.__all__,
    *creation.__all__,
    *elementary.__all__,
    *linear.__all__,
    *logic.__all__,
    *neural.__all__,
    *quantiles.__all__,
    *reductions.__all__,
    *selection.__all__,
    *sets.__all__,
    *shapes.__all__,
    *sorting.__all__,
]
