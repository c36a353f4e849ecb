"""The limits of data types: what `finfo` and `iinfo` tell, as plain numbers of Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..dtypes import DType, dtype
from ..errors import ArgumentError


@dataclass(frozen=True)
class FloatLimits:
    """The limits of a float type, by NumPy's names. `dtype` is that of the parts, if complex.

    `eps` is the distance from 1 to the next number, `epsneg` to the one before; `nmant` and `nexp`
    are bits, `precision` is decimal digits.
    """

    dtype: DType
    bits: int
    eps: float
    epsneg: float
    max: float
    min: float
    smallest_normal: float
    smallest_subnormal: float
    resolution: float
    precision: int
    nmant: int
    nexp: int
    minexp: int
    maxexp: int

    @property
    def tiny(self) -> float:
        """`smallest_normal` by its older name."""
        return self.smallest_normal

    @property
    def machep(self) -> int:
        """The exponent of `eps`."""
        return -self.nmant

    @property
    def negep(self) -> int:
        """The exponent of `epsneg`."""
        return -self.nmant - 1

    @property
    def iexp(self) -> int:
        """The number of bits of the exponent."""
        return self.nexp

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:.8g}, max={self.max:.8g}, "
            f"dtype={self.dtype})"
        )


@dataclass(frozen=True)
class IntegerLimits:
    """The limits of an integer type, by NumPy's names."""

    dtype: DType
    bits: int
    min: int
    max: int

    @property
    def kind(self) -> str:
        """The kind of the type: i is signed, u unsigned."""
        return self.dtype.kind

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


def finfo(dtype: Any) -> FloatLimits:
    """The limits of a float type, or of an array's; of a complex type those of its parts.

    Raises ArgumentError (a ValueError) for other types.

    >>> finfo("float32").eps, finfo("float16").max
    (1.1920928955078125e-07, 65504.0)
    """
    found = _asked(dtype)
    if found.kind == "c":
        found = _dtype(f"float{4 * found.itemsize}")
    if not found.is_float:
        raise ArgumentError(f"finfo: got {found}; it takes a float type")
    return _float_limits(found)


def iinfo(dtype: Any) -> IntegerLimits:
    """The limits of an integer type, or of an array's.

    Raises ArgumentError (a ValueError) for other types.

    >>> iinfo("int8").max
    127
    """
    found = _asked(dtype)
    if not found.is_integer:
        raise ArgumentError(f"iinfo: got {found}; it takes an integer type")
    known = np.iinfo(found.dtype)
    return IntegerLimits(found, found.bits, int(known.min), int(known.max))


_dtype = dtype


def _asked(x: Any) -> DType:
    """A data type, or that of an array or a number."""
    if isinstance(x, bool | int | float | complex):
        return _dtype(type(x))
    return _dtype(x.dtype if hasattr(x, "shape") else x)


def _float_limits(of: DType) -> FloatLimits:
    # bfloat16 is float32 without its last 16 bits.
    bits = {"float16": (10, 5), "bfloat16": (7, 8), "float32": (23, 8), "float64": (52, 11)}
    mantissa, exponent = bits[of.name]
    most = 2 ** (exponent - 1)
    eps = 2.0**-mantissa
    largest = (2.0 - eps) * 2.0 ** (most - 1)
    digits = 15 if of.itemsize == 8 else int(mantissa * 0.30103)
    return FloatLimits(
        dtype=of, bits=of.bits, eps=eps, epsneg=eps / 2, max=largest, min=-largest,
        smallest_normal=2.0 ** (2 - most), smallest_subnormal=2.0 ** (2 - most - mantissa),
        resolution=float(f"1e-{digits}"), precision=digits, nmant=mantissa, nexp=exponent,
        minexp=2 - most, maxexp=most,
    )  # fmt: skip


__all__ = ["finfo", "iinfo"]
