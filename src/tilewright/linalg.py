"""`tilewright.linalg`: linear algebra with the names of numpy.linalg and of the array API.

Products are our own kernels; decompositions and what follows from them are LAPACK's, as native
routines of the core. Gradients are by our rules.
"""

from typing import TYPE_CHECKING

from .dsl.namespace import LINALG

if TYPE_CHECKING:
    from .dsl.errors import LinAlgError as LinAlgError
    from .dsl.functions.decompositions import *  # noqa: F403
    from .dsl.functions.linear import matmul as matmul
    from .dsl.functions.matrix_products import *  # noqa: F403
    from .dsl.functions.norms import *  # noqa: F403
    from .dsl.functions.shapes import matrix_transpose as matrix_transpose
    from .dsl.functions.solving import *  # noqa: F403

globals().update(LINALG)
__all__ = [*LINALG]
