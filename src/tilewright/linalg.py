"""`tilewright.linalg`: linear algebra with the names of numpy.linalg and of the array API.

Products are our own kernels; decompositions and what follows from them are LAPACK's, as native
routines of the core. Gradients are by our rules.
"""

from .dsl.errors import LinAlgError
from .dsl.functions import decompositions, matrix_products, norms, solving
from .dsl.functions.decompositions import *  # noqa: F403
from .dsl.functions.linear import matmul
from .dsl.functions.matrix_products import *  # noqa: F403
from .dsl.functions.norms import *  # noqa: F403
from .dsl.functions.products import tensordot
from .dsl.functions.shapes import matrix_transpose
from .dsl.functions.solving import *  # noqa: F403

__all__ = [
    "LinAlgError",
    "matmul",
    "matrix_transpose",
    "tensordot",
    *decompositions.__all__,
    *matrix_products.__all__,
    *norms.__all__,
    *solving.__all__,
]
