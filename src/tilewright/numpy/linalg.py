"""`numpy.linalg` on tilewright's arrays: the functions of `tilewright.linalg`, and `eig` and
`eigvals` with real results where NumPy's are real.

>>> inv([[2.0, 0.0], [0.0, 4.0]])
array([[0.5 , 0.  ],
       [0.  , 0.25]])
"""

from typing import TYPE_CHECKING

from ..dsl.namespace import NUMPY_LINALG

if TYPE_CHECKING:
    from ..linalg import *  # noqa: F403

globals().update(NUMPY_LINALG)
__all__ = [*NUMPY_LINALG]
