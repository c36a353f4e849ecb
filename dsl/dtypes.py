"""Data types and NumPy 2 promotion.

A `DType` is a small record; `np.dtype(tw.float32)` and `tw.dtype(np.float32)` convert. Promotion is
NumPy 2's: tables for arrays, and Python scalars are weak (they take the array's kind, NEP 50).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from .errors import DTypeError


@dataclass(frozen=True, eq=False, repr=False)
class DType:
    """One element type: `code` is its number in the native core, `kind` one of b, i, u, f, c."""

    name: str
    code: int
    itemsize: int
    kind: str

    @property
    def bits(self) -> int:
        return self.itemsize * 8

    @property
    def is_float(self) -> bool:
        return self.kind == "f"

    @property
    def is_complex(self) -> bool:
        return self.kind == "c"

    @property
    def is_inexact(self) -> bool:
        """Whether it is a float or complex: the types that have gradients."""
        return self.kind in "fc"

    @property
    def real(self) -> DType:
        """The type of the real and the imaginary part; of what is not complex, itself."""
        return _PARTS.get(self.name, self)

    @property
    def is_integer(self) -> bool:
        return self.kind in "iu"

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype (bfloat16 comes from ml_dtypes); makes `np.dtype(tw.float32)` work."""
        return to_numpy(self)

    def __call__(self, value: Any = 0) -> Any:
        """An array of `value` with elements of this type, as NumPy's scalar types convert."""
        (construct,) = _constructors
        return construct(value, self)

    def __repr__(self) -> str:
        return f"tilewright.{self.name}"

    def __str__(self) -> str:
        return self.name

    def __eq__(self, other: object) -> bool:
        if isinstance(other, DType):
            return self is other
        try:
            return dtype(other) is self
        except (DTypeError, TypeError):
            return NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return dtype, (self.name,)


Construct = Callable[[Any, "DType"], Any]
_constructors: list[Construct] = []


def set_constructor(construct: Construct) -> None:
    """Install what makes an array of a value and a type; arrays stand on this module."""
    _constructors[:] = [construct]


bool_ = DType("bool", 0, 1, "b")
int8 = DType("int8", 1, 1, "i")
int16 = DType("int16", 2, 2, "i")
int32 = DType("int32", 3, 4, "i")
int64 = DType("int64", 4, 8, "i")
uint8 = DType("uint8", 5, 1, "u")
uint16 = DType("uint16", 6, 2, "u")
uint32 = DType("uint32", 7, 4, "u")
uint64 = DType("uint64", 8, 8, "u")
float16 = DType("float16", 9, 2, "f")
bfloat16 = DType("bfloat16", 10, 2, "f")
float32 = DType("float32", 11, 4, "f")
float64 = DType("float64", 12, 8, "f")
complex64 = DType("complex64", 13, 8, "c")
complex128 = DType("complex128", 14, 16, "c")

ALL = (
    bool_, int8, int16, int32, int64, uint8, uint16, uint32, uint64,
    float16, bfloat16, float32, float64, complex64, complex128,
)  # fmt: skip
FLOATS = tuple(d for d in ALL if d.is_float)
COMPLEX = (complex64, complex128)
INEXACT = (*FLOATS, *COMPLEX)
REALS = tuple(d for d in ALL if d not in COMPLEX)
_PARTS = {"complex64": float32, "complex128": float64}
INTEGERS = tuple(d for d in ALL if d.is_integer)
_BY_NAME = {d.name: d for d in ALL} | {"bool_": bool_}
_PYTHON = {bool: bool_, int: int64, float: float64, complex: complex128}

DTypeLike = DType | str | type | np.dtype[Any]


def dtype(like: Any) -> DType:
    """The `DType` for a name, a NumPy dtype or scalar type, or Python's bool, int, float, complex.

    >>> dtype("float32"), dtype(float)
    (tilewright.float32, tilewright.float64)
    """
    if isinstance(like, DType):
        return like
    if isinstance(like, type) and like in _PYTHON:
        return _PYTHON[like]
    name = like if isinstance(like, str) and like in _BY_NAME else _numpy_name(like)
    if name not in _BY_NAME:
        raise DTypeError(f"dtype: got {like!r}; the data types are {', '.join(map(str, ALL))}")
    return _BY_NAME[name]


def _numpy_name(like: Any) -> str:
    try:
        found = np.dtype(like)
    except (TypeError, ValueError):
        return ""
    # A foreign byte order is another type: the caller's copy must convert it first.
    return str(found.name if found.isnative else found.newbyteorder("=").name)


@cache
def to_numpy(of: DType) -> np.dtype[Any]:
    """The NumPy dtype of the same elements."""
    if of is bfloat16:
        import ml_dtypes  # 60 ms, and few programs need it

        half: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
        return half
    return np.dtype(of.name)


@cache
def promote(a: DType, b: DType) -> DType:
    """NumPy 2's result type of two arrays; bfloat16 with float16 gives float32.

    >>> promote(int64, float32)
    tilewright.float64
    """
    if a is b:
        return a
    if bfloat16 in (a, b):
        return _promote_bfloat16(b if a is bfloat16 else a)
    return _BY_NAME[np.promote_types(to_numpy(a), to_numpy(b)).name]


def _promote_bfloat16(other: DType) -> DType:
    if other.is_complex:
        return other
    if other.kind == "b" or (other.is_integer and other.itemsize == 1):
        return bfloat16
    return promote(float32, other)


def complex_of(of: DType) -> DType:
    """The complex type that holds numbers of a type: complex64 for half types and float32.

    >>> complex_of(float32), complex_of(int64)
    (tilewright.complex64, tilewright.complex128)
    """
    if of.is_complex:
        return of
    return complex64 if of is bfloat16 else promote(of, complex64)


def promote_scalar(array: DType, scalar: bool | int | float | complex) -> DType:
    """The result type of an array with a Python scalar, which is weak (NEP 50).

    >>> promote_scalar(float32, 2.5), promote_scalar(int32, 2.5), promote_scalar(bool_, 1)
    (tilewright.float32, tilewright.float64, tilewright.int64)
    """
    rank = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3}
    of_scalar = dtype(type(scalar)) if type(scalar) in _PYTHON else dtype(float)
    if rank[array.kind] >= rank[of_scalar.kind]:
        return array
    return complex_of(array) if of_scalar.is_complex and array.is_float else of_scalar


def inexact(of: DType) -> DType:
    """The type in which a function such as `exp` or `/` computes, as NumPy chooses it."""
    return of if of.is_inexact else float64


def at_least_float32(of: DType) -> DType:
    """The type in which sums and means of a float type are computed: the half types are too short.

    >>> at_least_float32(float16).name
    'float32'
    """
    return float32 if of.is_float and of.itemsize == 2 else of
