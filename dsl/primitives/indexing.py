"""Reading and writing at computed positions along one axis.

A position out of range is brought to the nearest end by `gather`; the scatters drop it. (The
functions of the user check positions where they know them.)
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import ALL, DType, int64
from ..errors import AxisError, BoundsError, DTypeError, ShapeError
from ..graph import Aval
from ..primitive import (
    REGISTRY,
    Expr,
    Lanes,
    Map,
    Primitive,
    Reader,
    Sample,
    Scatter,
    Vocabulary,
    register,
)
from ..sizes import Dim, product
from .comparison import eq, where
from .elementwise import ALL_NUMBERS
from .families import check_dtype, ulps
from .lanes import all_spread, axis_moved
from .movement import broadcast_to, reshape
from .samples import Numpy, smooth
from .sources import iota

if TYPE_CHECKING:
    from ..array import Array

Index = tuple[Expr, ...]


def check_positions(name: str, x: Aval, indices: Aval, axis: int) -> None:
    """Raise for positions that are none along this axis, whatever their values."""
    if indices.dtype is not int64:
        raise DTypeError(f"{name}: got indices of {indices.dtype}; they must be int64")
    if not 0 <= axis < x.ndim:
        raise AxisError(f"{name}: got axis {axis} for {x.shape}; it must be in 0..{x.ndim - 1}")
    if x.shape[axis] == 0 and indices.size != 0:
        raise BoundsError(f"{name}: got indices into axis {axis} of {x.shape}, which is empty")


def _infer_gather(x: Aval, indices: Aval, *, axis: int) -> Aval:
    check_positions("gather", x, indices, axis)
    return Aval((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype)


def _lower_gather(
    t: Vocabulary, index: Index, x: Reader, indices: Reader, *, out: Aval, axis: int
) -> Expr:
    end = axis + indices.aval.ndim
    last = t.size(x.aval.shape[axis] - 1)
    place = t.call("maximum", t.call("minimum", indices(index[axis:end]), last), t.size(0))
    return x((*index[:axis], t.call("let", place), *index[end:]))


def gather_sizes(x: Aval, indices: Aval, *, out: Aval, axis: int) -> tuple[Dim, ...]:
    """The sizes of the routines `gather` and `take`."""
    outer, inner = product(x.shape[:axis]), product(x.shape[axis + 1 :])
    return x.dtype.itemsize, outer, x.shape[axis], inner, indices.size


def _vjp_gather(
    ct: Array, out: Array, x: Array, indices: Array, *, axis: int
) -> tuple[Array, None]:
    zeros = REGISTRY["full"](shape=x.shape, value=0.0, dtype=x.dtype)
    count = Aval(indices.shape, int64).size
    flat = reshape(ct, shape=(*x.shape[:axis], count, *x.shape[axis + 1 :]))
    # The gather brings positions into range, so its transpose does as well.
    places = _clipped(reshape(indices, shape=(count,)), x.shape[axis])
    return scatter_add(zeros, places, flat, axis=axis), None


def _clipped(indices: Array, size: Any) -> Array:
    def spread(value: Any) -> Array:
        return REGISTRY["full"](shape=indices.shape, value=value, dtype=int64)

    return REGISTRY["maximum"](REGISTRY["minimum"](indices, spread(size - 1)), spread(0))


def _batch_gather(lanes: Lanes, x: Array, indices: Array, *, axis: int) -> Array:
    if not lanes.batched[1]:
        return gather(x, indices, axis=axis + 1)
    if not lanes.batched[0]:
        return axis_moved(gather(x, indices, axis=axis), axis, 0)
    own = indices.shape[1:]
    size = x.shape[axis + 1]
    count = Aval(own, int64).size
    places = _in_lanes(_clipped(reshape(indices, shape=(lanes.count, count)), size), size)
    picked = gather(_rows(x, axis), places, axis=0)  # all lanes' rows one after the other
    rest = (*x.shape[1 : axis + 1], *x.shape[axis + 2 :])
    whole = axis_moved(reshape(picked, shape=(lanes.count, count, *rest)), 1, axis + 1)
    return reshape(whole, shape=(lanes.count, *x.shape[1 : axis + 1], *own, *x.shape[axis + 2 :]))


def _rows(x: Array, axis: int) -> Array:
    """The slices along an axis of all lanes, one after the other along the first axis."""
    moved = axis_moved(x, axis + 1, 1)
    lanes, size, *rest = moved.shape
    return reshape(moved, shape=(lanes * size, *rest))


def _in_lanes(places: Array, size: Any) -> Array:
    """Each lane's positions (a row) among the slices of all lanes, flattened."""
    lanes, count = places.shape
    first = reshape(iota(size=lanes, dtype=int64) * size, shape=(lanes, 1))
    return reshape(places + broadcast_to(first, shape=(lanes, count)), shape=(lanes * count,))


def _gather_reference(x: Numpy, indices: Numpy, *, axis: int) -> Numpy:
    if indices.size == 0:
        return np.zeros((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype)
    return np.take(x, indices, axis=axis, mode="clip")


def _gather_samples(dtype: DType) -> Iterator[Sample]:
    for shape, axis, indices in (
        ((5,), 0, [4, 0, 0, 2]), ((5, 3), 0, [[1, 4], [0, 0]]), ((2, 5), 1, [3, 3]),
        ((2, 3, 4), 1, [[2], [0]]), ((4,), 0, 1), ((3, 2), 0, []), ((4,), 0, [-9, 9]),
        ((0, 3), 1, [1]),
    ):  # fmt: skip
        yield Sample((smooth(dtype, *shape), np.array(indices, np.int64)), {"axis": axis})


gather: Primitive = register(
    Primitive(
        name="gather",
        infer=_infer_gather,
        lower=Map(_lower_gather, cost=2),
        vjp=_vjp_gather,
        batch=_batch_gather,
        reference=_gather_reference,
        samples=_gather_samples,
        dtypes=ALL,
    )
)


def _infer_scatter(name: str, x: Aval, indices: Aval, updates: Aval, *, axis: int) -> Aval:
    check_positions(name, x, indices, axis)
    if indices.ndim != 1:
        raise ShapeError(f"{name}: got indices of shape {indices.shape}; they must be 1-D")
    expected = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
    if updates.shape != expected:
        raise ShapeError(f"{name}: got updates {updates.shape}; they must be {expected}")
    if updates.dtype is not x.dtype:
        raise DTypeError(f"{name}: got {x.dtype} and {updates.dtype}; they must be equal")
    return x


def _infer_scatter_add(x: Aval, indices: Aval, updates: Aval, *, axis: int) -> Aval:
    check_dtype("scatter_add", x.dtype, ALL_NUMBERS)
    return _infer_scatter("scatter_add", x, indices, updates, axis=axis)


def _infer_scatter_set(x: Aval, indices: Aval, updates: Aval, *, axis: int) -> Aval:
    return _infer_scatter("scatter_set", x, indices, updates, axis=axis)


def _batch_scatter(
    name: str, lanes: Lanes, x: Array, indices: Array, updates: Array, *, axis: int
) -> Array:
    primitive = REGISTRY[name]
    if not lanes.batched[1]:
        x, updates = all_spread(Lanes(lanes.count, lanes.batched[::2]), (x, updates))
        return primitive(x, indices, updates, axis=axis + 1)
    x, indices, updates = all_spread(lanes, (x, indices, updates))
    size = x.shape[axis + 1]
    # Positions out of range must not reach a neighbour.
    kept = eq(_clipped(indices, size), indices)
    places = _in_lanes(indices, size)
    nowhere = REGISTRY["full"](shape=places.shape, value=-1, dtype=int64)
    places = where(reshape(kept, shape=places.shape), places, nowhere)
    done = primitive(_rows(x, axis), places, _rows(updates, axis), axis=0)
    moved = (lanes.count, size, *x.shape[1 : axis + 1], *x.shape[axis + 2 :])
    return axis_moved(reshape(done, shape=moved), 1, axis + 1)


def _in_range(x: Numpy, indices: Numpy, axis: int) -> Any:
    return (indices >= 0) & (indices < x.shape[axis])


def _scatter_reference(x: Numpy, indices: Numpy, updates: Numpy, *, axis: int, add: bool) -> Numpy:
    out = x.copy()
    rows, values = np.moveaxis(out, axis, 0), np.moveaxis(updates, axis, 0)
    for j in np.flatnonzero(_in_range(x, indices, axis)):
        rows[indices[j]] = rows[indices[j]] + values[j] if add else values[j]
    return out


def _vjp_scatter_add(
    ct: Array, out: Array, x: Array, indices: Array, updates: Array, *, axis: int
) -> tuple[Array, None, Array]:
    kept = _kept(indices, x.shape[axis], updates, axis)
    picked = gather(ct, indices, axis=axis)
    return ct, None, where(kept, picked, picked * 0)


def _kept(indices: Array, size: Any, updates: Array, axis: int) -> Array:
    """Which updates were not dropped, in the shape of the updates."""
    return _along(eq(_clipped(indices, size), indices), updates, axis)


def _along(row: Array, like: Array, axis: int) -> Array:
    """A 1-D array, repeated to the shape of `like`, whose `axis` it is."""
    aligned = tuple(size if a == axis else 1 for a, size in enumerate(like.shape))
    return broadcast_to(reshape(row, shape=aligned), shape=like.shape)


def _vjp_scatter_set(
    ct: Array, out: Array, x: Array, indices: Array, updates: Array, *, axis: int
) -> tuple[Array, None, Array]:
    """Of several updates to one place the last has won, and takes the cotangent alone."""
    size, count = x.shape[axis], indices.shape[0]
    if count == 0:
        return ct, None, updates * 0
    order = iota(size=count, dtype=int64)
    nobody = REGISTRY["full"](shape=(size,), value=-1, dtype=int64)
    winner = scatter_set(nobody, indices, order, axis=0)
    won = _along(eq(gather(winner, indices, axis=0), order), updates, axis)
    picked = gather(ct, indices, axis=axis)
    return scatter_set(ct, indices, updates * 0, axis=axis), None, where(won, picked, picked * 0)


def _scatter_samples(dtype: DType) -> Iterator[Sample]:
    for shape, axis, indices in (
        ((5,), 0, [4, 0, 0, 2]), ((5, 3), 0, [1, 1]), ((2, 5), 1, [3, 0, 3]), ((3, 2), 0, []),
        ((2, 3, 4), 1, [2]), ((4,), 0, [9, 1, -1]), ((0, 3), 1, [1]),
    ):  # fmt: skip
        places = np.array(indices, np.int64)
        updates = smooth(dtype, *shape[:axis], places.size, *shape[axis + 1 :], seed=1)
        yield Sample((smooth(dtype, *shape), places, updates), {"axis": axis})


scatter_add = register(
    Primitive(
        name="scatter_add",
        infer=_infer_scatter_add,
        lower=Scatter(lambda t, old, new: old + new),
        vjp=_vjp_scatter_add,
        batch=partial(_batch_scatter, "scatter_add"),
        reference=lambda *args, axis: _scatter_reference(*args, axis=axis, add=True),
        samples=_scatter_samples,
        dtypes=ALL_NUMBERS,
        ulp=ulps(2, complex=2),
    )
)
scatter_set = register(
    Primitive(
        name="scatter_set",
        infer=_infer_scatter_set,
        lower=Scatter(lambda t, old, new: new),
        vjp=_vjp_scatter_set,
        batch=partial(_batch_scatter, "scatter_set"),
        reference=lambda *args, axis: _scatter_reference(*args, axis=axis, add=False),
        samples=_scatter_samples,
        dtypes=ALL,
    )
)
