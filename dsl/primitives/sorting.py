"""Sorting and searching: routines of the native core, parallel, for every dtype.

The order is NumPy's: numbers, then NaN; -0 and 0 are equal and keep their order. Every sort is
stable; with `reverse` the largest comes first, and equals still keep their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import REALS, DType, int64
from ..errors import AxisError, BoundsError, DTypeError, ShapeError
from ..graph import Aval
from ..primitive import ONE_BY_ONE, REGISTRY, Lanes, Native, Primitive, Sample, register
from ..sizes import Dim, product
from .families import no_gradient
from .indexing import scatter_add
from .lanes import along_axis
from .movement import broadcast_to, reshape
from .samples import Numpy, smooth, special
from .sources import iota

if TYPE_CHECKING:
    from ..array import Array


def _check_axis(name: str, x: Aval, axis: int) -> None:
    if not 0 <= axis < x.ndim:
        raise AxisError(f"{name}: got axis {axis} for {x.shape}; it must be in 0..{x.ndim - 1}")


def _infer_sort(x: Aval, *, axis: int, reverse: bool) -> Aval:
    _check_axis("sort", x, axis)
    return x


def _infer_argsort(x: Aval, *, axis: int, reverse: bool) -> Aval:
    _check_axis("argsort", x, axis)
    return Aval(x.shape, int64)


def _line_sizes(x: Aval, *, out: Aval, axis: int, reverse: bool) -> tuple[Dim, ...]:
    before, after = product(x.shape[:axis]), product(x.shape[axis + 1 :])
    return x.dtype.code, before, x.shape[axis], after, int(reverse)


def _sort_reference(x: Numpy, *, axis: int, reverse: bool) -> Numpy:
    order = _argsort_reference(x, axis=axis, reverse=reverse)
    return np.asarray(np.take_along_axis(x, order, axis))


def _argsort_reference(x: Numpy, *, axis: int, reverse: bool) -> Numpy:
    if not reverse:
        return np.argsort(x, axis=axis, kind="stable")
    # From the back to the front, twice: the largest first, equals in their order.
    backwards = np.flip(np.argsort(np.flip(x, axis), axis=axis, kind="stable"), axis)
    return np.asarray(x.shape[axis] - 1 - backwards)


def _sort_samples(dtype: DType) -> Iterator[Sample]:
    rng = np.random.default_rng(3)
    mixed = rng.permutation(np.tile(special(dtype), 3))
    for reverse in (False, True):
        yield Sample((mixed,), {"axis": 0, "reverse": reverse})
    for shape, axis in (((5,), 0), ((3, 4), 0), ((3, 4), 1), ((2, 3, 2), 1), ((0, 3), 0),
                        ((3, 0), 0), ((1, 70), 1)):  # fmt: skip
        yield Sample((smooth(dtype, *shape),), {"axis": axis, "reverse": False})
    yield Sample((smooth(dtype, 4, 3),), {"axis": 0, "reverse": True})


def _vjp_sort(ct: Array, out: Array, x: Array, *, axis: int, reverse: bool) -> tuple[Array]:
    return (_sent_back(ct, x, argsort(x, axis=axis, reverse=reverse), axis),)


def _sent_back(ct: Array, x: Array, order: Array, axis: int) -> Array:
    """Each element's cotangent, where the element came from."""
    size = product(x.shape)
    places = _flat_places(order, axis)
    zeros = REGISTRY["full"](shape=(size,), value=0.0, dtype=x.dtype)
    moved = scatter_add(zeros, reshape(places, shape=(size,)), reshape(ct, shape=(size,)), axis=0)
    return reshape(moved, shape=x.shape)


def _flat_places(along: Array, axis: int) -> Array:
    """Positions along an axis as positions in the flattened array."""
    shape = along.shape
    total = along * product(shape[axis + 1 :])
    for a, size in enumerate(shape):
        if a != axis:
            step = iota(size=size, dtype=int64) * product(shape[a + 1 :])
            aligned = tuple(size if b == a else 1 for b in range(len(shape)))
            total = total + broadcast_to(reshape(step, shape=aligned), shape=shape)
    return total


argsort = register(
    Primitive(
        name="argsort",
        infer=_infer_argsort,
        lower=Native("argsort", _line_sizes),
        vjp=no_gradient,
        batch=along_axis("argsort"),
        reference=_argsort_reference,
        samples=_sort_samples,
        dtypes=REALS,
    )
)
sort = register(
    Primitive(
        name="sort",
        infer=_infer_sort,
        lower=Native("sort", _line_sizes),
        vjp=_vjp_sort,
        batch=along_axis("sort"),
        reference=_sort_reference,
        samples=_sort_samples,
        dtypes=REALS,
    )
)


def _infer_searchsorted(table: Aval, values: Aval, *, right: bool) -> Aval:
    if table.ndim != 1:
        raise ShapeError(f"searchsorted: got a table of shape {table.shape}; it must be 1-D")
    if table.dtype is not values.dtype:
        raise DTypeError(f"searchsorted: got {table.dtype} and {values.dtype}; they must be equal")
    return Aval(values.shape, int64)


def _search_sizes(table: Aval, values: Aval, *, out: Aval, right: bool) -> tuple[Dim, ...]:
    return table.dtype.code, table.size, values.size, int(right)


def _search_reference(table: Numpy, values: Numpy, *, right: bool) -> Numpy:
    return np.asarray(np.searchsorted(table, values, side="right" if right else "left"))


def _batch_searchsorted(lanes: Lanes, table: Array, values: Array, *, right: bool) -> Any:
    """One table serves values of any shape; a table of each lane's own is searched by itself."""
    return ONE_BY_ONE if lanes.batched[0] else searchsorted(table, values, right=right)


def _in_order(x: Numpy) -> Numpy:
    wide = x.astype(np.float32) if x.dtype.kind == "V" else x  # NumPy misplaces bfloat16's NaN
    return x[np.argsort(wide, kind="stable")]


def _search_samples(dtype: DType) -> Iterator[Sample]:
    points = special(dtype)
    table = _in_order(np.concatenate([points, points[:5]]))
    for right in (False, True):
        yield Sample((table, points), {"right": right})
        yield Sample((_in_order(smooth(dtype, 9)), smooth(dtype, 2, 3)), {"right": right})
    yield Sample((table[:0], points[:3]), {"right": False})
    yield Sample((table, points[:0]), {"right": False})


searchsorted: Primitive = register(
    Primitive(
        name="searchsorted",
        infer=_infer_searchsorted,
        lower=Native("searchsorted", _search_sizes),
        vjp=no_gradient,
        batch=_batch_searchsorted,
        reference=_search_reference,
        samples=_search_samples,
        dtypes=REALS,
    )
)


def _infer_partition(x: Aval, *, axis: int, reverse: bool, first: int, last: int) -> Aval:
    _check_axis("partition", x, axis)
    size = x.shape[axis]
    if isinstance(size, int) and not 0 <= first <= last < max(size, 1):
        raise BoundsError(f"partition: got places {first}..{last} for an axis of {size} elements")
    return x


def _infer_argpartition(x: Aval, **params: Any) -> Aval:
    return Aval(_infer_partition(x, **params).shape, int64)


def _partition_sizes(
    x: Aval, *, out: Aval, axis: int, reverse: bool, first: int, last: int
) -> tuple[Dim, ...]:
    return (*_line_sizes(x, out=out, axis=axis, reverse=reverse), first, last)


def _partition_samples(dtype: DType) -> Iterator[Sample]:
    for shape, axis, first, last in (((30,), 0, 3, 3), ((3, 40), 1, 0, 9), ((40, 3), 0, 20, 39)):
        for reverse in (False, True):
            places = {"first": first, "last": last}
            yield Sample((smooth(dtype, *shape),), {"axis": axis, "reverse": reverse, **places})


def _with_sorted_ends(
    x: Numpy, given: Numpy, *, axis: int, reverse: bool, first: int, last: int
) -> Numpy:
    """What lies before the places and behind them may come in any order: here it is sorted. (Of
    equals the earlier ones come first, so that the positions on each side are known, too.)"""
    before, middle, behind = np.split(x, [first, last + 1], axis)
    ends = (_sort_reference(z, axis=axis, reverse=False) for z in (before, behind))
    return np.concatenate([next(ends), middle, next(ends)], axis)


def _vjp_partition(
    ct: Array, out: Array, x: Array, *, axis: int, reverse: bool, first: int, last: int
) -> tuple[Array]:
    """Each element's cotangent goes back to where the element came from."""
    params = {"axis": axis, "reverse": reverse, "first": first, "last": last}
    return (_sent_back(ct, x, argpartition(x, **params), axis),)


argpartition = register(
    Primitive(
        name="argpartition",
        infer=_infer_argpartition,
        lower=Native("argpartition", _partition_sizes),
        vjp=no_gradient,
        batch=along_axis("argpartition"),
        reference=lambda x, *, axis, reverse, first, last: _argsort_reference(
            x, axis=axis, reverse=reverse
        ),
        samples=_partition_samples,
        canonical=_with_sorted_ends,
        dtypes=REALS,
    )
)
# Places first..last as sorting fills them; what is before and behind them, in any order.
partition = register(
    Primitive(
        name="partition",
        infer=_infer_partition,
        lower=Native("partition", _partition_sizes),
        vjp=_vjp_partition,
        batch=along_axis("partition"),
        reference=lambda x, *, axis, reverse, first, last: _sort_reference(
            x, axis=axis, reverse=reverse
        ),
        samples=_partition_samples,
        canonical=_with_sorted_ends,
        dtypes=REALS,
    )
)
