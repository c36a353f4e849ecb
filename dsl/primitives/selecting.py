"""Elements at positions that must exist, and what a mask selects, by routines of the native core.

What they give or refuse depends on values: they are for code that runs at once on the host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import ALL, DType, bool_, int64
from ..errors import DTypeError, ShapeError
from ..graph import Aval
from ..primitive import Native, Primitive, Sample, register
from ..sizes import Dim, product
from .comparison import lt, where
from .families import no_gradient, zeros_like
from .indexing import check_positions, gather, gather_sizes, scatter_set
from .lanes import one_by_one
from .samples import Numpy, smooth
from .sources import full

if TYPE_CHECKING:
    from ..array import Array


def _infer_take(x: Aval, indices: Aval, *, axis: int) -> Aval:
    check_positions("take", x, indices, axis)
    return Aval((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype)


def _vjp_take(ct: Array, out: Array, x: Array, indices: Array, *, axis: int) -> Any:
    from_end = indices + full(shape=indices.shape, value=x.shape[axis], dtype=int64)
    places = where(lt(indices, zeros_like(indices)), from_end, indices)
    assert gather.vjp is not None
    return gather.vjp(ct, out, x, places, axis=axis)


def _take_samples(dtype: DType) -> Iterator[Sample]:
    for shape, axis, indices in (
        ((5,), 0, [4, 0, -5, 2]), ((5, 3), 0, [[1, -1], [0, 0]]), ((2, 5), 1, [3, 3]),
        ((2, 3, 4), 1, [[2], [0]]), ((4,), 0, -2), ((3, 2), 0, []), ((0, 3), 1, [1]),
        ((7, 3), 0, [k % 14 - 7 for k in range(20000)]),
    ):  # fmt: skip
        yield Sample((smooth(dtype, *shape), np.array(indices, np.int64)), {"axis": axis})


# Elements at positions along an axis; negative ones count from the end. One out of range is a
# BoundsError, before anything is written.
take = register(
    Primitive(
        name="take",
        infer=_infer_take,
        lower=Native("take", gather_sizes),
        vjp=_vjp_take,
        batch=one_by_one,
        reference=lambda x, indices, *, axis: np.take(x, indices, axis=axis),
        samples=_take_samples,
        dtypes=ALL,
    )
)


def _infer_nonzero_places(mask: Aval, *, count: Dim) -> Aval:
    if mask.dtype is not bool_ or mask.ndim != 1:
        raise DTypeError(f"nonzero_places: got {mask}; it takes a 1-D bool array")
    return Aval((count,), int64)


def _nonzero_reference(mask: Numpy, *, count: int) -> Numpy:
    found = np.flatnonzero(mask)[:count]
    return np.concatenate([found, np.full(count - found.size, mask.size, np.int64)])


def _nonzero_samples(dtype: DType) -> Iterator[Sample]:
    for n, count in ((0, 0), (0, 2), (9, 0), (9, 3), (9, 9), (1000, 1000), (40000, 30000)):
        yield Sample((smooth(bool_, n),), {"count": count})


# The first `count` positions that are true; where there are fewer, the rest is the length.
nonzero_places = register(
    Primitive(
        name="nonzero_places",
        infer=_infer_nonzero_places,
        lower=Native("nonzero", lambda mask, *, out, count: (mask.size, count)),
        vjp=no_gradient,
        batch=one_by_one,
        reference=_nonzero_reference,
        samples=_nonzero_samples,
        dtypes=(bool_,),
    )
)


def _infer_compress(x: Aval, mask: Aval, *, count: Dim) -> Aval:
    if mask.dtype is not bool_ or mask.ndim != 1 or x.shape[:1] != mask.shape:
        raise ShapeError(
            f"compress: got {x} and {mask}; the mask is a 1-D bool array as long as the first axis"
        )
    return Aval((count, *x.shape[1:]), x.dtype)


def _compress_sizes(x: Aval, mask: Aval, *, out: Aval, count: Dim) -> tuple[Dim, ...]:
    return x.dtype.itemsize, mask.size, product(x.shape[1:]), count


def _compress_reference(x: Numpy, mask: Numpy, *, count: int) -> Numpy:
    found = x[mask][:count]
    return np.concatenate([found, np.zeros((count - len(found), *x.shape[1:]), x.dtype)])


def _compress_samples(dtype: DType) -> Iterator[Sample]:
    for shape, count in (((0,), 0), ((9,), 3), ((9, 2), 3), ((40, 3), 30), ((70000,), 30000)):
        yield Sample((smooth(dtype, *shape), smooth(bool_, shape[0])), {"count": count})


def _vjp_compress(
    ct: Array, out: Array, x: Array, mask: Array, *, count: int
) -> tuple[Array, None]:
    places = nonzero_places(mask, count=count)
    return scatter_set(zeros_like(x), places, ct, axis=0), None


# The first `count` rows at which the mask is true; where there are fewer, the rest is zeros.
compress = register(
    Primitive(
        name="compress",
        infer=_infer_compress,
        lower=Native("compress", _compress_sizes),
        vjp=_vjp_compress,
        batch=one_by_one,
        reference=_compress_reference,
        samples=_compress_samples,
        dtypes=ALL,
    )
)
