"""Functions with control flow that several tests try, with arguments for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import tilewright as tw


@dataclass(frozen=True)
class Case:
    """A function of float64 arrays with control flow, and arguments for it."""

    name: str
    f: Callable[..., Any]
    arguments: tuple[tuple[Any, ...], ...]


def gate(x: Any) -> Any:
    return tw.cond(x.sum() > 0, lambda: x * x, lambda: -x)


def operands(x: Any, y: Any) -> Any:
    return tw.cond(x > y, lambda a, b: a * b, lambda a, b: a - b * b, x, y)


def pick(x: Any) -> Any:
    return tw.switch(tw.floor(x).astype("int64"), [lambda: x, lambda: x * x, lambda: x**3])


def newton(a: Any) -> Any:
    def step(s: Any) -> Any:
        return s[1], 0.5 * (s[1] + a / s[1])

    return tw.while_loop(lambda s: abs(s[0] - s[1]) > 1e-12, step, (a * 0, a))[1]


def collatz(x: Any) -> Any:
    n = x.astype("int64")

    def step(s: Any) -> Any:
        n, count = s
        return tw.cond(n % 2 == 0, lambda: n // 2, lambda: 3 * n + 1), count + 1

    return tw.while_loop(lambda s: s[0] != 1, step, (n, 0))[1] * 1.0


def horner(x: Any) -> Any:
    return tw.fori_loop(0, 5, lambda i, s: s * x + i, 0.0)


def turns_of_a_value(x: Any) -> Any:
    n = tw.floor(x).astype("int64")
    return tw.fori_loop(0, n, lambda i, s: s * x, 1.0)


def running(xs: Any) -> Any:
    total, sums = tw.scan(lambda s, x: (s * 0.5 + x, s * x), 0.0, xs)
    return total + (sums * sums).sum()


def backwards(xs: Any) -> Any:
    total, ys = tw.scan(lambda s, x: (s * x + 1, (s, x)), 1.0, xs, reverse=True)
    return total + (ys[0] * ys[1]).sum()


def nested(xs: Any) -> Any:
    def row(s: Any, x: Any) -> Any:
        inner = tw.fori_loop(0, 3, lambda i, t: t * x + s, x)
        return s + tw.cond(inner > 0, lambda: inner, lambda: inner * x), inner

    return tw.scan(row, 0.0, xs)[0]


def recurrent(w: Any, xs: Any) -> Any:
    def cell(h: Any, x: Any) -> Any:
        h = tw.tanh(w @ h + x)
        return h, tw.cond(h[0] > 0, lambda: h * h, lambda: h)

    h, ys = tw.scan(cell, tw.zeros(3, dtype="float64"), xs)
    return h.sum() + (ys**2).sum()


VECTORS = ((np.array([0.5, 1.5, -0.25]),), (np.array([-0.5, -1.5, 0.3]),))
CASES = [
    Case("gate", gate, VECTORS),
    Case("operands", operands, ((2.0, 1.5), (0.5, 1.0))),
    Case("switch", pick, ((0.5,), (1.5,), (2.5,), (-3.0,), (9.5,))),
    Case("newton", newton, ((2.0,), (9.0,))),
    Case("collatz", collatz, ((27.0,), (1.0,))),
    Case("horner", horner, ((0.7,), (-1.2,))),
    Case("turns", turns_of_a_value, ((2.5,), (4.5,), (0.5,))),
    Case("running", running, VECTORS),
    Case("backwards", backwards, VECTORS),
    Case("nested", nested, VECTORS),
    Case(
        "recurrent", recurrent,
        ((np.linspace(-1, 1, 9).reshape(3, 3), np.linspace(0.3, -0.7, 12).reshape(4, 3)),),
    ),
]  # fmt: skip
