"""Attention of 12 heads, 64 wide, batch 1, float32: prefill, its gradient, one step of decoding."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from .contest import JAX, NUMPY, TORCH, Contest, Entry, Made, ahead_of_best
from .harness import OURS, Options

HEADS, WIDTH = 12, 64
LENGTHS = (128, 256, 512, 1024, 2048)
FORWARD = ahead_of_best("attention 12 x 64 float32", mean=1.2)
BACKWARD = ahead_of_best("the same with its gradients", mean=1.1)


def cases(options: Options) -> Iterator[Contest]:
    """Prefill, causal or not; one query against a cache of keys; forward and backward."""
    for length in LENGTHS:
        for causal in (False, True):
            yield _contest(length, length, causal)
    for length in LENGTHS:
        yield _contest(1, length, causal=False)
    for length in LENGTHS[:4]:
        yield _contest(length, length, causal=True, with_gradient=True)


def _contest(n_queries: int, n_keys: int, causal: bool, *, with_gradient: bool = False) -> Contest:
    kind = "gradient" if with_gradient else "decode" if n_queries == 1 else "prefill"
    ours = partial(_by_name, causal)
    in_jax: Entry = Made(partial(_in_jax, causal))
    if with_gradient or n_queries == 1:
        in_jax = partial(_jax_turned, causal) if with_gradient else _jax_by_products
    functions: dict[str, Entry] = {OURS: ours, TORCH: ours, JAX: in_jax}
    functions |= {} if with_gradient else {NUMPY: partial(_in_numpy, causal)}
    # Backward: the scores again, and four products of the same size.
    times = 3.5 if with_gradient else 1.0
    return Contest(
        f"{kind} {n_keys}{', causal' if causal else ''}",
        partial(_inputs, n_queries, n_keys),
        functions,
        BACKWARD if with_gradient else FORWARD,
        gradient=(0, 1, 2) if with_gradient else (),
        flops=times * _flops(n_queries, n_keys, causal),
        bytes=4.0 * HEADS * WIDTH * 2 * (n_queries + n_keys) * (2 if with_gradient else 1),
        tolerance=1e-4,
    )


def _inputs(n_queries: int, n_keys: int, rng: np.random.Generator) -> list[Any]:
    shapes = ((1, HEADS, n, WIDTH) for n in (n_queries, n_keys, n_keys))
    return [rng.standard_normal(shape, dtype=np.float32) for shape in shapes]


def _flops(n_queries: int, n_keys: int, causal: bool) -> float:
    """Of the products of pairs that take part."""
    pairs = n_queries * (n_queries + 1) / 2 if causal else n_queries * n_keys
    return 4.0 * HEADS * WIDTH * pairs


def _by_name(causal: bool, library: Any, q: Any, k: Any, v: Any) -> Any:
    """tilewright's and PyTorch's, which are called alike."""
    return library.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)


def _in_numpy(causal: bool, np: Any, q: Any, k: Any, v: Any) -> Any:
    scores = q @ k.swapaxes(-1, -2) / q.dtype.type(math.sqrt(WIDTH))
    if causal:
        scores[..., np.triu(np.ones(scores.shape[-2:], bool), 1)] = -np.inf
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers @ v / powers.sum(-1, keepdims=True)


def _jax_turned(causal: bool, jax: Any, *arrays: Any) -> Any:
    """JAX's heads stand behind the positions."""
    turned = (x.swapaxes(1, 2) for x in arrays)
    return jax.nn.dot_product_attention(*turned, is_causal=causal).swapaxes(1, 2)


def _jax_by_products(jax: Any, q: Any, k: Any, v: Any) -> Any:
    """For one query a fifth of the time of `dot_product_attention`."""
    weights = jax.nn.softmax(q @ k.swapaxes(-1, -2) / math.sqrt(WIDTH), axis=-1)
    return weights @ v


def _in_jax(causal: bool, jax: Any, *arrays: Any) -> Callable[[], Any]:
    """On arrays that lie as JAX likes them."""
    given = [x.swapaxes(1, 2) for x in arrays]
    attend = partial(jax.nn.dot_product_attention, is_causal=causal)
    # The result, with which others are compared, has the heads before.
    return partial(jax.jit(lambda *given: attend(*given).swapaxes(1, 2)), *given)
