"""Primitives that only give elements another index: reshape, transpose, broadcast."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..dtypes import DType
from ..errors import AxisError, ShapeError
from ..graph import Aval
from ..primitive import REGISTRY, Expr, Lanes, Primitive, Reader, Sample, Vocabulary
from ..sizes import Shape, product
from .families import linear_index, movement, split_index
from .samples import smooth

if TYPE_CHECKING:
    from ..array import Array

Ints = tuple[int, ...]
Index = tuple[Expr, ...]


# --------------------------------------------------------------------------- reshape


def _infer_reshape(x: Aval, *, shape: Shape) -> Aval:
    if product(shape) != x.size:
        raise ShapeError(
            f"reshape: got {x.shape} and {shape}; the numbers of elements must be equal"
        )
    return Aval(shape, x.dtype)


def _lower_reshape(t: Vocabulary, index: Index, x: Reader, *, out: Aval, shape: Shape) -> Expr:
    return x(split_index(t, linear_index(t, index, shape), x.aval.shape))


def _reshape_samples(dtype: DType) -> Iterator[Sample]:
    for old, new in (
        ((3, 4), (2, 6)), ((12,), (2, 2, 3)), ((2, 3, 2), (12,)), ((1,), ()), ((), (1, 1)),
        ((0, 3), (5, 0)), ((4, 1, 3), (4, 3)), ((2, 3), (2, 3)),
    ):  # fmt: skip
        yield Sample((smooth(dtype, *old),), {"shape": new})


reshape: Primitive = movement(
    "reshape",
    _infer_reshape,
    _lower_reshape,
    lambda x, *, shape: np.reshape(x, shape),
    _reshape_samples,
    lambda ct, out, x, *, shape: (reshape(ct, shape=x.shape),),
    lambda lanes, x, *, shape: reshape(x, shape=(lanes.count, *shape)),
)


# --------------------------------------------------------------------------- transpose


def _infer_transpose(x: Aval, *, axes: Ints) -> Aval:
    if sorted(axes) != list(range(x.ndim)):
        raise AxisError(f"transpose: got axes {axes}; they must order 0..{x.ndim - 1}")
    return Aval(tuple(x.shape[axis] for axis in axes), x.dtype)


def _inverse(axes: Ints) -> Ints:
    return tuple(axes.index(axis) for axis in range(len(axes)))


def _lower_transpose(t: Vocabulary, index: Index, x: Reader, *, out: Aval, axes: Ints) -> Expr:
    return x(tuple(index[place] for place in _inverse(axes)))


def _transpose_samples(dtype: DType) -> Iterator[Sample]:
    for shape, axes in (
        ((3, 4), (1, 0)), ((2, 3, 4), (2, 0, 1)), ((2, 3, 4), (0, 2, 1)), ((), ()),
        ((0, 3), (1, 0)), ((5,), (0,)), ((2, 1, 3, 2), (3, 1, 0, 2)),
    ):  # fmt: skip
        yield Sample((smooth(dtype, *shape),), {"axes": axes})


transpose: Primitive = movement(
    "transpose",
    _infer_transpose,
    _lower_transpose,
    lambda x, *, axes: np.transpose(x, axes),
    _transpose_samples,
    lambda ct, out, x, *, axes: (transpose(ct, axes=_inverse(axes)),),
    lambda lanes, x, *, axes: transpose(x, axes=(0, *(a + 1 for a in axes))),
)


def turned(x: Array) -> Array:
    """The last two axes exchanged."""
    n = len(x.shape)
    return transpose(x, axes=(*range(n - 2), n - 1, n - 2))


# --------------------------------------------------------------------------- broadcast


def _infer_broadcast_to(x: Aval, *, shape: Shape) -> Aval:
    lead = len(shape) - x.ndim
    fits = lead >= 0 and all(
        old in (1, new) for old, new in zip(x.shape, shape[max(lead, 0) :], strict=False)
    )
    if not fits:
        raise ShapeError(f"broadcast_to: got {x.shape} and {shape}; each size must be equal or 1")
    return Aval(shape, x.dtype)


def _lower_broadcast_to(t: Vocabulary, index: Index, x: Reader, *, out: Aval, shape: Shape) -> Expr:
    lead = len(shape) - x.aval.ndim
    return x(
        tuple(
            t.size(0) if size == 1 else i
            for size, i in zip(x.aval.shape, index[lead:], strict=True)
        )
    )


def _vjp_broadcast_to(ct: Array, out: Array, x: Array, *, shape: Shape) -> tuple[Array]:
    return (sum_to(ct, x.shape),)


def _batch_broadcast_to(lanes: Lanes, x: Array, *, shape: Shape) -> Array:
    own = x.shape[1:]
    aligned = (lanes.count, *(1,) * (len(shape) - len(own)), *own)
    return broadcast_to(reshape(x, shape=aligned), shape=(lanes.count, *shape))


def sum_to(x: Array, shape: Shape) -> Array:
    """Undo a broadcast: sum x over the axes along which `shape` was repeated."""
    if x.shape == shape:
        return x
    lead = x.ndim - len(shape)
    repeated = tuple(
        axis
        for axis in range(x.ndim)
        if axis < lead or (shape[axis - lead] == 1 and x.shape[axis] != 1)
    )
    return reshape(_sum(x, repeated), shape=shape)


def _sum(x: Array, axes: Ints) -> Array:
    # By name: reductions.py stands on this file.
    return REGISTRY["sum"](x, axes=axes) if axes else x


def _broadcast_samples(dtype: DType) -> Iterator[Sample]:
    for old, new in (
        ((), (2, 3)), ((3,), (2, 3)), ((2, 1), (2, 3)), ((1, 3, 1), (2, 2, 3, 4)), ((2, 3), (2, 3)),
        ((1,), (0,)), ((), ()), ((1, 1), (1, 1)),
    ):  # fmt: skip
        yield Sample((smooth(dtype, *old),), {"shape": new})


broadcast_to: Primitive = movement(
    "broadcast_to",
    _infer_broadcast_to,
    _lower_broadcast_to,
    lambda x, *, shape: np.broadcast_to(x, shape),
    _broadcast_samples,
    _vjp_broadcast_to,
    _batch_broadcast_to,
)
