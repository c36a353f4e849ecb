"""The gradient of attention, without the scores in memory, and the derivative of that.

The weights are computed again from the logarithms of the rows' sums, tile by tile (Dao,
"FlashAttention-2", 2023). A primitive has one result: the gradients of a head lie one after the
other in the last axis, those by queries, by keys, by values.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import FLOATS, DType, at_least_float32, bool_
from ..primitive import Attend, Lanes, Primitive, Sample, register
from ..sizes import Dim, product
from .attention_numpy import gradient_reference, gradient_scale, shapes_of_samples
from .attention_parts import EXTRAS, Slopes, mask_slope, shared, slopes_of, terms_of
from .attention_types import Names, gradient_operations, infer_gradient
from .comparison import cast
from .contraction import matmul
from .families import ulps
from .lanes import all_spread
from .movement import broadcast_to, reshape, turned
from .reductions import sum_
from .windows import concatenate, slice_

if TYPE_CHECKING:
    from ..array import Array


def unpacked_gradients(packed: Array, *inputs: Array) -> list[Array]:
    """The parts of a packed gradient (B, H, sizes), one in the shape of each input."""
    found: list[Array] = []
    start: Dim = 0
    front = packed.shape[:2]
    for x in inputs:
        size = product(x.shape[2:])
        part = slice_(packed, start=(0, 0, start), sizes=(*front, size), strides=(1, 1, 1))
        found.append(reshape(part, shape=x.shape))
        start = start + size
    return found


def over_items(
    primitive: Primitive, names: Names, lanes: Lanes, inputs: tuple[Array, ...], params: Any
) -> Array:
    """The batch rule: the lanes are more items of the batch."""
    count = lanes.count
    items = inputs[0].shape[1 if lanes.batched[0] else 0]
    given = []
    for name, x in zip(names, all_spread(lanes, inputs), strict=True):
        if name in EXTRAS and x.shape[1] == 1:  # one for all items of a lane
            x = broadcast_to(x, shape=(count, items, *x.shape[2:]))
        given.append(reshape(x, shape=(count * items, *x.shape[2:])))
    out = primitive(*given, **params)
    return reshape(out, shape=(count, items, *out.shape[1:]))


def _batch_gradient(lanes: Lanes, *inputs: Array, **params: Any) -> Array:
    names = ("ct", "out", "q", "k", "v", *params["extras"])
    return over_items(attention_gradient, names, lanes, inputs, params)


def _vjp_gradient(
    cts: Array, done: Array, ct: Array, out: Array, q: Array, k: Array, v: Array, *rest: Array,
    **params: Any,
) -> tuple[Array | None, ...]:  # fmt: skip
    """The second derivative, by products of scores in memory. With the softmax P of the scores,
    dP = ct v^T plus a number a row and dS = P dP, the packed result is scale dS k, scale dS^T q
    and P^T ct; each is pulled back by hand."""
    t = terms_of(q, k, v, *rest, **params)
    s = slopes_of(t, ct, out)
    a, b, c = unpacked_gradients(cts, q, k, v)
    keys, values, b_all, c_all = (shared(x) for x in (t.k, t.v, b, c))
    by_score = (matmul(a, turned(keys)) + matmul(t.q, turned(b_all))) * t.scale
    by_power = by_score * s.by_weight + matmul(s.by_out, turned(c_all))
    inner, through = by_score * s.weights, by_power * s.weights
    rows, sums = _along_keys(inner), _along_keys(through)
    on_rows = broadcast_to(rows, shape=s.by_out.shape)
    to_ct = matmul(inner, values) + matmul(s.weights, c_all) - on_rows * s.values
    found = (
        concatenate(to_ct, rows, axis=4),
        concatenate(on_rows * s.by_out * -1, sums * -1, axis=4),
        (matmul(through, keys) + matmul(s.by_score, b_all)) * t.scale,
        _over_groups(matmul(turned(through), t.q) + matmul(turned(s.by_score), a)) * t.scale,
        _over_groups(matmul(turned(inner), s.by_out)),
    )
    pairs = zip(found, (ct, out, q, k, v), strict=True)
    return *(cast(x, dtype=y.dtype) for x, y in pairs), *_of_extras(through, s, rest, params)


def _along_keys(x: Array) -> Array:
    return reshape(sum_(x, axes=(4,)), shape=(*x.shape[:4], 1))


def _over_groups(x: Array) -> Array:
    return sum_(x, axes=(2,))


def _of_extras(through: Array, s: Slopes, rest: tuple[Array, ...], params: Any) -> list[Any]:
    """The gradient by a mask that is added: it stands where the scores do."""
    found: list[Array | None] = []
    for name, x in zip(params["extras"], rest, strict=True):
        is_added = name == "mask" and x.dtype is not bool_
        slopes = Slopes(s.weights, s.by_out, s.values, s.by_weight, through)
        found.append(mask_slope(slopes, x) if is_added else None)
    return found


def _samples(dtype: DType) -> Iterator[Sample]:
    for arrays, params in islice(shapes_of_samples(dtype), 4):
        params.pop("sums")
        q, v = arrays[0], arrays[2]
        shape, wide = (*q.shape[:-1], v.shape[-1] + 1), at_least_float32(dtype).dtype
        # Sums larger than any logarithm here keep the weights small.
        ct, out = (np.cos(np.arange(math.prod(shape)) + i).reshape(shape) for i in (0, 1))
        out[..., -1] = 6.0
        yield Sample((ct.astype(wide), out.astype(wide), *arrays), params)


attention_gradient: Primitive = register(
    Primitive(
        name="attention_gradient",
        infer=infer_gradient,
        lower=Attend(gradient_operations),
        vjp=_vjp_gradient,
        batch=_batch_gradient,
        reference=gradient_reference,
        samples=_samples,
        dtypes=FLOATS,
        ulp=ulps(2),
        scale=gradient_scale,
    )
)
