"""Encoders (Devlin et al., 2019; Wang et al., 2020) and a step of GPT-2 small (Radford, 2019)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..contest import Contest
from .vocabulary import Normal, Places, Spec, contest, joined, of

TOKENS = 128  # of an encoder's input
CACHED = 512  # keys and values that a step of decoding finds


@dataclass(frozen=True)
class Sizes:
    """Of a transformer: the blocks, the width of the stream, the heads, the words that it knows."""

    layers: int
    width: int
    heads: int
    words: int

    @property
    def inner(self) -> int:
        """The width between the two maps of a block."""
        return 4 * self.width

    def flops(self, rows: int, keys: int) -> float:
        """Of the blocks, for so many tokens in all that look at so many keys each."""
        maps = 4 * self.width**2 + 2 * self.width * self.inner
        return 2.0 * rows * self.layers * (maps + 2 * keys * self.width)


BERT = Sizes(12, 768, 12, 30_522)
MINILM = Sizes(6, 384, 12, 30_522)
GPT2 = Sizes(12, 768, 12, 50_257)


def encoders(batch: int) -> Iterator[Contest]:
    """BERT-base, and MiniLM with six layers."""
    yield encoder("BERT-base", BERT, batch)
    yield encoder("MiniLM", MINILM, batch)


def encoder(name: str, sizes: Sizes, batch: int) -> Contest:
    """From tokens to the last hidden states."""
    block = [*_maps(sizes, 3), _norm(sizes), *_inner(sizes), _norm(sizes)]
    return contest(
        f"{name}, batch {batch}",
        partial(encode, sizes),
        [Places((batch, TOKENS), sizes.words)],
        _flat([_tables(sizes, TOKENS), _norm(sizes), *block * sizes.layers]),
        sizes.flops(batch * TOKENS, TOKENS),
    )


def decoders(batch: int) -> Iterator[Contest]:
    """GPT-2 small."""
    yield decoder("GPT-2 small, a step of decoding", GPT2, batch)


def decoder(name: str, sizes: Sizes, batch: int) -> Contest:
    """The scores of the next word, after 512 whose keys and values are there."""
    cached = Normal((batch, sizes.heads, CACHED, sizes.width // sizes.heads))
    whole = _map(sizes.width, 3 * sizes.width)  # queries, keys and values by one map
    block = [_norm(sizes), whole, *_maps(sizes, 0), _norm(sizes), *_inner(sizes)]
    return contest(
        f"{name}, batch {batch}",
        partial(decode, sizes),
        [Places((batch, 1), sizes.words), *[cached] * (2 * sizes.layers)],
        _flat([_tables(sizes, 1, False), *block * sizes.layers, _norm(sizes)]),
        sizes.flops(batch, CACHED + 1) + 2.0 * batch * sizes.width * sizes.words,
    )


def encode(sizes: Sizes, library: Any, tokens: Any, *weights: Any) -> Any:
    """tokens (B, T) -> hidden states (B, T, width); each norm stands behind its sum."""
    f, given = of(library), iter(weights)
    words, positions = next(given), next(given)
    x = _normal(f, words[tokens] + positions, given, 1e-12)
    for _ in range(sizes.layers):
        q, k, v = (_heads(_affine(f, x, given), sizes) for _ in range(3))
        mixed = _together(f.scaled_dot_product_attention(q, k, v))
        x = _normal(f, x + _affine(f, mixed, given), given, 1e-12)
        inner = f.gelu(_affine(f, x, given))
        x = _normal(f, x + _affine(f, inner, given), given, 1e-12)
    return x


def decode(sizes: Sizes, library: Any, token: Any, *arrays: Any) -> tuple[Any, ...]:
    """token (B, 1), keys and values (B, heads, S, D) of each layer -> the scores of all words
    (B, 1, words), and this token's keys and values; each norm stands before its map."""
    f, width = of(library), sizes.width
    cached, given = iter(arrays[: 2 * sizes.layers]), iter(arrays[2 * sizes.layers :])
    words, positions = next(given), next(given)
    x, made = words[token] + positions, []
    for _ in range(sizes.layers):
        both = _affine(f, _normal(f, x, given), given)  # (B, 1, 3 * width)
        q, k, v = (_heads(both[..., i * width : (i + 1) * width], sizes) for i in range(3))
        made += [k, v]
        keys, values = (joined(library, (next(cached), new), 2) for new in (k, v))
        mixed = _together(f.scaled_dot_product_attention(q, keys, values))
        x = x + _affine(f, mixed, given)
        inner = f.gelu(_affine(f, _normal(f, x, given), given), approximate="tanh")
        x = x + _affine(f, inner, given)
    return (f.linear(_normal(f, x, given), words), *made)


def _affine(f: Any, x: Any, given: Iterator[Any]) -> Any:
    return f.linear(x, next(given), next(given))


def _normal(f: Any, x: Any, given: Iterator[Any], eps: float = 1e-5) -> Any:
    return f.layer_norm(x, (x.shape[-1],), next(given), next(given), eps)


def _heads(x: Any, sizes: Sizes) -> Any:
    """(B, T, width) -> (B, heads, T, D)."""
    split = x.reshape(x.shape[0], x.shape[1], sizes.heads, sizes.width // sizes.heads)
    return split.swapaxes(1, 2)


def _together(x: Any) -> Any:
    """(B, heads, T, D) -> (B, T, width)."""
    batch, heads, length, width = x.shape
    return x.swapaxes(1, 2).reshape(batch, length, heads * width)


def _flat(groups: list[list[Spec]]) -> list[Spec]:
    return [spec for group in groups for spec in group]


def _tables(sizes: Sizes, length: int, is_looked_up: bool = True) -> list[Spec]:
    """Of words and positions."""
    words = Normal((sizes.words, sizes.width), 0.5, is_looked_up=is_looked_up)
    return [words, Normal((length, sizes.width), 0.5)]


def _map(inputs: int, outputs: int) -> list[Spec]:
    return [Normal((outputs, inputs), inputs**-0.5), Normal((outputs,), 0.1)]


def _maps(sizes: Sizes, n: int) -> list[list[Spec]]:
    """Those of an attention: `n` for its inputs, and that of its result."""
    return [_map(sizes.width, sizes.width)] * (n + 1)


def _inner(sizes: Sizes) -> list[list[Spec]]:
    return [_map(sizes.width, sizes.inner), _map(sizes.inner, sizes.width)]


def _norm(sizes: Sizes) -> list[Spec]:
    return [Normal((sizes.width,), 0.1, 1.0), Normal((sizes.width,), 0.1)]
