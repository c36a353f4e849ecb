"""Moving data, staged: transposes, joins, pads, windows, reads and writes at places."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

import tilewright as tw

from . import machine
from .harness import BEST, OURS, Case, Goal, Options, Run, agree
from .movement_functions import MOVES, Move

GOAL = Goal(
    "moving data, staged: geometric mean at least 1.2x the best of NumPy, PyTorch, torch.compile "
    "and JAX",
    ratio=0.0001,
    peer=BEST,
    mean=1.2,
)


def cases(options: Options) -> Iterator[Case]:
    """Every move."""
    for name, move in MOVES.items():
        runs = _runs(move, options)
        yield Case(name, runs, GOAL, agree(runs, 1e-5, 1e-5))


def _arguments(move: Move) -> list[Any]:
    rng = np.random.default_rng(0)
    given: list[Any] = [rng.standard_normal(shape, dtype=np.float32) for shape in move.shapes]
    count, below = move.places
    return [*given, rng.integers(0, below, count)] if count else given


def _runs(move: Move, options: Options) -> dict[str, Run]:
    given = _arguments(move)
    staged = tw.jit(lambda *arrays: move.common(tw, *arrays))
    runs: dict[str, Run] = {
        "NumPy": partial(move.common, np, *given),
        OURS: partial(staged, *map(tw.asarray, given)),
    }
    if torch := options.torch:
        there = [torch.from_numpy(x) for x in given]
        function = partial(move.torch, torch)
        runs["PyTorch"] = partial(function, *there)
        torch._dynamo.reset()
        runs["torch.compile"] = partial(torch.compile(function, dynamic=False), *there)
        if jax := machine.jax_module():
            runs["JAX"] = _in_jax(jax, move, given)
    return runs


def _in_jax(jax: Any, move: Move, given: list[Any]) -> Run:
    staged: Callable[..., Any] = jax.jit(partial(move.jax or move.common, jax.numpy))
    there = [jax.numpy.asarray(x) for x in given]
    return lambda: jax.block_until_ready(staged(*there))
