"""Linear equations, inverses and determinants. Exported by `tilewright.linalg`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .. import primitives as p
from ..dtypes import DType, int64
from ..errors import ArgumentError, LinAlgError, ShapeError
from ..primitives.matrices import adjoint, part, real_part
from ..primitives.movement import turned
from ..sizes import Shape, product
from .convert import ArrayLike, asarray, common_shape, same_dtype
from .creation import eye
from .decompositions import eigvalsh, matrices, real, svd, svdvals
from .joining import stack
from .linear import matmul
from .logic import isnan, where
from .norms import norm, squares
from .reductions import any as any_of
from .reductions import count_nonzero
from .reductions import max as largest_of
from .reductions import sum as sum_of
from .shapes import broadcast_to, moveaxis, reshape

if TYPE_CHECKING:
    from ..array import Array


class SlogdetResult(NamedTuple):
    """What `slogdet` gives."""

    sign: Array
    logabsdet: Array


class LstsqResult(NamedTuple):
    """What `lstsq` gives."""

    x: Array
    residuals: Array
    rank: int
    singular_values: Array


def inv(a: ArrayLike) -> Array:
    """The inverses of square matrices. Raises LinAlgError for a singular one.

    >>> inv([[4.0, 2.0], [1.0, 1.0]])
    array([[ 0.5, -1. ],
           [-0.5,  2. ]])
    """
    return p.inv(matrices("inv", a, square=True))


def solve(a: ArrayLike, b: ArrayLike) -> Array:
    """The x with a @ x = b; a 1-D b is a vector, others are matrices, and batches broadcast.

    Raises LinAlgError for a singular matrix, ShapeError.

    >>> solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0])
    array([1. , 0.5])
    """
    x, side = same_dtype(matrices("solve", a, square=True), real("solve", b))
    is_vector = side.ndim == 1
    if side.ndim == 0 or side.shape[-1 if is_vector else -2] != x.shape[-1]:
        raise ShapeError(f"solve: got {x.shape} and {side.shape}; the rows must be as many")
    if is_vector:
        side = reshape(side, (*side.shape, 1))
    batch = common_shape("solve", x.shape[:-2], side.shape[:-2])
    found = p.solve(_with_batch(x, batch), _with_batch(side, batch))
    return reshape(found, found.shape[:-1]) if is_vector else found


def _with_batch(x: Array, batch: Shape) -> Array:
    shape = (*batch, *x.shape[-2:])
    return x if x.shape == shape else broadcast_to(x, shape)


def det(a: ArrayLike) -> Array:
    """The determinants of square matrices (0 for a singular one, which has no gradient here).

    >>> det([[2.0, 0.0], [0.0, 4.0]])
    array(8.)
    """
    return p.det(matrices("det", a, square=True))


def slogdet(a: ArrayLike) -> SlogdetResult:
    """The sign of a determinant and the logarithm of its magnitude (0 and -inf if singular).

    >>> slogdet([[-1.0, 0.0], [0.0, 1.0]]).sign
    array(-1.)
    """
    packed = p.slogdet(matrices("slogdet", a, square=True))
    return SlogdetResult(part(packed, 0), real_part(part(packed, 1)))


def _epsilon(of: DType) -> float:
    return float(np.finfo(of.dtype).eps)


def _kept_values(x: Array, values: Array, rtol: ArrayLike | None) -> Array:
    """Where (bool) singular values are above rtol times the largest."""
    tolerance = max(x.shape[-2:]) * _epsilon(x.dtype) if rtol is None else rtol
    limit = largest_of(values, -1, keepdims=True) * _as_last_axis(tolerance, values.dtype)
    return p.gt(values, broadcast_to(limit, values.shape))


def _as_last_axis(tolerance: ArrayLike, of: DType) -> Array:
    x = asarray(tolerance, of)
    return reshape(x, (*x.shape, 1))


def matrix_rank(
    A: ArrayLike, tol: ArrayLike | None = None, hermitian: bool = False,
    *, rtol: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """How many singular values are above `tol`, or above `rtol` times the largest (int64).

    The default `rtol` is max(m, n) times the dtype's distance from 1 to the next number.

    >>> matrix_rank([[1.0, 2.0], [2.0, 4.0]])
    array(1)
    """
    x = real("matrix_rank", A)
    if tol is not None and rtol is not None:
        raise ArgumentError("matrix_rank: got tol and rtol; it takes one of them")
    if x.ndim < 2:
        return p.cast(any_of(p.ne(x, p.full(shape=x.shape, value=0, dtype=x.dtype))), dtype=int64)
    values = abs(eigvalsh(x)) if hermitian else svdvals(x)
    if min(x.shape[-2:]) == 0:
        return p.full(shape=x.shape[:-2], value=0, dtype=int64)
    if tol is None:
        return count_nonzero(_kept_values(x, values, rtol), -1)
    return count_nonzero(values > _as_last_axis(tol, values.dtype), -1)


_UNSET = object()


def pinv(
    a: ArrayLike, rcond: ArrayLike | None = None, hermitian: bool = False,
    *, rtol: ArrayLike | object | None = _UNSET,
) -> Array:  # fmt: skip
    """The Moore-Penrose inverses of matrices, from singular values above `rcond` (or `rtol`) times
    the largest: 1e-15 by default, max(m, n) times the dtype's epsilon for `rtol=None`."""
    x = matrices("pinv", a)
    if rcond is not None and rtol is not _UNSET:
        raise ArgumentError("pinv: got rcond and rtol; it takes one of them")
    if min(x.shape[-2:]) == 0:
        return p.full(shape=turned(x).shape, value=0, dtype=x.dtype)
    given = rtol if rtol is not _UNSET else 1e-15 if rcond is None else rcond
    u, s, vt = svd(x, full_matrices=False)
    scaled = adjoint(vt) * reshape(_inverse_values(x, s, given), _as_row(s.shape))
    return matmul(scaled, adjoint(u))


def _as_row(shape: Shape) -> Shape:
    return (*shape[:-1], 1, shape[-1])


def _inverse_values(x: Array, values: Array, rtol: object) -> Array:
    kept = _kept_values(x, values, rtol)
    return where(kept, 1 / where(kept, values, 1.0), 0.0)


def lstsq(a: ArrayLike, b: ArrayLike, rcond: float | None = None) -> LstsqResult:
    """The x of least length for which the length of a @ x - b is least; a is 2-D, b 1-D or 2-D.

    Also the sums of squared residuals (none unless a has more rows than columns and full rank),
    the rank and the singular values. Values up to `rcond` times the largest count as zero.
    Reads the rank: it works on concrete arrays only.
    """
    x, side = same_dtype(matrices("lstsq", a), real("lstsq", b))
    if x.ndim != 2 or side.ndim not in (1, 2) or side.shape[0] != x.shape[0]:
        raise LinAlgError(f"lstsq: got {x.shape} and {side.shape}; it takes m x n and m (x k)")
    m, n = x.shape
    columns = reshape(side, (m, 1)) if side.ndim == 1 else side
    if min(m, n) == 0:
        none = p.full(shape=(0,), value=0, dtype=x.dtype)
        zero = p.full(shape=(n, *side.shape[1:]), value=0, dtype=x.dtype)
        return LstsqResult(zero, none, 0, none)
    u, s, vt = svd(x, full_matrices=False)
    rank = int(count_nonzero(_kept_values(x, s, rcond)).item())
    scaled = matmul(adjoint(u), columns) * reshape(_inverse_values(x, s, rcond), (min(m, n), 1))
    found = matmul(adjoint(vt), scaled)
    errors = columns - matmul(x, found)
    residuals = sum_of(squares(errors), 0) if rank == n < m else s[:0]
    return LstsqResult(reshape(found, (n, *side.shape[1:])), residuals, rank, s)


def matrix_power(a: ArrayLike, n: int) -> Array:
    """A square matrix multiplied with itself n times; a negative n inverts it first.

    >>> matrix_power([[1, 1], [0, 1]], 3)
    array([[1, 3],
           [0, 1]])
    """
    x = asarray(a)
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise LinAlgError(f"matrix_power: got {x.shape}; the last two sizes must be equal")
    if not isinstance(n, int):
        raise TypeError(f"matrix_power: got exponent {n!r}; it must be an int")
    if n < 0:
        x, n = inv(x), -n
    result: Array | None = None
    while n:
        if n & 1:
            result = x if result is None else matmul(result, x)
        n >>= 1
        x = matmul(x, x) if n else x
    return broadcast_to(eye(x.shape[-1], dtype=x.dtype), x.shape) if result is None else result


def cond(x: ArrayLike, p: float | str | None = None) -> Array:
    """The condition number: the norm of a matrix times that of its inverse (inf if singular).

    `p` is the norm's order; by default, and for 2 and -2, by singular values.

    >>> cond([[2.0, 0.0], [0.0, 4.0]])
    array(2.)
    """
    a = matrices("cond", x)
    if min(a.shape[-2:]) == 0:
        raise LinAlgError(f"cond: got {a.shape}; there must be an element")
    if p is None or p in (2, -2):
        values = svdvals(a)
        ends = values[..., 0], values[..., -1]
        return ends[1] / ends[0] if p == -2 else ends[0] / ends[1]
    a = matrices("cond", a, square=True)
    try:
        inverse = inv(a)
    except LinAlgError:
        return _cond_of_each(a, p)
    return norm(a, p, (-2, -1)) * norm(inverse, p, (-2, -1))


def _cond_of_each(a: Array, order: float | str) -> Array:
    """Where some matrix of a batch is singular."""
    if a.ndim == 2:
        spoilt = any_of(isnan(a))
        return where(spoilt, float("nan"), asarray(float("inf"), a.dtype.real))
    flat = reshape(a, (product(a.shape[:-2]), *a.shape[-2:]))
    found = [cond(flat[i], order) for i in range(flat.shape[0])]
    return reshape(stack(found), a.shape[:-2])


def tensorinv(a: ArrayLike, ind: int = 2) -> Array:
    """The inverse of a tensor as a map from its axes after `ind` to the first `ind`."""
    x = real("tensorinv", a)
    if ind <= 0:
        raise ArgumentError(f"tensorinv: got ind {ind}; it must be positive")
    first, last = x.shape[:ind], x.shape[ind:]
    if product(first) != product(last):
        raise LinAlgError(f"tensorinv: got {x.shape}; {first} and {last} must have equal products")
    return reshape(inv(reshape(x, (product(first), product(last)))), (*last, *first))


def tensorsolve(a: ArrayLike, b: ArrayLike, axes: Sequence[int] | None = None) -> Array:
    """The x with tensordot(a, x, x.ndim) = b; `axes` of a are moved to its end first."""
    x, side = real("tensorsolve", a), real("tensorsolve", b)
    for axis in axes or ():
        x = moveaxis(x, axis, x.ndim - 1)
    rest = x.shape[side.ndim :]
    if product(rest) != side.size or product(x.shape) != side.size**2:
        raise LinAlgError(
            f"tensorsolve: got {x.shape} and {side.shape}; they make no square system"
        )
    return reshape(solve(reshape(x, (side.size, side.size)), reshape(side, (side.size,))), rest)


__all__ = [
    "LstsqResult",
    "SlogdetResult",
    "cond",
    "det",
    "inv",
    "lstsq",
    "matrix_power",
    "matrix_rank",
    "pinv",
    "slogdet",
    "solve",
    "tensorinv",
    "tensorsolve",
]
