"""NumPy's names on tilewright's arrays: `import tilewright.numpy as np`.

Functions are those of `tilewright` itself, with NumPy 2's names, signatures and defaults. What is
there, and where it differs, is listed in docs/numpy.md; a name that is not there is an
AttributeError, never NumPy's function in disguise.

It is also the namespace of the array API standard (`x.__array_namespace__()`), complete.

>>> import tilewright.numpy as np
>>> x = np.linspace(0, 1, 5)
>>> np.add.reduce(x), np.hstack([x[:2], 7.0])
(array(2.5), array([0.  , 0.25, 7.  ]))
>>> np.linalg.det(np.eye(2)), np.random.default_rng(7).integers(1, 2, 3)
(array(1.), array([1, 1, 1]))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import Array as ndarray
from ..dsl.inspection import STANDARD_VERSION as __array_api_version__
from ..dsl.inspection import namespace_info as __array_namespace_info__
from ..dsl.namespace import OFFERED
from . import fft, linalg

if TYPE_CHECKING:
    from ..dsl.functions import *  # noqa: F403
    from ..dsl.host import *  # noqa: F403
else:
    from . import random  # of the same name as the library's own module, which NumPy does not have

globals().update(OFFERED)
__all__ = [
    *OFFERED, "__array_api_version__", "__array_namespace_info__", "fft", "linalg", "ndarray",
    "random",
]  # fmt: skip
