"""Philox4x32-10 as a rule of kernels, and in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import uint32, uint64
from ..primitive import Expr, Reader, Vocabulary
from .samples import Numpy

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
Words = tuple[Expr, ...]


def lower_philox(t: Vocabulary, block: Expr, state: Reader) -> Words:
    """The four words of a block (an int64 expression) of a state's present call.

    On the way words are uint64 below 2**32: a vector of them is multiplied to full products by one
    instruction, and nothing is packed and unpacked.
    """
    key: Words = tuple(t.cast(state((t.size(i),)), uint64) for i in (0, 1))
    call: Words = tuple(t.cast(state((t.size(i),)), uint64) for i in (2, 3))
    whole = t.call("let", t.cast(block, uint64))
    words = _philox(t, (_low(t, whole), _high(t, whole), *call), key)
    return tuple(t.call("let", t.cast(word, uint32)) for word in words)


def halves(t: Vocabulary, x: Expr) -> Words:
    """The low and the high 32 bits of a uint64."""
    return t.cast(x, uint32), t.cast(t.call("shr", x, t.const(32, uint64)), uint32)


def _low(t: Vocabulary, x: Expr) -> Expr:
    return t.call("let", t.call("bitwise_and", x, t.const(0xFFFFFFFF, uint64)))


def _high(t: Vocabulary, x: Expr) -> Expr:
    return t.call("let", t.call("shr", x, t.const(32, uint64)))


def _philox(t: Vocabulary, counter: Words, key: Words) -> Words:
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        first, second = (
            t.call("let", c * t.const(m, uint64))
            for c, m in zip((c0, c2), MULTIPLIERS, strict=True)
        )
        c0, c2 = _xor(t, _high(t, second), c1, k0), _xor(t, _high(t, first), c3, k1)
        c1, c3 = _low(t, second), _low(t, first)
        k0, k1 = (_low(t, k + t.const(s, uint64)) for k, s in zip((k0, k1), KEY_STEPS, strict=True))
    return c0, c1, c2, c3


def _xor(t: Vocabulary, a: Expr, b: Expr, key: Expr) -> Expr:
    return t.call("let", t.call("bitwise_xor", t.call("bitwise_xor", a, b), key))


def philox(counter: Numpy, key: Numpy) -> Numpy:
    """Philox4x32-10 of counters uint32[..., 4] and one key uint32[2], in NumPy."""
    c = [counter[..., i].astype(np.uint64) for i in range(4)]
    k = [int(key[0]), int(key[1])]
    mask, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    for _ in range(ROUNDS):
        p0, p1 = (np.uint64(m) * x for m, x in zip(MULTIPLIERS, (c[0], c[2]), strict=True))
        c[0], c[2] = (p1 >> shift) ^ c[1] ^ np.uint64(k[0]), (p0 >> shift) ^ c[3] ^ np.uint64(k[1])
        c[1], c[3] = p1 & mask, p0 & mask
        k = [(word + step) & 0xFFFFFFFF for word, step in zip(k, KEY_STEPS, strict=True)]
    return np.stack(c, axis=-1).astype(np.uint32)


def block_words(state: Numpy, blocks: Any) -> Numpy:
    """The words uint32[..., 4] of blocks (uint64) of a state's present call, in NumPy."""
    call = np.broadcast_to(state[2:], (*blocks.shape, 2))
    low, high = blocks & np.uint64(0xFFFFFFFF), blocks >> np.uint64(32)
    counter = np.concatenate([np.stack([low, high], -1), call], -1).astype(np.uint32)
    return philox(counter, state[:2])
