"""What a mask selects: places and elements, by routines of the native core."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..dtypes import ALL, DType, bool_, int64
from ..errors import DTypeError, ShapeError
from ..graph import Aval
from ..primitive import Native, Primitive, Sample, register
from ..sizes import Dim, product
from .families import no_gradient, zeros_like
from .indexing import scatter_set
from .lanes import one_by_one
from .samples import Numpy, smooth

if TYPE_CHECKING:
    from ..array import Array


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
