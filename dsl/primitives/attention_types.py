"""Which inputs attention and its gradient take, what they give, how much they compute."""

from __future__ import annotations

from typing import Any

from ..dtypes import FLOATS, at_least_float32, bool_, int64
from ..errors import ArgumentError, DTypeError, ShapeError
from ..graph import Aval
from ..sizes import Dim, product
from .attention_parts import CAUSAL, EXTRAS
from .families import check_dtype

Names = tuple[str, ...]


def infer_attention(
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


def infer_gradient(
    ct: Aval, out: Aval, q: Aval, k: Aval, v: Aval, *rest: Aval, **params: Any
) -> Aval:
    """-> (B, H, G L E + S E + S V), the gradients by q, k and v of a head one after another."""
    wanted = infer_attention(q, k, v, *rest, sums=True, **params)
    for x in (ct, out):
        if x != wanted:
            raise ShapeError(f"attention_gradient: got {x}; it must be {wanted}")
    sizes = (product(x.shape[2:]) for x in (q, k, v))
    return Aval((*q.shape[:2], sum(sizes, start=0)), at_least_float32(q.dtype))


def operations(q: Aval, k: Aval, v: Aval, *rest: Aval, out: Aval, **params: Any) -> Dim:
    """Of both products; half of the pairs take part where queries see earlier keys alone."""
    return _pairs(q, k, params["causal"]) * (k.shape[3] + v.shape[3])


def gradient_operations(
    ct: Aval, saved: Aval, q: Aval, k: Aval, v: Aval, *rest: Aval, out: Aval, **params: Any
) -> Dim:
    """Of five products: scores, by weights, by values, by keys, by queries."""
    return _pairs(q, k, params["causal"]) * (3 * k.shape[3] + 2 * v.shape[3])


def _pairs(q: Aval, k: Aval, causal: str) -> Dim:
    """Operations of all pairs for one element of a product."""
    pairs = product(q.shape[:4]) * k.shape[2]
    return pairs if causal and q.shape[3] != 1 else 2 * pairs
