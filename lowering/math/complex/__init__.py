"""Complex elements: pairs of reals, with the arithmetic and the functions of the vocabulary.

TVM has no complex numbers. A complex buffer is one of floats with twice the elements, the real part
of each before its imaginary part; a complex element is a `Complex`, two scalar expressions. Rules
that add, multiply, choose and compare work on both kinds of element alike.
"""

from .functions import CALLS, call
from .pair import Complex

__all__ = ["CALLS", "Complex", "call"]
