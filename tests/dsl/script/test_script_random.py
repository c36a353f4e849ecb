"""Random programs with control flow: tw.script equals eager Python."""

from __future__ import annotations

import linecache
from itertools import count
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import tilewright as tw

_numbers = count()
NAMES = ("a", "b", "n", "m")  # two floats, two integers
FLOAT_TERMS = ("a", "b", "1.5", "-0.5", "n", "a * 0.5", "b - a", "abs(a)", "min(a, b)")
INTEGER_TERMS = ("n", "m", "2", "n + 1", "m * 2 - n", "n % 5", "m // 3", "max(n, m)")
TESTS = (
    "a > b", "n > m", "a < 1 and b > 0", "n == 3 or m < 2", "not a > 0", "0 < a < 2",
    "n % 2 == 0", "m in (1, 4)", "v.sum() > 0",
)  # fmt: skip


@st.composite
def blocks(draw: Any, depth: int, in_loop: bool) -> list[str]:
    """The lines of a block."""
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        lines += draw(statements(depth, in_loop))
    return lines


def indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


@st.composite
def statements(draw: Any, depth: int, in_loop: bool) -> list[str]:
    """The lines of a statement. Loops have a bound of their own, as random tests may hold on."""
    kinds = ["float", "integer", "vector", "augmented"]
    if depth:
        kinds += ["if", "if", "else", "while", "for", "range"]
    kinds += ["return"] if depth < 2 else []
    kinds += ["break", "continue"] if in_loop else []
    kind = draw(st.sampled_from(kinds))
    test = draw(st.sampled_from(TESTS))
    if kind == "float":
        terms = draw(st.tuples(st.sampled_from(FLOAT_TERMS), st.sampled_from(FLOAT_TERMS)))
        return [f"{draw(st.sampled_from('ab'))} = ({terms[0]}) * 0.5 + {terms[1]} * 0.25"]
    if kind == "integer":
        return [f"{draw(st.sampled_from('nm'))} = ({draw(st.sampled_from(INTEGER_TERMS))}) % 23"]
    if kind == "augmented":
        return [draw(st.sampled_from(["n += 1", "m -= 2", "a *= 0.5", "b += n * 0.125"]))]
    if kind == "vector":
        return [draw(st.sampled_from(["v = v * 0.5 + a", "v[0] = b", "v[n % 3] += 1"]))]
    if kind in ("break", "continue", "return"):
        return [f"if {test}:", f"    {'return v * 2, a, n, m' if kind == 'return' else kind}"]
    body = indented(draw(blocks(depth - 1, in_loop or kind not in ("if", "else"))))
    if kind == "if":
        return [f"if {test}:", *body]
    if kind == "else":
        return [f"if {test}:", *body, "else:", *indented(draw(blocks(depth - 1, in_loop)))]
    name = f"k{next(_numbers)}"
    if kind == "while":
        return [f"{name} = 0", f"while {name} < 7 and {test}:", f"    {name} += 1", *body]
    if kind == "for":
        return [f"for {name} in v:", f"    a = a * 0.5 + {name}", *body]
    bound = draw(st.sampled_from(["3", "11", "n % 6", "m % 4"]))
    return [f"for {name} in range({bound}):", f"    n = (n + {name}) % 19", *body]


@st.composite
def programs(draw: Any) -> str:
    """The text of a function of two floats, two integers and a vector."""
    body = draw(blocks(2, False))
    return "\n".join(["def f(a, b, n, m, v):", *indented(body), "    return v, a, n, m", ""])


def compiled(text: str) -> Any:
    """The function, with a source that can be read."""
    name = f"<random program {next(_numbers)}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    space: dict[str, Any] = {"tw": tw}
    exec(compile(text, name, "exec"), space)
    return space["f"]


def values(f: Any, numbers: tuple[float, float, int, int]) -> list[np.ndarray[Any, Any]]:
    a, b, n, m = numbers
    arguments = [tw.asarray(x) for x in (a, b, n, m)]
    v = tw.asarray([a, b, a - b])
    return [np.asarray(tw.asarray(x)) for x in f(*arguments, v)]


@given(
    text=programs(),
    numbers=st.lists(
        st.tuples(
            st.sampled_from([-1.5, 0.25, 1.0, 2.5]), st.sampled_from([-2.0, 0.5, 3.0]),
            st.integers(0, 6), st.integers(0, 6),
        ),
        min_size=2, max_size=2,
    ),
)  # fmt: skip
@settings(max_examples=15)
def test_random_programs(text: str, numbers: list[tuple[float, float, int, int]]) -> None:
    f = compiled(text)
    scripted = tw.script(f)
    for given_numbers in numbers:
        want, found = values(f, given_numbers), values(scripted, given_numbers)
        for x, y in zip(want, found, strict=True):
            assert x.dtype == y.dtype, text
            np.testing.assert_allclose(y, x, rtol=1e-12, atol=1e-13, err_msg=text)
