"""Public functions as native callables, which run calls that come again without Python.

Of elementwise functions and reductions the core tells calls apart by dtypes, ranks, and which sizes
are 0 or 1, as their kernels serve all sizes; and numbers in place of arrays by their type alone. Of
all others it tells every size and every number.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _native

# Not by the operands' kinds alone: exponents have special cases, counts of bits are checked.
_BY_VALUE = frozenset({"power", "pow", "float_power", "left_shift", "right_shift", "ldexp"})
_REDUCTIONS = frozenset({
    "sum", "prod", "max", "min", "amax", "amin", "any", "all", "argmax", "argmin", "count_nonzero",
})  # fmt: skip
# Elementwise functions that are no ufuncs in NumPy, with the number of their operands.
_FURTHER = {"where": 3, "clip": 3, "astype": 1, "relu": 1, "sigmoid": 1, "rsqrt": 1, "erf": 1}


def kind_of(name: str) -> tuple[int, bool]:
    """How many operands may be Python numbers told by their type, and whether sizes do not
    matter, for a function of this name."""
    if name in _REDUCTIONS:
        return 0, True
    theirs = getattr(np, name, None)
    if isinstance(theirs, np.ufunc) and theirs.signature is None and name not in _BY_VALUE:
        return theirs.nin, True
    return (_FURTHER[name], True) if name in _FURTHER else (0, False)


def dispatched(
    function: Callable[..., Any], slow: Callable[..., Any], module: str | None = None
) -> Any:
    """The function as a native callable; `slow` is what is called where nothing is known, and
    `module` says where it is found by its name."""
    made = _native.Dispatch(slow, function, *kind_of(function.__name__))
    functools.update_wrapper(made, function)
    if module is not None:
        made.__module__, made.__qualname__ = module, function.__name__
    return made
