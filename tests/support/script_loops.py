"""Functions with loops, for tests of tw.script."""

# ruff: noqa: SIM108

from __future__ import annotations

from typing import Any

import numpy as np
from script_support import V, program

import tilewright as tw

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


@program(
    (np.arange(8.0),),
)
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


@program((2.0,), (0.3,), (50.0,))
def only_return_ends_it(x: Any) -> Any:
    n = 0
    while True:
        n += 1
        x = x * 0.5
        if x < 0.1:
            return x + n


@program((2.0,), (0.3,), (-1.0,))
def found_or_not(x: Any) -> Any:
    for i in range(4):
        if x * i > 2:
            place = i
            break
    else:
        place, other = -1, 3
        x = x * other
    k = 0
    while True:
        k += 1
        if k > 5:
            if x > 0:
                z = x * k
                break
            w = 1.0
        else:
            w = x
        x = x * 0.5 + w * 0.25
        if k > 9:
            z = w
            break
    return z + place


@program((np.linspace(-1, 2, 12),), (np.linspace(2, -3, 12),), (np.linspace(-2, -3, 12),))
def first_positive(xs: Any) -> Any:
    for i, x in enumerate(xs):
        if x > 0:
            if i > 3:
                late = x * 2
            else:
                late = x
            break
    else:
        late = xs.sum()
    return late
