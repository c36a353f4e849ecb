"""Norms of vectors and matrices. Exported by `tilewright.linalg`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .. import primitives as p
from ..dtypes import float64
from ..errors import ArgumentError
from ..sizes import product
from .axes import Axis, many_axes, one_axis
from .convert import ArrayLike, asarray, convert
from .decompositions import svdvals
from .elementary import sqrt
from .reductions import count_nonzero
from .reductions import max as largest_of
from .reductions import min as smallest_of
from .reductions import sum as sum_of
from .shapes import expand_dims, moveaxis, ravel, reshape

if TYPE_CHECKING:
    from ..array import Array

Order = float | str | None


def _floating(x: ArrayLike) -> Array:
    a = asarray(x)
    return a if a.dtype.is_inexact else convert(a, float64)


def squares(x: Array) -> Array:
    """|x|**2, which is real."""
    if not x.dtype.is_complex:
        return x * x
    re, im = p.real(x), p.imag(x)
    return re * re + im * im


def vector_norm(
    x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False, ord: float = 2
) -> Array:
    """The norm of vectors over axes (all by default): (sum of |x|**ord)**(1/ord).

    `ord` may be inf (the largest magnitude), -inf (the smallest) or 0 (how many are not zero).

    >>> vector_norm([3.0, 4.0])
    array(5.)
    """
    a = _floating(x)
    axes = many_axes("vector_norm", axis, a.ndim)
    return _over(a, axes, keepdims, ord)


def _over(a: Array, axes: tuple[int, ...], keepdims: bool, order: float) -> Array:
    if order == 2:
        return sqrt(sum_of(squares(a), axes, keepdims=keepdims))
    size = abs(a)
    if order == float("inf"):
        return largest_of(size, axes, keepdims=keepdims)
    if order == float("-inf"):
        return smallest_of(size, axes, keepdims=keepdims)
    if order == 0:
        return convert(count_nonzero(a, axes, keepdims=keepdims), a.dtype.real)
    if order == 1:
        return sum_of(size, axes, keepdims=keepdims)
    return sum_of(size**order, axes, keepdims=keepdims) ** (1.0 / order)


def matrix_norm(x: ArrayLike, /, *, keepdims: bool = False, ord: Order = "fro") -> Array:
    """The norm of matrices, the last two axes.

    `ord`: "fro" (root of the sum of squares), "nuc" (sum of singular values), 2 and -2 (largest
    and smallest singular value), 1 and -1 (largest and smallest sum of a column), inf and -inf
    (of a row).

    >>> matrix_norm([[3.0, 0.0], [0.0, 4.0]], ord="nuc")
    array(7.)
    """
    a = _floating(x)
    if a.ndim < 2:
        raise ArgumentError(f"matrix_norm: got {a.shape}; it takes matrices, of at least 2 axes")
    return _of_matrices("matrix_norm", a, (a.ndim - 2, a.ndim - 1), keepdims, ord)


def _of_matrices(name: str, a: Array, axes: tuple[int, int], keepdims: bool, order: Order) -> Array:
    rows, columns = axes
    if order in ("fro", "f", None):
        return sqrt(sum_of(squares(a), axes, keepdims=keepdims))
    if order in (1, -1, float("inf"), float("-inf")):
        along, over = (rows, columns) if order in (1, -1) else (columns, rows)
        sums = sum_of(abs(a), along, keepdims=True)
        extreme = largest_of if float(order) > 0 else smallest_of
        found = extreme(sums, over, keepdims=True)
    elif order in (2, -2, "nuc"):
        values = svdvals(moveaxis(a, axes, (-2, -1)))
        pick: Any = sum_of if order == "nuc" else largest_of if order == 2 else smallest_of
        return _with_axes(pick(values, -1), axes, keepdims)
    else:
        raise ArgumentError(f"{name}: got order {order!r} for matrices")
    if keepdims:
        return found
    return reshape(found, tuple(n for i, n in enumerate(found.shape) if i not in axes))


def _with_axes(found: Array, axes: tuple[int, int], keepdims: bool) -> Array:
    return expand_dims(found, sorted(axes)) if keepdims else found


def norm(x: ArrayLike, ord: Order = None, axis: Any = None, keepdims: bool = False) -> Array:
    """The norm of vectors (one axis) or matrices (two axes), with NumPy's meaning of `ord`.

    Without an axis: the root of the sum of all squares if `ord` is None, else the norm of the
    whole 1-D or 2-D array. Raises ArgumentError, AxisError.

    >>> norm([[3.0, 0.0], [0.0, 4.0]])
    array(5.)
    """
    a = _floating(x)
    if axis is None and (ord is None or (ord in ("f", "fro") and a.ndim == 2) or
                         (ord == 2 and a.ndim == 1)):  # fmt: skip
        flat = ravel(a)
        found = sqrt(sum_of(squares(flat)))
        return reshape(found, (1,) * a.ndim) if keepdims else found
    given = range(a.ndim) if axis is None else axis if isinstance(axis, Sequence) else (axis,)
    axes = tuple(one_axis("norm", i, a.ndim) for i in given)
    if len(axes) == 1:
        if isinstance(ord, str):
            raise ArgumentError(f"norm: got order {ord!r} for vectors; it must be a number")
        return _over(a, axes, keepdims, 2 if ord is None else ord)
    if len(axes) != 2 or axes[0] == axes[1]:
        raise ArgumentError(f"norm: got axes {tuple(given)} of {a.ndim}; it takes one or two")
    if product(a.shape) == 0 and ord not in (None, "fro", "f", "nuc"):
        raise ArgumentError(f"norm: got {a.shape}; there is no element")
    return _of_matrices("norm", a, (axes[0], axes[1]), keepdims, ord)


__all__ = ["matrix_norm", "norm", "vector_norm"]
