"""What the rules of matrix decompositions share: parts of a packed result, triangles, samples.

A decomposition has one result, as every primitive: its parts lie one after the other in the last
axis (eigenvalues, then vectors), and `part` is a view of one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import DType, complex64, complex128, float32, float64, int64
from ..errors import DTypeError, ShapeError
from ..graph import Aval
from ..primitive import REGISTRY, Sample
from ..sizes import Dim, Shape, product
from .comparison import ge, gt, where
from .complex import conj, real
from .contraction import matmul
from .families import zeros_like
from .movement import broadcast_to, reshape, turned
from .samples import Numpy, smooth
from .sources import iota
from .windows import slice_

if TYPE_CHECKING:
    from ..array import Array

LAPACK_DTYPES = (float32, float64, complex64, complex128)


def errors(bound: float) -> Mapping[str, float]:
    """An error bound in ULP of the result's largest element."""
    return {of.name: bound for of in LAPACK_DTYPES}


def check_matrix(name: str, x: Aval, *, square: bool) -> None:
    """Raise ShapeError or DTypeError unless x is a batch of matrices of a dtype of LAPACK."""
    if x.ndim < 2:
        raise ShapeError(f"{name}: got {x.shape}; it takes matrices, of at least 2 axes")
    if square and x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"{name}: got {x.shape}; the last two sizes must be equal")
    if x.dtype not in LAPACK_DTYPES:
        raise DTypeError(f"{name}: got {x.dtype}; it takes {', '.join(map(str, LAPACK_DTYPES))}")


def square_sizes(x: Aval, *rest: Aval, out: Aval, **params: Any) -> tuple[Dim, ...]:
    """The sizes of a routine of square matrices: dtype, batch, n."""
    return x.dtype.code, product(x.shape[:-2]), x.shape[-1]


def adjoint(x: Array) -> Array:
    """The conjugate transpose."""
    return conj(turned(x))


def real_part(x: Array) -> Array:
    """The real part of a complex array; any other array itself."""
    return real(x) if x.dtype.is_complex else x


def hermitian(x: Array) -> Array:
    """The mean of a matrix and its conjugate transpose."""
    return (x + adjoint(x)) / 2


def times(*factors: Array) -> Array:
    """The product of matrices, from the left."""
    result = factors[0]
    for factor in factors[1:]:
        result = matmul(result, factor)
    return result


def part(packed: Array, start: Dim, *shape: Dim) -> Array:
    """The part of a packed result that begins at `start`, as matrices or vectors of `shape`."""
    batch = packed.shape[:-1]
    origin = (*(0 for _ in batch), start)
    strides = (1,) * len(origin)
    found = slice_(packed, start=origin, sizes=(*batch, product(shape)), strides=strides)
    return reshape(found, shape=(*batch, *shape))


def _ranks(n: Dim, m: Dim) -> tuple[Array, Array]:
    rows = broadcast_to(reshape(iota(size=n, dtype=int64), shape=(n, 1)), shape=(n, m))
    columns = broadcast_to(reshape(iota(size=m, dtype=int64), shape=(1, m)), shape=(n, m))
    return rows, columns


def lower_part(x: Array, *, strict: bool = False) -> Array:
    """x with zeros above the diagonal, or (`strict`) also on it."""
    rows, columns = _ranks(*x.shape[-2:])
    kept = broadcast_to((gt if strict else ge)(rows, columns), shape=x.shape)
    return where(kept, x, zeros_like(x))


def diagonal_only(x: Array) -> Array:
    """x with zeros off the diagonal."""
    return lower_part(x) - lower_part(x, strict=True)


def on_diagonal(values: Array) -> Array:
    """Square matrices with these values on the diagonal and zeros elsewhere."""
    n = values.shape[-1]
    spread = broadcast_to(reshape(values, shape=(*values.shape, 1)), shape=(*values.shape, n))
    return where(broadcast_to(_same(n), shape=spread.shape), spread, zeros_like(spread))


def _same(n: Dim) -> Array:
    return REGISTRY["eq"](*_ranks(n, n))


def inverse_gaps(values: Array) -> Array:
    """1 / (v[j] - v[i]) at [i, j], and 0 on the diagonal."""
    n = values.shape[-1]
    shape = (*values.shape, n)
    rows = broadcast_to(reshape(values, shape=(*values.shape, 1)), shape=shape)
    same = broadcast_to(_same(n), shape=shape)
    gaps = where(same, zeros_like(rows) + 1, turned(rows) - rows)
    return where(same, zeros_like(rows), 1 / gaps)


def as_columns(values: Array, like: Shape) -> Array:
    """A value a column, repeated along the rows of `like`."""
    return broadcast_to(
        reshape(values, shape=(*values.shape[:-1], 1, values.shape[-1])), shape=like
    )


def of_lower_triangle(symmetric: Array) -> Array:
    """The gradient for a function that reads the lower triangle alone, from that for symmetric
    changes: an element below the diagonal stands for its mirror image too."""
    return lower_part(symmetric) + lower_part(symmetric, strict=True)


def host(x: Any) -> Numpy:
    """A matrix as NumPy's own linear algebra takes it."""
    narrow = {"g": np.float64, "G": np.complex128}.get(np.asarray(x).dtype.char)
    return x if narrow is None else np.asarray(x).astype(narrow)


def column_signs(columns: Numpy) -> Numpy:
    """For each column the number of modulus 1 that makes its largest element positive."""
    if not columns.size:
        return np.ones((*columns.shape[:-2], 1, columns.shape[-1]))
    largest = np.argmax(np.abs(columns), axis=-2, keepdims=True)
    return np.asarray(np.conj(np.sign(np.take_along_axis(columns, largest, -2))))


def positive(dtype: DType, *shape: int) -> Numpy:
    """Symmetric matrices with distinct positive eigenvalues, elements in (0.1, 1). Complex ones
    are not symmetric, but Hermitian and positive as far as their lower triangle goes."""
    if dtype.is_complex:
        return _positive_complex(dtype, *shape)
    small = smooth(dtype, *shape) * dtype.dtype.type(0.15) + dtype.dtype.type(0.1)
    small = (small + np.swapaxes(small, -1, -2)) / 2
    n = shape[-1]
    return np.asarray(small + np.diag(np.linspace(0.5, 0.7, n)).astype(small.dtype), small.dtype)


def _positive_complex(dtype: DType, *shape: int) -> Numpy:
    n = shape[-1]
    small = smooth(dtype, *shape) * 0.15 + (0.1 + 0.1j)
    return np.asarray(small + np.diag(np.linspace(0.5, 0.7, n) + 0.15 * n), dtype.dtype)


def square_samples(dtype: DType) -> Iterator[Sample]:
    """Well-conditioned square matrices, batches, and none at all."""
    for shape in ((3, 3), (1, 1), (2, 4, 4), (0, 2, 2), (0, 0), (2, 0, 0), (20, 20)):
        yield Sample((positive(dtype, *shape),))
