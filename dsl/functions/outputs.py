"""What NumPy's signatures share: `out`, `where`, `order`, and a value that stands for none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import primitives as p
from .. import record
from ..dtypes import DType, bfloat16, to_numpy
from ..errors import ArgumentError, DTypeError, ShapeError
from .convert import ArrayLike, boolean, broadcast, convert, is_array

if TYPE_CHECKING:
    from ..array import Array


class _NoValue:
    """The default of an argument for which None means something."""

    def __repr__(self) -> str:
        return "<no value>"


NO_VALUE: Any = _NoValue()


def check_casting(name: str, casting: str) -> None:
    """Raise ArgumentError for what is no rule of casting."""
    if casting not in ("no", "equiv", "safe", "same_kind", "same_value", "unsafe"):
        raise ArgumentError(f"{name}: got casting {casting!r}; it is 'safe', 'same_kind', ...")


def casts(source: DType, target: DType, casting: str = "same_kind") -> bool:
    """Whether NumPy's rule `casting` lets elements of one type be stored as another."""
    check_casting("casting", casting)
    if source is target or casting == "unsafe":
        return True
    if bfloat16 in (source, target):
        return _casts_bfloat16(source, target, casting)
    return bool(np.can_cast(to_numpy(source), to_numpy(target), casting))  # type: ignore[arg-type]


def _casts_bfloat16(source: DType, target: DType, casting: str) -> bool:
    if source is bfloat16:
        wider = target.is_float and target.itemsize > 2
        return target.is_complex or wider or (target.is_float and casting == "same_kind")
    small = source.itemsize == 1
    return small or (casting == "same_kind")


def store(name: str, result: Array, out: Any, casting: str = "same_kind") -> Array:
    """`result`, or `out` after the result was written to it.

    Raises ShapeError where the shapes differ and DTypeError where the cast is not allowed.
    """
    if isinstance(out, tuple) and len(out) == 1:
        (out,) = out
    if out is None:
        return result
    if not is_array(out):
        raise DTypeError(f"{name}: got out of type {type(out).__name__}; it must be an Array")
    if not casts(result.dtype, out.dtype, casting):
        raise DTypeError(
            f"{name}: got out of {out.dtype}; the result is {result.dtype}, which does not cast "
            f"to it by the rule {casting!r}"
        )
    if out.shape != result.shape:
        raise ShapeError(f"{name}: got out of shape {out.shape}; the result is {result.shape}")
    record.write(out, convert(result, out.dtype))
    target: Array = out
    return target


def masked(name: str, x: Array, where: ArrayLike, filler: complex) -> Array:
    """x, with `filler` where the mask does not hold."""
    if where is True:
        return x
    whole = p.full(shape=(), value=filler, dtype=x.dtype)
    return p.where(*broadcast(name, boolean(where), x, whole))


__all__: list[str] = []
