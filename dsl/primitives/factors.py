"""Factorisations and what follows from them: Cholesky, solve, inv, det, slogdet, qr (LAPACK).

Gradients: I. Murray, Differentiation of the Cholesky decomposition (2016); M. Giles, Extended
collection of matrix derivative results (2008); S. Walter et al., for QR (2012).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import DType
from ..errors import DTypeError, GradientError, ShapeError
from ..graph import Aval
from ..primitive import Native, Primitive, Sample, register
from ..sizes import Dim, product
from .complex import conj, imag, join
from .lanes import over_leading_axes
from .matrices import (
    LAPACK_DTYPES,
    adjoint,
    check_matrix,
    diagonal_only,
    errors,
    hermitian,
    host,
    lower_part,
    of_lower_triangle,
    part,
    positive,
    real_part,
    square_samples,
    square_sizes,
    times,
)
from .movement import broadcast_to, reshape
from .samples import Numpy, smooth
from .windows import concatenate, slice_

if TYPE_CHECKING:
    from ..array import Array


def _infer_square(name: str) -> Any:
    def infer(x: Aval) -> Aval:
        check_matrix(name, x, square=True)
        return x

    return infer


def _vjp_cholesky(ct: Array, out: Array, x: Array) -> tuple[Array]:
    above = adjoint(out)
    middle = lower_part(matmul_halved(above, ct))
    inner = solve(above, middle)
    whole = adjoint(solve(above, adjoint(inner)))
    return (of_lower_triangle(hermitian(whole)),)


def matmul_halved(a: Array, b: Array) -> Array:
    """A product with its diagonal halved."""
    whole = times(a, b)
    return whole - diagonal_only(whole) / 2


# The lower triangle of x is read; raises LinAlgError unless x is positive definite.
cholesky = register(
    Primitive(
        name="cholesky",
        infer=_infer_square("cholesky"),
        lower=Native("cholesky", square_sizes),
        vjp=_vjp_cholesky,
        batch=over_leading_axes("cholesky"),
        reference=lambda x: np.linalg.cholesky(host(x)),
        samples=square_samples,
        dtypes=LAPACK_DTYPES,
        ulp=errors(16),
    )
)


def _vjp_inv(ct: Array, out: Array, x: Array) -> tuple[Array]:
    above = adjoint(out)
    return (-times(above, ct, above),)


inv = register(
    Primitive(
        name="inv",
        infer=_infer_square("inv"),
        lower=Native("inv", square_sizes),
        vjp=_vjp_inv,
        batch=over_leading_axes("inv"),
        reference=lambda x: np.linalg.inv(host(x)),
        samples=square_samples,
        dtypes=LAPACK_DTYPES,
        ulp=errors(64),
    )
)


def _infer_solve(a: Aval, b: Aval) -> Aval:
    check_matrix("solve", a, square=True)
    check_matrix("solve", b, square=False)
    if a.dtype is not b.dtype:
        raise DTypeError(f"solve: got {a.dtype} and {b.dtype}; they must be equal")
    if a.shape[:-2] != b.shape[:-2] or a.shape[-1] != b.shape[-2]:
        raise ShapeError(
            f"solve: got {a.shape} and {b.shape}; the batches must be equal, and the rows"
        )
    return b


def _solve_sizes(a: Aval, b: Aval, *, out: Aval) -> tuple[Dim, ...]:
    return (*square_sizes(a, out=out), b.shape[-1])


def _vjp_solve(ct: Array, out: Array, a: Array, b: Array) -> tuple[Array, Array]:
    side = solve(adjoint(a), ct)
    return -times(side, adjoint(out)), side


def _solve_samples(dtype: DType) -> Iterator[Sample]:
    for shape, k in (((3, 3), 2), ((1, 1), 1), ((2, 3, 3), 1), ((2, 2), 0), ((0, 0), 2),
                     ((20, 20), 30)):  # fmt: skip
        yield Sample((positive(dtype, *shape), smooth(dtype, *shape[:-1], k)))


solve = register(
    Primitive(
        name="solve",
        infer=_infer_solve,
        lower=Native("solve", _solve_sizes),
        vjp=_vjp_solve,
        batch=over_leading_axes("solve"),
        reference=lambda a, b: np.linalg.solve(host(a), host(b)),
        samples=_solve_samples,
        dtypes=LAPACK_DTYPES,
        ulp=errors(64),
    )
)


def _infer_det(x: Aval) -> Aval:
    check_matrix("det", x, square=True)
    return Aval(x.shape[:-2], x.dtype)


def _as_matrices(values: Array, like: Array) -> Array:
    return broadcast_to(reshape(values, shape=(*values.shape, 1, 1)), shape=like.shape)


def _vjp_det(ct: Array, out: Array, x: Array) -> tuple[Array]:
    """Raises LinAlgError where the matrix is singular."""
    return (_as_matrices(ct * conj(out), x) * adjoint(inv(x)),)


det = register(
    Primitive(
        name="det",
        infer=_infer_det,
        lower=Native("det", square_sizes),
        vjp=_vjp_det,
        batch=over_leading_axes("det"),
        reference=lambda x: np.linalg.det(host(x)),
        samples=square_samples,
        dtypes=LAPACK_DTYPES,
        ulp=errors(64),
    )
)


def _infer_slogdet(x: Aval) -> Aval:
    check_matrix("slogdet", x, square=True)
    return Aval((*x.shape[:-2], 2), x.dtype)


def _vjp_slogdet(ct: Array, out: Array, x: Array) -> tuple[Array]:
    """The sign of a real determinant is constant where it has a derivative at all; that of a
    complex one turns with its angle."""
    slope = real_part(part(ct, 1))
    if x.dtype.is_complex:
        slope = join(slope, imag(part(ct, 0) * conj(part(out, 0))))
    return (_as_matrices(slope, x) * adjoint(inv(x)),)


# The sign, then the logarithm of the magnitude.
slogdet = register(
    Primitive(
        name="slogdet",
        infer=_infer_slogdet,
        lower=Native("slogdet", square_sizes),
        vjp=_vjp_slogdet,
        batch=over_leading_axes("slogdet"),
        reference=lambda x: np.stack(np.linalg.slogdet(host(x)), axis=-1),
        samples=square_samples,
        dtypes=LAPACK_DTYPES,
        ulp=errors(64),
    )
)


def _columns(x: Any, mode: str) -> Dim:
    """Columns of Q: as many as rows of x, or (reduced) as many as its shorter side."""
    m, n = x.shape[-2:]
    if mode == "complete":
        return m  # type: ignore[no-any-return]
    if isinstance(m, int) and isinstance(n, int):
        return min(m, n)
    raise ShapeError(f"qr: got {x.shape}; the sizes of the matrices must be known")


def _infer_qr(x: Aval, *, mode: str) -> Aval:
    check_matrix("qr", x, square=False)
    m, n = x.shape[-2:]
    return Aval((*x.shape[:-2], _columns(x, mode) * (m + n)), x.dtype)


def _qr_sizes(x: Aval, *, out: Aval, mode: str) -> tuple[Dim, ...]:
    return x.dtype.code, product(x.shape[:-2]), *x.shape[-2:], _columns(x, mode)


def qr_parts(packed: Array, x: Any, mode: str) -> tuple[Array, Array]:
    """Q and R."""
    (m, n), k = x.shape[-2:], _columns(x, mode)
    return part(packed, 0, m, k), part(packed, m * k, k, n)


def _vjp_qr(ct: Array, out: Array, x: Array, *, mode: str) -> tuple[Array]:
    m, n = x.shape[-2:]
    if mode == "complete" and m > n:
        raise GradientError("qr: got mode 'complete' with more rows than columns: no gradient")
    (q, r), (dq, dr) = qr_parts(out, x, mode), qr_parts(ct, x, mode)
    if m >= n:
        return (_vjp_tall(q, r, dq, dr),)
    # x = [a b], r = [u v] with a = q u and v = q^T b.
    b, dv = _from_column(x, m, n), _from_column(dr, m, n)
    da = _vjp_tall(q, _from_column(r, 0, m), dq + times(b, adjoint(dv)), _from_column(dr, 0, m))
    return (concatenate(da, times(q, dv), axis=x.ndim - 1),)


def _from_column(x: Array, begin: int, end: int) -> Array:
    start = (*(0 for _ in x.shape[:-1]), begin)
    sizes = (*x.shape[:-1], end - begin)
    return slice_(x, start=start, sizes=sizes, strides=(1,) * x.ndim)


def _vjp_tall(q: Array, r: Array, dq: Array, dr: Array) -> Array:
    middle = times(r, adjoint(dr)) - times(adjoint(dq), q)
    below = lower_part(middle, strict=True)
    mirrored = below + adjoint(below) + diagonal_only(hermitian(middle))
    return adjoint(solve(r, adjoint(dq + times(q, mirrored))))


def _qr_reference(x: Numpy, *, mode: Any) -> Numpy:
    q, r = np.linalg.qr(host(x), mode=mode)
    flat = [z.reshape(*z.shape[:-2], z.shape[-2] * z.shape[-1]) for z in (q, r)]
    return np.concatenate(flat, axis=-1)


def _qr_samples(dtype: DType) -> Iterator[Sample]:
    for shape in ((4, 3), (3, 3), (2, 4), (2, 3, 2), (3, 0), (0, 3), (0, 2, 2), (30, 20)):
        yield Sample((smooth(dtype, *shape),), {"mode": "reduced"})
    for shape in ((4, 2), (2, 3), (3, 0)):
        # Above 2, where the tests try no gradients: there is none with more rows than columns.
        yield Sample((smooth(dtype, *shape) + dtype.dtype.type(2),), {"mode": "complete"})


qr = register(
    Primitive(
        name="qr",
        infer=_infer_qr,
        lower=Native("qr", _qr_sizes),
        vjp=_vjp_qr,
        batch=over_leading_axes("qr"),
        reference=_qr_reference,
        samples=_qr_samples,
        dtypes=LAPACK_DTYPES,
        ulp=errors(64),
    )
)
