"""Reductions over axes, with NumPy's names, and what is built on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import primitives as p
from ..dtypes import DType, DTypeLike, bool_, dtype, float32, float64, int64, uint64
from ..primitive import Primitive
from ..sizes import Dim, product
from .convert import ArrayLike, Axis, asarray, boolean, convert, inexact, many_axes, one_axis
from .elementary import exp, log, sqrt, square
from .logic import isfinite, where

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


def _accumulator(x: Array, wanted: DTypeLike | None) -> DType:
    """NumPy sums small integers and bools in 64 bits."""
    if wanted is not None:
        return dtype(wanted)
    if x.dtype.is_float:
        return x.dtype
    return uint64 if x.dtype.kind == "u" else int64


def sum(
    x: ArrayLike, axis: Axis = None, *, dtype: DTypeLike | None = None, keepdims: bool = False
) -> Array:
    """The sum over `axis` (all axes by default); integers and bools in 64 bits.

    >>> sum([[1, 2], [3, 4]], axis=0)
    array([4, 6])
    """
    x = asarray(x)
    return _reduce("sum", p.sum_, convert(x, _accumulator(x, dtype)), axis, keepdims)


def prod(
    x: ArrayLike, axis: Axis = None, *, dtype: DTypeLike | None = None, keepdims: bool = False
) -> Array:
    """The product over `axis`; integers and bools in 64 bits."""
    x = asarray(x)
    return _reduce("prod", p.prod, convert(x, _accumulator(x, dtype)), axis, keepdims)


def max(x: ArrayLike, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """The largest element over `axis`; nan if there is one.

    >>> max([[1, 5], [3, 4]], axis=1)
    array([5, 4])
    """
    return _reduce("max", p.max_, asarray(x), axis, keepdims)


def min(x: ArrayLike, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """The smallest element over `axis`; nan if there is one."""
    return _reduce("min", p.min_, asarray(x), axis, keepdims)


amax, amin = max, min


def _quantifier(
    name: str, primitive: Primitive, empty: bool, x: ArrayLike, axis: Axis, keepdims: bool
) -> Array:
    x = boolean(x)
    axes = many_axes(name, axis, x.ndim)
    if 0 in (x.shape[a] for a in axes):
        kept = tuple(n for a, n in enumerate(x.shape) if a not in axes)
        return _kept(p.full(shape=kept, value=empty, dtype=bool_), x, axes, keepdims)
    return _reduce(name, primitive, x, axis, keepdims)


def any(x: ArrayLike, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Whether some element is not zero."""
    return _quantifier("any", p.max_, False, x, axis, keepdims)


def all(x: ArrayLike, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """Whether every element is not zero.

    >>> all([[True, False], [True, True]], axis=1)
    array([False,  True])
    """
    return _quantifier("all", p.min_, True, x, axis, keepdims)


def argmax(x: ArrayLike, axis: int | None = None, *, keepdims: bool = False) -> Array:
    """The first position of the largest element (of nan, if there is one), as int64.

    >>> argmax([3, 9, 9])
    array(1)
    """
    return _reduce("argmax", p.argmax, asarray(x), axis, keepdims)


def argmin(x: ArrayLike, axis: int | None = None, *, keepdims: bool = False) -> Array:
    """The first position of the smallest element (of nan, if there is one), as int64."""
    return _reduce("argmin", p.argmin, asarray(x), axis, keepdims)


def _count(x: Array, axes: tuple[int, ...]) -> Dim:
    return product(tuple(x.shape[a] for a in axes))


def _over(total: Array, count: Dim) -> Array:
    """total / count; the count may be an unknown size."""
    if isinstance(count, int):
        return total / count
    return total / p.full(shape=total.shape, value=count, dtype=total.dtype)


def mean(
    x: ArrayLike, axis: Axis = None, *, dtype: DTypeLike | None = None, keepdims: bool = False
) -> Array:
    """The arithmetic mean over `axis`; integers in float64, half types through float32.

    >>> mean([[1.0, 2.0], [3.0, 4.0]], axis=1)
    array([1.5, 3.5])
    """
    x = asarray(x)
    wanted = _dtype(dtype) if dtype is not None else (x.dtype if x.dtype.is_float else float64)
    # A sum of half numbers overflows long before their mean does.
    inner = float32 if wanted.is_float and wanted.itemsize == 2 else wanted
    axes = many_axes("mean", axis, x.ndim)
    total = _reduce("mean", p.sum_, convert(x, inner), axes, keepdims)
    return convert(_over(total, _count(x, axes)), wanted)


_dtype = dtype


def var(
    x: ArrayLike,
    axis: Axis = None,
    *,
    dtype: DTypeLike | None = None,
    ddof: int = 0,
    keepdims: bool = False,
) -> Array:
    """The variance over `axis`: the mean square of the distance to the mean.

    >>> var([1.0, 3.0])
    array(1.)
    """
    x = asarray(x)
    wanted = _dtype(dtype) if dtype is not None else (x.dtype if x.dtype.is_float else float64)
    inner = float32 if wanted.is_float and wanted.itemsize == 2 else wanted
    x = convert(x, inner)
    axes = many_axes("var", axis, x.ndim)
    squares = square(x - mean(x, axes, keepdims=True))
    total = _reduce("var", p.sum_, squares, axes, keepdims)
    return convert(_over(total, _count(x, axes) - ddof), wanted)


def std(
    x: ArrayLike,
    axis: Axis = None,
    *,
    dtype: DTypeLike | None = None,
    ddof: int = 0,
    keepdims: bool = False,
) -> Array:
    """The standard deviation over `axis`: the square root of the variance."""
    return sqrt(var(x, axis, dtype=dtype, ddof=ddof, keepdims=keepdims))


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
    largest = where(isfinite(largest), largest, 0.0)
    total = log(_reduce("logsumexp", p.sum_, exp(x - largest), axes, True)) + largest
    kept = tuple(n for a, n in enumerate(x.shape) if a not in axes)
    return total if keepdims or not axes else p.reshape(total, shape=kept)


def count_nonzero(x: ArrayLike, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """How many elements are not zero."""
    return sum(boolean(x), axis, keepdims=keepdims)


def ptp(x: ArrayLike, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """The distance from the smallest to the largest element."""
    x = asarray(x)
    return max(x, axis, keepdims=keepdims) - min(x, axis, keepdims=keepdims)


def cumsum(x: ArrayLike, axis: int | None = None, *, dtype: DTypeLike | None = None) -> Array:
    """Running sums along `axis` (of the flattened array by default), in log2(n) steps.

    >>> cumsum([1, 2, 3])
    array([1, 3, 6])
    """
    x = asarray(x)
    total = convert(x, _accumulator(x, dtype))
    if axis is None:
        total, axis = p.reshape(total, shape=(product(x.shape),)), 0
    place = one_axis("cumsum", axis, total.ndim)
    size, step = total.shape[place], 1
    ones, none = (1,) * total.ndim, (0,) * total.ndim
    while step < size:
        kept = tuple(size - step if a == place else n for a, n in enumerate(total.shape))
        earlier = p.slice_(total, start=none, sizes=kept, strides=ones)
        ahead = tuple(step if a == place else 0 for a in range(total.ndim))
        total = total + p.pad(earlier, low=ahead, high=none, value=0)
        step *= 2
    return asarray(total, copy=True) if size < 2 else total


__all__ = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "cumsum",
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
