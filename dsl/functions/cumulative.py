"""Running sums and products, by a routine of the core or, on devices, in log2(n) steps; other
running combinations in such steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .. import primitives as p
from ..device import HOST, current
from ..dtypes import DType, DTypeLike
from ..errors import ArgumentError
from ..primitive import Primitive
from ..sizes import Dim, product
from .axes import one_axis
from .convert import ArrayLike, asarray, convert, join_parts
from .outputs import store
from .reductions import accumulator

if TYPE_CHECKING:
    from ..array import Array

Combine = Callable[["Array", "Array"], "Array"]


def scan(x: Array, axis: int, combine: Combine) -> Array:
    """Each element combined with all before it along `axis`, by an associative function."""
    size, step = x.shape[axis], 1
    total = asarray(x, copy=True) if size < 2 else x
    while step < size:
        head = part(total, axis, 0, step)
        earlier, later = part(total, axis, 0, size - step), part(total, axis, step, size - step)
        total = join_parts([head, combine(earlier, later)], axis)
        step *= 2
    return total


def part(x: Array, axis: int, begin: Dim, size: Dim) -> Array:
    """The window of `size` places from `begin` along one axis, a view."""
    start = tuple(begin if a == axis and size else 0 for a in range(x.ndim))
    sizes = tuple(size if a == axis else n for a, n in enumerate(x.shape))
    return p.slice_(x, start=start, sizes=sizes, strides=(1,) * x.ndim)


def _running(
    name: str, primitive: Primitive, a: ArrayLike, axis: int | None, dtype: DTypeLike | None,
    out: Array | None,
) -> Array:  # fmt: skip
    x = asarray(a)
    wanted: DType = accumulator(x, dtype, out)
    x = convert(x, wanted)
    if axis is None:
        x, axis = p.reshape(x, shape=(product(x.shape),)), 0
    place = one_axis(name, axis, x.ndim)
    is_on_host = (x._device if x._is_concrete else current().index) == HOST.index
    if is_on_host and wanted in p.scan.dtypes:
        return store(name, p.scan(x, operation=primitive.name, axis=place), out)
    return store(name, scan(x, place, primitive), out)


def cumsum(
    a: ArrayLike,
    axis: int | None = None,
    dtype: DTypeLike | None = None,
    out: Array | None = None,
) -> Array:
    """Running sums along `axis` (of the flattened array by default).

    >>> cumsum([1, 2, 3])
    array([1, 3, 6])
    """
    return _running("cumsum", p.add, a, axis, dtype, out)


def cumprod(
    a: ArrayLike,
    axis: int | None = None,
    dtype: DTypeLike | None = None,
    out: Array | None = None,
) -> Array:
    """Running products along `axis` (of the flattened array by default).

    >>> cumprod([1, 2, 3])
    array([1, 2, 6])
    """
    return _running("cumprod", p.mul, a, axis, dtype, out)


def _standard(
    name: str, primitive: Primitive, first: int, x: ArrayLike, axis: int | None,
    dtype: DTypeLike | None, out: Array | None, include_initial: bool,
) -> Array:  # fmt: skip
    """The array API's form: an axis must be named unless there is only one."""
    x = asarray(x)
    if x.ndim == 0:
        x = p.reshape(x, shape=(1,))
    if axis is None:
        if x.ndim != 1:
            raise ArgumentError(f"{name}: got {x.ndim} axes and no axis; name one")
        axis = 0
    place = one_axis(name, axis, x.ndim)
    total = _running(name, primitive, x, place, dtype, None if include_initial else out)
    if not include_initial:
        return total
    shape = tuple(1 if a == place else n for a, n in enumerate(x.shape))
    initial = p.full(shape=shape, value=first, dtype=total.dtype)
    return store(name, join_parts([initial, total], place), out)


def cumulative_sum(
    x: ArrayLike,
    /,
    *,
    axis: int | None = None,
    dtype: DTypeLike | None = None,
    out: Array | None = None,
    include_initial: bool = False,
) -> Array:
    """Running sums along `axis`, from 0 with `include_initial`.

    >>> cumulative_sum([1, 2, 3], include_initial=True)
    array([0, 1, 3, 6])
    """
    return _standard("cumulative_sum", p.add, 0, x, axis, dtype, out, include_initial)


def cumulative_prod(
    x: ArrayLike,
    /,
    *,
    axis: int | None = None,
    dtype: DTypeLike | None = None,
    out: Array | None = None,
    include_initial: bool = False,
) -> Array:
    """Running products along `axis`, from 1 with `include_initial`."""
    return _standard("cumulative_prod", p.mul, 1, x, axis, dtype, out, include_initial)


__all__ = ["cumprod", "cumsum", "cumulative_prod", "cumulative_sum"]
