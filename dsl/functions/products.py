"""Products over chosen axes: inner, tensor, Kronecker and cross products, all on `matmul`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..dtypes import int64
from ..errors import ArgumentError, DTypeError, ShapeError
from ..primitives import conj_
from ..sizes import product
from .arithmetic import multiply, subtract
from .axes import one_axis
from .convert import ArrayLike, asarray, convert, result_type, same_dtype
from .creation import ones_like
from .joining import stack
from .linear import matmul
from .shapes import expand_dims, moveaxis, ravel, reshape, transpose

if TYPE_CHECKING:
    from ..array import Array

Axes = int | Sequence[Any]


def tensordot(a: ArrayLike, b: ArrayLike, axes: Axes = 2) -> Array:
    """The sum of products over several axes: the last n of a with the first n of b, or the named
    ones, (of a, of b).

    >>> tensordot([[1, 2], [3, 4]], [[1, 0], [0, 1]])
    array(5)
    """
    x, y = same_dtype(asarray(a), asarray(b))
    of_x, of_y = _contracted(x, y, axes)
    sizes = [x.shape[axis] for axis in of_x]
    if sizes != [y.shape[axis] for axis in of_y]:
        raise ShapeError(
            f"tensordot: got {x.shape} and {y.shape} over axes {of_x} and {of_y}; "
            "the sizes must be equal"
        )
    rest_x = [axis for axis in range(x.ndim) if axis not in of_x]
    rest_y = [axis for axis in range(y.ndim) if axis not in of_y]
    rows, columns = [x.shape[axis] for axis in rest_x], [y.shape[axis] for axis in rest_y]
    inner = product(tuple(sizes))
    left = reshape(transpose(x, (*rest_x, *of_x)), (product(tuple(rows)), inner))
    right = reshape(transpose(y, (*of_y, *rest_y)), (inner, product(tuple(columns))))
    return reshape(matmul(left, right), (*rows, *columns))


def _contracted(x: Array, y: Array, axes: Axes) -> tuple[list[int], list[int]]:
    if isinstance(axes, int):
        if not 0 <= axes <= min(x.ndim, y.ndim):
            raise ShapeError(f"tensordot: got {axes} axes for {x.shape} and {y.shape}")
        return list(range(x.ndim - axes, x.ndim)), list(range(axes))
    of_x, of_y = ([z] if isinstance(z, int) else list(z) for z in axes)
    if len(of_x) != len(of_y):
        raise ShapeError(f"tensordot: got {len(of_x)} and {len(of_y)} axes; must be equal")
    places = (
        [one_axis("tensordot", axis, z.ndim) for axis in given]
        for z, given in ((x, of_x), (y, of_y))
    )
    first, second = places
    if len(set(first)) != len(first) or len(set(second)) != len(second):
        raise ArgumentError(f"tensordot: got axes {axes}; an axis is named twice")
    return first, second


def inner(a: ArrayLike, b: ArrayLike, /) -> Array:
    """The sum of products over the last axes of both.

    >>> inner([1, 2], [3, 4])
    array(11)
    """
    x, y = same_dtype(asarray(a), asarray(b))
    if x.ndim == 0 or y.ndim == 0:
        return multiply(x, y)
    if x.shape[-1] != y.shape[-1]:
        raise ShapeError(f"inner: got {x.shape} and {y.shape}; the last sizes must be equal")
    return tensordot(x, y, (x.ndim - 1, y.ndim - 1))


def vdot(a: ArrayLike, b: ArrayLike, /) -> Array:
    """The sum of products of all elements, in one axis.

    >>> vdot([[1, 2], [3, 4]], [[1, 1], [1, 1]])
    array(10)
    """
    x, y = (ravel(z) for z in same_dtype(asarray(a), asarray(b)))
    if x.shape != y.shape:
        raise ShapeError(f"vdot: got {x.shape} and {y.shape}; as many elements must be in both")
    return matmul(_conjugate(x), y)


def _conjugate(x: Array) -> Array:
    return conj_(x) if x.dtype.is_complex else x


def vecdot(x1: ArrayLike, x2: ArrayLike, /, *, axis: int = -1) -> Array:
    """The sum of products along one axis; other axes broadcast.

    >>> vecdot([[1, 2], [3, 4]], [1, 1])
    array([3, 7])
    """
    x, y = _moved("vecdot", x1, axis, 1), _moved("vecdot", x2, axis, 1)
    return _without_ones(matmul(expand_dims(_conjugate(x), -2), expand_dims(y, -1)), 2)


def matvec(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """Matrices times vectors; other axes broadcast.

    >>> matvec([[1, 2], [3, 4]], [1, 1])
    array([3, 7])
    """
    x, y = _moved("matvec", x1, -1, 2), _moved("matvec", x2, -1, 1)
    return _without_ones(matmul(x, expand_dims(y, -1)), 1)


def vecmat(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """Vectors times matrices; other axes broadcast."""
    x, y = _moved("vecmat", x1, -1, 1), _moved("vecmat", x2, -1, 2)
    out = matmul(expand_dims(_conjugate(x), -2), y)
    return reshape(out, (*out.shape[:-2], out.shape[-1]))


def _moved(name: str, given: ArrayLike, axis: int, ndim: int) -> Array:
    x = asarray(given)
    if x.ndim < ndim:
        raise ShapeError(f"{name}: got {x.shape}; it takes {ndim} axes or more")
    return x if axis == -1 else moveaxis(x, axis, -1)


def _without_ones(x: Array, count: int) -> Array:
    return reshape(x, x.shape[: x.ndim - count])


def kron(a: ArrayLike, b: ArrayLike) -> Array:
    """The Kronecker product: every element of a times the whole of b, in blocks.

    >>> kron([1, 10], [1, 2])
    array([ 1,  2, 10, 20])
    """
    x, y = same_dtype(asarray(a), asarray(b))
    ndim = max(x.ndim, y.ndim)
    of_x = (1,) * (ndim - x.ndim) + tuple(x.shape)
    of_y = (1,) * (ndim - y.ndim) + tuple(y.shape)
    spread_x = reshape(x, tuple(n for size in of_x for n in (size, 1)))
    spread_y = reshape(y, tuple(n for size in of_y for n in (1, size)))
    whole = tuple(m * n for m, n in zip(of_x, of_y, strict=True))
    return reshape(multiply(spread_x, spread_y), whole)


def cross(
    a: ArrayLike,
    b: ArrayLike,
    axisa: int = -1,
    axisb: int = -1,
    axisc: int = -1,
    axis: int | None = None,
) -> Array:
    """The vector at right angles to a and b, along axes of size 3.

    >>> cross([1, 0, 0], [0, 1, 0])
    array([0, 0, 1])
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = same_dtype(asarray(a), asarray(b))
    if x.dtype.kind == "b":
        raise DTypeError("cross: got bool; it takes numbers")
    if x.ndim == 0 or y.ndim == 0:
        raise ArgumentError(f"cross: got {x.shape} and {y.shape}; it takes one axis or more")
    x = moveaxis(x, one_axis("cross", axisa, x.ndim), -1)
    y = moveaxis(y, one_axis("cross", axisb, y.ndim), -1)
    if x.shape[-1] != 3 or y.shape[-1] != 3:
        raise ShapeError(f"cross: got sizes {x.shape[-1]} and {y.shape[-1]}; both must be 3")
    (x0, x1, x2), (y0, y1, y2) = ([z[..., i] for i in range(3)] for z in (x, y))
    parts = [
        subtract(multiply(x1, y2), multiply(x2, y1)),
        subtract(multiply(x2, y0), multiply(x0, y2)),
        subtract(multiply(x0, y1), multiply(x1, y0)),
    ]
    made = stack(parts, -1)
    return moveaxis(made, -1, one_axis("cross", axisc, made.ndim)) if made.ndim > 1 else made


def vander(x: ArrayLike, N: int | None = None, increasing: bool = False) -> Array:
    """The powers of each element in a row, the highest first.

    >>> vander([2, 3], 3).tolist()
    [[4, 2, 1], [9, 3, 1]]
    """
    x = asarray(x)
    if x.ndim != 1:
        raise ArgumentError(f"vander: got {x.shape}; it takes one axis")
    count = x.shape[0] if N is None else N
    wide = convert(x, result_type(x, int64))
    columns: list[Array] = []
    for i in range(count):
        columns.append(multiply(columns[-1], wide) if i else ones_like(wide))
    if not columns:
        return reshape(wide[:0], (x.shape[0], 0))
    return stack(columns if increasing else columns[::-1], 1)


__all__ = [
    "cross",
    "inner",
    "kron",
    "matvec",
    "tensordot",
    "vander",
    "vdot",
    "vecdot",
    "vecmat",
]
