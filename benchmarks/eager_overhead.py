"""What an eager call costs beside its kernel: operators, functions, methods, views, gradients."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tilewright as tw
import tilewright.numpy as tnp

from .harness import OURS, Case, Goal, Options, agree

ADD = Goal("eager `a + b` on 4 elements, by any name: at most 0.7 us", seconds=0.7e-6)
CALL = Goal("eager method, reduction, function, view or index: at most 1.0 us", seconds=1.0e-6)
TAPED = Goal("eager forward and backward of a small layer: at least PyTorch's", 1.0, "PyTorch")

# By the name of the case: what to do with a module of functions, two vectors of 4, a matrix 4 x 4.
_ADDITIONS: dict[str, Callable[..., Any]] = {
    "a + b": lambda m, a, b, x: a + b,
    "a + 1.5": lambda m, a, b, x: a + 1.5,
    "add(a, b)": lambda m, a, b, x: m.add(a, b),
}
_CALLS: dict[str, Callable[..., Any]] = {
    "a < b": lambda m, a, b, x: a < b,
    "a ** 2": lambda m, a, b, x: a**2,
    "exp(a)": lambda m, a, b, x: m.exp(a),
    "sqrt(a)": lambda m, a, b, x: m.sqrt(a),
    "maximum(a, b)": lambda m, a, b, x: m.maximum(a, b),
    "where(a < b, a, b)": lambda m, a, b, x: m.where(a < b, a, b),
    "a.sum()": lambda m, a, b, x: a.sum(),
    "x.sum(0)": lambda m, a, b, x: x.sum(0),
    "x.mean(0)": lambda m, a, b, x: x.mean(0),
    "x.argmax()": lambda m, a, b, x: x.argmax(),
    "x @ x": lambda m, a, b, x: x @ x,
    "x.reshape(2, 8)": lambda m, a, b, x: x.reshape(2, 8),
    "x.T": lambda m, a, b, x: x.T,
    "a[0]": lambda m, a, b, x: a[0],
    "a[1:3]": lambda m, a, b, x: a[1:3],
    "x[:, 1]": lambda m, a, b, x: x[:, 1],
}


def cases(options: Options) -> Iterator[Case]:
    """One case for each kind of call, and a small layer with its gradients."""
    for goal, table in ((ADD, _ADDITIONS), (CALL, _CALLS)):
        for name, call in table.items():
            yield _case(name, call, goal, options)
    yield _mixed(options)
    yield _astype(options)
    yield _in_place(options)
    yield _layer(options)


def _modules(options: Options) -> dict[str, tuple[Any, Callable[[Any], Any]]]:
    """By contender: its functions, and how it takes an array of NumPy."""
    found: dict[str, tuple[Any, Callable[[Any], Any]]] = {
        "NumPy": (np, np.asarray),
        OURS: (tnp, tw.asarray),
    }
    if options.torch:
        found["PyTorch"] = (options.torch, options.torch.from_numpy)
    if importlib.util.find_spec("jax") is not None:
        jax_numpy = importlib.import_module("jax.numpy")
        found["JAX"] = (jax_numpy, jax_numpy.asarray)
    return found


def _inputs() -> tuple[Any, Any, Any]:
    x = np.arange(1, 17, dtype=np.float32).reshape(4, 4) / 8
    return np.arange(4, dtype=np.float32), np.full(4, 1.5, np.float32), x


def _case(name: str, call: Callable[..., Any], goal: Goal, options: Options) -> Case:
    runs = {}
    for contender, (module, take) in _modules(options).items():
        given = tuple(map(take, _inputs()))
        runs[contender] = lambda module=module, given=given: call(module, *given)
    return Case(f"{name}, 4 elements" if "x" not in name else name, runs, goal, agree(runs, 1e-6))


def _mixed(options: Options) -> Case:
    runs = {}
    for contender, (_, take) in _modules(options).items():
        a, i = take(np.arange(4, dtype=np.float32)), take(np.arange(4, dtype=np.int32))
        runs[contender] = lambda a=a, i=i: a + i
    return Case("a + i (float32, int32), 4 elements", runs, ADD, agree(runs, 1e-6))


def _astype(options: Options) -> Case:
    """JAX's arrays have no float64 by default, and PyTorch's method has another name."""
    a = np.arange(4, dtype=np.float32)
    ours = tw.asarray(a)
    runs = {"NumPy": lambda: a.astype(np.int32), OURS: lambda: ours.astype(np.int32)}
    if torch := options.torch:
        t = torch.from_numpy(a)
        runs["PyTorch"] = lambda: t.to(torch.int32)
    return Case("a.astype(int32), 4 elements", runs, CALL, agree(runs, 0))


def _in_place(options: Options) -> Case:
    runs = {}
    for contender, (_, take) in _modules(options).items():
        runs[contender] = _adder(take(np.zeros(4, np.float32)), take(np.zeros(4, np.float32)))
    return Case("a += b, 4 elements", runs, CALL, agree(runs, 0))


def _adder(a: Any, b: Any) -> Callable[[], Any]:
    def run() -> Any:
        nonlocal a
        a += b
        return a

    return run


def _layer(options: Options) -> Case:
    """tanh(x @ w + b), its sum, and the gradients of w and b."""
    rng = np.random.default_rng(0)
    x, w, b = (rng.random(s, np.float32) for s in ((8, 16), (16, 4), (4,)))
    ours = _trainer(tw, tw.asarray(x), *(tw.asarray(v).requires_grad_() for v in (w, b)))
    runs: dict[str, Callable[[], Any]] = {OURS: ours}
    if torch := options.torch:
        s, u, c = (torch.from_numpy(v.copy()) for v in (x, w, b))
        runs["PyTorch"] = _trainer(torch, s, u.requires_grad_(), c.requires_grad_())
    wanted = x.T @ (1 - np.tanh(x @ w + b) ** 2)

    def check() -> None:
        for contender, run in runs.items():
            found = np.asarray(run())
            assert np.allclose(found, wanted, rtol=1e-4, atol=1e-5), contender

    return Case("tanh(x @ w + b).sum(), forward and backward", runs, TAPED, check)


def _trainer(module: Any, x: Any, w: Any, b: Any) -> Callable[[], Any]:
    def run() -> Any:
        w.grad = b.grad = None
        module.tanh(x @ w + b).sum().backward()
        return w.grad

    return run
