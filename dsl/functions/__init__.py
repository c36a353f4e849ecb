"""Composites: the public functions, with NumPy's names and signatures where NumPy has them."""

from typing import Any

from ..device import following, placed
from ..dispatch import dispatched
from . import (
    arithmetic,
    bits,
    choices,
    complex_numbers,
    convert,
    creation,
    cumulative,
    diagonals,
    differences,
    einstein,
    elementary,
    fitting,
    floats,
    foreign,
    functional,
    grids,
    histograms,
    integers,
    joining,
    kinds,
    limits,
    linear,
    logic,
    nan,
    neural,
    padding,
    polynomials,
    products,
    quantiles,
    random,
    rearranging,
    reductions,
    searching,
    selection,
    sets,
    shapes,
    signals,
    sorting,
    spaces,
    splitting,
    statistics,
    trigonometric,
)
from .arithmetic import *  # noqa: F403
from .bits import *  # noqa: F403
from .choices import *  # noqa: F403
from .complex_numbers import *  # noqa: F403
from .convert import *  # noqa: F403
from .creation import *  # noqa: F403
from .cumulative import *  # noqa: F403
from .diagonals import *  # noqa: F403
from .differences import *  # noqa: F403
from .einstein import *  # noqa: F403
from .elementary import *  # noqa: F403
from .fitting import *  # noqa: F403
from .floats import *  # noqa: F403
from .foreign import *  # noqa: F403
from .functional import *  # noqa: F403
from .grids import *  # noqa: F403
from .histograms import *  # noqa: F403
from .integers import *  # noqa: F403
from .joining import *  # noqa: F403
from .kinds import *  # noqa: F403
from .limits import *  # noqa: F403
from .linear import *  # noqa: F403
from .logic import *  # noqa: F403
from .nan import *  # noqa: F403
from .neural import *  # noqa: F403
from .padding import *  # noqa: F403
from .polynomials import *  # noqa: F403
from .products import *  # noqa: F403
from .quantiles import *  # noqa: F403
from .random import Generator, bernoulli, normal, permutation, randint, seed, uniform
from .rearranging import *  # noqa: F403
from .reductions import *  # noqa: F403
from .searching import *  # noqa: F403
from .selection import *  # noqa: F403
from .sets import *  # noqa: F403
from .shapes import *  # noqa: F403
from .signals import *  # noqa: F403
from .sorting import *  # noqa: F403
from .spaces import *  # noqa: F403
from .splitting import *  # noqa: F403
from .statistics import *  # noqa: F403
from .trigonometric import *  # noqa: F403

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
    *bits.__all__,
    *choices.__all__,
    *complex_numbers.__all__,
    *convert.__all__,
    *creation.__all__,
    *cumulative.__all__,
    *diagonals.__all__,
    *differences.__all__,
    *einstein.__all__,
    *elementary.__all__,
    *fitting.__all__,
    *floats.__all__,
    *foreign.__all__,
    *functional.__all__,
    *grids.__all__,
    *histograms.__all__,
    *integers.__all__,
    *joining.__all__,
    *kinds.__all__,
    *limits.__all__,
    *linear.__all__,
    *logic.__all__,
    *nan.__all__,
    *neural.__all__,
    *quantiles.__all__,
    *padding.__all__,
    *polynomials.__all__,
    *products.__all__,
    *rearranging.__all__,
    *reductions.__all__,
    *searching.__all__,
    *selection.__all__,
    *sets.__all__,
    *shapes.__all__,
    *sorting.__all__,
    *signals.__all__,
    *spaces.__all__,
    *splitting.__all__,
    *statistics.__all__,
    *trigonometric.__all__,
]


# Functions that are not of their arguments alone: they draw, read files, or take functions.
_UNRECORDED = (creation, foreign, functional, random)


def _offer(names: dict[str, Any]) -> None:
    """Make the public functions what users call: inside each, what is made of nothing is made
    where its operands are; and calls that come again go without Python (`dispatch.py`).

    Done here, at the public boundary: the functions call each other without it.
    """
    made: dict[Any, Any] = {}  # two names of one function stay one function
    apart = tuple(m.__name__ for m in _UNRECORDED)
    for name in __all__:
        function = names[name]
        if not callable(function) or isinstance(function, type) or function in made:
            names[name] = made.get(function, function)
        elif function.__module__.startswith(apart):
            names[name] = made[function] = following(function)
        else:
            names[name] = made[function] = dispatched(function, placed(function), __name__)


_offer(globals())
