"""NumPy's names, and what each stands for here: the table behind `tilewright.numpy` and behind
NumPy's own functions when they are given our arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import dtypes, host
from . import functions as f
from .device import following
from .errors import LinAlgError
from .functions import decompositions, fourier, matrix_products, norms, solving
from .ufuncs import UFUNCS, Ufunc

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

_TYPES: dict[str, Any] = {d.name: d for d in dtypes.ALL} | {
    "bool_": dtypes.bool_, "dtype": dtypes.dtype, "half": dtypes.float16, "single": dtypes.float32,
    "double": dtypes.float64, "int_": dtypes.int64, "intp": dtypes.int64, "uint": dtypes.uint64,
    "uintp": dtypes.uint64, "longlong": dtypes.int64, "ulonglong": dtypes.uint64,
    "byte": dtypes.int8, "ubyte": dtypes.uint8, "short": dtypes.int16, "ushort": dtypes.uint16,
    "intc": dtypes.int32, "uintc": dtypes.uint32,
    "csingle": dtypes.complex64, "cdouble": dtypes.complex128,
}  # fmt: skip


def _offered() -> dict[str, Any]:
    names: dict[str, Any] = {n: getattr(f, n) for n in f.__all__}
    names |= {n: getattr(host, n) for n in host.__all__}
    names |= UFUNCS
    names |= _TYPES | {n: getattr(np, n) for n in _PASSED_ON} | {"ufunc": Ufunc}
    return {n: v for n, v in sorted(names.items()) if hasattr(np, n) and n not in _OTHERS}


def _public(*modules: Any) -> dict[str, Any]:
    """What modules export; inside their functions arrays are made where the operands are."""
    found = {n: getattr(m, n) for m in modules for n in m.__all__}
    return {n: v if isinstance(v, type) else following(v) for n, v in found.items()}


OFFERED = _offered()
LINALG = _public(decompositions, matrix_products, norms, solving) | {
    "LinAlgError": LinAlgError, "matmul": f.matmul, "matrix_transpose": f.matrix_transpose,
}  # fmt: skip
FFT = _public(fourier)
# By the module that NumPy's functions say they are of.
BY_MODULE: dict[str, dict[str, Any]] = {
    "numpy": OFFERED, "numpy.linalg": LINALG, "numpy.fft": FFT,
}  # fmt: skip
