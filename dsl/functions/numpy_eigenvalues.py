"""`eig` and `eigvals` with NumPy's rule: real results where no eigenvalue of a real matrix is
complex. (In `tilewright.linalg`, as in the array API, they are always complex.)"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import decompositions
from .complex_numbers import real as real_part
from .convert import ArrayLike, asarray
from .decompositions import EigResult

if TYPE_CHECKING:
    from ..array import Array


def _all_real(values: Array, a: ArrayLike) -> bool:
    if asarray(a).dtype.is_complex or not values._is_concrete:
        return False
    return not values.numpy().imag.any()


def eig(a: ArrayLike) -> EigResult:
    """Eigenvalues and right eigenvectors of square matrices: real if all eigenvalues of a real
    matrix are (complex in staged code, which cannot know).

    >>> eig([[2.0, 0.0], [0.0, 1.0]]).eigenvalues
    array([2., 1.])
    """
    found = decompositions.eig(a)
    if not _all_real(found.eigenvalues, a):
        return found
    return EigResult(*(real_part(x) for x in found))


def eigvals(a: ArrayLike) -> Array:
    """The eigenvalues of square matrices: real as in `eig`.

    >>> eigvals([[2.0, 1.0], [0.0, 3.0]])
    array([2., 3.])
    """
    found = decompositions.eigvals(a)
    return real_part(found) if _all_real(found, a) else found


__all__ = ["eig", "eigvals"]
