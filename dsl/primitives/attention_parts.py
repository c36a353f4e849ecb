"""Attention made of products, exponentials and sums, with the scores in memory.

Shapes: q (B, H, G, L, E), k (B, H, S, E), v (B, H, S, V); G heads of queries share a head of keys.
Half types are computed in float32.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..dtypes import at_least_float32, bool_, int64
from ..sizes import Shape
from .comparison import cast, eq, le, where
from .contraction import matmul
from .elementwise import add, exp, stop_gradient
from .families import zeros_like
from .movement import broadcast_to, reshape, sum_to, turned
from .reductions import max_, sum_
from .sources import full, iota
from .windows import slice_

if TYPE_CHECKING:
    from ..array import Array

CAUSAL = ("", "start", "end")
EXTRAS = ("mask", "length")


@dataclass(frozen=True)
class Terms:
    """What an attention is of: queries, keys, values, what may hide keys, and how scores scale."""

    q: Array
    k: Array
    v: Array
    mask: Array | None
    length: Array | None
    scale: float
    causal: str


def terms_of(
    q: Array,
    k: Array,
    v: Array,
    *rest: Array,
    scale: float,
    causal: str,
    extras: tuple[str, ...] = (),
) -> Terms:
    """The inputs of an attention, floats as they are computed with. `extras` names the further
    arrays: a mask (sizes of the scores, or 1; bool, True takes part, or added), and the number of
    keys that count (of each item of the batch, or one). `causal`: query i sees the keys up to i
    ("start"), or as if the last query were at the last key ("end")."""
    q, k, v = (cast(x, dtype=at_least_float32(x.dtype)) for x in (q, k, v))
    named = dict(zip(extras, rest, strict=True))
    mask = named.get("mask")
    if mask is not None and mask.dtype is not bool_:
        mask = cast(mask, dtype=q.dtype)
    return Terms(q, k, v, mask, named.get("length"), scale, causal)


def shared(x: Array) -> Array:
    """Keys or values with an axis for the heads of queries that share them."""
    b, h, s, e = x.shape
    return reshape(x, shape=(b, h, 1, s, e))


def scores_of(t: Terms) -> Array:
    """The scaled and masked scores (B, H, G, L, S); hidden ones are -inf."""
    scores = matmul(t.q, turned(shared(t.k))) * t.scale
    hidden = broadcast_to(full(shape=(), value=-math.inf, dtype=scores.dtype), shape=scores.shape)
    if t.mask is not None:
        mask = broadcast_to(t.mask, shape=scores.shape)
        scores = where(mask, scores, hidden) if mask.dtype is bool_ else add(scores, mask)
    for last in _last_keys(t, scores.shape):
        scores = where(le(_places(scores.shape, 4), last), scores, hidden)
    return scores


def _last_keys(t: Terms, shape: Shape) -> list[Array]:
    """For each pair the places of the last keys that its query may see, all of which hold."""
    found = []
    count = broadcast_to(full(shape=(), value=shape[4], dtype=int64), shape=shape)
    if t.length is not None:
        count = reshape(t.length, shape=(t.length.shape[0], 1, 1, 1, 1))
        count = broadcast_to(count, shape=shape)
        found.append(count - 1)
    if t.causal:
        queries = _places(shape, 3)
        n_queries = broadcast_to(full(shape=(), value=shape[3], dtype=int64), shape=shape)
        found.append(queries + (count - n_queries) if t.causal == "end" else queries)
    return found


def _places(shape: Shape, axis: int) -> Array:
    """The place of each pair along an axis."""
    own = tuple(n if i == axis else 1 for i, n in enumerate(shape))
    return broadcast_to(reshape(iota(size=shape[axis], dtype=int64), shape=own), shape=shape)


def _largest(scores: Array) -> Array:
    """The largest score of each row, kept as an axis; 0 where there is none but -inf."""
    shape = (*scores.shape[:-1], 1)
    if scores.shape[-1] == 0:
        return full(shape=shape, value=0.0, dtype=scores.dtype)
    return _finite(stop_gradient(reshape(max_(scores, axes=(4,)), shape=shape)))


def _finite(rows: Array) -> Array:
    """Numbers of rows, with 0 for -inf: for rows without keys."""
    none = broadcast_to(full(shape=(), value=-math.inf, dtype=rows.dtype), shape=rows.shape)
    return where(eq(rows, none), zeros_like(rows), rows)


def _powers_of(t: Terms) -> tuple[Array, Array]:
    """The exponentials of the scores, and their sums along each row, 1 where no key is seen."""
    scores = scores_of(t)
    most = _largest(scores)
    powers = exp(scores - broadcast_to(most, shape=scores.shape))
    total = reshape(sum_(powers, axes=(4,)), shape=most.shape)
    return powers, where(eq(total, zeros_like(total)), zeros_like(total) + 1, total)


def attention_parts(t: Terms, keep: Array) -> Array:
    """softmax(scores) v, (B, H, G, L, V); rows without keys are 0. The weights are multiplied by
    `keep` (B, H, G, L, S) after they have been scaled to a sum of 1."""
    powers, divisor = _powers_of(t)
    weighted = matmul(powers * keep, shared(t.v))
    return weighted / broadcast_to(divisor, shape=weighted.shape)


def weights_of(t: Terms) -> Array:
    """softmax(scores), (B, H, G, L, S); rows without keys are 0."""
    powers, divisor = _powers_of(t)
    return powers / broadcast_to(divisor, shape=powers.shape)


# --------------------------------------------------------------------------- gradients


@dataclass(frozen=True)
class Slopes:
    """What gradients are made of: the weights again, and the cotangents of values and scores."""

    weights: Array
    by_out: Array
    values: Array  # of the result
    by_weight: Array  # with what it is by the sums of the row
    by_score: Array


def split_sums(x: Array) -> tuple[Array, Array]:
    """Values and sums (..., V + 1) -> (..., V) and (..., 1)."""
    *front, width = x.shape
    ones, origin = (1,) * len(x.shape), (0,) * len(front)
    values = slice_(x, start=(*origin, 0), sizes=(*front, width - 1), strides=ones)
    return values, slice_(x, start=(*origin, width - 1), sizes=(*front, 1), strides=ones)


def slopes_of(t: Terms, ct: Array, out: Array) -> Slopes:
    """From the cotangent of a result with sums, and that result."""
    values, sums = split_sums(out)
    by_out, by_sums = split_sums(ct)
    scores = scores_of(t)
    weights = exp(scores - broadcast_to(_finite(sums), shape=scores.shape))
    inner = by_sums - reshape(sum_(by_out * values, axes=(4,)), shape=by_sums.shape)
    by_weight = matmul(by_out, turned(shared(t.v))) + broadcast_to(inner, shape=scores.shape)
    return Slopes(weights, by_out, values, by_weight, weights * by_weight)


def mask_slope(s: Slopes, mask: Array) -> Array:
    """The gradient by a mask that is added."""
    return cast(sum_to(s.by_score, mask.shape), dtype=mask.dtype)
