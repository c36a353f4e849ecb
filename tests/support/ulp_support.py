"""Errors in units in the last place, for the tests that read bounds off the registries."""

from __future__ import annotations

from typing import Any

import numpy as np

from tilewright.dsl.dtypes import DType, to_numpy


def is_float(x: Any) -> bool:
    return x.dtype.kind in "fV"  # V: bfloat16


def is_inexact(x: Any) -> bool:
    return x.dtype.kind in "fVc"


def widened(x: Any) -> Any:
    if x.dtype.kind == "c":
        return x.astype(np.clongdouble if x.dtype == np.complex128 else np.complex128)
    if not is_float(x):
        return x
    return x.astype(np.longdouble if x.dtype == np.float64 else np.float64)


def unit(of: DType, scale: Any) -> Any:
    """The distance of neighbouring numbers of a dtype at `scale`."""
    digits, lowest = {"float16": (10, -24), "bfloat16": (7, -133), "float32": (23, -149),
                      "float64": (52, -1074)}[of.real.name]  # fmt: skip
    exponent = np.floor(np.log2(np.maximum(np.asarray(scale, np.longdouble), 1e-4000)))
    return np.exp2(np.maximum(exponent - digits, lowest).astype(np.longdouble))


def complex_errors(of: DType, found: Any, expected: Any, scale: Any = None) -> Any:
    """The errors of complex numbers in units of their modulus (or of `scale`). Where a part is
    infinite or nan, each part by itself: infinite if its class is wrong."""
    rounded = expected.astype(to_numpy(of))
    modulus = np.abs(expected)
    finite = np.isfinite(rounded.real) & np.isfinite(rounded.imag) & np.isfinite(modulus)
    size = modulus if scale is None else scale
    size = np.where(np.isfinite(size), size, 0)
    wide = widened(found)
    distance = np.hypot(*(np.abs(_part(wide, i) - _part(expected, i)) for i in (0, 1)))
    whole = np.where(np.isfinite(distance), distance / unit(of, size), np.inf)
    lost = np.isnan(rounded.real) | np.isnan(rounded.imag)  # C leaves the other part's sign open
    parts = [
        _part_error(of, *(_part(x, i) for x in (wide, expected, rounded)), lost) for i in (0, 1)
    ]
    return np.where(finite, whole, np.maximum(*parts))


def _part(x: Any, number: int) -> Any:
    return x.imag if number else x.real


def _part_error(of: DType, found: Any, expected: Any, rounded: Any, signless: Any) -> Any:
    same = (found == rounded) | (np.isnan(found) & np.isnan(rounded))
    same |= signless & np.isinf(found) & np.isinf(rounded)
    near = np.abs(found - expected) / unit(of, np.abs(np.where(np.isfinite(rounded), expected, 1)))
    return np.where(same, 0, np.where(np.isfinite(found) & np.isfinite(rounded), near, np.inf))


def errors(of: DType, found: Any, expected: Any) -> Any:
    """The errors of `found` against the exact result in a wider type: infinite where an infinity,
    a nan or the sign of a zero is wrong."""
    rounded = expected.astype(to_numpy(of)).astype(np.longdouble)
    wide, exact = found.astype(np.longdouble), expected.astype(np.longdouble)
    nan = np.isnan(rounded)
    same = (wide == rounded) & (np.signbit(wide) == np.signbit(rounded)) | nan & np.isnan(wide)
    is_finite = np.isfinite(wide) & np.isfinite(rounded) & (wide != 0)
    distance = np.abs(wide - exact) / unit(of, np.abs(exact))
    return np.where(same, 0, np.where(is_finite, distance, np.inf))
