"""Functions with branches, tests, calls and static code, for tests of tw.script."""

# ruff: noqa: SIM108

from __future__ import annotations

import functools
import math
from typing import Any

from script_support import SCALARS, VECTORS, program

import tilewright as tw

# --------------------------------------------------------------------------- if


@program(*VECTORS)
def gate(x: Any) -> Any:
    return x if x.sum() > 0 else -x


@program(*SCALARS)
def if_elif_else(x: Any) -> Any:
    if x > 1:
        y = x * 2
    elif x > 0:
        y = x + 1
    else:
        y = -x
    return y


@program(*SCALARS)
def if_without_else(x: Any) -> Any:
    y = x * x
    if x > 1:
        y = y + 1
        y = y * x
    return y


@program(*SCALARS)
def early_returns(x: Any) -> Any:
    if x > 1:
        return x * 2
    y = x + 1
    if y > 0:
        return y * y
    y = y * 3
    return y - 1


@program(*SCALARS)
def nested_returns(x: Any) -> Any:
    if x > 0:
        if x > 1:
            return x * x
        x = x + 1
    else:
        x = x - 1
    return x * 3


@program(*SCALARS)
def numbers_in_branches(x: Any) -> Any:
    scale = 1
    if x > 1:
        scale = 2
    elif x > 0:
        scale = 0.5
    return x * scale


@program(*SCALARS)
def branch_temporaries(x: Any) -> Any:
    if x > 0:
        t = tw.stack([x, x])
        y = t.sum()
    else:
        t = x * x
        y = t + 1
    return y


@program(*SCALARS)
def tuples_and_lists(x: Any) -> Any:
    if x > 0:
        pair, items = (x, x + 1), [x, [x * 2]]
    else:
        pair, items = (x * 3, x), [x - 1, [x]]
    a, b = pair
    first, (second,) = items
    return a * b + first - second


@program(*SCALARS)
def dictionaries(x: Any) -> Any:
    d = {"a": x, "b": x * 2}
    if x > 0:
        d["a"] = x * x
        d["b"] += 1
    return d["a"] + d["b"]


@program(*SCALARS)
def items_of_lists(x: Any) -> Any:
    values = [x, x + 1, x + 2]
    if x > 1:
        values[1] = x * x
    elif x < 0:
        values[0], values[2] = values[2], values[0]
    return values[0] * values[1] - values[2]


@program(*VECTORS)
def writes(x: Any) -> Any:
    y = x * 1
    if x[0] > 0:
        y[0] = 5
        y[1:] += x[:2]
    else:
        y *= 2
    return y


@program(*SCALARS)
def nothing_returned(x: Any) -> Any:
    y = [x]

    def bump() -> None:
        if y[0] > 0:
            y[0] = y[0] + 1

    bump()
    return y[0]


# --------------------------------------------------------------------------- tests


@program((1.0, 2.0), (2.0, 1.0), (-1.0, 0.5), (-2.0, -3.0))
def boolean_operators(x: Any, y: Any) -> Any:
    if x > 0 and y > 0 and x < y:
        return x
    if x < 0 or (y > 1 and not x > 5):
        return y
    return x + y


@program((1.0, 2.0), (2.0, 1.0), (-1.0, 0.5))
def chains(x: Any, y: Any) -> Any:
    if 0 < x < y <= 2:
        return x * 10
    return y if not (x < y) else x - y


@program(*SCALARS)
def short_circuit(x: Any) -> Any:
    values = tw.arange(4.0)
    i = tw.asarray(7 if x is None else 2)
    if x > 0 and values[i] * x > 1:
        return x
    return -x


@program((3,), (0,), (-2,), smooth=False)
def truth_of_numbers(n: Any) -> Any:
    if n:
        n = n + 1
    if not n:
        return n - 100
    return n


@program((3,), (0,), (7,), smooth=False)
def membership(n: Any) -> Any:
    if n in (1, 3, 5):
        return n * 2
    return n if n not in [7, 8] else -n


@program((5, 2), (2, 5), (3, 3), smooth=False)
def values_of_operators(a: Any, b: Any) -> Any:
    c = (a - 3) and b
    d = (a - 3) or b
    return c * 10 + d


@program((5, 2), (2, 5), (3, 3))
def extremes(a: Any, b: Any) -> Any:
    return max(a, b) * 2 - min(a, b, 3) + abs(a - b)


# --------------------------------------------------------------------------- calls


def _helper(x: Any, scale: float = 2.0) -> Any:
    if x > 0:
        return x * scale
    return -x


class Gate:
    """An object with state in attributes and a call."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.__hidden = 0.5

    def __call__(self, x: Any) -> Any:
        if x > self.limit:
            return x * self.__hidden
        return self.other(x)

    def other(self, x: Any) -> Any:
        return x + 1 if x > 0 else x - 1


class Narrow(Gate):
    def other(self, x: Any) -> Any:
        y = super().other(x)
        if y > 0:
            y = super().other(y)
        return y


@program(*SCALARS)
def calls(x: Any) -> Any:
    inner = lambda v: v * 2 if v > 0.5 else v  # noqa: E731
    partial = functools.partial(_helper, scale=3.0)
    return _helper(x) + inner(x) + partial(x) + Gate(1.0)(x) + Narrow(1.0)(x)


@program(*SCALARS)
def closures(x: Any) -> Any:
    limit = x * 0.5

    def clip(v: Any) -> Any:
        if v > limit:
            return limit
        return v

    y = clip(x)
    limit = limit + 1
    return y + clip(x * 2)


@program(*SCALARS)
def handed_functions(x: Any) -> Any:
    values = list(map(_helper, [x, -x]))
    return sum(values) + tw.cond(x > 0, lambda: _helper(x), lambda: x if x < -1 else x * 2)


@program(*SCALARS)
def python_numbers(x: Any) -> Any:
    if float(x) > 0:
        return math.sqrt(x) + int(x * 3) * x
    return math.exp(x.item()) - round(x.item()) * x


@program(*SCALARS)
def static_recursion(x: Any) -> Any:
    def power(v: Any, n: int) -> Any:
        if n == 0:
            return v * 0 + 1
        if v > 1:
            return power(v * 0.5, n - 1) * v
        return power(v, n - 1) * v

    return power(x, 3)


# --------------------------------------------------------------------------- static code


@program(*SCALARS)
def tries(x: Any) -> Any:
    try:
        shape = x.shape[0]
    except IndexError:
        shape = 1
    finally:
        extra = 1
    with tw.enable_grad():
        if x > 0:
            y = x * shape
        else:
            y = x - shape
    match shape:
        case 1:
            y = y + extra
        case _:
            raise ValueError("not a scalar")
    assert shape == 1, "static"
    del extra
    return y


@program(*SCALARS)
def returns_inside_with(x: Any) -> Any:
    with tw.enable_grad():
        if x > 0:
            return x * 2
        x = x * 3
    return x - 1


@program(*SCALARS)
def returns_inside_try(x: Any) -> Any:
    try:
        if len(x.shape) == 0:
            return x * 2
    except ValueError:
        x = x + 1
    else:
        x = x + 2
    return x


@program(*SCALARS)
def static_loops(x: Any) -> Any:
    n, sizes = 1, []
    for i in range(10):
        n *= 2
        if i % 3 == 0:
            continue
        sizes.append(n)
    k = 0
    while k < len(sizes):
        k += 1
        if k == 4:
            break
    return x * tw.ones(k + len(sizes) - 8).sum()


@program(*SCALARS)
def names_shared_by_nested_functions(x: Any) -> Any:
    count, log = 0, [x, x]

    def step(v: Any) -> Any:
        nonlocal count
        count += 1
        log[1] = v
        return v * 2

    if x > 0:
        x = step(x)
        if x > 3:
            x = step(x)
    for _ in range(10):
        if x < 5:
            x = step(x + 1)
    return x + count + log[1]
