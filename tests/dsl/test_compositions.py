"""Transforms of transforms: each with each, with jit, control flow and Modules."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tilewright as tw

F = Callable[..., Any]


def smooth(x: Any) -> Any:
    return (tw.sin(x) * x[0] + tw.exp(-x * x)).sum()


def branching(x: Any) -> Any:
    return tw.cond(x[0] > 0.4, lambda: (x * x * x).sum(), lambda: tw.sin(x).sum() * x[1])


def looping(x: Any) -> Any:
    def turn(s: Any, v: Any) -> Any:
        return tw.tanh(s * v + x[0]), s * s

    last, seen = tw.scan(turn, x[1] * 1.0, x)
    return last + seen.sum()


def waiting(x: Any) -> Any:
    return tw.while_loop(lambda s: s[0] < 4.0, lambda s: (s[0] * 1.5 + x[1] ** 2, s[1] + s[0]),
                         (x[0] + 1.0, x[2] * x[0]))[1]  # fmt: skip


def modular(x: Any) -> Any:
    return (MODEL(x) ** 2).sum()


def _model() -> Any:
    made = tw.nn.Sequential(tw.nn.Linear(3, 4), tw.nn.Tanh(), tw.nn.Linear(4, 2))
    rng = np.random.default_rng(1)
    for i, value in enumerate((made[0], made[2])):
        value.weight = tw.nn.Parameter(rng.normal(size=value.weight.shape) * 0.5 + i * 0.1)
        value.bias = tw.nn.Parameter(rng.normal(size=value.bias.shape))
    return made


MODEL = _model()
FUNCTIONS = {f.__name__: f for f in (smooth, branching, looping, waiting, modular)}
XS = np.array([[0.5, 0.8, 0.3], [0.2, 0.6, 0.9], [0.7, 0.1, 0.4]])


def differences(f: F, x: Any, step: float) -> Any:
    """The derivative of f along each element of x, by central differences: one axis behind."""
    columns = []
    for i in range(x.size):
        e = np.zeros(x.size)
        e[i] = step
        ends = [np.asarray(f(x + s * e)) for s in (1, -1)]
        columns.append((ends[0] - ends[1]) / (2 * step))
    return np.stack(columns, -1)


def value(f: F) -> F:
    return lambda x: tw.asarray(f(tw.asarray(x))).numpy()


FIRST: dict[str, Callable[[F], F]] = {
    "grad": tw.grad,
    "jacrev": tw.jacrev,
    "jacfwd": tw.jacfwd,
    "vjp": lambda f: lambda x: tw.vjp(f, x)[1](tw.ones((), dtype="float64"))[0],
    "jvp": lambda f: lambda x: tw.stack([tw.jvp(f, (x,), (tw.asarray(e),))[1] for e in np.eye(3)]),
    "checkpoint": lambda f: tw.grad(tw.checkpoint(f)),
    "jit": lambda f: tw.grad(tw.jit(f)),
}


@pytest.mark.parametrize("outer", ["plain", "jit", "vmap", "jit of vmap", "vmap of jit"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_first_derivatives(name: str, outer: str) -> None:
    f = FUNCTIONS[name]
    want = np.stack([differences(value(f), x, 1e-6) for x in XS])
    for label, transform in FIRST.items():
        g = transform(f)
        wrap: F = {"plain": lambda g: g, "jit": tw.jit, "vmap": tw.vmap,
                "jit of vmap": lambda g: tw.jit(tw.vmap(g)),
                "vmap of jit": lambda g: tw.vmap(tw.jit(g))}[outer]  # fmt: skip
        if outer != "vmap" and label in ("jvp", "jacrev") and name == "modular":
            continue  # said by the others; each is a compilation
        h = wrap(g)
        if "vmap" in outer:
            found = h(tw.asarray(XS)).numpy()
        else:
            found = np.stack([h(tw.asarray(x)).numpy() for x in XS])
        np.testing.assert_allclose(found, want, rtol=1e-6, atol=1e-8, err_msg=label)


SECOND = list(itertools.product(("grad", "jacrev", "jacfwd", "checkpoint"), ("jacrev", "jacfwd")))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_second_derivatives(name: str) -> None:
    f = FUNCTIONS[name]
    slope = tw.grad(f)
    want = np.stack([differences(value(slope), x, 1e-6) for x in XS])
    xs = tw.asarray(XS)
    for inner, outer in SECOND:
        whole = FIRST[outer](FIRST[inner](f))
        found = tw.jit(tw.vmap(whole))(xs).numpy()
        np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-7, err_msg=f"{outer} {inner}")
    np.testing.assert_allclose(tw.hessian(f)(xs[0]).numpy(), want[0], rtol=1e-5, atol=1e-7)
    by_rows = tw.grad(lambda x: tw.vmap(f)(x).sum())
    product = tw.jvp(by_rows, (xs,), (xs * 0 + 1,))[1]
    np.testing.assert_allclose(product.numpy(), want.sum(-1), rtol=1e-5, atol=1e-7)


@tw.script
def scripted(x: Any) -> Any:
    y = x
    while y < 10.0:
        if y > 3.0:  # noqa: SIM108
            y = y * 1.5
        else:
            y = y + x * x
    return y


def test_a_scripted_function() -> None:
    xs = tw.asarray(np.array([0.7, 1.9, 12.0]))
    want = np.array([tw.grad(scripted)(x).item() for x in xs])
    ends = [np.array([scripted(x + e).item() for x in xs]) for e in (1e-6, -1e-6)]
    np.testing.assert_allclose(want, (ends[0] - ends[1]) / 2e-6, rtol=1e-6)
    np.testing.assert_allclose(tw.jit(tw.vmap(tw.grad(scripted)))(xs).numpy(), want, rtol=1e-10)
    along = tw.jvp(tw.vmap(scripted), (xs,), (xs * 0 + 1,))[1]
    np.testing.assert_allclose(along.numpy(), want, rtol=1e-10)


def test_third_derivatives_through_a_while() -> None:
    """Newton's iteration for a root, whose derivatives are known."""

    def root(a: Any) -> Any:
        def step(s: Any) -> Any:
            return s[1], 0.5 * (s[1] + a / s[1])

        return tw.while_loop(lambda s: abs(s[0] - s[1]) > 1e-13, step, (a * 0, a))[1]

    a = 2.0
    third = tw.jit(tw.grad(tw.grad(tw.grad(root))))
    np.testing.assert_allclose(third(tw.array(a)).item(), 3 / 8 * a**-2.5, rtol=1e-9)
    mixed = tw.jit(lambda x: tw.jvp(tw.grad(tw.grad(root)), (x,), (x * 0 + 1,))[1])
    np.testing.assert_allclose(mixed(tw.array(a)).item(), 3 / 8 * a**-2.5, rtol=1e-9)


def test_a_jacobian_of_pytrees() -> None:
    def f(p: Any, x: Any) -> Any:
        return p["w"] @ x, {"s": p["w"].sum() * x}

    p, x = {"w": tw.asarray(np.ones((2, 3)))}, tw.asarray(np.arange(3.0))
    for jacobian in (tw.jacrev, tw.jacfwd):
        by_p, by_x = jacobian(f, argnums=(0, 1))(p, x)[0]
        assert (by_p["w"].shape, by_x.shape) == ((2, 2, 3), (2, 3))
        np.testing.assert_allclose(by_x.numpy(), np.ones((2, 3)))
        side = jacobian(f, argnums=1)(p, x)[1]["s"]
        np.testing.assert_allclose(side.numpy(), 6 * np.eye(3))


def test_a_complex_gradient_of_each_row() -> None:
    """PyTorch's convention: dL/dx + i dL/dy."""
    z = tw.asarray(np.array([1 + 2j, 3 - 1j]))
    rows = tw.jacrev(lambda z: abs(z) ** 2)(z).numpy()
    np.testing.assert_allclose(rows, np.diag(2 * z.numpy()))
    each = tw.vmap(tw.grad(lambda z: abs(z) ** 2))(z).numpy()
    np.testing.assert_allclose(each, 2 * z.numpy())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # its own
def test_as_torch(oracle: Callable[[str], ModuleType]) -> None:
    torch = oracle("torch")
    x = np.linspace(-1, 1, 6).reshape(2, 3)

    def f(lib: Any, x: Any) -> Any:
        return (lib.tanh(x) * x[0]).sum() ** 2

    given = torch.tensor(x)
    for ours, theirs in (
        (
            tw.vmap(tw.hessian(lambda a: f(tw, a))),
            torch.func.vmap(torch.func.hessian(lambda a: f(torch, a))),
        ),
        (
            tw.vmap(tw.jacfwd(tw.grad(lambda a: f(tw, a)))),
            torch.func.vmap(torch.func.jacfwd(torch.func.grad(lambda a: f(torch, a)))),
        ),
    ):
        np.testing.assert_allclose(ours(tw.asarray(x)).numpy(), theirs(given).numpy(), rtol=1e-9)
