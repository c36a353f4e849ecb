"""Products of matrices and vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import primitives as p
from ..dtypes import DTypeLike, bool_, int32
from ..dtypes import dtype as as_dtype
from ..errors import DTypeError, ShapeError
from ..sizes import product
from .convert import ArrayLike, asarray, boolean, convert, same_dtype
from .outputs import casts, store
from .shapes import ravel

if TYPE_CHECKING:
    from ..array import Array


def matmul(x1: ArrayLike, x2: ArrayLike, /, *, dtype: DTypeLike | None = None) -> Array:
    """The matrix product over the last two axes; 1-D arrays are a row and a column.

    Other axes are batches and broadcast. Both are cast to `dtype` first, where there is one, so
    int8 matrices are summed without wrapping by dtype="int32" (staged, the casts are part of the
    product: no copies). Raises ShapeError unless the inner sizes are equal, DTypeError if a cast
    to `dtype` would change the kind of number.

    >>> matmul([[1, 2], [3, 4]], [1, 1])
    array([3, 7])
    >>> a = asarray([[100, 100]], dtype="int8")
    >>> matmul(a, a.T, dtype="int32").tolist()
    [[20000]]
    """
    a, b = _as_type(x1, dtype), _as_type(x2, dtype)
    a, b = same_dtype(a, b)
    if a.dtype is bool_:
        # Wide enough for the number of products, so that no sum wraps to 0.
        return boolean(matmul(convert(a, int32), convert(b, int32)))
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


def _as_type(x: ArrayLike, wanted: DTypeLike | None) -> Array:
    found = asarray(x)
    if wanted is None:
        return found
    target = as_dtype(wanted)
    if not casts(found.dtype, target):
        raise DTypeError(f"matmul: got {found.dtype}, which does not cast to {target} by same_kind")
    return convert(found, target)


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


def dot(a: ArrayLike, b: ArrayLike, out: Array | None = None) -> Array:
    """The sum of products over a's last axis and b's last but one (or only) axis.

    >>> dot([1, 2], [3, 4])
    array(11)
    """
    return store("dot", _dot(*same_dtype(a, b)), out)


def _dot(a: Array, b: Array) -> Array:
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    if b.ndim <= 2:
        return matmul(a, b)
    inner = b.ndim - 2
    order = (inner, *(axis for axis in range(b.ndim) if axis != inner))
    rest = tuple(b.shape[axis] for axis in order[1:])
    flat = p.reshape(p.transpose(b, axes=order), shape=(b.shape[inner], product(rest)))
    return p.reshape(matmul(a, flat), shape=(*a.shape[:-1], *rest))


def outer(a: ArrayLike, b: ArrayLike, out: Array | None = None) -> Array:
    """Every product of an element of a with one of b.

    >>> outer([1, 2], [3, 4])
    array([[3, 4],
           [6, 8]])
    """
    x, y = (ravel(z) for z in same_dtype(a, b))
    return store("outer", p.reshape(x, shape=(*x.shape, 1)) * y, out)


__all__ = ["dot", "matmul", "outer"]
