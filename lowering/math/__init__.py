"""Elementary functions as vector code: exp, log, tanh and the like for float32 and float64.

Each takes the vocabulary `t` and scalar tirx expressions of one float type and returns such an
expression. They are branch-free (selects only), so TVM vectorises them to any number of lanes;
intermediate values are named by `t.let`. Signed zeros, infinities, NaN and subnormals follow C.
LLVM contracts a * b + c to one FMA wherever it likes, so error-free steps use sums or `llvm.fma`.
"""

from .error_function import erf
from .exponential import exp, expm1
from .hyperbolic import sigmoid, tanh
from .logarithm import log, log1p
from .power import pow
from .trigonometric import cos, sin

__all__ = ["ULP", "cos", "erf", "exp", "expm1", "log", "log1p", "pow", "sigmoid", "sin", "tanh"]

# Declared bounds in units in the last place of the exact result; tests/lowering/test_math.py
# holds them, for float32 over all inputs.
ULP = {
    "exp": {"float32": 1.25, "float64": 1.25},
    "expm1": {"float32": 1.5, "float64": 1.75},
    "log": {"float32": 1.0, "float64": 1.0},
    "log1p": {"float32": 1.25, "float64": 1.25},
    "tanh": {"float32": 1.5, "float64": 1.75},
    "sigmoid": {"float32": 1.75, "float64": 1.75},
    "erf": {"float32": 1.25, "float64": 1.25},
    "sin": {"float32": 1.75, "float64": 1.0},
    "cos": {"float32": 1.75, "float64": 1.0},
    "pow": {"float32": 1.0, "float64": 1.25},
}
