"""Elementary functions as vector code: exp, log, tanh and the like for float32 and float64.

Each takes the vocabulary `t` and scalar tirx expressions of one float type and returns such an
expression. They are branch-free (selects only), so TVM vectorises them to any number of lanes;
intermediate values are named by `t.let`. Signed zeros, infinities, NaN and subnormals follow C.
LLVM contracts a * b + c to one FMA wherever it likes, so error-free steps use sums or `llvm.fma`.
"""

from .bessel import i0, i1
from .error_function import erf
from .exponential import exp, exp2, expm1
from .floats import exponent, fmod, ldexp, mantissa, nextafter
from .hyperbolic import cosh, sigmoid, sinh, tanh
from .integers import bit_count, gcd
from .inverse_hyperbolic import acosh, asinh, atanh
from .inverse_trigonometric import acos, asin, atan, atan2
from .logarithm import log, log1p, log2, log10
from .power import pow
from .roots import cbrt, hypot
from .trigonometric import cos, cos_turns, sin, sinc, tan

# Declared bounds in units in the last place of the exact result; tests/lowering/test_math.py
# holds them, for float32 over all inputs.
ULP = {
    "exp": {"float32": 1.25, "float64": 1.25},
    "exp2": {"float32": 1.25, "float64": 1.25},
    "expm1": {"float32": 1.5, "float64": 1.75},
    "log": {"float32": 1.0, "float64": 1.0},
    "log2": {"float32": 1.25, "float64": 1.25},
    "log10": {"float32": 1.25, "float64": 1.25},
    "log1p": {"float32": 1.25, "float64": 1.25},
    "sinh": {"float32": 1.75, "float64": 1.75},
    "cosh": {"float32": 1.75, "float64": 1.75},
    "tanh": {"float32": 1.5, "float64": 1.75},
    "asinh": {"float32": 1.75, "float64": 1.75},
    "acosh": {"float32": 1.75, "float64": 1.75},
    "atanh": {"float32": 1.75, "float64": 1.75},
    "sigmoid": {"float32": 1.75, "float64": 1.75},
    "erf": {"float32": 1.25, "float64": 1.25},
    "sin": {"float32": 1.75, "float64": 1.75},
    "cos": {"float32": 1.9, "float64": 1.9},
    "cos_turns": {"float32": 1.75, "float64": 1.0},
    "tan": {"float32": 1.75, "float64": 1.75},
    "sinc": {"float32": 1.75, "float64": 1.75},
    "asin": {"float32": 1.5, "float64": 1.5},
    "acos": {"float32": 1.5, "float64": 1.5},
    "atan": {"float32": 1.5, "float64": 1.5},
    "atan2": {"float32": 1.75, "float64": 1.75},
    "cbrt": {"float32": 1.0, "float64": 1.0},
    "hypot": {"float32": 1.5, "float64": 1.5},
    "i0": {"float32": 1.0, "float64": 1.25},
    "i1": {"float32": 1.0, "float64": 1.25},
    "pow": {"float32": 1.75, "float64": 1.75},
}

EXACT = ("bit_count", "exponent", "fmod", "gcd", "ldexp", "mantissa", "nextafter")

__all__ = [
    "EXACT",
    "ULP",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bit_count",
    "cbrt",
    "cos",
    "cos_turns",
    "cosh",
    "erf",
    "exp",
    "exp2",
    "expm1",
    "exponent",
    "fmod",
    "gcd",
    "hypot",
    "i0",
    "i1",
    "ldexp",
    "log",
    "log1p",
    "log2",
    "log10",
    "mantissa",
    "nextafter",
    "pow",
    "sigmoid",
    "sin",
    "sinc",
    "sinh",
    "tan",
    "tanh",
]
