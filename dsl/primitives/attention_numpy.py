"""What attention and its gradient mean, in NumPy, and the inputs that tests try."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..dtypes import DType
from .attention_types import Names
from .samples import Numpy, smooth


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


def attention_reference(
    q: Numpy, k: Numpy, v: Numpy, *rest: Numpy, sums: bool, scale: float, causal: str, extras: Names
) -> Numpy:
    """Values, and with `sums` the logarithms of the rows' sums behind them."""
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


def _terms(q: Numpy, k: Numpy, rest: dict[str, Numpy], scale: float) -> Numpy:
    """1 + the sizes of all terms of each score: what its error, which is a weight's relative
    error, is in units of."""
    terms = (np.abs(q) @ np.swapaxes(np.abs(k[:, :, None]), -1, -2)) * abs(scale) + 1
    mask = rest.get("mask")
    if mask is not None and mask.dtype != bool:
        terms = terms + np.where(np.isfinite(mask), np.abs(mask), 0)
    return np.asarray(terms)


def scale_of_error(
    q: Numpy, k: Numpy, v: Numpy, *rest: Numpy, sums: bool, scale: float, causal: str, extras: Names
) -> Numpy:
    """The sum of the sizes of the weighted values, each times 1 + the sizes of the terms of its
    score and of the row's largest."""
    named = dict(zip(extras, rest, strict=True))
    scores = attention_scores(q, k, named, scale, causal)
    most = np.max(scores, axis=-1, keepdims=True, initial=-np.inf)
    powers = np.exp(scores - np.where(np.isneginf(most), 0, most))
    total = powers.sum(-1, keepdims=True)
    terms = _terms(q, k, named, scale)
    loud = (
        powers / np.where(total == 0, 1, total) * (terms + terms.max(-1, keepdims=True, initial=0))
    )
    found = loud @ np.abs(v[:, :, None])
    return np.concatenate([found, loud.sum(-1, keepdims=True) + 1], -1) if sums else found


def gradient_reference(
    ct: Numpy, out: Numpy, q: Numpy, k: Numpy, v: Numpy, *rest: Numpy, scale: float, causal: str,
    extras: Names,
) -> Numpy:  # fmt: skip
    """The packed gradients, (B, H, sizes)."""
    named = dict(zip(extras, rest, strict=True))
    scores = attention_scores(q, k, named, scale, causal)
    sums = out[..., -1:]
    weights = np.exp(scores - np.where(np.isneginf(sums), 0, sums))
    by_out, values, keys = ct[..., :-1], v[:, :, None], k[:, :, None]
    inner = ct[..., -1:] - (by_out * out[..., :-1]).sum(-1, keepdims=True)
    by_score = weights * (by_out @ np.swapaxes(values, -1, -2) + inner) * scale
    by_key = (np.swapaxes(by_score, -1, -2) @ q).sum(2)
    by_value = (np.swapaxes(weights, -1, -2) @ by_out).sum(2)
    return _packed(by_score @ keys, by_key, by_value)


def gradient_scale(
    ct: Numpy, out: Numpy, q: Numpy, k: Numpy, v: Numpy, *rest: Numpy, scale: float, causal: str,
    extras: Names,
) -> Numpy:  # fmt: skip
    """The gradient with the sizes of all terms, each weight times 1 + the sizes of the terms of its
    score and of the row's sum."""
    named = dict(zip(extras, rest, strict=True))
    sums = np.where(np.isneginf(out[..., -1:]), 0, out[..., -1:])
    weights = np.exp(attention_scores(q, k, named, scale, causal) - sums)
    loud = weights * (_terms(q, k, named, scale) + np.abs(sums))
    by_out, values, keys = (np.abs(x) for x in (ct[..., :-1], v[:, :, None], k[:, :, None]))
    inner = np.abs(ct[..., -1:]) + (by_out * np.abs(out[..., :-1])).sum(-1, keepdims=True)
    by_score = loud * (by_out @ np.swapaxes(values, -1, -2) + inner) * abs(scale)
    by_key = (np.swapaxes(by_score, -1, -2) @ np.abs(q)).sum(2)
    by_value = (np.swapaxes(loud, -1, -2) @ by_out).sum(2)
    return _packed(by_score @ keys, by_key, by_value)


def _packed(*parts: Numpy) -> Numpy:
    """The gradients of a head one after another."""
    front = parts[0].shape[:2]
    return np.concatenate([x.reshape(*front, int(np.prod(x.shape[2:]))) for x in parts], -1)


_SHAPES: tuple[tuple[tuple[int, ...], int, int, dict[str, Any]], ...] = (
    # B, H, G, L, E; S; V
    ((2, 1, 2, 3, 4), 5, 3, {"extras": ("mask",), "sums": True}),
    ((1, 2, 1, 1, 17), 37, 5, {"sums": True}),
    ((2, 1, 1, 2, 3), 5, 2, {"causal": "end", "extras": ("length",)}),
    ((1, 1, 1, 50, 2), 66, 3, {"causal": "start"}),
    ((1, 1, 1, 2, 2), 0, 3, {"causal": "start"}),
    ((1, 1, 1, 0, 2), 3, 3, {"causal": "start"}),
)


def shapes_of_samples(dtype: DType) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Inputs and parameters of both primitives."""
    for queries, n_keys, width, given in _SHAPES:
        keys = (*queries[:2], n_keys)
        arrays: list[Any] = [smooth(dtype, *queries), smooth(dtype, *keys, queries[-1], seed=1)]
        arrays.append(smooth(dtype, *keys, width, seed=2))
        params = {"sums": False, "scale": 0.5, "causal": "", "extras": (), **given}
        if "mask" in params["extras"]:
            arrays.append(smooth(dtype, 1, queries[1], 1, queries[3], n_keys, seed=3))
        if "length" in params["extras"]:
            arrays.append(np.array([4, 2][: queries[0]]))
        yield tuple(arrays), params
