"""Statistics that leave out nan.

NumPy warns where a slice holds nothing but nan; here the result (nan) says it alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .. import record
from ..dtypes import DTypeLike
from ..errors import ArgumentError
from ..primitives.reductions import highest, lowest
from . import reductions as r
from .axes import Axis, many_axes
from .convert import ArrayLike, asarray
from .cumulative import cumprod, cumsum
from .elementary import sqrt
from .logic import isnan, less_equal, logical_and, logical_not, where
from .outputs import NO_VALUE, store
from .shapes import broadcast_to

if TYPE_CHECKING:
    from ..array import Array

_where = where


def _present(x: Array, mask: ArrayLike) -> ArrayLike:
    """Where an element counts."""
    if not x.dtype.is_inexact:
        return mask
    here = logical_not(isnan(x))
    return here if mask is True else logical_and(here, mask)


def _without(x: Array, filler: complex) -> Array:
    return _where(isnan(x), filler, x) if x.dtype.is_inexact else x


def nansum(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DTypeLike | None = None,
    out: Array | None = None,
    keepdims: bool = False,
    initial: ArrayLike = 0,
    where: ArrayLike = True,
) -> Array:
    """The sum over `axis`, where nan counts as 0.

    >>> nansum([1.0, float("nan"), 2.0])
    array(3.)
    """
    return r.sum(_without(asarray(a), 0), axis, dtype, out, keepdims, initial, where)


def nanprod(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DTypeLike | None = None,
    out: Array | None = None,
    keepdims: bool = False,
    initial: ArrayLike = 1,
    where: ArrayLike = True,
) -> Array:
    """The product over `axis`, where nan counts as 1."""
    return r.prod(_without(asarray(a), 1), axis, dtype, out, keepdims, initial, where)


def _extremum(
    of: Any, worst: float, a: ArrayLike, axis: Axis, out: Any, keepdims: bool, initial: Any,
    mask: ArrayLike,
) -> Array:  # fmt: skip
    x = asarray(a)
    if not x.dtype.is_inexact:
        return of(x, axis, out, keepdims, initial, mask)  # type: ignore[no-any-return]
    filler = complex(worst, worst) if x.dtype.is_complex else worst
    found = of(_without(x, filler), axis, None, keepdims, initial, mask)
    if initial is NO_VALUE:
        found = _where(r.any(logical_not(isnan(x)), axis, keepdims=keepdims), found, math.nan)
    return store("nan" + of.__name__, found, out)


def nanmax(
    a: ArrayLike,
    axis: Axis = None,
    out: Array | None = None,
    keepdims: bool = False,
    initial: ArrayLike = NO_VALUE,
    where: ArrayLike = True,
) -> Array:
    """The largest element over `axis` that is not nan; nan where there is none.

    >>> nanmax([1.0, float("nan"), 2.0])
    array(2.)
    """
    return _extremum(r.max, -math.inf, a, axis, out, keepdims, initial, where)


def nanmin(
    a: ArrayLike,
    axis: Axis = None,
    out: Array | None = None,
    keepdims: bool = False,
    initial: ArrayLike = NO_VALUE,
    where: ArrayLike = True,
) -> Array:
    """The smallest element over `axis` that is not nan; nan where there is none."""
    return _extremum(r.min, math.inf, a, axis, out, keepdims, initial, where)


def _argument(name: str, of: Any, worst: Any, a: ArrayLike, axis: int | None, kept: bool) -> Array:
    x = asarray(a)
    if x.dtype.is_inexact:
        # Values that are not known yet can't be refused: a staged program gives position 0.
        if not record.is_tracing() and bool(r.any(r.all(isnan(x), axis))):
            raise ArgumentError(f"{name}: got a slice that holds nothing but nan")
        x = _where(isnan(x), worst(x.dtype), x)
    return of(x, axis, keepdims=kept)  # type: ignore[no-any-return]


def nanargmax(
    a: ArrayLike, axis: int | None = None, out: Array | None = None, *, keepdims: bool = False
) -> Array:
    """The first position of the largest element that is not nan.

    Raises ArgumentError (a ValueError) for a slice that holds nothing but nan.
    """
    return store("nanargmax", _argument("nanargmax", r.argmax, lowest, a, axis, keepdims), out)


def nanargmin(
    a: ArrayLike, axis: int | None = None, out: Array | None = None, *, keepdims: bool = False
) -> Array:
    """The first position of the smallest element that is not nan."""
    return store("nanargmin", _argument("nanargmin", r.argmin, highest, a, axis, keepdims), out)


def nanmean(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DTypeLike | None = None,
    out: Array | None = None,
    keepdims: bool = False,
    *,
    where: ArrayLike = True,
) -> Array:
    """The mean over `axis` of what is not nan.

    >>> nanmean([1.0, float("nan"), 2.0])
    array(1.5)
    """
    x = asarray(a)
    return r.mean(x, axis, dtype, out, keepdims, where=_present(x, where))


def nanvar(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DTypeLike | None = None,
    out: Array | None = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: ArrayLike = True,
    mean: ArrayLike = NO_VALUE,
    correction: float = NO_VALUE,
) -> Array:
    """The variance over `axis` of what is not nan; nan where not more than `ddof` are left."""
    x = asarray(a)
    here = _present(x, where)
    spread = r.var(
        x, axis, dtype, None, ddof, keepdims, where=here, mean=mean, correction=correction
    )
    if here is True:
        return store("nanvar", spread, out)
    lost = ddof if correction is NO_VALUE else correction
    axes = many_axes("nanvar", axis, x.ndim)
    mask = broadcast_to(here, x.shape)
    held = r.sum(mask, axes, keepdims=keepdims)
    return store("nanvar", _where(less_equal(held, lost), math.nan, spread), out)


def nanstd(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DTypeLike | None = None,
    out: Array | None = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: ArrayLike = True,
    mean: ArrayLike = NO_VALUE,
    correction: float = NO_VALUE,
) -> Array:
    """The standard deviation over `axis` of what is not nan."""
    spread = nanvar(
        a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction
    )
    return store("nanstd", sqrt(spread), out)


def nancumsum(
    a: ArrayLike,
    axis: int | None = None,
    dtype: DTypeLike | None = None,
    out: Array | None = None,
) -> Array:
    """Running sums along `axis`, where nan counts as 0."""
    return cumsum(_without(asarray(a), 0), axis, dtype, out)


def nancumprod(
    a: ArrayLike,
    axis: int | None = None,
    dtype: DTypeLike | None = None,
    out: Array | None = None,
) -> Array:
    """Running products along `axis`, where nan counts as 1."""
    return cumprod(_without(asarray(a), 1), axis, dtype, out)


__all__ = [
    "nanargmax",
    "nanargmin",
    "nancumprod",
    "nancumsum",
    "nanmax",
    "nanmean",
    "nanmin",
    "nanprod",
    "nanstd",
    "nansum",
    "nanvar",
]
