"""Arrays from other programs' memory, and copies in a wanted form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import _native
from ..device import DeviceLike
from ..dtypes import DTypeLike, dtype
from ..errors import ArgumentError, ProtocolError
from .axes import check_order
from .convert import ArrayLike, asarray, duplicate, is_array
from .shapes import reshape

if TYPE_CHECKING:
    from ..array import Array

_dtype = dtype


def copy(a: ArrayLike, order: str = "K") -> Array:
    """A new array with the same elements.

    >>> x = asarray([1, 2])
    >>> copy(x) is x
    False
    """
    check_order("copy", order)
    return asarray(a, copy=True)


asanyarray = asarray


def ascontiguousarray(a: ArrayLike, dtype: DTypeLike | None = None) -> Array:
    """An array whose elements lie row by row, with one axis or more.

    >>> ascontiguousarray(3)
    array([3])
    """
    x = asarray(a, dtype)
    if x._is_view and not x._contiguous:
        x = duplicate(x)
    return x if x.ndim else reshape(x, (1,))


def asfortranarray(a: ArrayLike, dtype: DTypeLike | None = None) -> Array:
    """An array of `a` with one axis or more; elements lie row by row, whatever is asked for."""
    x = asarray(a, dtype)
    return x if x.ndim else reshape(x, (1,))


def require(
    a: ArrayLike,
    dtype: DTypeLike | None = None,
    requirements: str | Sequence[str] | None = None,
) -> Array:
    """An array of `a` that is contiguous ("C"), owns its data ("O"), is writable ("W"), ...

    Raises ArgumentError (a ValueError) for "F" together with "C", and for unknown names.
    """
    wanted = {r[0].upper() for r in requirements or ()}
    if wanted - set("CFAWOE"):
        raise ArgumentError(f"require: got {requirements!r}; requirements are C, F, A, W, O and E")
    if {"C", "F"} <= wanted:
        raise ArgumentError("require: got both C and F; an array has one order")
    x = asarray(a, dtype)
    return duplicate(x) if x._is_view and wanted & set("CO") else x


def from_dlpack(x: Any, /, *, device: DeviceLike | None = None, copy: bool | None = None) -> Array:
    """An array of what another library exports by DLPack: its memory, where it may be shared, and
    a copy on `device` if that is another one. An Array of ours stays where it is without `device`.

    Raises ValueError for `copy=False` where a copy is needed, and BufferError where the other
    library cannot export.

    >>> from_dlpack(np.arange(3))
    array([0, 1, 2])
    """
    if not (hasattr(x, "__dlpack__") and hasattr(x, "__dlpack_device__")):
        raise ProtocolError(f"from_dlpack: got {type(x).__name__}, which has no __dlpack__")
    if is_array(x):
        return asarray(x, device=device, copy=copy)
    to_host = device is not None and copy is not False
    made: Array = _native.from_dlpack(x, bool(copy), to_host)
    return made if device is None else asarray(made, device=device, copy=copy)


def frombuffer(
    buffer: Any, dtype: DTypeLike | None = None, count: int = -1, offset: int = 0
) -> Array:
    """A 1-D array of the bytes of a buffer, read as elements of `dtype` (float64 by default).

    >>> frombuffer(bytes([1, 2]), "uint8")
    array([1, 2], dtype=uint8)
    """
    kind = _dtype("float64" if dtype is None else dtype).dtype
    return asarray(np.frombuffer(buffer, kind, count, offset))


__all__ = [
    "asanyarray",
    "ascontiguousarray",
    "asfortranarray",
    "copy",
    "from_dlpack",
    "frombuffer",
    "require",
]
