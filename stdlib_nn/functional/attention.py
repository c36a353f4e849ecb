"""Attention by scaled products."""

from __future__ import annotations

import math
from functools import partial

from ... import _native
from ...dsl.array import Array
from ...dsl.autodiff import is_tracked
from ...dsl.dtypes import bool_
from ...dsl.errors import ArgumentError, DTypeError, ShapeError
from ...dsl.functions import broadcast_to, random, reshape, where
from ...dsl.functions.convert import common_shape
from ...dsl.primitives.attention import attention
from ...dsl.primitives.attention_parts import Terms, attention_parts, terms_of
from ...dsl.sizes import Dim, Shape, known, product

NAME = "scaled_dot_product_attention"


def scaled_dot_product_attention(
    query: Array,
    key: Array,
    value: Array,
    attn_mask: Array | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Array:
    """softmax(query @ key.mT * scale + mask) @ value (Vaswani et al., 2017).

    query (..., L, E), key (..., S, E), value (..., S, V) -> (..., L, V); the axes in front are
    broadcast, and float16 and bfloat16 are computed in float32. `attn_mask` is broadcast to
    (..., L, S): bool, True for pairs that take part, or floats that are added. `is_causal`: query i
    sees the keys up to i, beside what the mask says. `scale` is 1 / sqrt(E) unless given. With
    `enable_gqa` there may be fewer heads (axis -3) of keys than of queries, which divide them:
    neighbouring heads of queries share one. With `dropout_p` each weight is zeroed with that
    probability, always, and the others grow; it draws from the library's generator. A query
    that sees no key gives zeros, as in PyTorch.

    Raises ShapeError, DTypeError or ArgumentError for operands that do not fit.

    >>> import tilewright as tw
    >>> q = tw.ones((1, 2, 3, 4), dtype="float32")
    >>> scaled_dot_product_attention(q, q, q, is_causal=True).shape
    (1, 2, 3, 4)
    """
    _check(query, key, value, dropout_p)
    lead, shared_by = _leading(query, key, value, enable_gqa)
    of_queries = (*lead[:-1], lead[-1] * shared_by)
    scale = _default_scale(query.shape[-1]) if scale is None else scale
    q, k, v = _operands(query, key, value, lead, shared_by)
    mask = _mask(attn_mask, query, (*of_queries, q.shape[-2], k.shape[-2]), shared_by)
    causal = "start" if is_causal else ""
    attending = partial(_attend_and_drop, dropout_p=dropout_p) if dropout_p else attend
    out = attending(q, k, v, mask=mask, scale=float(scale), causal=causal)
    front = of_queries if max(query.ndim, key.ndim, value.ndim) > 2 else ()
    return reshape(out, (*front, *out.shape[-2:]))


def attend(
    q: Array,
    k: Array,
    v: Array,
    *,
    scale: float,
    causal: str,
    mask: Array | None = None,
    length: Array | None = None,
) -> Array:
    """The attention of queries (B, H, G, L, E) to keys and values (B, H, S, E or V), in one kernel.
    Where a gradient has to pass, the rows' sums are kept for it."""
    extras, given = named_extras(mask=mask, length=length)
    sums = _native.grad_enabled() and any(map(is_tracked, (q, k, v, *given)))
    out = attention(q, k, v, *given, sums=sums, scale=scale, causal=causal, extras=extras)
    return out[..., :-1].astype(v.dtype) if sums else out


def _attend_and_drop(
    q: Array,
    k: Array,
    v: Array,
    *,
    scale: float,
    causal: str,
    mask: Array | None,
    dropout_p: float,
) -> Array:
    """The same, with weights that are dropped: of weights in memory."""
    extras, given = named_extras(mask=mask)
    terms = terms_of(q, k, v, *given, scale=scale, causal=causal, extras=extras)
    return attention_parts(terms, _kept(terms, dropout_p)).astype(q.dtype)


def named_extras(**arrays: Array | None) -> tuple[tuple[str, ...], list[Array]]:
    """The names and arrays of those that are given."""
    found = {name: x for name, x in arrays.items() if x is not None}
    return tuple(found), list(found.values())


def _operands(
    query: Array, key: Array, value: Array, lead: Shape, shared_by: int
) -> tuple[Array, Array, Array]:
    """Queries (B, H, G, L, E), keys (B, H, S, E) and values (B, H, S, V)."""
    batch, heads = product(lead[:-1]), lead[-1]
    of_queries = (*lead[:-1], heads * shared_by)
    q = _moved(query, of_queries, (batch, heads, shared_by, *query.shape[-2:]))
    k, v = (_moved(x, lead, (batch, heads, *x.shape[-2:])) for x in (key, value))
    return q, k, v


def _check(query: Array, key: Array, value: Array, dropout_p: float) -> None:
    shapes = f"{query.shape}, {key.shape} and {value.shape}"
    if min(x.ndim for x in (query, key, value)) < 2:
        raise ShapeError(f"{NAME}: got {shapes}; they must have 2 axes or more")
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise ShapeError(
            f"{NAME}: got {shapes}; they must be (..., L, E), (..., S, E), (..., S, V)"
        )
    if not query.dtype is key.dtype is value.dtype or not query.dtype.is_float:
        raise DTypeError(
            f"{NAME}: got {query.dtype}, {key.dtype} and {value.dtype}; they must be floats of one "
            "type"
        )
    if not 0.0 <= dropout_p < 1.0:
        raise ArgumentError(f"{NAME}: got dropout_p={dropout_p}; it must be from 0 to below 1")


def _leading(query: Array, key: Array, value: Array, enable_gqa: bool) -> tuple[Shape, int]:
    """The axes of keys before the last two, broadcast, at least one; and how many heads of queries
    share a head of keys."""
    fronts = [x.shape[:-2] for x in (query, key, value)]
    if not enable_gqa:
        front = common_shape(NAME, common_shape(NAME, fronts[0], fronts[1]), fronts[2])
        return front or (1,), 1
    if min(map(len, fronts)) < 1:
        raise ShapeError(f"{NAME}: got {query.shape}; with enable_gqa axis -3 must be the heads")
    of_queries, of_keys, of_values = known(tuple(front[-1] for front in fronts))
    if of_keys != of_values or not of_keys or of_queries % of_keys:
        raise ShapeError(
            f"{NAME}: got {of_queries} heads of queries, {of_keys} of keys and {of_values} of "
            "values; those of keys and values must be equal and divide those of queries"
        )
    outer = [front[:-1] for front in fronts]
    batch = common_shape(NAME, common_shape(NAME, outer[0], outer[1]), outer[2])
    return (*batch, of_keys), of_queries // of_keys


def _moved(x: Array, lead: Shape, shape: Shape) -> Array:
    """x with its leading axes broadcast, in another shape."""
    whole = (*lead, *x.shape[-2:])
    return reshape(x if x.shape == whole else broadcast_to(x, whole), shape)


def _mask(mask: Array | None, query: Array, scores: Shape, shared_by: int) -> Array | None:
    """A mask as (B, H, G, L, S), with sizes of 1 where it is the same for all."""
    if mask is None:
        return None
    if mask.dtype is not bool_ and mask.dtype is not query.dtype:
        raise DTypeError(f"{NAME}: got a mask of {mask.dtype}; it must be bool or {query.dtype}")
    if common_shape(NAME, mask.shape, scores) != scores:
        raise ShapeError(f"{NAME}: got a mask {mask.shape} for scores {scores}; it must broadcast")
    shape = (*(1,) * (len(scores) - mask.ndim), *mask.shape)
    outer, heads = shape[:-3], shape[-3]
    if any(n != 1 for n in outer) and outer != scores[:-3]:
        mask = broadcast_to(mask, (*scores[:-3], *shape[-3:]))
        outer = mask.shape[:-3]
    of_heads = (heads // shared_by, shared_by) if heads != 1 else (1, 1)
    return reshape(mask, (product(outer), *of_heads, *shape[-2:]))


def _default_scale(width: Dim) -> float:
    if not isinstance(width, int):
        raise ShapeError(f"{NAME}: the width of queries is not known; give a scale")
    return 1.0 / math.sqrt(max(width, 1))


def _kept(t: Terms, dropout_p: float) -> Array:
    """What weights are multiplied by: 0 with a probability, else what makes up for it."""
    shape = (*t.q.shape[:-1], t.k.shape[-2])
    draws = random.uniform(size=shape, dtype="float32")
    return where(draws >= dropout_p, 1.0 / (1.0 - dropout_p), 0.0).astype(t.q.dtype)
