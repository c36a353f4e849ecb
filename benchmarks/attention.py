"""Attention of 12 heads, 64 wide, batch 1, float32: prefill, its gradient, one step of decoding."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

import tilewright as tw

from . import machine
from .harness import OURS, Case, Goal, Options, Run, agree

HEADS, WIDTH = 12, 64
LENGTHS = (128, 256, 512, 1024, 2048)


def cases(options: Options) -> Iterator[Case]:
    """Prefill, causal or not; one query against a cache of keys; forward and backward."""
    for length in LENGTHS:
        for causal in (False, True):
            yield _forward(options, length, length, causal)
    for length in LENGTHS:
        yield _forward(options, 1, length, causal=False)
    for length in LENGTHS[:3]:
        yield _backward(options, length)


def _operands(n_queries: int, n_keys: int) -> list[Any]:
    rng = np.random.default_rng(n_keys)
    shapes = ((1, HEADS, n, WIDTH) for n in (n_queries, n_keys, n_keys))
    return [rng.standard_normal(shape, dtype=np.float32) for shape in shapes]


def _flops(n_queries: int, n_keys: int, causal: bool) -> float:
    """Of the products of pairs that take part."""
    pairs = n_queries * (n_queries + 1) / 2 if causal else n_queries * n_keys
    return 4.0 * HEADS * WIDTH * pairs


def _goal(options: Options) -> Goal:
    peer = "PyTorch" if options.torch else "NumPy"
    return Goal(f"attention 12 x 64 float32: at least 1.2x {peer}", ratio=1.2, peer=peer)


def _forward(options: Options, n_queries: int, n_keys: int, causal: bool) -> Case:
    arrays = _operands(n_queries, n_keys)
    attend = tw.nn.functional.scaled_dot_product_attention
    ours = tw.jit(lambda q, k, v: attend(q, k, v, is_causal=causal))
    given = [tw.asarray(x) for x in arrays]
    runs: dict[str, Run] = {
        "NumPy": lambda: _in_numpy(causal, *arrays),
        OURS: lambda: ours(*given),
        **_of_torch(options, arrays, causal),
        **_of_jax(options, arrays, causal),
    }
    kind = "decode" if n_queries == 1 else "prefill"
    name = f"{kind} {n_keys}{', causal' if causal else ''}"
    flops = _flops(n_queries, n_keys, causal)
    # Means of values of unit scale, from scores that are off by some units in their last place.
    return Case(name, runs, _goal(options), agree(runs, 0, 1e-4), flops=flops)


def _in_numpy(causal: bool, q: Any, k: Any, v: Any) -> Any:
    scores = q @ k.swapaxes(-1, -2) / np.float32(math.sqrt(WIDTH))
    if causal:
        scores[..., np.triu(np.ones(scores.shape[-2:], bool), 1)] = -np.inf
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers @ v / powers.sum(-1, keepdims=True)


def _of_torch(options: Options, arrays: list[Any], causal: bool) -> dict[str, Run]:
    torch = options.torch
    if not torch:
        return {}
    attend = torch.nn.functional.scaled_dot_product_attention
    given = [torch.from_numpy(x) for x in arrays]
    compiled = torch.compile(lambda q, k, v: attend(q, k, v, is_causal=causal))
    return {
        "PyTorch": lambda: attend(*given, is_causal=causal),
        "torch.compile": lambda: compiled(*given),
    }


def _of_jax(options: Options, arrays: list[Any], causal: bool) -> dict[str, Run]:
    jax = machine.jax_module() if options.torch else None
    if not jax:
        return {}
    attend = jax.jit(lambda q, k, v: jax.nn.dot_product_attention(q, k, v, is_causal=causal))
    given = [jax.numpy.asarray(x.swapaxes(1, 2)) for x in arrays]
    # The result is (B, L, heads, E): what it is compared with has the heads before.
    turned = jax.jit(lambda q, k, v: attend(q, k, v).swapaxes(1, 2))
    return {"JAX": lambda: turned(*given).block_until_ready()}


def _backward(options: Options, length: int) -> Case:
    arrays = _operands(length, length)
    attend = tw.nn.functional.scaled_dot_product_attention
    ours = tw.jit(tw.grad(lambda q, k, v: attend(q, k, v).sum(), argnums=(0, 1, 2)))
    given = [tw.asarray(x) for x in arrays]
    runs: dict[str, Run] = {"NumPy": lambda: _slopes(*arrays), OURS: lambda: ours(*given)[2]}
    if torch := options.torch:
        theirs = [torch.from_numpy(x).requires_grad_() for x in arrays]

        def run() -> Any:
            out = torch.nn.functional.scaled_dot_product_attention(*theirs)
            return torch.autograd.grad(out.sum(), theirs)[2]

        runs["PyTorch"] = run
    flops = 3.5 * _flops(length, length, False)
    return Case(f"gradient {length}", runs, _goal(options), agree(runs, 0, 1e-2), flops=flops)


def _slopes(q: Any, k: Any, v: Any) -> Any:
    """The gradient by the values of a sum over the result; the others are computed beside it."""
    scores = q @ k.swapaxes(-1, -2) / np.float32(math.sqrt(WIDTH))
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    weights = powers / powers.sum(-1, keepdims=True)
    by_out = np.ones_like(q)
    by_weight = by_out @ v.swapaxes(-1, -2)
    inner = by_weight - (by_weight * weights).sum(-1, keepdims=True)
    by_score = weights * inner / np.float32(math.sqrt(WIDTH))
    _, _ = by_score @ k, by_score.swapaxes(-1, -2) @ q
    return weights.swapaxes(-1, -2) @ by_out
