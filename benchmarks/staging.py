"""Staged programs: calls, first calls, many shapes, unknown sizes, loops beside C."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

import tilewright as tw

from . import machine, staging_loops
from .harness import OURS, Case, Goal, Options, Run, agree
from .staging_processes import FIRST, FIRST_JAX, SHAPES, SHAPES_JAX, cold, warm

CALL = Goal("call of a staged small function, one result: at most 1.5 us", seconds=1.5e-6)
PAIR = Goal("the same with a tuple of two results: at most 2 us", seconds=2e-6)
FIRST_COLD = Goal(
    "first call of a function of 20 operations, nothing cached: 0.3 s beside TVM's import",
    seconds=0.3,
)
FIRST_WARM = Goal("the same from the disk cache in a new process: 20 ms", seconds=20e-3)
MANY = Goal("50 shapes of one function: at most 2 compiles and 0.5 s in all", seconds=0.5)
FIXED = "fixed sizes"
UNKNOWN = Goal("unknown sizes: at least 0.9x the program for fixed sizes", 0.9, FIXED)
C = "C (gcc -O2)"
SCAN = Goal("scan of 60 scalar carries over 614 steps: at most 1.2x the time of C", 1 / 1.2, C)
ADJOINT = Goal("its gradient: at most 2.5x the time of an adjoint in C", 1 / 2.5, C)
WHILE = Goal("a `while` with data-dependent turns: at most 1.2x the time of C", 1 / 1.2, C)

ONE_PROCESS = True  # its runs share what is made for them, or start processes themselves


def cases(options: Options) -> Iterator[Case]:
    """Calls, starts (in processes of their own), sizes, loops."""
    jax = machine.jax_module() if options.torch else None
    yield from _calls(options, jax)
    yield from _starts()
    yield from _sizes()
    yield from _loops(jax)


# --------------------------------------------------------------------------- calls


def _calls(options: Options, jax: Any) -> Iterator[Case]:
    x, y = np.arange(4, dtype=np.float32), np.full(4, 0.5, np.float32)

    def one(m: Any, x: Any, y: Any) -> Any:
        return m.tanh(x * y + x)

    def two(m: Any, x: Any, y: Any) -> Any:
        return m.tanh(x * y), x + y

    for name, f, goal in (("one result", one, CALL), ("two results", two, PAIR)):
        runs = _jitted(f, (x, y), options, jax)
        yield Case(f"call, {name}", runs, goal, partial(_check_call, runs))
    w = tw.asarray(y)
    captured = tw.jit(lambda x: tw.tanh(x * w))
    a = tw.asarray(x)
    named = tw.jit(lambda x, y: {"sum": x + y, "product": x * y})
    runs = {OURS: lambda: captured(a)}
    yield Case("call, captured array", runs, PAIR, lambda: None)
    runs = {OURS: lambda: named(x=a, y=w)}
    yield Case("call, names and a dict", runs, PAIR, lambda: None)


def _jitted(f: Callable[..., Any], given: Any, options: Options, jax: Any) -> dict[str, Run]:
    ours = tw.jit(lambda x, y: f(tw, x, y))
    a, b = map(tw.asarray, given)
    runs: dict[str, Run] = {OURS: lambda: ours(a, b)}
    if torch := options.torch:
        compiled = torch.compile(lambda x, y: f(torch, x, y))
        s, t = map(torch.from_numpy, given)
        runs["torch.compile"] = lambda: compiled(s, t)
    if jax:
        theirs = jax.jit(lambda x, y: f(jax.numpy, x, y))
        u, v = map(jax.numpy.asarray, given)
        runs["JAX"] = lambda: jax.block_until_ready(theirs(u, v))
    return runs


def _check_call(runs: dict[str, Run]) -> None:
    results = {name: run() for name, run in runs.items()}
    ours = results[OURS]
    for name, found in results.items():
        for a, b in zip(_many(found), _many(ours), strict=True):
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), 1e-6, err_msg=name)


def _many(found: Any) -> tuple[Any, ...]:
    return found if isinstance(found, tuple) else (found,)


# --------------------------------------------------------------------------- starts


def _starts() -> Iterator[Case]:
    has_jax = importlib.util.find_spec("jax") is not None
    for name, ours, theirs, goal in (
        ("first call, nothing cached", FIRST, FIRST_JAX, FIRST_COLD),
        ("50 shapes, nothing cached", SHAPES, SHAPES_JAX, MANY),
    ):
        runs: dict[str, Run] = {OURS: cold(ours)}
        if has_jax:
            runs["JAX"] = cold(theirs)
        yield Case(name, runs, goal, lambda: None, times_itself=True)
    runs = {OURS: warm(FIRST)}
    yield Case("first call, from the disk", runs, FIRST_WARM, lambda: None, times_itself=True)


# --------------------------------------------------------------------------- sizes


def _block(x: Any, weights: Any) -> Any:
    """A transformer block of 4 heads on x (B, T, 128)."""
    q, k, v, out, up, down = weights
    batch, length, width = x.shape

    def heads(w: Any) -> Any:
        return (x @ w).reshape(batch, length, 4, width // 4).transpose(0, 2, 1, 3)

    scores = heads(q) @ heads(k).transpose(0, 1, 3, 2) / (width // 4) ** 0.5  # (B, H, T, T)
    mixed = tw.softmax(scores, axis=-1) @ heads(v)
    x = _normal(x + mixed.transpose(0, 2, 1, 3).reshape(batch, length, width) @ out)
    return _normal(x + tw.maximum(x @ up, 0) @ down)


def _normal(x: Any) -> Any:
    middle = x.mean(axis=-1, keepdims=True)
    return (x - middle) / tw.sqrt(((x - middle) ** 2).mean(axis=-1, keepdims=True) + 1e-5)


def _random(*shape: int) -> Any:
    return tw.asarray(np.random.default_rng(len(shape)).normal(0, 0.1, shape).astype(np.float32))


def _sizes() -> Iterator[Case]:
    layers = [[_random(128, 128) for _ in range(4)] for _ in range(2)]
    weights = [[*w, _random(128, 512), _random(512, 128)] for w in layers]

    def blocks(x: Any) -> Any:
        for own in weights:
            x = _block(x, own)
        return x

    square = lambda x, y: x @ y  # noqa: E731
    yield from _compared("matmul", square, _pair, (256, 512, 1000))
    yield from _compared("softmax", lambda x: tw.softmax(x, axis=-1), _rows, (512, 1000))
    yield from _compared("two transformer blocks", blocks, _tokens, (64, 128))


def _pair(n: int) -> tuple[Any, ...]:
    return _random(n, n), _random(n, n)


def _rows(n: int) -> tuple[Any, ...]:
    return (_random(n, n + 24),)


def _tokens(n: int) -> tuple[Any, ...]:
    return (_random(n // 16, n, 128),)


def _compared(
    name: str, f: Callable[..., Any], make: Callable[[int], tuple[Any, ...]], sizes: Any
) -> Iterator[Case]:
    """A program that has seen other sizes before, beside one for this size alone."""
    for n in sizes:
        given = make(n)
        general, fixed = tw.jit(f), tw.jit(f, dynamic=False)
        for other in (n + 16, n + 32):
            general(*make(other))
        runs = {
            FIXED: partial(fixed, *given),
            OURS: partial(general, *given),
        }
        check = agree(runs, 1e-4, 1e-5, reference=FIXED)
        yield Case(f"{name} {n}", runs, UNKNOWN, check)


# --------------------------------------------------------------------------- loops


def _loops(jax: Any) -> Iterator[Case]:
    c = staging_loops.InC.compiled()
    init, x = staging_loops.inputs()
    total = staging_loops.ring(tw.scan, tw.stack)
    forward, both = tw.jit(total), tw.jit(tw.grad(total, argnums=(0, 1)))
    a, b, start = tw.asarray(init), tw.asarray(x), tw.asarray(1.0)
    grown = tw.jit(lambda x: staging_loops.grow(tw.while_loop, x))
    ours: list[Run] = [lambda: forward(a, b), lambda: both(a, b), lambda: grown(start)]
    theirs: list[Run | None] = [None] * 3
    if jax:
        theirs = list(_loops_in_jax(jax, init, x))
    in_c: list[Run | None] = [None] * 3
    if c:
        in_c = [c.forward, c.gradient, lambda: c.grow(1.0)]
    names = ("scan, 60 scalars x 614", "its gradient", "while, some 10^4 turns")
    goals = (SCAN, ADJOINT, WHILE)
    for name, goal, own, other, hand in zip(names, goals, ours, theirs, in_c, strict=True):
        runs: dict[str, Run] = {OURS: own}
        runs |= {C: hand} if hand else {}
        runs |= {"JAX": other} if other else {}
        yield Case(name, runs, goal, partial(_check_loop, runs))


def _loops_in_jax(jax: Any, init: Any, x: Any) -> Iterator[Run]:
    total = staging_loops.ring(jax.lax.scan, jax.numpy.stack)
    forward, both = jax.jit(total), jax.jit(jax.grad(total, argnums=(0, 1)))
    a, b = jax.numpy.asarray(init), jax.numpy.asarray(x)
    grown = jax.jit(lambda x: staging_loops.grow(jax.lax.while_loop, x))
    start = jax.numpy.asarray(1.0)
    yield lambda: jax.block_until_ready(forward(a, b))
    yield lambda: jax.block_until_ready(both(a, b))
    yield lambda: jax.block_until_ready(grown(start))


def _check_loop(runs: dict[str, Run]) -> None:
    found = {name: _flat(run()) for name, run in runs.items()}
    for name, values in found.items():
        np.testing.assert_allclose(values, found[OURS], 1e-9, err_msg=name)


def _flat(found: Any) -> Any:
    return np.concatenate([np.asarray(part).reshape(-1) for part in _many(found)])
