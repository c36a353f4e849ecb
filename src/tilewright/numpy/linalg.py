"""`numpy.linalg` on tilewright's arrays: the functions of `tilewright.linalg`. `eig` and `eigvals`
are always complex, as the array API has it (NumPy's are real if they can be).

>>> eigvals([[2.0, 1.0], [0.0, 4.0]])
array([2.+0.j, 4.+0.j])
"""

from typing import TYPE_CHECKING

from ..dsl.namespace import LINALG

if TYPE_CHECKING:
    from ..linalg import *  # noqa: F403

globals().update(LINALG)
__all__ = [*LINALG]
