"""Running sums and products along an axis: a routine of the native core."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..dtypes import DType
from ..errors import ArgumentError, AxisError
from ..graph import Aval
from ..primitive import Native, Primitive, Sample, register
from ..sizes import Dim, product
from .elementwise import NUMBERS
from .families import check_dtype, ulps
from .lanes import along_axis
from .movement import transpose
from .samples import Numpy, smooth
from .windows import pad, slice_

if TYPE_CHECKING:
    from ..array import Array

OPERATIONS = ("add", "mul")  # by their codes in the core


def _infer_scan(x: Aval, *, operation: str, axis: int) -> Aval:
    check_dtype("scan", x.dtype, NUMBERS)
    if operation not in OPERATIONS:
        raise ArgumentError(f"scan: got operation {operation!r}; it is one of {OPERATIONS}")
    if not 0 <= axis < x.ndim:
        raise AxisError(f"scan: got axis {axis} for {x.shape}; it must be in 0..{x.ndim - 1}")
    return x


def _scan_sizes(x: Aval, *, out: Aval, operation: str, axis: int) -> tuple[Dim, ...]:
    before, after = product(x.shape[:axis]), product(x.shape[axis + 1 :])
    return OPERATIONS.index(operation), x.dtype.code, before, x.shape[axis], after


def _reference(x: Numpy, *, operation: str, axis: int) -> Numpy:
    function = np.add if operation == "add" else np.multiply
    return np.asarray(function.accumulate(x, axis, dtype=x.dtype))


def _samples(dtype: DType) -> Iterator[Sample]:
    for operation in OPERATIONS:
        for shape, axis in (((5,), 0), ((3, 4), 0), ((3, 4), 1), ((2, 3, 2), 1), ((0, 3), 0)):
            yield Sample((smooth(dtype, *shape),), {"operation": operation, "axis": axis})
    for shape, axis in (((9000,), 0), ((3, 600), 1), ((600, 3), 0)):
        yield Sample((smooth(dtype, *shape),), {"operation": "add", "axis": axis})


def _turned(x: Array, axis: int) -> Array:
    """The elements in reverse order along an axis."""
    size = x.shape[axis]
    start = tuple(size - 1 if a == axis and size else 0 for a in range(x.ndim))
    strides = tuple(-1 if a == axis else 1 for a in range(x.ndim))
    return slice_(x, start=start, sizes=x.shape, strides=strides)


def _later(x: Array, by: int, first: float) -> Array:
    """Along the last axis each element `by` places later, and `first` before them."""
    none = (0,) * (x.ndim - 1)
    sizes = (*x.shape[:-1], x.shape[-1] - by)
    window = slice_(x, start=(*none, 0), sizes=sizes, strides=(1,) * x.ndim)
    return pad(window, low=(*none, by), high=(*none, 0), value=first)


def _recurrence(factor: Array, term: Array) -> Array:
    """t[j] = factor[j] * t[j - 1] + term[j] along the last axis, in log2 steps."""
    step = 1
    while step < term.shape[-1]:
        term = term + factor * _later(term, step, 0.0)
        factor = factor * _later(factor, step, 1.0)
        step *= 2
    return term


def _vjp_scan(ct: Array, out: Array, x: Array, *, operation: str, axis: int) -> tuple[Array]:
    """Of sums the sum of all later cotangents. Of products: each later result without this
    element, weighted, which takes no division: right for zeros, to any order."""
    if operation == "add":
        return (_turned(scan(_turned(ct, axis), operation="add", axis=axis), axis),)
    if x.shape[axis] == 0:
        return (x * 0,)
    order = (*(a for a in range(x.ndim) if a != axis), axis)
    back = tuple(order.index(a) for a in range(x.ndim))
    before, factor, weight = (transpose(z, axes=order) for z in (out, x, ct))
    last = x.ndim - 1
    factor, weight = (_turned(z, last) for z in (factor, weight))
    later = _turned(_recurrence(_later(factor, 1, 1.0), weight), last)
    return (transpose(_later(before, 1, 1.0) * later, axes=back),)


scan: Primitive = register(
    Primitive(
        name="scan",
        infer=_infer_scan,
        lower=Native("scan", _scan_sizes),
        vjp=_vjp_scan,
        batch=along_axis("scan"),
        reference=_reference,
        samples=_samples,
        dtypes=NUMBERS,
        ulp=ulps(16),
    )
)
