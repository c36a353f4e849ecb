"""Functions of whole numbers."""

from __future__ import annotations

import numpy as np

from ..dtypes import INTEGERS, uint8
from ..graph import Aval
from ..primitive import Expr, Vocabulary
from .families import binary, no_gradient, unary


def _lower_bit_count(t: Vocabulary, x: Expr, *, out: Aval) -> Expr:
    return t.cast(t.call("bit_count", x), uint8)


gcd = binary("gcd", np.gcd, dtypes=INTEGERS, vjp=no_gradient, cost=100)
bit_count = unary(
    "bit_count",
    np.bitwise_count,
    lower=_lower_bit_count,
    dtypes=INTEGERS,
    result=uint8,
    vjp=no_gradient,
    cost=4,
)
