"""Native routines of the processor, and the LAPACK and pocketfft that some of them need.

The core calls LAPACK through C pointers; SciPy carries one and exports its functions as capsules.
Fourier transforms are the loops of NumPy's pocketfft: they are ufuncs, whose C functions stand in
the public head of the object. (SciPy's pocketfft has no C pointers; a loop needs no interpreter.)
Each is imported when the first routine that needs it is, and never by others.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from ... import _native
from ...dsl.errors import DeviceError

BY_LAPACK = frozenset({"cholesky", "inv", "solve", "det", "slogdet", "qr", "eigh", "svd", "eig"})
BY_FOURIER = frozenset({"fft", "rfft", "irfft"})


@cache
def routine(name: str) -> Callable[..., Any]:
    """The routine of this name, with what it needs loaded; DeviceError if there is none."""
    if name not in _native.routines():
        raise DeviceError(f"there is no native routine {name} on the processor")
    if name in BY_LAPACK:
        _load_lapack()
    if name in BY_FOURIER:
        _load_fourier()
    return partial(_native.call_routine, name)


@cache
def _load_lapack() -> None:
    try:
        functions = importlib.import_module("scipy.linalg.cython_lapack").__pyx_capi__
    except ImportError as error:
        raise DeviceError(f"linear algebra needs the LAPACK of SciPy: {error}") from error
    for name in _native.lapack_names():
        _native.set_lapack(name, functions[name])


class _Ufunc(ctypes.Structure):
    """The head of PyUFuncObject (numpy/ufuncobject.h), after the object's own."""

    _fields_ = (
        ("nin", ctypes.c_int),
        ("nout", ctypes.c_int),
        ("nargs", ctypes.c_int),
        ("identity", ctypes.c_int),
        ("functions", ctypes.POINTER(ctypes.c_void_p)),
        ("data", ctypes.POINTER(ctypes.c_void_p)),
        ("ntypes", ctypes.c_int),
    )


# The loops of each transform by the types of input, factor and output.
_TYPES = {
    "fft": ("Ff->F", "Dd->D"),
    "ifft": ("Ff->F", "Dd->D"),
    "rfft_n_even": ("ff->F", "dd->D"),
    "rfft_n_odd": ("ff->F", "dd->D"),
    "irfft": ("Ff->f", "Dd->d"),
}


@cache
def _load_fourier() -> None:
    try:
        module = importlib.import_module("numpy.fft._pocketfft_umath")
    except ImportError as error:
        raise DeviceError(f"Fourier transforms need NumPy's pocketfft: {error}") from error
    for name, types in _TYPES.items():
        ufunc: Any = getattr(module, name, None)
        head = None if ufunc is None else _head_of(ufunc)
        for of, kind in zip(("float32", "float64"), types, strict=True):
            if head is None or kind not in ufunc.types:
                raise DeviceError(
                    f"Fourier transforms need the loop {kind} of NumPy's pocketfft {name}, which "
                    "this NumPy does not have"
                )
            place = ufunc.types.index(kind)
            context = head.data[place] if head.data else 0
            _native.set_fourier(f"{name}_{of}", head.functions[place], context or 0)


def _head_of(ufunc: Any) -> _Ufunc | None:
    """The C head of a ufunc, if it lies where we look: the numbers in it are those of Python's."""
    head = _Ufunc.from_address(id(ufunc) + object.__basicsize__)
    there = (head.nin, head.nout, head.nargs, head.ntypes)
    expected = (ufunc.nin, ufunc.nout, ufunc.nargs, ufunc.ntypes)
    return head if there == expected == (2, 1, 3, len(ufunc.types)) else None
