"""Reductions over axes, with NumPy's names, and what is built on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import primitives as p
from ..dtypes import DType, DTypeLike, at_least_float32, bool_, dtype, float64, int64, uint64
from ..errors import ArgumentError
from ..primitive import Primitive
from ..primitives.reductions import highest, lowest
from ..sizes import Dim, product
from .arithmetic import add, divide, maximum, minimum, multiply
from .axes import Axis, many_axes, one_axis
from .convert import ArrayLike, asarray, boolean, convert, converted, inexact, is_scalar
from .elementary import exp, log, sqrt
from .logic import isfinite
from .logic import where as where_
from .outputs import NO_VALUE, masked, store

if TYPE_CHECKING:
    from ..array import Array


def _reduce(
    name: str, primitive: Primitive, x: Array, axis: Axis, keepdims: bool, **params: Any
) -> Array:
    axes = many_axes(name, axis, x.ndim)
    return _kept(primitive(x, axes=axes), x, axes, keepdims)


def _kept(out: Array, x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    if not keepdims or not axes:
        return out
    return p.reshape(out, shape=tuple(1 if a in axes else n for a, n in enumerate(x.shape)))


def accumulator(x: Array, wanted: DTypeLike | None, out: Array | None = None) -> DType:
    """The dtype of a sum: NumPy sums small integers and bools in 64 bits."""
    if wanted is not None:
        return dtype(wanted)
    if out is not None:
        return out.dtype
    if x.dtype.is_inexact:
        return x.dtype
    return uint64 if x.dtype.kind == "u" else int64


def sum(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DTypeLike | None = None,
    out: Array | None = None,
    keepdims: bool = False,
    initial: ArrayLike = 0,
    where: ArrayLike = True,
) -> Array:
    """The sum over `axis` (all axes by default); integers and bools in 64 bits.

    >>> sum([[1, 2], [3, 4]], axis=0)
    array([4, 6])
    """
    x = asarray(a)
    x = masked("sum", converted(x, accumulator(x, dtype, out)), where, 0)
    total = _reduce("sum", p.sum_, x, axis, keepdims)
    return store("sum", total if _is(initial, 0) else add(total, initial), out)


def prod(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DTypeLike | None = None,
    out: Array | None = None,
    keepdims: bool = False,
    initial: ArrayLike = 1,
    where: ArrayLike = True,
) -> Array:
    """The product over `axis`; integers and bools in 64 bits."""
    x = asarray(a)
    x = masked("prod", converted(x, accumulator(x, dtype, out)), where, 1)
    total = _reduce("prod", p.prod, x, axis, keepdims)
    return store("prod", total if _is(initial, 1) else multiply(total, initial), out)


def _is(x: Any, value: int) -> bool:
    return is_scalar(x) and x == value


def _extremum(
    name: str, primitive: Primitive, a: ArrayLike, axis: Axis, keepdims: bool, initial: Any,
    where: ArrayLike,
) -> Array:  # fmt: skip
    x = asarray(a)
    if where is not True:
        if initial is NO_VALUE:
            raise ArgumentError(f"{name}: got where without initial; a mask may leave no element")
        worst = lowest if name == "max" else highest
        x = masked(name, x, where, name == "min" if x.dtype is bool_ else worst(x.dtype))
    axes = many_axes(name, axis, x.ndim)
    if initial is NO_VALUE:
        return _reduce(name, primitive, x, axes, keepdims)
    if 0 in (x.shape[a] for a in axes):
        kept = tuple(n for a, n in enumerate(x.shape) if a not in axes)
        start = p.broadcast_to(asarray(initial, x.dtype), shape=kept)
        return asarray(_kept(start, x, axes, keepdims), copy=True)
    join = maximum if name == "max" else minimum
    return join(_reduce(name, primitive, x, axes, keepdims), asarray(initial, x.dtype))


def max(
    a: ArrayLike,
    axis: Axis = None,
    out: Array | None = None,
    keepdims: bool = False,
    initial: ArrayLike = NO_VALUE,
    where: ArrayLike = True,
) -> Array:
    """The largest element over `axis`; nan if there is one.

    >>> max([[1, 5], [3, 4]], axis=1)
    array([5, 4])
    """
    return store("max", _extremum("max", p.max_, a, axis, keepdims, initial, where), out)


def min(
    a: ArrayLike,
    axis: Axis = None,
    out: Array | None = None,
    keepdims: bool = False,
    initial: ArrayLike = NO_VALUE,
    where: ArrayLike = True,
) -> Array:
    """The smallest element over `axis`; nan if there is one."""
    return store("min", _extremum("min", p.min_, a, axis, keepdims, initial, where), out)


amax, amin = max, min


def _quantifier(
    name: str, primitive: Primitive, empty: bool, x: Array, axis: Axis, keepdims: bool
) -> Array:
    axes = many_axes(name, axis, x.ndim)
    if 0 in (x.shape[a] for a in axes):
        kept = tuple(n for a, n in enumerate(x.shape) if a not in axes)
        return _kept(p.full(shape=kept, value=empty, dtype=bool_), x, axes, keepdims)
    return _reduce(name, primitive, x, axis, keepdims)


def any(
    a: ArrayLike,
    axis: Axis = None,
    out: Array | None = None,
    keepdims: bool = False,
    *,
    where: ArrayLike = True,
) -> Array:
    """Whether some element is not zero."""
    x = masked("any", boolean(a), where, False)
    return store("any", _quantifier("any", p.max_, False, x, axis, keepdims), out, "unsafe")


def all(
    a: ArrayLike,
    axis: Axis = None,
    out: Array | None = None,
    keepdims: bool = False,
    *,
    where: ArrayLike = True,
) -> Array:
    """Whether every element is not zero.

    >>> all([[True, False], [True, True]], axis=1)
    array([False,  True])
    """
    x = masked("all", boolean(a), where, True)
    return store("all", _quantifier("all", p.min_, True, x, axis, keepdims), out, "unsafe")


def argmax(
    a: ArrayLike, axis: int | None = None, out: Array | None = None, *, keepdims: bool = False
) -> Array:
    """The first position of the largest element (of nan, if there is one), as int64.

    >>> argmax([3, 9, 9])
    array(1)
    """
    return store("argmax", _place_of("argmax", p.argmax, asarray(a), axis, keepdims), out)


def argmin(
    a: ArrayLike, axis: int | None = None, out: Array | None = None, *, keepdims: bool = False
) -> Array:
    """The first position of the smallest element (of nan, if there is one), as int64."""
    return store("argmin", _place_of("argmin", p.argmin, asarray(a), axis, keepdims), out)


def _place_of(name: str, primitive: Primitive, x: Array, axis: Any, keepdims: bool) -> Array:
    place = None if axis is None else one_axis(name, axis, x.ndim)  # several are refused
    return _reduce(name, primitive, x, place, keepdims)


def _count(x: Array, axes: tuple[int, ...]) -> Dim:
    return product(tuple(x.shape[a] for a in axes))


def _over(total: Array, count: Any) -> Array:
    """total / count; the count may be an unknown size."""
    if isinstance(count, int | float):
        return total / count
    return total / p.full(shape=total.shape, value=count, dtype=total.dtype)


def _inner(x: Array, wanted: DTypeLike | None) -> tuple[DType, DType]:
    """The dtype of a mean, and that in which its sum is computed."""
    found = _dtype(wanted) if wanted is not None else (x.dtype if x.dtype.is_inexact else float64)
    # A sum of half numbers overflows long before their mean does.
    return found, at_least_float32(found)


def _mean(x: Array, axes: tuple[int, ...], keepdims: bool, where: ArrayLike) -> Array:
    total = _reduce("mean", p.sum_, masked("mean", x, where, 0), axes, keepdims)
    if where is True:
        return _over(total, _count(x, axes))
    return divide(total, convert(_held(x, axes, keepdims, where), total.dtype))


def _held(x: Array, axes: tuple[int, ...], keepdims: bool, where: ArrayLike) -> Array:
    """How many elements over `axes` the mask lets through."""
    mask = p.broadcast_to(boolean(where), shape=x.shape)
    return _reduce("mean", p.sum_, convert(mask, int64), axes, keepdims)


def mean(
    a: ArrayLike,
    axis: Axis = None,
    dtype: DTypeLike | None = None,
    out: Array | None = None,
    keepdims: bool = False,
    *,
    where: ArrayLike = True,
) -> Array:
    """The arithmetic mean over `axis`; integers in float64, half types through float32.

    >>> mean([[1.0, 2.0], [3.0, 4.0]], axis=1)
    array([1.5, 3.5])
    """
    x = asarray(a)
    wanted, inner = _inner(x, dtype)
    axes = many_axes("mean", axis, x.ndim)
    return store("mean", convert(_mean(converted(x, inner), axes, keepdims, where), wanted), out)


_dtype = dtype


def var(
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
    """The variance over `axis`: the mean square of the distance to the mean.

    `ddof` (by its standard name `correction`) is subtracted from the number of elements; a `mean`
    that is known, with the reduced axes kept, need not be computed again.

    >>> var([1.0, 3.0])
    array(1.)
    """
    if correction is not NO_VALUE:
        if ddof != 0:
            raise ArgumentError("var: got ddof and correction; they are two names of one number")
        ddof = correction
    x = asarray(a)
    wanted, inner = _inner(x, dtype)
    x = convert(x, inner)
    axes = many_axes("var", axis, x.ndim)
    middle = _mean(x, axes, True, where) if mean is NO_VALUE else asarray(mean, inner)
    distance = masked("var", x - middle, where, 0)
    total = _sum_of_squares("var", distance, axes, keepdims)
    if where is True:
        spread = _over(total, _at_least_0(_count(x, axes), ddof))
    else:
        held = convert(_held(x, axes, keepdims, where), total.dtype) - ddof
        spread = divide(total, maximum(held, 0))
    return store("var", convert(spread, wanted.real), out)


def _sum_of_squares(name: str, x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    """The sum of |x|**2, which is real."""
    parts = (p.real(x), p.imag(x)) if x.dtype.is_complex else (x,)
    totals = [_reduce(name, p.sum_of_squares, part, axes, keepdims) for part in parts]
    return totals[0] if len(totals) == 1 else totals[0] + totals[1]


def _at_least_0(count: Any, ddof: float) -> Any:
    """What is divided by: NumPy takes 0 for a negative number, which gives nan or inf."""
    left = count - ddof
    return left if not isinstance(left, int | float) else (left if left > 0 else 0)


def std(
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
    """The standard deviation over `axis`: the square root of the variance."""
    spread = var(
        a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction
    )
    return store("std", sqrt(spread), out)


def logsumexp(x: ArrayLike, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """log(sum(exp(x))), without overflow.

    >>> logsumexp([1000.0, 1000.0])
    array(1000.69314718)
    """
    x = asarray(x)
    x = convert(x, inexact(x.dtype))
    axes = many_axes("logsumexp", axis, x.ndim)
    largest = p.stop_gradient(max(x, axes, keepdims=True))
    # An infinite maximum would give inf - inf.
    largest = where_(isfinite(largest), largest, 0.0)
    total = log(_reduce("logsumexp", p.sum_, exp(x - largest), axes, True)) + largest
    kept = tuple(n for a, n in enumerate(x.shape) if a not in axes)
    return total if keepdims or not axes else p.reshape(total, shape=kept)


def count_nonzero(a: ArrayLike, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """How many elements are not zero."""
    return sum(boolean(a), axis, keepdims=keepdims)


def ptp(a: ArrayLike, axis: Axis = None, out: Array | None = None, keepdims: bool = False) -> Array:
    """The distance from the smallest to the largest element."""
    x = asarray(a)
    return store("ptp", max(x, axis, keepdims=keepdims) - min(x, axis, keepdims=keepdims), out)


__all__ = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "logsumexp",
    "max",
    "mean",
    "min",
    "prod",
    "ptp",
    "std",
    "sum",
    "var",
]
