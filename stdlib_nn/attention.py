"""Attention layers, with the names and layouts of PyTorch's weights."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..dsl.array import Array
from ..dsl.dtypes import DTypeLike, bool_
from ..dsl.errors import ArgumentError, ShapeError
from ..dsl.functions import (
    gelu,
    logical_not,
    mean,
    moveaxis,
    random,
    relu,
    reshape,
    split,
    where,
    zeros,
)
from ..dsl.primitives.attention_parts import terms_of, weights_of
from .functional import linear, scaled_dot_product_attention
from .functional.attention import named_extras
from .layers import Dropout, LayerNorm, kaiming_uniform
from .module import Module, Parameter


class Projection(Module):
    """`x @ weight.T + bias`, the weight (outputs, inputs) as PyTorch lays it out.

    >>> Projection(3, 2)(tw.ones((4, 3), dtype="float32")).shape
    (4, 2)
    """

    def __init__(
        self, inputs: int, outputs: int, *, bias: bool = True, dtype: DTypeLike = "float32"
    ) -> None:
        self.weight = Parameter(kaiming_uniform((outputs, inputs), inputs, dtype))
        self.bias = Parameter(kaiming_uniform((outputs,), inputs, dtype)) if bias else None

    def forward(self, x: Array) -> Array:
        """x (..., inputs) -> (..., outputs)."""
        return linear(x, self.weight, self.bias)


class MultiheadAttention(Module):
    """Attention by several heads between three linear maps (Vaswani et al., 2017).

    Weights have the names and shapes of `torch.nn.MultiheadAttention`: `in_proj_weight`
    (3 D, D), `in_proj_bias`, `out_proj.weight` (D, D), `out_proj.bias`. Raises ArgumentError if the
    heads do not divide D.

    >>> layer = MultiheadAttention(8, 2, batch_first=True)
    >>> x = tw.ones((1, 3, 8), dtype="float32")
    >>> out, weights = layer(x, x, x)
    >>> out.shape, weights.shape
    ((1, 3, 8), (1, 3, 3))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        batch_first: bool = False,
        *,
        dtype: DTypeLike = "float32",
    ) -> None:
        if num_heads < 1 or embed_dim % num_heads:
            raise ArgumentError(
                f"MultiheadAttention: got {num_heads} heads for a width of {embed_dim}; "
                "they must divide it"
            )
        self.embed_dim, self.num_heads = embed_dim, num_heads
        self.dropout, self.batch_first = float(dropout), batch_first
        bound = math.sqrt(6 / (4 * embed_dim))  # Glorot's, for (3 D, D)
        weight = random.uniform(-bound, bound, (3 * embed_dim, embed_dim), dtype=dtype)
        self.in_proj_weight = Parameter(weight)
        self.in_proj_bias = Parameter(zeros(3 * embed_dim, dtype=dtype)) if bias else None
        self.out_proj = Projection(embed_dim, embed_dim, bias=bias, dtype=dtype)
        if bias:
            self.out_proj.bias = Parameter(zeros(embed_dim, dtype=dtype))

    def forward(
        self,
        query: Array,
        key: Array,
        value: Array,
        key_padding_mask: Array | None = None,
        need_weights: bool = True,
        attn_mask: Array | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Array, Array | None]:
        """query (L, B, D), key and value (S, B, D), or (B, L, D) with `batch_first`, or without B.

        The result, and with `need_weights` the weights (B, L, S), averaged over the heads, or
        (B, heads, L, S). Masks as in PyTorch: of bools, True hides a pair; floats are added.
        `attn_mask` is (L, S) or (B * heads, L, S), `key_padding_mask` (B, S); `is_causal` hides
        what comes later, also without a mask.
        """
        for name, x in (("query", query), ("key", key), ("value", value)):
            if x.ndim not in (2, 3) or x.ndim != query.ndim or x.shape[-1] != self.embed_dim:
                raise ShapeError(
                    f"MultiheadAttention: got a {name} {x.shape}; it must have 2 or 3 axes, as the "
                    f"query, and the last size must be {self.embed_dim}"
                )
        is_single = query.ndim == 2
        q, k, v = self._heads(*(self._batched(x) for x in (query, key, value)))
        mask = self._mask(attn_mask, key_padding_mask, q, is_single)
        dropout = self.dropout if self.training else 0.0
        out = scaled_dot_product_attention(q, k, v, mask, dropout, is_causal)
        out = moveaxis(out, 1, 2)  # (B, L, heads, width)
        out = self.out_proj(reshape(out, (*out.shape[:2], self.embed_dim)))
        weights = self._weights(q, k, v, mask, is_causal) if need_weights else None
        if weights is not None and average_attn_weights:
            weights = mean(weights, axis=1)
        if is_single:
            return out[0], None if weights is None else weights[0]
        return (out if self.batch_first else moveaxis(out, 0, 1)), weights

    def _batched(self, x: Array) -> Array:
        """x as (B, length, D)."""
        if x.ndim == 2:
            return reshape(x, (1, *x.shape))
        return x if self.batch_first else moveaxis(x, 0, 1)

    def _heads(self, query: Array, key: Array, value: Array) -> list[Array]:
        """Queries, keys and values of all heads, (B, heads, length, width)."""
        weights = split(self.in_proj_weight, 3)
        biases = [None] * 3 if self.in_proj_bias is None else split(self.in_proj_bias, 3)
        found = []
        for x, weight, bias in zip((query, key, value), weights, biases, strict=True):
            y = linear(x, weight, bias)
            width = self.embed_dim // self.num_heads
            found.append(moveaxis(reshape(y, (*y.shape[:2], self.num_heads, width)), 2, 1))
        return found

    def _mask(
        self, mask: Array | None, padding: Array | None, q: Array, is_single: bool
    ) -> Array | None:
        """Both masks as one: True takes part, or floats that are added."""
        if mask is not None and mask.ndim == 3:
            mask = reshape(mask, (q.shape[0], self.num_heads, *mask.shape[1:]))
        if padding is not None:
            rows = 1 if is_single else q.shape[0]
            padding = reshape(padding, (rows, 1, 1, padding.shape[-1]))
        given = [m for m in (mask, padding) if m is not None]
        if not given:
            return None
        if all(m.dtype is bool_ for m in given):
            hidden = given[0] if len(given) == 1 else given[0] | given[1]
            return logical_not(hidden)
        floats = [_as_added(m, q.dtype) for m in given]
        return floats[0] if len(floats) == 1 else floats[0] + floats[1]

    def _weights(self, q: Array, k: Array, v: Array, mask: Array | None, is_causal: bool) -> Array:
        """The softmax of the scores, (B, heads, L, S)."""
        b, h, rows, width = q.shape
        if mask is not None:
            mask = reshape(mask, (*(1,) * (4 - mask.ndim), *mask.shape))
            mask = reshape(mask, (*mask.shape[:2], 1, *mask.shape[2:]))
        q = reshape(q, (b, h, 1, rows, width))
        scale = 1.0 / math.sqrt(self.embed_dim // self.num_heads)
        extras, given = named_extras(mask=mask)
        causal = "start" if is_causal else ""
        found = weights_of(terms_of(q, k, v, *given, scale=scale, causal=causal, extras=extras))
        return reshape(found, (b, h, rows, k.shape[2])).astype(v.dtype)


def _as_added(mask: Array, dtype: DTypeLike) -> Array:
    if mask.dtype is not bool_:
        return mask.astype(dtype)
    return where(mask, -math.inf, 0.0).astype(dtype)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {"relu": relu, "gelu": gelu}


class TransformerEncoderLayer(Module):
    """Self-attention, then two linear maps, each added to what came in and normalised.

    Names of weights, arguments and results are those of `torch.nn.TransformerEncoderLayer`.
    Raises ArgumentError for an activation that is neither "relu" nor "gelu".

    >>> layer = TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    >>> layer(tw.ones((1, 3, 8), dtype="float32")).shape
    (1, 3, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        dtype: DTypeLike = "float32",
    ) -> None:
        if activation not in ACTIVATIONS:
            raise ArgumentError(
                f"TransformerEncoderLayer: got activation={activation!r}; it must be one of "
                f"{', '.join(ACTIVATIONS)}"
            )
        if not bias:
            raise ArgumentError("TransformerEncoderLayer: got bias=False; only True is supported")
        self.activation, self.norm_first = activation, norm_first
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, True, batch_first, dtype=dtype)
        self.linear1 = Projection(d_model, dim_feedforward, dtype=dtype)
        self.linear2 = Projection(dim_feedforward, d_model, dtype=dtype)
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, dtype=dtype)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, dtype=dtype)
        self.dropout, self.dropout1, self.dropout2 = (Dropout(dropout) for _ in range(3))

    def forward(
        self,
        src: Array,
        src_mask: Array | None = None,
        src_key_padding_mask: Array | None = None,
        is_causal: bool = False,
    ) -> Array:
        """src (L, B, D), or (B, L, D) with `batch_first` -> the same; masks as in the attention."""
        masks = (src_mask, src_key_padding_mask, is_causal)
        if self.norm_first:
            first: Array = src + self._attend(self.norm1(src), *masks)
            return first + self._feed_forward(self.norm2(first))
        first = self.norm1(src + self._attend(src, *masks))
        second: Array = self.norm2(first + self._feed_forward(first))
        return second

    def _attend(
        self, x: Array, mask: Array | None, padding: Array | None, is_causal: bool
    ) -> Array:
        out, _ = self.self_attn(x, x, x, padding, False, mask, is_causal=is_causal)
        kept: Array = self.dropout1(out)
        return kept

    def _feed_forward(self, x: Array) -> Array:
        inner = ACTIVATIONS[self.activation](self.linear1(x))
        kept: Array = self.dropout2(self.linear2(self.dropout(inner)))
        return kept
