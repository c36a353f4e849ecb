"""Products and diagonals of matrices and vectors, with the meanings of the array API's linalg:
matrices are the last two axes, vectors the last. Exported by `tilewright.linalg`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .. import primitives as p
from ..dtypes import DTypeLike
from ..errors import ArgumentError, LinAlgError, ShapeError
from .axes import one_axis
from .convert import ArrayLike, asarray, broadcast, same_dtype
from .joining import stack
from .linear import matmul
from .linear import outer as outer_of_any
from .outputs import store
from .products import tensordot as tensordot_of_any
from .reductions import sum as sum_of
from .shapes import moveaxis, reshape

if TYPE_CHECKING:
    from ..array import Array


def diagonal(x: ArrayLike, /, *, offset: int = 0) -> Array:
    """The `offset`-th diagonal of matrices (above the main one if positive).

    >>> diagonal([[1, 2], [3, 4]])
    array([1, 4])
    """
    a = asarray(x)
    if a.ndim < 2:
        raise ArgumentError(f"diagonal: got {a.shape}; it takes matrices, of at least 2 axes")
    m, n = a.shape[-2:]
    row, column = max(-offset, 0), max(offset, 0)
    count = max(min(m - row, n - column), 0)
    flat = reshape(a, (*a.shape[:-2], m * n))
    lead = a.ndim - 2
    start = (*(0,) * lead, (row * n + column) if count else 0)
    return p.slice_(flat, start=start, sizes=(*a.shape[:-2], count), strides=(*(1,) * lead, n + 1))


def trace(x: ArrayLike, /, *, offset: int = 0, dtype: DTypeLike | None = None) -> Array:
    """The sum of the `offset`-th diagonal of matrices; small integers are summed in 64 bits.

    >>> trace([[1, 2], [3, 4]])
    array(5)
    """
    return sum_of(diagonal(x, offset=offset), -1, dtype=dtype)


def outer(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """Every product of an element of one vector with one of another.

    >>> outer([1, 2], [3, 4])
    array([[3, 4],
           [6, 8]])
    """
    a, b = asarray(x1), asarray(x2)
    if a.ndim != 1 or b.ndim != 1:
        raise ArgumentError(f"outer: got {a.shape} and {b.shape}; they must be 1-D")
    return outer_of_any(a, b)


def cross(x1: ArrayLike, x2: ArrayLike, /, *, axis: int = -1) -> Array:
    """The cross product of vectors of three elements along an axis.

    >>> cross([1, 0, 0], [0, 1, 0])
    array([0, 0, 1])
    """
    a, b = broadcast("cross", *same_dtype(x1, x2))
    place = one_axis("cross", axis, a.ndim)
    if a.shape[place] != 3:
        raise ShapeError(f"cross: got {a.shape}; axis {axis} must have 3 elements")
    (a0, a1, a2), (b0, b1, b2) = (_components(z, place) for z in (a, b))
    return stack([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0], place)


def _components(x: Array, axis: int) -> list[Array]:
    first = moveaxis(x, axis, 0)
    return [first[i] for i in range(3)]


def vecdot(x1: ArrayLike, x2: ArrayLike, /, *, axis: int = -1) -> Array:
    """The sums of products of vectors along an axis.

    >>> vecdot([[1, 2], [3, 4]], [1, 1])
    array([3, 7])
    """
    given = same_dtype(x1, x2)
    for x in given:
        one_axis("vecdot", axis, x.ndim)
    a, b = given
    if a.shape[axis] != b.shape[axis]:
        raise ShapeError(f"vecdot: got {a.shape} and {b.shape}; axis {axis} must be equal")
    a, b = broadcast("vecdot", moveaxis(a, axis, -1), moveaxis(b, axis, -1))
    return sum_of((p.conj_(a) if a.dtype.is_complex else a) * b, -1, dtype=a.dtype)


def tensordot(x1: ArrayLike, x2: ArrayLike, /, *, axes: int | Sequence[Sequence[int]] = 2) -> Array:
    """The sum of products over several axes: the last n of x1 with the first n of x2, or the
    named ones, (of x1, of x2).

    >>> tensordot([[1, 2], [3, 4]], [1, 1], axes=1)
    array([3, 7])
    """
    return tensordot_of_any(x1, x2, axes)


def multi_dot(arrays: Sequence[ArrayLike], *, out: Any = None) -> Array:
    """The product of two or more matrices in the order that takes the fewest multiplications; the
    first and the last may be vectors.

    >>> multi_dot([[1, 2], [[1, 0], [0, 2]], [1, 1]])
    array(5)
    """
    given = [asarray(x) for x in arrays]
    if len(given) < 2:
        raise ArgumentError(f"multi_dot: got {len(given)} arrays; it takes at least two")
    is_row, is_column = given[0].ndim == 1, given[-1].ndim == 1
    if is_row:
        given[0] = reshape(given[0], (1, given[0].shape[0]))
    if is_column:
        given[-1] = reshape(given[-1], (given[-1].shape[0], 1))
    if any(x.ndim != 2 for x in given):
        raise LinAlgError(f"multi_dot: got {[x.shape for x in given]}; inner ones must be 2-D")
    sizes = [given[0].shape[0], *(x.shape[1] for x in given)]
    result = _product(given, _best_splits(sizes), 0, len(given) - 1)
    shape = (() if is_row else result.shape[:1]) + (() if is_column else result.shape[1:])
    return store("multi_dot", reshape(result, shape), out)


def _best_splits(sizes: Sequence[int]) -> dict[tuple[int, int], int]:
    """Where to split each chain of matrices (Cormen et al., Introduction to Algorithms)."""
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    splits: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            found = {
                k: cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
                for k in range(i, j)
            }
            splits[i, j] = min(found, key=found.__getitem__)
            cost[i, j] = found[splits[i, j]]
    return splits


def _product(given: list[Array], splits: dict[tuple[int, int], int], i: int, j: int) -> Array:
    if i == j:
        return given[i]
    k = splits[i, j]
    return matmul(_product(given, splits, i, k), _product(given, splits, k + 1, j))


__all__ = ["cross", "diagonal", "multi_dot", "outer", "tensordot", "trace", "vecdot"]
