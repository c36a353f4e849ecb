"""`tw.trace_example`: choices by one example, each told in a warning that names its line."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tilewright as tw


def gate(x: Any) -> Any:
    y = tw.tanh(x)
    if y.sum() > 0:
        return y
    return -y


def traced(f: Any, *args: Any) -> tuple[Any, list[warnings.WarningMessage]]:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        return tw.trace_example(f, *args), told


def test_the_example_decides_and_a_warning_names_the_line() -> None:
    plus, minus = tw.array([1.0, 2.0]), tw.array([-1.0, -2.0])
    f, told = traced(gate, plus)
    (warning,) = told
    assert warning.category is tw.TraceWarning
    assert warning.filename == __file__ and warning.lineno == gate.__code__.co_firstlineno + 2
    assert "resolved by the example, where it is True" in str(warning.message)
    assert "tw.script keeps both" in str(warning.message)
    np.testing.assert_array_equal(f(plus).numpy(), gate(plus).numpy())
    np.testing.assert_array_equal(f(minus).numpy(), -gate(minus).numpy())  # the choice was kept
    other, _ = traced(gate, minus)
    np.testing.assert_array_equal(other(plus).numpy(), -gate(plus).numpy())


def test_jit_refuses_the_same_choice() -> None:
    with pytest.raises(tw.TraceError, match="bool: got a traced"):
        tw.jit(gate)(tw.ones(2))


def test_loops_and_numbers_are_resolved() -> None:
    state = tw.array([2.0])

    def f(x: Any) -> Any:
        turns = 0
        while x.sum() < 100:
            x = tw.cond(x.sum() > 5, lambda x=x: x * 2, lambda x=x: x * 3)
            turns += 1
        return x * float(state[0]) + int(x.sum()), turns

    x = tw.array([1.0, 1.0])
    g, told = traced(f, x)
    expected, turns = f(x)
    found = g(x)
    assert found[0].tolist() == expected.tolist() and found[1] == turns
    assert {str(w.message).split("(")[0].split()[-1] for w in told} == {"bool", "float", "int"}


def test_values_that_python_takes_out_are_still_refused() -> None:
    with pytest.raises(tw.TraceError, match="numpy: got a traced"):
        tw.trace_example(lambda x: x.numpy(), tw.ones(2))
    with pytest.raises(tw.TraceError, match="bool: got a traced"):
        traced(lambda x: tw.cond(x > 0, lambda: x if x > 1 else -x, lambda: x), tw.array(1.0))
    with pytest.raises(tw.TraceError, match="a decision depends on what"):
        traced(lambda x: 1 if tw.callback(np.sin, x, x) > 0 else 2, tw.array(1.0))


def test_other_arguments_are_refused() -> None:
    f, _ = traced(lambda x, k: x * k, tw.ones(2), 3)
    assert f(tw.ones(2), 3).tolist() == [3.0, 3.0]
    for args in ((tw.ones(3), 3), (tw.ones(2), 4), (tw.ones(2, dtype="float32"), 3), (tw.ones(2),)):
        with pytest.raises(tw.TraceError, match="was traced for"):
            f(*args)


def test_it_has_what_staged_functions_have(tmp_path: Path) -> None:
    x = tw.array([0.5, 1.0])
    f, _ = traced(gate, x)
    assert "tanh" in f.graph(x) and "neg" not in f.graph(x)
    assert "<svg" in str(f.draw(x))
    np.testing.assert_allclose(
        tw.grad(lambda x: f(x).sum())(x).numpy(), 1 - np.tanh(x.numpy()) ** 2
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = tw.compile(f, x)
    made.save(tmp_path / "f.tw")
    np.testing.assert_array_equal(tw.load(tmp_path / "f.tw")(-x).numpy(), f(-x).numpy())
    with pytest.raises(tw.TraceError, match="for no other sizes|is for no"):
        tw.compile(f, tw.ones(3))
    with pytest.raises(tw.TraceError, match="no other sizes"):
        tw.compile(f, x, dynamic={"x": {0: "n"}})
