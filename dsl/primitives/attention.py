"""Attention, softmax(q k^T * scale + mask) v, without the scores in memory.

Tiles of queries stream over tiles of keys with a running maximum and sum (Milakov and Gimelshein,
2018; Dao et al., "FlashAttention", 2022). With `sums` the logarithm of the sum of exponentials of
each row lies beside its values in the last axis: from it the gradient computes the weights again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..dtypes import FLOATS, DType, bool_
from ..primitive import Attend, Lanes, Primitive, Sample, register
from .attention_gradient import attention_gradient, over_items, unpacked_gradients
from .attention_numpy import attention_reference, scale_of_error, shapes_of_samples
from .attention_parts import mask_slope, slopes_of, terms_of
from .attention_types import infer_attention, operations
from .comparison import cast
from .families import ulps
from .movement import broadcast_to
from .sources import full
from .windows import concatenate

if TYPE_CHECKING:
    from ..array import Array


# --------------------------------------------------------------------------- rules


def _vjp_attention(
    ct: Array, out: Array, q: Array, k: Array, v: Array, *rest: Array, sums: bool, **params: Any
) -> tuple[Array | None, ...]:
    if not sums:  # what was not kept is computed again
        out = attention(q, k, v, *rest, sums=True, **params)
        none = full(shape=(), value=0.0, dtype=out.dtype)
        ct = concatenate(
            cast(ct, dtype=out.dtype), broadcast_to(none, shape=(*ct.shape[:-1], 1)), axis=4
        )
    packed = attention_gradient(ct, out, q, k, v, *rest, **params)
    found = [cast(x, dtype=q.dtype) for x in unpacked_gradients(packed, q, k, v)]
    return *found, *_of_extras(ct, out, (q, k, v, *rest), params)


def _of_extras(ct: Array, out: Array, inputs: tuple[Array, ...], params: Any) -> list[Any]:
    """The gradient by a mask that is added, of scores in memory; there are no others."""
    found: list[Array | None] = []
    for name, x in zip(params["extras"], inputs[3:], strict=True):
        is_added = name == "mask" and x.dtype is not bool_
        found.append(mask_slope(slopes_of(terms_of(*inputs, **params), ct, out), x)
                     if is_added else None)  # fmt: skip
    return found


def _batch_attention(lanes: Lanes, *inputs: Array, **params: Any) -> Array:
    names = ("q", "k", "v", *params["extras"])
    return over_items(attention, names, lanes, inputs, params)


def _samples(dtype: DType) -> Iterator[Sample]:
    return (Sample(arrays, params) for arrays, params in shapes_of_samples(dtype))


attention: Primitive = register(
    Primitive(
        name="attention",
        infer=infer_attention,
        lower=Attend(operations),
        vjp=_vjp_attention,
        batch=_batch_attention,
        reference=attention_reference,
        samples=_samples,
        dtypes=FLOATS,
        ulp=ulps(2),
        scale=scale_of_error,
    )
)
