"""Bits packed into bytes, and bytes taken apart into bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import primitives as p
from .. import record
from ..dtypes import bool_, uint8
from ..errors import ArgumentError, DTypeError
from .axes import one_axis
from .convert import ArrayLike, asarray, boolean, convert
from .logic import bitwise_and, right_shift
from .reductions import sum as sum_
from .shapes import moveaxis, ravel, reshape

if TYPE_CHECKING:
    from ..array import Array


def _weights(name: str, bitorder: str) -> Array:
    """The place of each of 8 bits in its byte."""
    if bitorder not in ("big", "little"):
        raise ArgumentError(f"{name}: got bitorder {bitorder!r}; it is 'big' or 'little'")
    places = np.arange(8, dtype=np.uint8)
    return record.constant(places[::-1] if bitorder == "big" else places, uint8)


def _last(name: str, x: Array, axis: int | None) -> tuple[Array, int]:
    """The axis to work along, brought to the end."""
    if axis is None:
        return ravel(x), 0
    place = one_axis(name, axis, x.ndim)
    return moveaxis(x, place, -1), place


def packbits(a: ArrayLike, /, axis: int | None = None, bitorder: str = "big") -> Array:
    """Eight elements in a byte, a bit each (1 where not zero), filled up with zeros.

    >>> packbits([1, 0, 0, 0, 0, 0, 1, 1])
    array([131], dtype=uint8)
    """
    x = asarray(a)
    if not x.dtype.is_integer and x.dtype is not bool_:
        raise DTypeError(f"packbits: got {x.dtype}; it takes integers and bool")
    shifts = _weights("packbits", bitorder)
    rows, place = _last("packbits", x, axis)
    count = rows.shape[-1]
    none = (0,) * (rows.ndim - 1)
    padded = p.pad(boolean(rows), low=(*none, 0), high=(*none, -count % 8), value=False)
    apart = reshape(convert(padded, uint8), (*rows.shape[:-1], -(-count // 8), 8))
    packed = sum_(apart << shifts, -1, uint8)
    return moveaxis(packed, -1, place)


def unpackbits(
    a: ArrayLike, /, axis: int | None = None, count: int | None = None, bitorder: str = "big"
) -> Array:
    """The bits of bytes, each as a byte 0 or 1; `count` is how many (negative: how many fewer).

    >>> unpackbits(asarray([131], "uint8"))
    array([1, 0, 0, 0, 0, 0, 1, 1], dtype=uint8)
    """
    x = asarray(a)
    if x.dtype is not uint8:
        raise DTypeError(f"unpackbits: got {x.dtype}; it takes uint8")
    shifts = _weights("unpackbits", bitorder)
    rows, place = _last("unpackbits", x, axis)
    bits = bitwise_and(right_shift(reshape(rows, (*rows.shape, 1)), shifts), asarray(1, uint8))
    total = rows.shape[-1] * 8
    flat = reshape(bits, (*rows.shape[:-1], total))
    wanted = total if count is None else count + total if count < 0 else count
    if wanted < 0:
        raise ArgumentError(f"unpackbits: got count {count} for {total} bits")
    none = (0,) * (rows.ndim - 1)
    if wanted > total:
        flat = p.pad(flat, low=(*none, 0), high=(*none, wanted - total), value=0)
    return moveaxis(flat[..., :wanted], -1, place)


__all__ = ["packbits", "unpackbits"]
