"""Composites: the public functions, with NumPy's names and signatures where NumPy has them."""

from typing import Any

from ..device import following
from . import (
    arithmetic,
    convert,
    creation,
    elementary,
    linear,
    logic,
    neural,
    random,
    reductions,
    selection,
    shapes,
)
from .arithmetic import *  # noqa: F403
from .convert import *  # noqa: F403
from .creation import *  # noqa: F403
from .elementary import *  # noqa: F403
from .linear import *  # noqa: F403
from .logic import *  # noqa: F403
from .neural import *  # noqa: F403
from .random import Generator, bernoulli, normal, permutation, randint, seed, uniform
from .reductions import *  # noqa: F403
from .selection import *  # noqa: F403
from .shapes import *  # noqa: F403

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
    *reductions.__all__,
    *selection.__all__,
    *shapes.__all__,
]


def _follow_operands(names: dict[str, Any]) -> None:
    """Inside every public function, what is made of nothing is made where its operands are.

    Done here, at the public boundary: the functions call each other without it.
    """
    for name in __all__:
        if callable(names[name]) and not isinstance(names[name], type):
            names[name] = following(names[name])


_follow_operands(globals())
