"""The affine map."""

from __future__ import annotations

from ...dsl.array import Array
from ...dsl.errors import ShapeError
from ...dsl.functions import transpose


def linear(input: Array, weight: Array, bias: Array | None = None) -> Array:
    """input @ weight.T + bias: input (..., k), weight (n, k), bias (n,) -> (..., n).

    Raises ShapeError if the sizes k or n differ.

    >>> import tilewright as tw
    >>> linear(tw.ones((2, 3)), tw.ones((4, 3)), tw.ones(4)).tolist()[0]
    [4.0, 4.0, 4.0, 4.0]
    """
    if weight.ndim != 2 or input.ndim < 1 or input.shape[-1] != weight.shape[1]:
        raise ShapeError(
            f"linear: got an input {input.shape} and a weight {weight.shape}; they must be "
            "(..., k) and (n, k)"
        )
    product = input @ transpose(weight)
    if bias is None:
        return product
    if bias.shape != weight.shape[:1]:
        raise ShapeError(f"linear: got a bias {bias.shape}; it must be {weight.shape[:1]}")
    return product + bias
