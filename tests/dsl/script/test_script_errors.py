"""tw.script: what it refuses, each with a message of its own and the user's line."""

# ruff: noqa: SIM108

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tilewright as tw

SCALAR = np.float64(2.0)
VECTOR = np.ones(3)
CASES: list[tuple[Callable[..., Any], Any, int, str]] = []
COUNT = 0


def refused(argument: Any, offset: int, message: str) -> Callable[..., Any]:
    """The line is that of the decorator plus `offset`."""

    def add(f: Callable[..., Any]) -> Callable[..., Any]:
        CASES.append((f, argument, f.__code__.co_firstlineno + offset, message))
        return f

    return add


@refused(SCALAR, 4, "`y` is read at .*, where it may have no value: .* on one side only")
def no_value_on_one_side(x: Any) -> Any:
    if x > 0:
        y = x
    return y + 1


@refused(VECTOR, 6, r"`y` is read at .* becomes float64\[3\].* or float64\[2\] \(made at .*\)")
def sides_of_two_shapes(x: Any) -> Any:
    if x.sum() > 0:
        y = x * 2
    else:
        y = x[:2] * 2
    return y * 2


@refused(VECTOR, 2, "returned value is a tuple of 2 or float64")
def results_of_two_structures(x: Any) -> Any:
    if x.sum() > 0:
        return x, 1
    return x


@refused(SCALAR, 2, "returned value is 'yes' or 'no'")
def results_of_text(x: Any) -> Any:
    if x > 0:
        return "yes"
    return "no"


@refused(VECTOR, 2, r"`x` is float64\[3\] before a turn and float64\[6\] after it")
def a_loop_that_grows(x: Any) -> Any:
    while x.sum() < 10:
        x = tw.concatenate([x, x])
    return x


@refused(SCALAR, 3, "a turn changes a list of 0 items to one of 1")
def a_list_that_grows(x: Any) -> Any:
    rows = []
    while x < 100:
        rows.append(x)
        x = x * 2
    return rows


@refused(SCALAR, 3, "a set has 2 or 1 items")
def a_set_in_a_branch(x: Any) -> Any:
    s = {1}
    if x > 0:
        s.add(2)
    return x * len(s)


@refused(SCALAR, 3, "a dict has 2 or 1 items")
def a_dict_in_a_branch(x: Any) -> Any:
    d = {"a": x}
    if x > 0:
        d["b"] = x
    return sum(d.values())


@refused(SCALAR, 2, "calls itself again and again .* write a loop")
def recursion(n: Any) -> Any:
    if n < 2:
        return 1
    return n * recursion(n - 1)


@refused(SCALAR, 2, r"`raise ValueError\('negative'\)` .* a program cannot raise")
def a_raise(x: Any) -> Any:
    if x < 0:
        raise ValueError("negative")
    return x


@refused(SCALAR, 2, "is a generator")
def a_generator(x: Any) -> Any:
    yield x


@refused(SCALAR, 1, "is an `async` function")
async def a_coroutine(x: Any) -> Any:
    return x


@refused(SCALAR, 3, "binds `COUNT`, which is `global` or `nonlocal`")
def a_global(x: Any) -> Any:
    global COUNT
    if x > 0:
        COUNT = 1
    return x


def _with_nonlocal() -> Callable[..., Any]:
    n = 0

    @refused(SCALAR, 3, "binds `n`, which is `global` or `nonlocal`")
    def a_nonlocal(x: Any) -> Any:
        nonlocal n
        while x < 10:
            n += 1
            x = x * 2
        return x + n

    return a_nonlocal


_with_nonlocal()


@refused(SCALAR, 3, "stands inside of the `try`")
def an_if_in_a_try(x: Any) -> Any:
    try:
        if x > 0:
            x = x + 1
    except ValueError:
        x = x - 1
    return x


@refused(SCALAR, 3, "`try` inside of an `if` or a loop that depends on values")
def a_try_in_an_if(x: Any) -> Any:
    if x > 0:
        try:
            x = x + 1
        except ValueError:
            x = x - 1
    return x


@refused(SCALAR, 3, "known only when the program runs")
def a_try_around_a_value(x: Any) -> Any:
    try:
        n = complex(x)
    except TypeError:
        n = 0
    return x * n


@refused(SCALAR, 5, "`break` and `continue` in `finally`")
def a_return_in_finally(x: Any) -> Any:
    try:
        x = x + 1
    finally:
        return x  # noqa: B012


@refused(VECTOR, 2, r"the condition is an array of shape \(3,\)")
def a_vector_as_condition(x: Any) -> Any:
    if x > 0:
        return x
    return -x


@refused(VECTOR, 2, "the `if` of a comprehension")
def a_filter(x: Any) -> Any:
    return sum([v for v in x if v > 0])


@refused(SCALAR, 2, "a comprehension or a builtin at .* goes over")
def a_comprehension_of_unknown_size(x: Any) -> Any:
    return sum([x for _ in range(int(x))])


@refused(SCALAR, 2, "`match` at")
def a_match(x: Any) -> Any:
    match x:
        case 0:
            return x
    return x + 1


@refused(SCALAR, 2, r"`and` at .*: the value is float64\[\] or bool\[\]")
def operands_of_two_types(x: Any) -> Any:
    return x > 0 and x


@refused(VECTOR, 2, r"the conditional expression at .*: the value is .* both must be of one")
def sides_of_an_expression(x: Any) -> Any:
    return x if x.sum() > 0 else x[0]


@refused(SCALAR, 4, "only a turn of the `while` at")
def a_name_of_a_loop(x: Any) -> Any:
    while x < 10:
        y = x = x * 2
    return y


@refused(SCALAR, 2, "`while` with `:=` in its test and an `else`")
def a_walrus_with_else(x: Any) -> Any:
    while (y := x * 2) < 10:
        x = y
    else:
        x = x - 1
    return x


@pytest.mark.parametrize("case", CASES, ids=lambda c: c[0].__name__)
def test_refused_with_its_line(case: tuple[Callable[..., Any], Any, int, str]) -> None:
    f, argument, line, message = case
    try:
        tw.script(f)(tw.asarray(argument))
    except (tw.TraceError, tw.ShapeError) as error:
        found = error
    else:
        raise AssertionError("it was staged")
    assert re.search(message, str(found), re.DOTALL), found
    places = [int(n) for n in re.findall(re.escape(__file__) + r":(\d+)", str(found))]
    assert line in places, f"line {line} is not in {found}"


def test_names_without_a_value_are_errors_of_python_where_nothing_is_staged() -> None:
    def f(x: Any, flag: bool) -> Any:
        if flag:
            y = x
        return y

    with pytest.raises(NameError, match="'y'"):
        tw.script(f)(tw.asarray(1.0), False)


def test_exceptions_of_static_code_are_the_users() -> None:
    def f(x: Any, n: int) -> Any:
        if n < 0:
            raise ValueError(f"got {n}")
        assert n != 3, "not three"
        return x * n

    staged = tw.script(f)
    assert staged(tw.asarray(2.0), 4).item() == 8
    with pytest.raises(ValueError, match="got -1"):
        staged(tw.asarray(2.0), -1)
    with pytest.raises(AssertionError, match="not three"):
        staged(tw.asarray(2.0), 3)


def test_without_source_it_says_what_to_do() -> None:
    space: dict[str, Any] = {}
    exec("def f(x):\n    return x if x > 0 else -x", space)
    with pytest.raises(tw.TraceError, match=r"put the function into a file.*tw\.cond"):
        tw.script(space["f"])


@pytest.mark.parametrize("thing", [len, int, 3, "text", None.__class__])
def test_only_functions_of_python(thing: Any) -> None:
    with pytest.raises(tw.TraceError, match="it takes functions written in Python"):
        tw.script(thing)


def test_two_lambdas_on_a_line_are_told_apart() -> None:
    pair = (lambda x: x if x > 0 else -x), (lambda x: x if x > 5 else -x)
    found = [tw.script(f)(tw.asarray(2.0)).item() for f in pair]
    assert found == [2.0, -2.0]


def test_jit_points_to_script() -> None:
    with pytest.raises(tw.TraceError, match=r"tw\.script"):
        tw.jit(lambda x: x if x > 0 else -x)(tw.asarray(1.0))
