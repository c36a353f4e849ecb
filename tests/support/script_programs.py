"""Functions with control flow of every kind, with arguments that take its ways.

Plain Python: they run eagerly as they are written, and staged by tw.script, with equal results.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import tilewright as tw


@dataclass(frozen=True)
class Program:
    """A function and argument tuples; float arrays of the first tuples can be differentiated."""

    f: Callable[..., Any]
    arguments: tuple[tuple[Any, ...], ...]
    smooth: bool = True


PROGRAMS: list[Program] = []
V = np.array([0.5, 1.5, -0.25])
SCALARS = ((2.0,), (-1.5,), (0.25,))
VECTORS = ((V,), (-V,), (V * 0.1,))


def program(*arguments: tuple[Any, ...], smooth: bool = True) -> Callable[..., Any]:
    def add(f: Callable[..., Any]) -> Callable[..., Any]:
        PROGRAMS.append(Program(f, arguments, smooth))
        return f

    return add


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


# --------------------------------------------------------------------------- while


@program((2.0,), (9.0,))
def newton(a: Any) -> Any:
    x = a
    while abs(x * x - a) > 1e-12:
        x = 0.5 * (x + a / x)
    return x


@program((27,), (1,), (6,), smooth=False)
def collatz(n: Any) -> Any:
    count = 0
    while n != 1:
        if n % 2 == 0:
            n = n // 2
        else:
            n = 3 * n + 1
        count += 1
    return count


@program((2.0,), (0.3,), (50.0,))
def while_true(x: Any) -> Any:
    n = 0
    while True:
        y = x * 0.5
        n += 1
        if y < 0.1:
            break
        x = y
    return y + n


@program((2.0,), (0.3,), (50.0,))
def break_and_continue(x: Any) -> Any:
    total, i = 0.0, 0
    while i < 20:
        i += 1
        if x * i < 3:
            continue
        total = total + x * i
        if total > 40:
            break
    return total + i


@program((2.0,), (0.3,), (50.0,))
def return_from_while(x: Any) -> Any:
    i = 0
    while x * i < 30:
        if i > 10:
            return x - 1
        i += 1
    return x * i


@program((2.0,), (-2.0,))
def while_else(x: Any) -> Any:
    i = 0
    while i < 5:
        x = x * 1.5
        if x > 10:
            break
        i += 1
    else:
        x = x - 100
    return x


@program((2.0,), (0.3,))
def walrus(x: Any) -> Any:
    n = 0
    while (y := x * x) > 0.01 and n < 30:
        x = x * 0.5
        n += 1
    if (z := y * 2) > 0.01:
        return z + n
    return z - n


@program((48, 18), (17, 5), (7, 7), smooth=False)
def gcd(a: Any, b: Any) -> Any:
    while b:
        a, b = b, a % b
    return a


@program((2.0,), (5.0,))
def while_of_python(x: Any) -> Any:
    n = 3
    while n > 0:
        x = x * x - n
        n -= 1
    return x


@program((1.0,), (3.0,))
def nested_loops(x: Any) -> Any:
    total = 0.0
    i = 0
    while i < 4:
        j = 0
        while j < 5:
            if x * j > 6:
                break
            total = total + x * i - j
            j += 1
        i += 1
    return total


@program((V,), (-V,))
def writes_in_loop(x: Any) -> Any:
    y = x * 1
    i = 0
    while y.sum() < 10 and i < 12:
        y[i % 3] += 1
        i += 1
    return y


# --------------------------------------------------------------------------- for


@program((1.5,), (-0.5,))
def short_range(x: Any) -> Any:
    total = 0
    for i in range(4):
        total = total + x**i
    return total


@program((0.9,), (-0.5,))
def long_range(x: Any) -> Any:
    total = 0
    for i in range(20):
        total = total + x * i
        y = total * x
    return y + i


@program((7, 0.5), (0, 0.5), (12, 1.5))
def range_of_array(n: Any, x: Any) -> Any:
    total = x * 0
    for i in range(n):
        total = total + x * i
    return total


@program((7, 0.5), (2, 0.5), (12, 1.5))
def range_with_step(n: Any, x: Any) -> Any:
    total = x * 0
    for i in range(n, -n, -2):
        total = total * 0.5 + x * i
    return total


@program((np.linspace(-1, 2, 12),), (np.linspace(2, -3, 12),))
def over_array(xs: Any) -> Any:
    total = 0.0
    for x in xs:
        if x > 0:
            total = total + x * x
        else:
            total = total - x
    return total


@program((np.linspace(-1, 2, 12),), (np.linspace(2, -3, 12),))
def search(xs: Any) -> Any:
    for i, x in enumerate(xs):
        if x > 0.5:
            return x * i
    return xs[0] * 100


@program((np.linspace(-1, 2, 12), np.linspace(2, -3, 12)))
def pairs(xs: Any, ys: Any) -> Any:
    total = 0.0
    for i, (x, y) in enumerate(zip(xs, ys)):  # noqa: B905
        if x > y:
            break
        total += x * y + i
    for x in reversed(xs):
        total = total * 0.5 + x
    return total


@program((1.5,), (-0.5,))
def for_else(x: Any) -> Any:
    for i in range(30):
        if x * i > 20:
            found = x * i
            break
    else:
        found = x
    return found


@program((1.5,), (-0.5,))
def continue_in_for(x: Any) -> Any:
    total = 0.0
    for i in range(16):
        if x * i > 4:
            continue
        total += x * i
    return total


@program((1.5,), (-0.5,))
def unrolled_break(x: Any) -> Any:
    total = x * 0
    for i in range(5):
        if total > 2:
            break
        total = total + x * i
    return total


@program((1.5,), (-0.5,))
def appended(x: Any) -> Any:
    rows = []
    for i in range(12):
        rows.append(x * i)
    return tw.stack(rows)


@program((np.arange(8.0),),)
def shapes_that_shrink(x: Any) -> Any:
    for _ in range(3):
        x = x[::2] * 2
    return x


@program((1.5,), (-0.5,))
def over_list(x: Any) -> Any:
    for step in [1.0, x, (2.0, 3.0)]:
        if isinstance(step, tuple):
            x = x * step[0] + step[1]
        elif x > 0:
            x = x - step
        else:
            x = x + step
    return x


@program((1.5,), (-0.5,))
def comprehensions(x: Any) -> Any:
    values = [x * i for i in range(4) if i != 2]
    table = {k: v + 1 for k, v in zip("abc", values, strict=True)}
    return sum(values) + table["b"]


@program((1.5,), (-0.5,))
def first_of_two(x: Any) -> Any:
    h = None
    for i in range(10):
        h = x if h is None else h * 0.5 + x * i
    return h


@program((1.5,), (-0.5,))
def index_of_list(x: Any) -> Any:
    factors = [float(i) for i in range(12)]
    for i in range(12):
        if x * i > 3:
            x = x - factors[i]
        else:
            x = x + factors[i] * 0.1
    return x


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
    return math.exp(x.item()) - round(x)


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


# --------------------------------------------------------------------------- writes to what is read


@program((np.linspace(-1, 2, 10),))
def writes_to_what_it_goes_over(xs: Any) -> Any:
    y = xs * 1
    for i, x in enumerate(y):
        if i < 9:
            y[i + 1] += x
    return y


@program((np.linspace(-1, 2, 20).reshape(10, 2),))
def writes_to_rows(xs: Any) -> Any:
    y = xs * 1
    for row in y:
        row *= row.sum()
    return y


@program((np.linspace(-1, 2, 12).reshape(4, 3), V), (np.linspace(2, -1, 12).reshape(4, 3), V))
def rows_and_matrices(m: Any, v: Any) -> Any:
    best, place = m[0] @ v, 0
    for i, row in enumerate(m):
        score = row @ v
        if score > best:
            best, place = score, i
    return best * place


@program((np.linspace(-1, 2, 12),))
def counts_in_an_array(xs: Any) -> Any:
    counts = tw.zeros(3)
    for x in xs:
        if x > 1:
            counts[2] += x
        elif x > 0:
            counts[1] += x
        else:
            counts[0] -= x
    return counts
