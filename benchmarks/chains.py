"""21 elementwise expressions over 1e5, 1e6 and 1e7 elements, staged, beside every peer that can."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

import tilewright as tw

from . import machine
from .chains_functions import (
    CHAINS,
    Chain,
    arguments,
    function_of,
    numba_function,
    numexpr_function,
    numpy_function,
)
from .harness import BEST, OURS, Case, Goal, Options, Run

GOAL = Goal(
    "elementwise chains of 1e5 to 1e7, staged: geometric mean at least 1.5x the best of NumPy, "
    "numexpr, numba, PyTorch, torch.compile and JAX",
    ratio=0.0001,
    peer=BEST,
    mean=1.5,
)
SIZES = (100_000, 1_000_000, 10_000_000)


def cases(options: Options) -> Iterator[Case]:
    """Every expression at every size."""
    for size in SIZES:
        given = arguments(size)
        for name, chain in CHAINS.items():
            here = {key: given[key] for key in chain.given.split()}
            runs = _runs(chain, here, options)
            title = f"{name} {size:.0e}".replace("e+0", "e")
            yield Case(title, runs, GOAL, partial(_check, runs, chain))


def _runs(chain: Chain, given: Mapping[str, Any], options: Options) -> dict[str, Run]:
    arrays = list(given.values())
    here = [tw.asarray(x) for x in arrays]
    runs: dict[str, Run] = {
        "NumPy": partial(numpy_function(chain), *arrays),
        OURS: partial(tw.jit(function_of(chain, tw, tw.erf)), *here),
    }
    if _has("numexpr") and (run := numexpr_function(chain, given)):
        importlib.import_module("numexpr").set_num_threads(options.threads)
        runs["numexpr"] = run
    if _has("numba"):
        importlib.import_module("numba").set_num_threads(options.threads)
        runs["numba"] = partial(numba_function(chain), *arrays)
    if torch := options.torch:
        there = [torch.from_numpy(x) for x in arrays]
        function = function_of(chain, torch, torch.erf)
        runs["PyTorch"] = partial(function, *there)
        torch._dynamo.reset()
        runs["torch.compile"] = partial(torch.compile(function, dynamic=False), *there)
        if jax := machine.jax_module():
            runs["JAX"] = _in_jax(jax, chain, arrays)
    return runs


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _in_jax(jax: Any, chain: Chain, arrays: list[Any]) -> Run:
    erf = importlib.import_module("jax.scipy.special").erf
    staged: Callable[..., Any] = jax.jit(function_of(chain, jax.numpy, erf))
    there = [jax.numpy.asarray(x) for x in arrays]
    return lambda: jax.block_until_ready(staged(*there))


def _check(runs: Mapping[str, Run], chain: Chain) -> None:
    """All contenders' results, whole, within what float32 makes of the expression."""
    expected = _leaves(runs["NumPy"]())
    for name, run in runs.items():
        for found, wanted in zip(_leaves(run()), expected, strict=True):
            np.testing.assert_allclose(found, wanted, chain.tolerance, chain.tolerance,
                                       err_msg=name)  # fmt: skip


def _leaves(result: Any) -> list[Any]:
    return [np.asarray(x) for x in (result if isinstance(result, tuple) else (result,))]
