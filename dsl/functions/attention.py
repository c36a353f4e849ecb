"""Attention made of products, exponentials and sums, with the scores in memory.

Shapes: q (B, H, G, L, E), k (B, H, S, E), v (B, H, S, V); G heads of queries share a head of keys.
Half types are computed in float32.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..dtypes import DType, bfloat16, bool_, float16, float32, int64
from ..primitives.comparison import cast, eq, lt, where
from ..primitives.contraction import matmul
from ..primitives.elementwise import add, exp, minimum, stop_gradient
from ..primitives.families import zeros_like
from ..primitives.movement import broadcast_to, reshape, transpose
from ..primitives.reductions import max_, sum_
from ..primitives.sources import full, iota
from ..sizes import Shape

if TYPE_CHECKING:
    from ..array import Array


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
    q: Array, k: Array, v: Array, mask: Array | None, length: Array | None,
    *, scale: float, causal: str,
) -> Terms:  # fmt: skip
    """The inputs of an attention, floats as they are computed with. `mask` (sizes of the scores, or
    1): bool, True takes part, or added. `length` (B or 1,), int64: how many keys there are.
    `causal`: "" (off), "start" (query i sees keys to i) or "end" (the last query sees all)."""
    q, k, v = (cast(x, dtype=computed(x.dtype)) for x in (q, k, v))
    if mask is not None and mask.dtype is not bool_:
        mask = cast(mask, dtype=q.dtype)
    return Terms(q, k, v, mask, length, scale, causal)


def computed(of: DType) -> DType:
    """The type in which attention of a type is computed."""
    return float32 if of in (float16, bfloat16) else of


def turned(x: Array) -> Array:
    """The last two axes exchanged."""
    n = len(x.shape)
    return transpose(x, axes=(*range(n - 2), n - 1, n - 2))


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
    visible = visible_keys(t, scores.shape)
    return scores if visible is None else where(visible, scores, hidden)


def visible_keys(t: Terms, shape: Shape) -> Array | None:
    """Which keys a query may see by its place and the number of keys; None: all of them."""
    bound = key_bounds(t, shape)
    if bound is None:
        return None
    places = reshape(iota(size=shape[-1], dtype=int64), shape=(1, 1, 1, 1, shape[-1]))
    return lt(broadcast_to(places, shape=shape), broadcast_to(bound, shape=shape))


def key_bounds(t: Terms, shape: Shape) -> Array | None:
    """How many first keys a query sees, (B or 1, 1, 1, L or 1, 1); None: all of them."""
    n_queries, n_keys = shape[-2:]
    if t.length is None and not t.causal:
        return None
    there = full(shape=(1,), value=n_keys, dtype=int64)
    if t.length is not None:
        there = minimum(t.length, broadcast_to(there, shape=t.length.shape))
    there = reshape(there, shape=(there.shape[0], 1, 1, 1, 1))
    if not t.causal:
        return there
    both = (there.shape[0], 1, 1, n_queries, 1)
    seen = reshape(iota(size=n_queries, dtype=int64), shape=(1, 1, 1, n_queries, 1)) + 1
    if t.causal == "end":
        before = there - full(shape=there.shape, value=n_queries, dtype=int64)
        return broadcast_to(seen, shape=both) + broadcast_to(before, shape=both)
    return minimum(broadcast_to(seen, shape=both), broadcast_to(there, shape=both))


def _largest(scores: Array) -> Array:
    """The largest score of each row, kept as an axis; 0 where there is none but -inf."""
    shape = (*scores.shape[:-1], 1)
    if scores.shape[-1] == 0:
        return full(shape=shape, value=0.0, dtype=scores.dtype)
    most = stop_gradient(reshape(max_(scores, axes=(4,)), shape=shape))
    none = broadcast_to(full(shape=(), value=-math.inf, dtype=most.dtype), shape=shape)
    return where(eq(most, none), zeros_like(most), most)


def attention_parts(t: Terms, keep: Array | None = None) -> Array:
    """softmax(scores) v, (B, H, G, L, V); rows without keys are 0. The weights are multiplied by
    `keep` (B, H, G, L, S), where it is given, after they have been scaled to a sum of 1."""
    scores = scores_of(t)
    most = _largest(scores)
    powers = exp(scores - broadcast_to(most, shape=scores.shape))
    total = reshape(sum_(powers, axes=(4,)), shape=most.shape)
    divisor = where(eq(total, zeros_like(total)), zeros_like(total) + 1, total)
    weighted = matmul(powers if keep is None else powers * keep, shared(t.v))
    return weighted / broadcast_to(divisor, shape=weighted.shape)


def weights_of(t: Terms) -> Array:
    """softmax(scores), (B, H, G, L, S); rows without keys are 0."""
    scores = scores_of(t)
    powers = exp(scores - broadcast_to(_largest(scores), shape=scores.shape))
    total = reshape(sum_(powers, axes=(4,)), shape=(*scores.shape[:-1], 1))
    divisor = where(eq(total, zeros_like(total)), zeros_like(total) + 1, total)
    return powers / broadcast_to(divisor, shape=powers.shape)
