"""Attention, softmax(q k^T * scale + mask) v, without the scores in memory.

Tiles of queries stream over tiles of keys with a running maximum and sum (Milakov and Gimelshein,
2018; Dao et al., "FlashAttention", 2022). With `sums` the logarithm of the sum of exponentials of
each row lies beside its values in the last axis: from it the gradient computes the weights again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import FLOATS, DType, at_least_float32, bool_, int64
from ..errors import ArgumentError, DTypeError, ShapeError
from ..graph import Aval
from ..primitive import Attend, Lanes, Primitive, Sample, register
from ..sizes import Dim
from .attention_parts import (
    CAUSAL,
    EXTRAS,
    gradient_parts,
    mask_slope,
    slopes_of,
    terms_of,
)
from .comparison import cast
from .families import check_dtype, ulps
from .lanes import all_spread
from .movement import broadcast_to, reshape
from .samples import Numpy, smooth
from .sources import full
from .windows import concatenate

if TYPE_CHECKING:
    from ..array import Array

Names = tuple[str, ...]


def _infer_attention(
    q: Aval, k: Aval, v: Aval, *rest: Aval, sums: bool, scale: float, causal: str, extras: Names
) -> Aval:
    """q (B, H, G, L, E), k (B, H, S, E), v (B, H, S, V) -> (B, H, G, L, V), or (..., V + 1) with
    the logarithms of sums, then in the type that is computed with."""
    _check_operands(q, k, v)
    if causal not in CAUSAL:
        raise ArgumentError(f"attention: got causal={causal!r}; it must be one of {CAUSAL}")
    if len(rest) != len(extras) or extras != tuple(e for e in EXTRAS if e in extras):
        raise ArgumentError(f"attention: got {len(rest)} more arrays for {extras}")
    named = dict(zip(extras, rest, strict=True))
    if "mask" in named:
        _check_mask(named["mask"], q, (*q.shape[:-1], k.shape[2]))
    if "length" in named:
        _check_length(named["length"], q)
    width = v.shape[3] + 1 if sums else v.shape[3]
    return Aval((*q.shape[:-1], width), at_least_float32(q.dtype) if sums else q.dtype)


def _check_operands(q: Aval, k: Aval, v: Aval) -> None:
    check_dtype("attention", q.dtype, FLOATS)
    if not q.dtype is k.dtype is v.dtype:
        raise DTypeError(f"attention: got {q.dtype}, {k.dtype}, {v.dtype}; they must be equal")
    fits = (q.ndim, k.ndim, v.ndim) == (5, 4, 4) and q.shape[:2] == k.shape[:2]
    if not fits or k.shape[:3] != v.shape[:3] or q.shape[4] != k.shape[3]:
        raise ShapeError(
            f"attention: got {q.shape}, {k.shape} and {v.shape}; they must be (B, H, G, L, E), "
            "(B, H, S, E) and (B, H, S, V)"
        )


def _check_mask(mask: Aval, q: Aval, scores: tuple[Dim, ...]) -> None:
    if mask.dtype is not bool_ and mask.dtype is not q.dtype:
        raise DTypeError(f"attention: got a mask of {mask.dtype}; it must be bool or {q.dtype}")
    sizes = zip(mask.shape, scores, strict=False)
    if mask.ndim != 5 or any(m not in (1, n) for m, n in sizes):
        raise ShapeError(f"attention: got a mask {mask.shape}; each size must be 1 or of {scores}")


def _check_length(length: Aval, q: Aval) -> None:
    if length.dtype is not int64 or length.ndim != 1 or length.shape[0] not in (1, q.shape[0]):
        raise ShapeError(
            f"attention: got a length of {length.dtype} {length.shape}; it must be int64, "
            f"(1,) or ({q.shape[0]},)"
        )


def _operations(q: Aval, k: Aval, v: Aval, *rest: Aval, out: Aval, **params: Any) -> Dim:
    """Of both products; half of the pairs take part where queries see earlier keys alone."""
    pairs = q.shape[0] * q.shape[1] * q.shape[2] * q.shape[3] * k.shape[2]
    widths = k.shape[3] + v.shape[3]
    causal = params["causal"] and q.shape[3] != 1
    return pairs * widths if causal else 2 * pairs * widths


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
    terms = terms_of(q, k, v, *rest, **params)
    slopes = slopes_of(terms, ct, out)
    found = [cast(x, dtype=q.dtype) for x in gradient_parts(terms, slopes)]
    extras: list[Array | None] = []
    for name, x in zip(params["extras"], rest, strict=True):
        is_added = name == "mask" and x.dtype is not bool_
        extras.append(mask_slope(slopes, x) if is_added else None)
    return *found, *extras


def _batch_attention(lanes: Lanes, *inputs: Array, **params: Any) -> Array:
    """The lanes are more items of the batch."""
    count, names = lanes.count, ("q", "k", "v", *params["extras"])
    items = inputs[0].shape[1 if lanes.batched[0] else 0]
    given = []
    for name, x in zip(names, all_spread(lanes, inputs), strict=True):
        if name in EXTRAS and x.shape[1] == 1:  # one for all items of a lane
            x = broadcast_to(x, shape=(count, items, *x.shape[2:]))
        given.append(reshape(x, shape=(count * items, *x.shape[2:])))
    out = attention(*given, **params)
    return reshape(out, shape=(count, items, *out.shape[1:]))


# --------------------------------------------------------------------------- meaning


def attention_scores(q: Numpy, k: Numpy, rest: dict[str, Numpy], scale: float, causal: str) -> Any:
    """The scaled and masked scores, in NumPy."""
    scores = (q @ np.swapaxes(k[:, :, None], -1, -2)) * q.dtype.type(scale)
    mask = rest.get("mask")
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    n_queries, n_keys = scores.shape[-2:]
    places = np.arange(n_keys)
    counts = rest.get("length", np.array([n_keys])).reshape(-1, 1, 1, 1, 1)
    hidden = places >= counts
    if causal:
        first = counts - n_queries if causal == "end" else 0
        hidden = hidden | (places > first + np.arange(n_queries)[:, None])
    return np.where(hidden, -np.inf, scores)


def _reference(
    q: Numpy, k: Numpy, v: Numpy, *rest: Numpy, sums: bool, scale: float, causal: str, extras: Names
) -> Numpy:
    named = dict(zip(extras, rest, strict=True))
    scores = attention_scores(q, k, named, scale, causal)
    most = np.max(scores, axis=-1, keepdims=True, initial=-np.inf)
    most = np.where(np.isneginf(most), 0, most)
    powers = np.exp(scores - most)
    total = powers.sum(-1, keepdims=True)
    with np.errstate(divide="ignore"):
        values = (powers @ v[:, :, None]) / np.where(total == 0, 1, total)
        found = np.concatenate([values, most + np.log(total)], -1) if sums else values
    return np.asarray(found)


def _scale(q: Numpy, k: Numpy, v: Numpy, *rest: Numpy) -> Numpy:
    """1 + the largest value, times 1 + the sum of the sizes of a score's terms at most."""
    largest = [np.abs(x).max(initial=0) for x in (q, k, v)]
    score = largest[0] * largest[1] * q.shape[-1]
    added = sum(np.abs(x[np.isfinite(x)]).max(initial=0) for x in rest if x.dtype.kind == "f")
    return np.asarray((largest[2] + 1) * (1 + score + added)).reshape((1,) * 5)


_SHAPES: tuple[tuple[tuple[int, ...], int, int, dict[str, Any]], ...] = (
    # B, H, G, L, E; S; V
    ((2, 1, 2, 3, 4), 5, 3, {"extras": ("mask",), "sums": True}),
    ((1, 2, 1, 1, 17), 37, 5, {"sums": True}),
    ((2, 1, 1, 2, 3), 5, 2, {"causal": "end", "extras": ("length",)}),
    ((1, 1, 1, 50, 2), 66, 3, {"causal": "start"}),
    ((1, 1, 1, 2, 2), 0, 3, {"causal": "start"}),
    ((1, 1, 1, 0, 2), 3, 3, {"causal": "start"}),
)


def _samples(dtype: DType) -> Iterator[Sample]:
    for queries, n_keys, width, given in _SHAPES:
        keys = (*queries[:2], n_keys)
        arrays: list[Any] = [smooth(dtype, *queries), smooth(dtype, *keys, queries[-1], seed=1)]
        arrays.append(smooth(dtype, *keys, width, seed=2))
        params = {"sums": False, "scale": 0.5, "causal": "", "extras": (), **given}
        if "mask" in params["extras"]:
            arrays.append(smooth(dtype, 1, queries[1], 1, queries[3], n_keys, seed=3))
        if "length" in params["extras"]:
            arrays.append(np.array([4, 2][: queries[0]]))
        yield Sample(tuple(arrays), params)


attention: Primitive = register(
    Primitive(
        name="attention",
        infer=_infer_attention,
        lower=Attend(_operations),
        vjp=_vjp_attention,
        batch=_batch_attention,
        reference=_reference,
        samples=_samples,
        dtypes=FLOATS,
        ulp=ulps(4),
        scale=_scale,
    )
)
