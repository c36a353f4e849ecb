"""Native routines of the processor, and the LAPACK that some of them need.

The core calls LAPACK through C pointers; SciPy carries one and exports its functions as capsules.
It is imported when the first routine that needs it is, and never by others.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from ... import _native
from ...dsl.errors import DeviceError

BY_LAPACK = frozenset({"cholesky", "inv", "solve", "det", "slogdet", "qr", "eigh", "svd", "eig"})


@cache
def routine(name: str) -> Callable[..., Any]:
    """The routine of this name, with what it needs loaded; DeviceError if there is none."""
    if name not in _native.routines():
        raise DeviceError(f"there is no native routine {name} on the processor")
    if name in BY_LAPACK:
        _load_lapack()
    return partial(_native.call_routine, name)


@cache
def _load_lapack() -> None:
    try:
        functions = importlib.import_module("scipy.linalg.cython_lapack").__pyx_capi__
    except ImportError as error:
        raise DeviceError(f"linear algebra needs the LAPACK of SciPy: {error}") from error
    for name in _native.lapack_names():
        _native.set_lapack(name, functions[name])
