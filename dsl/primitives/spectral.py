"""Eigenvalues and singular values (LAPACK), with their vectors.

Gradients: M. Giles, Extended collection of matrix derivative results (2008); J. Townsend,
Differentiating the singular value decomposition (2016). Equal values have no gradient of vectors.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import DType
from ..errors import GradientError, ShapeError
from ..graph import Aval
from ..primitive import Native, Primitive, Sample, register
from ..sizes import Dim, product
from .matrices import (
    REALS,
    as_columns,
    check_matrix,
    column_signs,
    errors,
    host,
    inverse_gaps,
    of_lower_triangle,
    on_diagonal,
    part,
    positive,
    square_sizes,
    times,
    turned,
)
from .samples import Numpy, smooth

if TYPE_CHECKING:
    from ..array import Array

VALUES, REDUCED, FULL = range(3)  # modes of svd


def _infer_eigh(x: Aval, *, vectors: bool) -> Aval:
    check_matrix("eigh", x, square=True)
    n = x.shape[-1]
    return Aval((*x.shape[:-2], n * (n + 1) if vectors else n), x.dtype)


def _eigh_sizes(x: Aval, *, out: Aval, vectors: bool) -> tuple[Dim, ...]:
    return (*square_sizes(x, out=out), int(vectors))


def eigh_parts(packed: Array, n: Dim) -> tuple[Array, Array]:
    """Eigenvalues and the matrix of vectors."""
    return part(packed, 0, n), part(packed, n, n, n)


def _vjp_eigh(ct: Array, out: Array, x: Array, *, vectors: bool) -> tuple[Array]:
    n = x.shape[-1]
    if not vectors:
        _, v = eigh_parts(eigh(x, vectors=True), n)
        return (of_lower_triangle(times(v * as_columns(ct, v.shape), turned(v))),)
    (w, v), (dw, dv) = eigh_parts(out, n), eigh_parts(ct, n)
    inner = inverse_gaps(w) * times(turned(v), dv) + on_diagonal(dw)
    whole = times(v, inner, turned(v))
    return (of_lower_triangle((whole + turned(whole)) / 2),)


def _eigh_reference(x: Numpy, *, vectors: bool) -> Numpy:
    if not vectors:
        return np.linalg.eigvalsh(host(x))
    values, columns = np.linalg.eigh(host(x))
    return np.concatenate([values, _flat(columns)], axis=-1)


def _flat(x: Numpy) -> Numpy:
    return x.reshape(*x.shape[:-2], x.shape[-2] * x.shape[-1])


def _eigh_canonical(result: Numpy, x: Numpy, *, vectors: bool = True) -> Numpy:
    """Vectors whose largest element is positive; they are the last n * n elements."""
    if not vectors:
        return result
    n = x.shape[-1]
    values, rest = np.split(result, [result.shape[-1] - n * n], axis=-1)
    columns = rest.reshape(x.shape)
    return np.concatenate([values, _flat(columns * column_signs(columns))], axis=-1)


def _eigh_samples(dtype: DType) -> Iterator[Sample]:
    for shape in ((3, 3), (1, 1), (2, 2, 2), (0, 2, 2), (0, 0), (12, 12)):
        for vectors in (True, False):
            yield Sample((positive(dtype, *shape),), {"vectors": vectors})


# Of a symmetric matrix, whose lower triangle is read; values in ascending order.
eigh = register(
    Primitive(
        name="eigh",
        infer=_infer_eigh,
        lower=Native("eigh", _eigh_sizes),
        vjp=_vjp_eigh,
        reference=_eigh_reference,
        samples=_eigh_samples,
        dtypes=REALS,
        ulp=errors(200),
        canonical=_eigh_canonical,
    )
)


def _sides(x: Any, mode: int) -> tuple[int, int, int]:
    """The number of singular values, of columns of U and of rows of V^T."""
    m, n = x.shape[-2:]
    if not (isinstance(m, int) and isinstance(n, int)):
        raise ShapeError(f"svd: got {x.shape}; the sizes of the matrices must be known")
    k = min(m, n)
    return (k, m, n) if mode == FULL else (k, k, k)


def _infer_svd(x: Aval, *, mode: int) -> Aval:
    check_matrix("svd", x, square=False)
    (m, n), (k, left, right) = x.shape[-2:], _sides(x, mode)
    total = k if mode == VALUES else k + m * left + right * n
    return Aval((*x.shape[:-2], total), x.dtype)


def _svd_sizes(x: Aval, *, out: Aval, mode: int) -> tuple[Dim, ...]:
    return x.dtype.code, product(x.shape[:-2]), *x.shape[-2:], mode


def svd_parts(packed: Array, x: Any, mode: int) -> tuple[Array, Array, Array]:
    """U, the singular values, V^T."""
    (m, n), (k, left, right) = x.shape[-2:], _sides(x, mode)
    values = part(packed, 0, k)
    return part(packed, k, m, left), values, part(packed, k + m * left, right, n)


def _vjp_svd(ct: Array, out: Array, x: Array, *, mode: int) -> tuple[Array]:
    if mode == VALUES:
        u, _, vt = svd_parts(svd(x, mode=REDUCED), x, REDUCED)
        return (times(u * as_columns(ct, u.shape), vt),)
    m, n = x.shape[-2:]
    if mode == FULL and m != n:
        raise GradientError("svd: got full matrices that are not square: no gradient; use reduced")
    (u, s, vt), (du, ds, dvt) = svd_parts(out, x, mode), svd_parts(ct, x, mode)
    v, dv = turned(vt), turned(dvt)
    gaps = inverse_gaps(s * s)
    scaled = as_columns(s, gaps.shape)
    j, k = gaps * times(turned(u), du), gaps * times(vt, dv)
    inner = (j + turned(j)) * scaled + turned(scaled) * (k + turned(k)) + on_diagonal(ds)
    result = times(u, inner, vt)
    if m > n:
        outside = du - times(u, turned(u), du)
        result = result + times(outside / as_columns(s, u.shape), vt)
    if n > m:
        outside = dv - times(v, vt, dv)
        result = result + times(u, turned(outside / as_columns(s, v.shape)))
    return (result,)


def _svd_reference(x: Numpy, *, mode: int) -> Numpy:
    if mode == VALUES:
        return np.asarray(np.linalg.svd(host(x), compute_uv=False))
    u, s, vt = np.linalg.svd(host(x), full_matrices=mode == FULL)
    return np.concatenate([s, _flat(u), _flat(vt)], axis=-1)


def _svd_canonical(result: Numpy, x: Numpy, *, mode: int) -> Numpy:
    """Columns of U whose largest element is positive."""
    if mode == VALUES:
        return result
    (m, n), (k, left, right) = x.shape[-2:], _sides(x, mode)
    values, u, vt = np.split(result, [k, k + m * left], axis=-1)
    columns = u.reshape(*x.shape[:-2], m, left)
    rows = vt.reshape(*x.shape[:-2], right, n)
    signs = column_signs(columns)
    rows = rows * np.swapaxes(signs, -1, -2)
    return np.concatenate([values, _flat(columns * signs), _flat(rows)], axis=-1)


def _svd_samples(dtype: DType) -> Iterator[Sample]:
    for shape in ((3, 3), (4, 2), (2, 3), (2, 3, 2), (0, 2, 2), (12, 9), (3, 0), (0, 2)):
        for mode in (VALUES, REDUCED, FULL):
            if mode != FULL or shape[-1] == shape[-2]:
                yield Sample((smooth(dtype, *shape),), {"mode": mode})


svd = register(
    Primitive(
        name="svd",
        infer=_infer_svd,
        lower=Native("svd", _svd_sizes),
        vjp=_vjp_svd,
        reference=_svd_reference,
        samples=_svd_samples,
        dtypes=REALS,
        ulp=errors(200),
        canonical=_svd_canonical,
    )
)


def _infer_eig(x: Aval) -> Aval:
    check_matrix("eig", x, square=True)
    n = x.shape[-1]
    return Aval((*x.shape[:-2], n * (n + 2)), x.dtype)


def eig_parts(packed: Array, n: Dim) -> tuple[Array, Array, Array]:
    """Real parts, imaginary parts, and vectors as LAPACK packs them."""
    return part(packed, 0, n), part(packed, n, n), part(packed, 2 * n, n, n)


def _vjp_eig(ct: Array, out: Array, x: Array) -> tuple[Array]:
    raise GradientError("eig: it has no gradient; eigh has, for symmetric matrices")


def _eig_reference(x: Numpy) -> Numpy:
    values, columns = np.linalg.eig(host(x))
    return np.concatenate([values.real, values.imag, _flat(columns.real)], axis=-1)


def _eig_samples(dtype: DType) -> Iterator[Sample]:
    for shape in ((3, 3), (1, 1), (2, 4, 4), (0, 2, 2), (0, 0)):
        # Real eigenvalues, far apart; above 2, where the tests try no gradients.
        far = np.diag(np.arange(shape[-1]) * 2 + 2).astype(dtype.dtype)
        yield Sample((positive(dtype, *shape) + far,))


eig = register(
    Primitive(
        name="eig",
        infer=_infer_eig,
        lower=Native("eig", square_sizes),
        vjp=_vjp_eig,
        reference=_eig_reference,
        samples=_eig_samples,
        dtypes=REALS,
        ulp=errors(200),
        canonical=_eigh_canonical,
    )
)
