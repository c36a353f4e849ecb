"""Control flow: staged equals eager, in values, gradients, state and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from device_support import device_names
from flow_support import CASES, Case
from hypothesis import given
from hypothesis import strategies as st

import tilewright as tw

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def arrays(arguments: tuple[Any, ...]) -> list[Any]:
    return [tw.asarray(a, dtype="float64") for a in arguments]


def total(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *a: tw.sum(f(*a))


@cases
def test_staged_equals_eager(case: Case) -> None:
    staged = tw.jit(case.f)
    for arguments in case.arguments:
        given = arrays(arguments)
        np.testing.assert_allclose(
            staged(*given).numpy(), tw.asarray(case.f(*given)).numpy(), rtol=1e-12, atol=1e-15
        )


@cases
def test_gradients(case: Case) -> None:
    """The eager tape, which has seen one run, is the reference."""
    eager = tw.grad(total(case.f), argnums=0)
    staged = tw.jit(eager)
    through = tw.grad(total(tw.jit(case.f)))  # a staged call on the tape
    for arguments in case.arguments:
        given = arrays(arguments)
        want = eager(*given).numpy()
        np.testing.assert_allclose(staged(*given).numpy(), want, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(through(*given).numpy(), want, rtol=1e-10, atol=1e-12)


@cases
def test_second_derivatives(case: Case) -> None:
    first = tw.grad(total(case.f))
    second = tw.grad(lambda *a: (first(*a) ** 2).sum())
    staged = tw.jit(second)
    for arguments in case.arguments:
        given = arrays(arguments)
        want = second(*given).numpy()
        np.testing.assert_allclose(staged(*given).numpy(), want, rtol=1e-9, atol=1e-12)


@cases
def test_code_means_the_same(case: Case) -> None:
    """The text of a graph, run as Python: of the function and of its gradient."""
    for f in (case.f, tw.grad(total(case.f))):
        staged = tw.jit(f)
        given = arrays(case.arguments[0])
        scope: dict[str, Any] = {}
        text = staged.code(*given)
        exec(text, scope)  # the test's own text
        (made,) = (v for k, v in scope.items() if callable(v) and k not in ("tw", "p"))
        (found,) = made(*given)
        np.testing.assert_allclose(
            tw.asarray(found).numpy(), staged(*given).numpy(), rtol=1e-10, err_msg=text
        )


@pytest.mark.parametrize("device", device_names()[1:])
@cases
def test_on_devices(case: Case, device: str) -> None:
    staged = tw.jit(tw.grad(total(case.f)))
    for arguments in case.arguments[:2]:
        given = arrays(arguments)
        want = staged(*given).numpy()
        found = staged(*(a.to(device) for a in given))
        np.testing.assert_allclose(found.numpy(), want, rtol=1e-9, atol=1e-12)


# --------------------------------------------------------------------------- state


def test_branches_write_to_arrays_of_outside() -> None:
    total = tw.zeros(3, dtype="float64")

    @tw.jit
    def f(x: Any) -> Any:
        y = x * 2
        row = y[:2]

        def write() -> int:
            total.__iadd__(x)
            row[1:] = 7
            return 1

        tw.cond(x.sum() > 0, write, lambda: 0)
        return y

    assert f(tw.array([1.0, 2.0, 3.0])).tolist() == [2.0, 7.0, 6.0]
    assert total.tolist() == [1.0, 2.0, 3.0]
    assert f(tw.array([-1.0, -2.0, -3.0])).tolist() == [-2.0, -4.0, -6.0]
    assert total.tolist() == [1.0, 2.0, 3.0]


def test_loops_write_to_arrays_of_outside() -> None:
    steps, trail = tw.zeros((), dtype="int64"), tw.zeros(8, dtype="int64")

    @tw.jit
    def f(n: Any) -> Any:
        def body(n: Any) -> Any:
            trail[steps] = n
            steps.__iadd__(1)
            return tw.where(n % 2 == 0, n // 2, 3 * n + 1)

        return tw.while_loop(lambda n: n > 1, body, n)

    assert f(tw.array(6)).item() == 1
    assert steps.item() == 8
    assert trail.tolist() == [6, 3, 10, 5, 16, 8, 4, 2]

    @tw.jit
    def g(xs: Any) -> Any:
        def body(s: Any, x: Any) -> Any:
            steps.__isub__(1)
            return s + x, s

        return tw.scan(body, 0, xs)

    last, before = g(tw.array([1, 2, 3]))
    assert (last.item(), before.tolist(), steps.item()) == (6, [0, 1, 3], 5)


def test_random_numbers_go_on_in_loops() -> None:
    def draw(n: Any) -> Any:
        return tw.fori_loop(0, 3, lambda i, s: s + tw.random.uniform(size=2), tw.zeros(2))

    tw.random.seed(5)
    want = draw(0).numpy()
    tw.random.seed(5)
    staged = tw.jit(draw)
    np.testing.assert_allclose(staged(0).numpy(), want, rtol=1e-6)
    assert not np.allclose(staged(0).numpy(), want)


# --------------------------------------------------------------------------- errors


def test_what_does_not_fit_is_refused_by_name() -> None:
    x = tw.array([1.0, 2.0])

    def long(v: Any) -> Any:
        return tw.concatenate([v, v])

    def check(f: Callable[..., Any], match: str, error: type = tw.TraceError) -> None:
        with pytest.raises(error, match=match):
            tw.jit(f)(x)

    check(lambda x: tw.cond(x.sum() > 0, long, lambda v: v, x), "long gives float64.4")
    check(lambda x: tw.cond(x.sum() > 0, lambda: (x, x), lambda: x), "a tuple of 2 values")
    check(lambda x: tw.cond(x.sum() > 0, lambda: "a", lambda: "b"), "arrays or numbers")
    check(lambda x: tw.cond(x > 0, lambda: x, lambda: x), "must be a scalar", tw.ShapeError)
    check(lambda x: tw.while_loop(lambda s: s.sum() < 9, long, x), "a loop keeps shapes")
    check(lambda x: tw.while_loop(lambda s: s.sum() < 9, lambda s: (s, s), x), "structure")
    check(lambda x: tw.scan(lambda s, v: s, 0.0, x), "pair")
    check(lambda x: tw.scan(lambda s, v: (s, v), 0.0, (x, x[:1])), "lengths", tw.ShapeError)
    check(lambda x: tw.switch(x.sum(), [lambda: x]), "integer scalar", tw.ShapeError)
    check(lambda x: tw.switch(0, []), "no functions", tw.ShapeError)


def test_values_must_not_escape_from_a_branch() -> None:
    kept: list[Any] = []

    @tw.jit
    def f(x: Any) -> Any:
        return tw.cond(x > 0, lambda: kept.append(x * 2) or x, lambda: x)

    with pytest.raises(tw.TraceError, match="outlives"):
        f(tw.array(1.0))


def test_conditions_do_not_write() -> None:
    seen = tw.zeros(())

    @tw.jit
    def f(x: Any) -> Any:
        return tw.while_loop(lambda s: seen.__iadd__(1) + s < 9, lambda s: s + 1, x)

    with pytest.raises(tw.TraceError, match="writes to an array"):
        f(tw.array(1.0))


# --------------------------------------------------------------------------- random programs


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(0, 6))
def test_loops_of_any_length(numbers: list[int], turns: int) -> None:
    """One program for every number of turns, none included."""
    xs = tw.array(numbers, dtype="int64")
    found = _sums(xs, tw.array(turns))
    want = np.array(numbers)
    for i in range(turns):
        want = want * 2 + i
    assert found.tolist() == want.tolist()


@tw.jit
def _sums(xs: Any, turns: Any) -> Any:
    return tw.fori_loop(0, turns, lambda i, s: s * 2 + i, xs)
