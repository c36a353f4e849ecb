"""Errors in units in the last place, for the tests that read bounds off the registries."""

from __future__ import annotations

from typing import Any

import numpy as np

from tilewright.dsl.dtypes import DType, to_numpy


def is_float(x: Any) -> bool:
    return x.dtype.kind in "fV"  # V: bfloat16


def widened(x: Any) -> Any:
    if not is_float(x):
        return x
    return x.astype(np.longdouble if x.dtype == np.float64 else np.float64)


def unit(of: DType, scale: Any) -> Any:
    """The distance of neighbouring numbers of a dtype at `scale`."""
    digits, lowest = {"float16": (10, -24), "bfloat16": (7, -133), "float32": (23, -149),
                      "float64": (52, -1074)}[of.name]  # fmt: skip
    exponent = np.floor(np.log2(np.maximum(np.asarray(scale, np.longdouble), 1e-4000)))
    return np.exp2(np.maximum(exponent - digits, lowest).astype(np.longdouble))


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
