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
from .comparison import gt, lt, where
from .complex import join
from .families import zeros_like
from .lanes import over_leading_axes
from .matrices import (
    LAPACK_DTYPES,
    adjoint,
    as_columns,
    check_matrix,
    column_signs,
    diagonal_only,
    errors,
    hermitian,
    host,
    inverse_gaps,
    of_lower_triangle,
    on_diagonal,
    part,
    positive,
    real_part,
    square_sizes,
    times,
)
from .samples import Numpy, smooth
from .windows import pad, slice_

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
    """Eigenvalues, which are real, and the matrix of vectors."""
    return real_part(part(packed, 0, n)), part(packed, n, n, n)


def _vjp_eigh(ct: Array, out: Array, x: Array, *, vectors: bool) -> tuple[Array]:
    n = x.shape[-1]
    if not vectors:
        _, v = eigh_parts(eigh(x, vectors=True), n)
        slopes = as_columns(real_part(ct), v.shape)
        return (of_lower_triangle(times(v * slopes, adjoint(v))),)
    (w, v), (dw, dv) = eigh_parts(out, n), eigh_parts(ct, n)
    inner = inverse_gaps(w) * times(adjoint(v), dv) + on_diagonal(dw)
    return (of_lower_triangle(hermitian(times(v, inner, adjoint(v)))),)


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


def _far(x: Numpy, vectors: bool) -> Numpy:
    """Complex vectors have a free phase, so only what does not depend on it has a gradient: such
    matrices lie above 2, where the tests try none (tests/dsl/test_linalg_complex.py does)."""
    n = min(x.shape[-2:])
    return (
        x + np.eye(*x.shape[-2:]).astype(x.dtype) * 2
        if x.dtype.kind == "c" and vectors and n
        else x
    )


def _eigh_samples(dtype: DType) -> Iterator[Sample]:
    for shape in ((3, 3), (1, 1), (2, 2, 2), (0, 2, 2), (0, 0), (12, 12)):
        for vectors in (True, False):
            yield Sample((_far(positive(dtype, *shape), vectors),), {"vectors": vectors})


# Of a symmetric matrix, whose lower triangle is read; values in ascending order.
eigh = register(
    Primitive(
        name="eigh",
        infer=_infer_eigh,
        lower=Native("eigh", _eigh_sizes),
        vjp=_vjp_eigh,
        batch=over_leading_axes("eigh"),
        reference=_eigh_reference,
        samples=_eigh_samples,
        dtypes=LAPACK_DTYPES,
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
    """U, the singular values, which are real, and V^H."""
    (m, n), (k, left, right) = x.shape[-2:], _sides(x, mode)
    values = real_part(part(packed, 0, k))
    return part(packed, k, m, left), values, part(packed, k + m * left, right, n)


def _vjp_svd(ct: Array, out: Array, x: Array, *, mode: int) -> tuple[Array]:
    if mode == VALUES:
        u, _, vt = svd_parts(svd(x, mode=REDUCED), x, REDUCED)
        return (times(u * as_columns(real_part(ct), u.shape), vt),)
    m, n = x.shape[-2:]
    if mode == FULL and m != n:
        raise GradientError("svd: got full matrices that are not square: no gradient; use reduced")
    (u, s, vt), (du, ds, dvt) = svd_parts(out, x, mode), svd_parts(ct, x, mode)
    v, dv = adjoint(vt), adjoint(dvt)
    gaps = inverse_gaps(s * s)
    scaled = as_columns(s, gaps.shape)
    turns = times(adjoint(u), du)
    j, k = gaps * turns, gaps * times(vt, dv)
    inner = (j + adjoint(j)) * scaled + adjoint(scaled) * (k + adjoint(k)) + on_diagonal(ds)
    if x.dtype.is_complex:  # a common phase of both vectors of a value is free
        inner = inner + diagonal_only(turns - adjoint(turns)) / (2 * scaled)
    result = times(u, inner, vt)
    if m > n:
        outside = du - times(u, adjoint(u), du)
        result = result + times(outside / as_columns(s, u.shape), vt)
    if n > m:
        outside = dv - times(v, vt, dv)
        result = result + times(u, adjoint(outside / as_columns(s, v.shape)))
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
    rows = rows * np.conj(np.swapaxes(signs, -1, -2))
    return np.concatenate([values, _flat(columns * signs), _flat(rows)], axis=-1)


def _svd_samples(dtype: DType) -> Iterator[Sample]:
    for shape in ((3, 3), (4, 2), (2, 3), (2, 3, 2), (0, 2, 2), (12, 9), (3, 0), (0, 2)):
        for mode in (VALUES, REDUCED, FULL):
            if mode != FULL or shape[-1] == shape[-2]:
                x = smooth(dtype, *shape)
                yield Sample((_far(x, mode != VALUES),), {"mode": mode})


svd = register(
    Primitive(
        name="svd",
        infer=_infer_svd,
        lower=Native("svd", _svd_sizes),
        vjp=_vjp_svd,
        batch=over_leading_axes("svd"),
        reference=_svd_reference,
        samples=_svd_samples,
        dtypes=LAPACK_DTYPES,
        ulp=errors(200),
        canonical=_svd_canonical,
    )
)


def _infer_eig(x: Aval) -> Aval:
    check_matrix("eig", x, square=True)
    n = x.shape[-1]
    return Aval((*x.shape[:-2], n * (n + (1 if x.dtype.is_complex else 2))), x.dtype)


def eig_parts(packed: Array, n: Dim) -> tuple[Array, Array]:
    """Eigenvalues and the matrix of vectors, both complex."""
    if packed.dtype.is_complex:
        return part(packed, 0, n), part(packed, n, n, n)
    values = part(packed, 0, n), part(packed, n, n)
    return join(*values), _unpacked(part(packed, 2 * n, n, n), values[1])


def _unpacked(columns: Array, imaginary: Array) -> Array:
    """Vectors as LAPACK packs those of a real matrix: two columns hold the parts of the first of
    a pair of conjugates, which has the positive imaginary part."""
    sides = [as_columns(z, columns.shape) for z in (imaginary, zeros_like(imaginary))]
    is_first, is_second = gt(*sides), lt(*sides)
    before, after = _moved(columns, 1), _moved(columns, -1)
    none = zeros_like(columns)
    real = where(is_second, before, columns)
    return join(real, where(is_first, after, where(is_second, -columns, none)))


def _moved(x: Array, by: int) -> Array:
    """The columns moved along by one; what comes in is never read."""
    n = x.shape[-1]
    if n == 0:
        return x
    start = (*(0 for _ in x.shape[:-1]), 0 if by > 0 else 1)
    kept = slice_(x, start=start, sizes=(*x.shape[:-1], n - 1), strides=(1,) * len(start))
    low, high = ((*(0,) * (len(start) - 1), int(here)) for here in (by > 0, by < 0))
    return pad(kept, low=low, high=high, value=0)


def _vjp_eig(ct: Array, out: Array, x: Array) -> tuple[Array]:
    raise GradientError("eig: it has no gradient; eigh has, for symmetric matrices")


def _eig_reference(x: Numpy) -> Numpy:
    values, columns = np.linalg.eig(host(x))
    if x.dtype.kind == "c":
        return np.concatenate([values, _flat(columns)], axis=-1)
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
        batch=over_leading_axes("eig"),
        reference=_eig_reference,
        samples=_eig_samples,
        dtypes=LAPACK_DTYPES,
        ulp=errors(200),
        canonical=_eigh_canonical,
    )
)
