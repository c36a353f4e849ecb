"""21 elementwise expressions over 1e5, 1e6 and 1e7 elements, staged, beside every peer that can."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from .chains_functions import CHAINS, Chain, arguments, function_of, numba_function
from .contest import (
    COMPILED,
    JAX,
    NUMBA,
    NUMEXPR,
    NUMPY,
    TORCH,
    Contest,
    Entry,
    Made,
    ahead_of_best,
)  # fmt: skip
from .harness import OURS, Options

GOAL = ahead_of_best("elementwise chains of 1e5 to 1e7, staged", mean=1.5)
SIZES = (100_000, 1_000_000, 10_000_000)


def cases(options: Options) -> Iterator[Contest]:
    """Every expression at every size."""
    for size in SIZES:
        for name, chain in CHAINS.items():
            yield _contest(name, chain, size)


def _contest(name: str, chain: Chain, size: int) -> Contest:
    n_arrays = len(chain.given.split()) + len(chain.outputs)
    return Contest(
        f"{name} {size:.0e}".replace("e+0", "e"),
        partial(_inputs, chain, size),
        _functions(chain),
        GOAL,
        bytes=float(n_arrays * size * np.dtype(chain.dtype).itemsize),
        dtype=chain.dtype,
        tolerance=chain.tolerance,
    )


def _inputs(chain: Chain, size: int, rng: np.random.Generator) -> list[Any]:
    return [arguments(name, size, rng) for name in chain.given.split()]


def _functions(chain: Chain) -> dict[str, Entry]:
    plain = partial(_called, chain)
    return {
        **dict.fromkeys((OURS, NUMPY, TORCH, JAX), plain),
        COMPILED: Made(partial(_compiled, chain)),
        NUMEXPR: partial(_in_numexpr, chain) if chain.in_numexpr else None,
        NUMBA: Made(partial(_in_numba, chain)),
    }


def _called(chain: Chain, library: Any, *arrays: Any) -> Any:
    return function_of(chain, library)(*arrays)


def _compiled(chain: Chain, torch: Any, *arrays: Any) -> Callable[[], Any]:
    """By torch.compile, which cannot look into how the function is made."""
    torch._dynamo.reset()
    return partial(torch.compile(function_of(chain, torch), dynamic=False), *arrays)


def _in_numexpr(chain: Chain, numexpr: Any, *arrays: Any) -> Any:
    given = dict(zip(chain.given.split(), arrays, strict=True))
    return numexpr.evaluate(chain.body, given, {}, truediv=False)


def _in_numba(chain: Chain, numba: Any, *arrays: Any) -> Callable[[], Any]:
    return partial(numba_function(chain, numba), *arrays)
