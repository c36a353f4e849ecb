"""NumPy's names on tilewright's arrays: `import tilewright.numpy as np`.

Functions are those of `tilewright` itself, with NumPy 2's names, signatures and defaults. What is
there, and where it differs, is listed in docs/numpy.md; a name that is not there is an
AttributeError, never NumPy's function in disguise.

>>> import tilewright.numpy as np
>>> x = np.linspace(0, 1, 5)
>>> np.add.reduce(x), np.hstack([x[:2], 7.0])
(array(2.5), array([0.  , 0.25, 7.  ]))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as _numpy

from . import Array as ndarray
from .dsl import dtypes as _dtypes
from .dsl import functions as _functions
from .dsl import host as _host
from .dsl.ufuncs import UFUNCS as _ufuncs
from .dsl.ufuncs import Ufunc as ufunc

if TYPE_CHECKING:
    from .dsl.functions import *  # noqa: F403
    from .dsl.host import *  # noqa: F403

# Names of NumPy that mean another thing here: random numbers have functions of their own.
_OTHERS = frozenset({"random", "seed"})

# What a program takes from NumPy that concerns no array: constants, abstract types, settings of
# warnings (kernels give none), and indices written as slices.
_PASSED_ON = (
    "e", "euler_gamma", "inf", "nan", "newaxis", "pi", "little_endian", "generic", "number",
    "inexact", "floating", "integer", "signedinteger", "unsignedinteger", "complexfloating",
    "errstate", "geterr", "seterr", "geterrcall", "seterrcall", "index_exp", "s_", "ndindex",
    "exceptions",
)  # fmt: skip


def _offered() -> dict[str, Any]:
    """Every name of ours that NumPy has too, and what it stands for."""
    names: dict[str, Any] = {n: getattr(_functions, n) for n in _functions.__all__}
    names |= {n: getattr(_host, n) for n in _host.__all__}
    names |= _ufuncs
    types = {d.name: d for d in _dtypes.ALL} | {"bool_": _dtypes.bool_, "dtype": _dtypes.dtype}
    types |= {"double": _dtypes.float64, "single": _dtypes.float32, "half": _dtypes.float16}
    types |= {"int_": _dtypes.int64, "uint": _dtypes.uint64, "intp": _dtypes.int64}
    names |= types | {n: getattr(_numpy, n) for n in _PASSED_ON}
    names |= {"ndarray": ndarray, "ufunc": ufunc}
    return {n: v for n, v in sorted(names.items()) if hasattr(_numpy, n) and n not in _OTHERS}


globals().update(_offered())
__all__ = list(_offered())
