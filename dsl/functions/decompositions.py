"""Decompositions of matrices, by LAPACK: Cholesky, QR, eigenvalues, singular values.

The last two axes are matrices, all others a batch. float32, float64 and complex types keep their
dtype, integers are computed in float64. Exported by `tilewright.linalg`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from .. import primitives as p
from ..dtypes import float64
from ..errors import ArgumentError, DTypeError, LinAlgError
from ..primitives.factors import qr_parts
from ..primitives.matrices import LAPACK_DTYPES, adjoint, real_part
from ..primitives.spectral import FULL, REDUCED, VALUES, eig_parts, eigh_parts, svd_parts
from .convert import ArrayLike, asarray, convert

if TYPE_CHECKING:
    from ..array import Array


class QRResult(NamedTuple):
    """What `qr` gives."""

    Q: Array
    R: Array


class EighResult(NamedTuple):
    """What `eigh` gives."""

    eigenvalues: Array
    eigenvectors: Array


class EigResult(NamedTuple):
    """What `eig` gives."""

    eigenvalues: Array
    eigenvectors: Array


class SVDResult(NamedTuple):
    """What `svd` gives."""

    U: Array
    S: Array
    Vh: Array


def real(name: str, a: ArrayLike) -> Array:
    """An array as LAPACK computes: integers in float64; DTypeError for the half types."""
    x = asarray(a)
    if x.dtype in LAPACK_DTYPES:
        return x
    if x.dtype.is_float:
        raise DTypeError(
            f"{name}: got {x.dtype}; linear algebra takes float32, float64 and complex types"
        )
    return convert(x, float64)


def matrices(name: str, a: ArrayLike, *, square: bool = False) -> Array:
    """A batch of matrices; LinAlgError (as NumPy) unless there are two axes, or if not square."""
    x = real(name, a)
    if x.ndim < 2:
        raise LinAlgError(f"{name}: got {x.shape}; it takes matrices, of at least 2 axes")
    if square and x.shape[-1] != x.shape[-2]:
        raise LinAlgError(f"{name}: got {x.shape}; the last two sizes must be equal")
    return x


def cholesky(a: ArrayLike, /, *, upper: bool = False) -> Array:
    """The lower triangular L with a = L @ L^H (or with `upper` the upper U with a = U^H @ U).

    Only that triangle of `a` is read. Raises LinAlgError unless `a` is positive definite.

    >>> cholesky([[4.0, 2.0], [2.0, 5.0]])
    array([[2., 0.],
           [1., 2.]])
    """
    x = matrices("cholesky", a, square=True)
    return adjoint(p.cholesky(adjoint(x))) if upper else p.cholesky(x)


def qr(a: ArrayLike, mode: Literal["reduced", "complete", "r"] = "reduced") -> Any:
    """Q with orthonormal columns and the upper triangular R with a = Q @ R.

    `reduced`: Q is m x min(m, n); `complete`: m x m; `r`: R alone. Gradients need full rank, and
    no more rows than columns in mode `complete`.
    """
    x = matrices("qr", a)
    if mode not in ("reduced", "complete", "r"):
        raise ArgumentError(f"qr: got mode {mode!r}; it must be 'reduced', 'complete' or 'r'")
    kind = "reduced" if mode == "r" else mode
    q, r = qr_parts(p.qr(x, mode=kind), x, kind)
    return r if mode == "r" else QRResult(q, r)


def _triangle(name: str, a: ArrayLike, uplo: str) -> Array:
    x = matrices(name, a, square=True)
    if uplo not in ("L", "U", "l", "u"):
        raise ArgumentError(f"{name}: got UPLO {uplo!r}; it must be 'L' or 'U'")
    return adjoint(x) if uplo in ("U", "u") else x


def eigh(a: ArrayLike, UPLO: str = "L") -> EighResult:
    """Eigenvalues (ascending) and eigenvectors (columns) of symmetric or
    Hermitian matrices.

    Only the triangle that UPLO names is read. Vectors of equal eigenvalues have no gradient.

    >>> eigh([[2.0, 0.0], [0.0, 1.0]]).eigenvalues
    array([1., 2.])
    """
    x = _triangle("eigh", a, UPLO)
    return EighResult(*eigh_parts(p.eigh(x, vectors=True), x.shape[-1]))


def eigvalsh(a: ArrayLike, UPLO: str = "L") -> Array:
    """The eigenvalues of symmetric matrices, ascending.

    >>> eigvalsh([[2.0, 0.0], [0.0, 1.0]])
    array([1., 2.])
    """
    return real_part(p.eigh(_triangle("eigvalsh", a, UPLO), vectors=False))


def svd(
    a: ArrayLike, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """U, the singular values (descending) and V^H: a = (U * S) @ Vh, if not full.

    `compute_uv=False` gives the values alone. Vectors have gradients unless there are equal or
    zero values; full matrices only if they are square.

    >>> svd([[3.0, 0.0], [0.0, 4.0]]).S
    array([4., 3.])
    """
    x = matrices("svd", a)
    if not compute_uv:
        return real_part(p.svd(x, mode=VALUES))
    mode = FULL if full_matrices and x.shape[-1] != x.shape[-2] else REDUCED
    return SVDResult(*svd_parts(p.svd(x, mode=mode), x, mode))


def svdvals(x: ArrayLike, /) -> Array:
    """The singular values of matrices, descending.

    >>> svdvals([[3.0, 0.0], [0.0, 4.0]])
    array([4., 3.])
    """
    return real_part(p.svd(matrices("svdvals", x), mode=VALUES))


def eig(a: ArrayLike) -> EigResult:
    """Eigenvalues and right eigenvectors (columns) of square matrices, always complex.

    There are no gradients: use `eigh` for symmetric and Hermitian matrices.

    >>> eig([[0.0, -1.0], [1.0, 0.0]]).eigenvalues
    array([0.+1.j, 0.-1.j])
    """
    x = matrices("eig", a, square=True)
    return EigResult(*eig_parts(p.eig(x), x.shape[-1]))


def eigvals(a: ArrayLike) -> Array:
    """The eigenvalues of square matrices, always complex.

    >>> eigvals([[2.0, 1.0], [0.0, 3.0]])
    array([2.+0.j, 3.+0.j])
    """
    x = matrices("eigvals", a, square=True)
    return eig_parts(p.eig(x), x.shape[-1])[0]


__all__ = [
    "EigResult",
    "EighResult",
    "QRResult",
    "SVDResult",
    "cholesky",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "qr",
    "svd",
    "svdvals",
]
