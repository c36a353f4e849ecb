"""Attention made of products, exponentials and sums, with the scores in memory.

Shapes: q (B, H, G, L, E), k (B, H, S, E), v (B, H, S, V); G heads of queries share a head of keys.
Half types are computed in float32.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..dtypes import at_least_float32, bool_, int64
from ..primitives.comparison import cast, eq, le, where
from ..primitives.contraction import matmul
from ..primitives.elementwise import add, exp, stop_gradient
from ..primitives.families import zeros_like
from ..primitives.movement import broadcast_to, reshape, turned
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
    scale: float
    causal: bool


def terms_of(
    q: Array, k: Array, v: Array, mask: Array | None, *, scale: float, causal: bool
) -> Terms:
    """The inputs of an attention, floats as they are computed with. `mask` (sizes of the scores, or
    1): bool, True takes part, or added. `causal`: query i sees the keys up to i."""
    q, k, v = (cast(x, dtype=at_least_float32(x.dtype)) for x in (q, k, v))
    if mask is not None and mask.dtype is not bool_:
        mask = cast(mask, dtype=q.dtype)
    return Terms(q, k, v, mask, scale, causal)


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
    return where(earlier_keys(scores.shape), scores, hidden) if t.causal else scores


def earlier_keys(shape: Shape) -> Array:
    """Which keys a query may see by its place: those up to its own."""
    n_queries, n_keys = shape[-2:]
    queries = reshape(iota(size=n_queries, dtype=int64), shape=(1, 1, 1, n_queries, 1))
    keys = reshape(iota(size=n_keys, dtype=int64), shape=(1, 1, 1, 1, n_keys))
    return le(broadcast_to(keys, shape=shape), broadcast_to(queries, shape=shape))


def _largest(scores: Array) -> Array:
    """The largest score of each row, kept as an axis; 0 where there is none but -inf."""
    shape = (*scores.shape[:-1], 1)
    if scores.shape[-1] == 0:
        return full(shape=shape, value=0.0, dtype=scores.dtype)
    most = stop_gradient(reshape(max_(scores, axes=(4,)), shape=shape))
    none = broadcast_to(full(shape=(), value=-math.inf, dtype=most.dtype), shape=shape)
    return where(eq(most, none), zeros_like(most), most)


def _powers_of(t: Terms) -> tuple[Array, Array]:
    """The exponentials of the scores, and their sums along each row, 1 where no key is seen."""
    scores = scores_of(t)
    most = _largest(scores)
    powers = exp(scores - broadcast_to(most, shape=scores.shape))
    total = reshape(sum_(powers, axes=(4,)), shape=most.shape)
    return powers, where(eq(total, zeros_like(total)), zeros_like(total) + 1, total)


def attention_parts(t: Terms, keep: Array | None = None) -> Array:
    """softmax(scores) v, (B, H, G, L, V); rows without keys are 0. The weights are multiplied by
    `keep` (B, H, G, L, S), where it is given, after they have been scaled to a sum of 1."""
    powers, divisor = _powers_of(t)
    weighted = matmul(powers if keep is None else powers * keep, shared(t.v))
    return weighted / broadcast_to(divisor, shape=weighted.shape)


def weights_of(t: Terms) -> Array:
    """softmax(scores), (B, H, G, L, S); rows without keys are 0."""
    powers, divisor = _powers_of(t)
    return powers / broadcast_to(divisor, shape=powers.shape)
