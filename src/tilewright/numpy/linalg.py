"""`numpy.linalg` on tilewright's arrays: the functions of `tilewright.linalg`.

>>> inv([[2.0, 0.0], [0.0, 4.0]])
array([[0.5 , 0.  ],
       [0.  , 0.25]])
"""

from ..linalg import *  # noqa: F403
from ..linalg import __all__ as __all__
