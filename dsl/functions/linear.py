"""Products of matrices and vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import primitives as p
from ..dtypes import bool_, uint8
from ..errors import ShapeError
from ..sizes import product
from .convert import ArrayLike, asarray, boolean, convert, same_dtype
from .shapes import ravel

if TYPE_CHECKING:
    from ..array import Array


def matmul(x: ArrayLike, y: ArrayLike) -> Array:
    """The matrix product over the last two axes; 1-D arrays are a row and a column.

    Other axes are batches and broadcast. Raises ShapeError unless the inner sizes are equal.

    >>> matmul([[1, 2], [3, 4]], [1, 1])
    array([3, 7])
    """
    a, b = same_dtype(asarray(x), asarray(y))
    if a.dtype is bool_:
        return boolean(matmul(convert(a, uint8), convert(b, uint8)))
    _check(a, b)
    is_row, is_column = a.ndim == 1, b.ndim == 1
    if is_row:
        a = p.reshape(a, shape=(1, *a.shape))
    if is_column:
        b = p.reshape(b, shape=(*b.shape, 1))
    ndim = max(a.ndim, b.ndim)
    out = p.matmul(_with_rank(a, ndim), _with_rank(b, ndim))
    if not (is_row or is_column):
        return out
    shape = out.shape[:-2] + (() if is_row else out.shape[-2:-1])
    return p.reshape(out, shape=shape + (() if is_column else out.shape[-1:]))


def _check(a: Array, b: Array) -> None:
    if a.ndim == 0 or b.ndim == 0:
        raise ShapeError(f"matmul: got {a.shape} and {b.shape}; use * for scalars")
    inner = b.shape[-2] if b.ndim > 1 else b.shape[0]
    if a.shape[-1] != inner:
        raise ShapeError(
            f"matmul: got {a.shape} and {b.shape}; "
            f"the inner sizes {a.shape[-1]} and {inner} must be equal"
        )


def _with_rank(x: Array, ndim: int) -> Array:
    return x if x.ndim == ndim else p.reshape(x, shape=(1,) * (ndim - x.ndim) + tuple(x.shape))


def dot(x: ArrayLike, y: ArrayLike) -> Array:
    """The sum of products over x's last axis and y's last but one (or only) axis.

    >>> dot([1, 2], [3, 4])
    array(11)
    """
    a, b = same_dtype(x, y)
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    if b.ndim <= 2:
        return matmul(a, b)
    inner = b.ndim - 2
    order = (inner, *(axis for axis in range(b.ndim) if axis != inner))
    rest = tuple(b.shape[axis] for axis in order[1:])
    flat = p.reshape(p.transpose(b, axes=order), shape=(b.shape[inner], product(rest)))
    return p.reshape(matmul(a, flat), shape=(*a.shape[:-1], *rest))


def outer(x: ArrayLike, y: ArrayLike) -> Array:
    """Every product of an element of x with one of y.

    >>> outer([1, 2], [3, 4])
    array([[3, 4],
           [6, 8]])
    """
    a, b = (ravel(z) for z in same_dtype(x, y))
    return p.reshape(a, shape=(*a.shape, 1)) * b


__all__ = ["dot", "matmul", "outer"]
