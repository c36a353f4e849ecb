"""Questions about data types, and about the kinds of numbers that arrays hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import DType, DTypeLike, bool_, dtype, float64, promote, to_numpy
from ..errors import DTypeError
from .convert import ArrayLike, asarray, is_scalar, result_type
from .logic import isfinite
from .outputs import casts
from .reductions import all as all_

if TYPE_CHECKING:
    from ..array import Array

_dtype = dtype


def can_cast(from_: Any, to: DTypeLike, casting: str = "safe") -> bool:
    """Whether elements of one type may become another, by a rule: "no", "safe", "same_kind", ...

    >>> can_cast("int32", "int64"), can_cast("int64", "int32")
    (True, False)
    """
    if is_scalar(from_):
        raise DTypeError(f"can_cast: got {from_!r}; it takes data types and arrays")
    source = from_.dtype if hasattr(from_, "shape") else from_
    return casts(_dtype(source), _dtype(to), casting)


def promote_types(type1: DTypeLike, type2: DTypeLike, /) -> DType:
    """The smallest data type to which both cast safely.

    >>> promote_types("int64", "float32")
    tilewright.float64
    """
    return promote(_dtype(type1), _dtype(type2))


def common_type(*arrays: ArrayLike) -> DType:
    """The float type that all arrays fit in; float64 with integers among them.

    >>> common_type(asarray([1.0], "float32"))
    tilewright.float32
    """
    kinds = [asarray(x).dtype for x in arrays]
    if bool_ in kinds:
        raise DTypeError("common_type: got bool; it takes numbers")
    if not kinds:
        return _dtype("float16")
    return result_type(*(k if k.is_inexact else float64 for k in kinds))


def min_scalar_type(a: ArrayLike, /) -> DType:
    """The smallest data type that holds a number; an array's own type.

    >>> min_scalar_type(10), min_scalar_type(-10)
    (tilewright.uint8, tilewright.int8)
    """
    x = a.item() if getattr(a, "ndim", None) == 0 else a
    return _dtype(np.min_scalar_type(x)) if np.ndim(x) == 0 else asarray(x).dtype


_KINDS = {
    "bool": "b", "signed integer": "i", "unsigned integer": "u", "integral": "iu",
    "real floating": "f", "complex floating": "c", "numeric": "iufc",
}  # fmt: skip


def isdtype(dtype: DTypeLike, kind: Any) -> bool:
    """Whether a data type is of a kind: "bool", "integral", "real floating", "numeric", ..., a data
    type, or one of several.

    >>> isdtype("float32", "real floating")
    True
    """
    found = _dtype(dtype)
    if isinstance(kind, tuple):
        return any(isdtype(found, k) for k in kind)
    if isinstance(kind, str):
        if kind not in _KINDS:
            raise DTypeError(f"isdtype: got kind {kind!r}; the kinds are {', '.join(_KINDS)}")
        return found.kind in _KINDS[kind]
    return found is _dtype(kind)


def issubdtype(arg1: Any, arg2: Any) -> bool:
    """Whether a data type is another, or below one of NumPy's abstract types.

    >>> issubdtype("float32", "floating"), issubdtype("int8", "float64")
    (True, False)
    """
    lower, upper = (to_numpy(x) if isinstance(x, DType) else x for x in (arg1, arg2))
    if isinstance(upper, str) and isinstance(getattr(np, upper, None), type):
        upper = getattr(np, upper)
    return bool(np.issubdtype(lower, upper))


def mintypecode(typechars: Any, typeset: str = "GDFgdf", default: str = "d") -> str:
    """The smallest of NumPy's type characters to which all given ones cast."""
    given = [x if isinstance(x, str) else to_numpy(asarray(x).dtype).char for x in typechars]
    return str(np.mintypecode(given, typeset, default))


def typename(char: str) -> str:
    """What one of NumPy's type characters stands for.

    >>> typename("f")
    'single precision'
    """
    return str(np.typename(char))  # type: ignore[call-overload]


# --------------------------------------------------------------------------- reals


def iscomplexobj(x: object) -> bool:
    """Whether x is of a complex type."""
    return isinstance(x, complex) or getattr(getattr(x, "dtype", None), "kind", None) == "c"


def isrealobj(x: object) -> bool:
    """Whether x is not of a complex type."""
    return not iscomplexobj(x)


def isfortran(a: ArrayLike) -> bool:
    """Whether the elements lie column by column (and not also row by row)."""
    x = asarray(a)
    return bool(x.ndim > 1 and not x._contiguous and x.T._contiguous)


def shares_memory(a: Any, b: Any, /, max_work: Any = -1) -> bool:
    """Whether two arrays are views of one base that have an element in common."""
    return bool(np.shares_memory(_window(a), _window(b), max_work))


def may_share_memory(a: Any, b: Any, /, max_work: Any = 0) -> bool:
    """Whether two arrays' memory might overlap, by its bounds."""
    return bool(np.may_share_memory(_window(a), _window(b), max_work))


def _window(x: Any) -> Any:
    return x.numpy() if hasattr(x, "numpy") else np.asarray(x)


def asarray_chkfinite(
    a: ArrayLike, dtype: DTypeLike | None = None, order: str | None = None
) -> Array:
    """An array of `a`; raises ValueError if it holds an infinity or nan.

    >>> asarray_chkfinite([1.0, 2.0])
    array([1., 2.])
    """
    x = asarray(a, dtype, order)
    if x.dtype.is_inexact and not bool(all_(isfinite(x))):
        raise ValueError("asarray_chkfinite: got an infinity or nan; elements must be finite")
    return x


__all__ = [
    "asarray_chkfinite",
    "can_cast",
    "common_type",
    "iscomplexobj",
    "isdtype",
    "isfortran",
    "isrealobj",
    "issubdtype",
    "may_share_memory",
    "min_scalar_type",
    "mintypecode",
    "promote_types",
    "shares_memory",
    "typename",
]
