"""Functions of whole numbers: divisors, multiples, bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import primitives as p
from ..dtypes import DType, bool_, int8, uint8, uint16, uint32, uint64
from ..errors import DTypeError
from .arithmetic import combine
from .convert import ArrayLike, asarray, broadcast, convert, lifted, result_type, to_dtype

if TYPE_CHECKING:
    from ..array import Array


UNSIGNED = {d.itemsize: d for d in (uint8, uint16, uint32, uint64)}


def _integers(name: str, *operands: ArrayLike) -> tuple[DType, list[Any]]:
    given = lifted(*operands)
    dtype = result_type(*given)
    if not dtype.is_integer:
        raise DTypeError(f"{name}: got {dtype}; it takes integers")
    return dtype, given


def gcd(x: ArrayLike, y: ArrayLike) -> Array:
    """The greatest common divisor, of integers; gcd(0, y) is |y|.

    >>> gcd([12, -18], 8)
    array([4, 2])
    """
    dtype, given = _integers("gcd", x, y)
    return combine("gcd", p.gcd, dtype, *given)


def lcm(x: ArrayLike, y: ArrayLike) -> Array:
    """The least common multiple, of integers; 0 where either is.

    >>> lcm([4, 0], 6)
    array([12,  0])
    """
    dtype, given = _integers("lcm", x, y)
    # unsigned, where the magnitude of the lowest number fits
    unsigned = UNSIGNED[dtype.itemsize]
    sizes = (convert(p.abs_(z), unsigned) for z in to_dtype(dtype, *given))
    x, y = broadcast("lcm", *sizes)
    return convert(p.mul(p.floordiv(x, p.gcd(x, y)), y), dtype)


def bitwise_count(x: ArrayLike) -> Array:
    """The number of bits of |x| that are set, as uint8.

    >>> bitwise_count([255, -3])
    array([8, 2], dtype=uint8)
    """
    x = asarray(x)
    if x.dtype.is_inexact:
        raise DTypeError(f"bitwise_count: got {x.dtype}; it takes integers and bool")
    return p.bit_count(convert(x, int8) if x.dtype is bool_ else x)


__all__ = ["bitwise_count", "gcd", "lcm"]
