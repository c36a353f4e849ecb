"""Unknown sizes: one program for all, what is a condition, and what is refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tilewright as tw
from tilewright.dsl.errors import ArgumentError, ShapeError, TraceError

N = {"x": {0: "n"}}
F32 = np.float32

# Functions of x (n, 6), each the same in NumPy but for what is named here.
FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "elementwise": lambda np_, x: np_.tanh(x) * 2 + 1,
    "mean": lambda np_, x: x.mean(axis=0),
    "mean of all": lambda np_, x: x.mean(),
    "variance": lambda np_, x: np_.var(x, axis=0),
    "flat": lambda np_, x: x.reshape(-1) * 3,
    "halves": lambda np_, x: x.reshape((-1, 2, 3)).sum(axis=2),
    "turned": lambda np_, x: x.T + 1,
    "product": lambda np_, x: x @ x.T,
    "square": lambda np_, x: (x @ x.T).reshape(-1),
    "reversed": lambda np_, x: x[::-1] + 0,
    "without the first": lambda np_, x: x[1:] - x[:-1],
    "joined": lambda np_, x: np_.concatenate([x, x + 1, x], axis=0),
    "counted": lambda np_, x: x[:, 0] + np_.arange(x.shape[0]).astype(F32),
    "row": lambda np_, x: x + np_.ones((1, 6)).astype(F32),
    "stacked": lambda np_, x: np_.stack([x, x * 2], axis=1),
    "sorted out": lambda np_, x: np_.where(x > 0, x, 0 * x),
    "largest": lambda np_, x: x.argmax(axis=1),
    "largest of the rows": lambda np_, x: x.max(axis=0),
}

# The fewest rows that the programs take, where that is not 0.
LEAST = {"without the first": 1, "largest of the rows": 1}


def example(n: int) -> np.ndarray:
    return np.random.default_rng(n).normal(size=(n, 6)).astype(F32)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_program_is_right_for_all_sizes(name: str) -> None:
    f = FUNCTIONS[name]
    made = tw.compile(lambda x: f(tw, x), example(20), dynamic=N)
    least = LEAST.get(name, 0)
    for n in (0, 1, 2, 3, 7, 16, 33, 100):
        x = example(n)
        if n < least:
            with pytest.raises(ShapeError, match=f"n = {n}; "):
                made(x)
            continue
        with warnings.catch_warnings(action="ignore"):  # NumPy on means of nothing
            expected = f(np, x)
        found = made(x)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-5)


def test_sizes_have_names_in_descriptions() -> None:
    made = tw.compile(
        lambda x, y: tw.concatenate([x, y @ x, x[:1]], axis=0), example(20), np.ones((9, 20), F32),
        dynamic={"x": {0: "n"}, "y": {-1: "n", 0: "m"}},
    )  # fmt: skip
    assert [str(p) for p in made.inputs] == ["x: float32[n, 6]", "y: float32[m, n]"]
    assert made.manifest["sizes"] == ["n", "m"]
    assert made.outputs[0].shape == ("1 + m + n", 6)
    assert made(example(3), np.ones((2, 3), F32)).shape == (6, 6)
    message = r"got y of shape \(2, 4\); axis 1 must have size 3 \(n, as on axis 0 of x\)"
    with pytest.raises(ShapeError, match=message):
        made(example(3), np.ones((2, 4), F32))
    with pytest.raises(ShapeError, match="n = 0, m = 2; .* at test_unknown_sizes.py"):
        made(example(0), np.ones((2, 0), F32))


def test_sizes_that_are_divided() -> None:
    for f in (lambda x: x[: x.shape[0] // 2] * 2, lambda x: x[::2] + 1):
        made = tw.compile(f, example(20), dynamic=N)
        for n in (5, 6, 33, 100):
            np.testing.assert_array_equal(made(example(n)).numpy(), f(example(n)))
        with pytest.raises(ShapeError, match="n = 2; a decision"):  # one row, which broadcasts
            made(example(2))


def test_windows_become_conditions() -> None:
    made = tw.compile(lambda x: x[2:12].sum(axis=0), example(40), dynamic=N)
    np.testing.assert_allclose(made(example(12)).numpy(), example(12)[2:12].sum(0), rtol=1e-5)
    with pytest.raises(ShapeError, match="n = 11; slice at"):
        made(example(11))  # NumPy would take nine rows: another program


def test_python_branches_on_a_size() -> None:
    def small_is_other(x: Any) -> Any:
        return x * 2 if x.shape[0] < 4 else x

    made = tw.compile(small_is_other, example(20), dynamic=N)
    assert made(example(4)).tolist() == example(4).tolist()
    with pytest.raises(ShapeError, match=r"n = 3; a decision at test_unknown_sizes.py:\d+ needs"):
        made(example(3))

    def between(x: Any) -> Any:
        return x * 2 if x.shape[0] < 1000 and x.shape[0] != 30 else x

    made = tw.compile(between, example(20), dynamic=N)
    assert made(example(999)).shape == (999, 6)
    for n in (30, 1000):
        with pytest.raises(ShapeError, match=rf"n = {n}; a decision at"):
            made(example(n))


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: sum((x[i] for i in range(x.shape[0])), x[0]), "the program is another"),
        (lambda x: x * 2 if x.shape[0] == 23 else x, r"only where .* is 0 at test_unknown_sizes"),
        (lambda x: x * float(np.sqrt(x.shape[0])), "it asks for the number itself"),
        (lambda x: x + tw.asarray(np.zeros(x.shape, F32)), "constant array|number itself"),
        (lambda x: x + tw.ones((20, 6)), "with n = 2[0-9]+ the function fails"),
        (lambda x: x.reshape(-1, 4), "fails"),
    ],
)
def test_other_programs_for_other_sizes_are_refused(f: Any, message: str) -> None:
    with pytest.raises(TraceError, match=message):
        tw.compile(f, example(20), dynamic=N)


@pytest.mark.parametrize(
    ("dynamic", "message"),
    [
        ({"z": {0: "n"}}, "dynamic names the input 'z'; there are: x"),
        ({"x": {2: "n"}}, "axis 2 of x, which has 2 axes"),
        ({"x": {0: "n", -2: "m"}}, "axis -2 of x twice"),
        ({"x": {0: "n", 1: "n"}}, "n is 20 on one axis of the example and 6 on axis 1"),
        ({"x": {0: "2n"}}, "it must be a word"),
        ({"x": {0: 3}}, "it must be a word"),
    ],
)
def test_wrong_names_of_sizes(dynamic: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        tw.compile(lambda x: x, example(20), dynamic=dynamic)


def test_too_many_sizes() -> None:
    x = tw.zeros((2, 3, 4, 5, 6))
    names = {"x": dict(enumerate("abcde"))}
    with pytest.raises(ArgumentError, match="5 unknown sizes"):
        tw.compile(lambda x: x, x, dynamic=names)
    del names["x"][4]
    made = tw.compile(lambda x: x.sum(axis=(0, 2)) + x.shape[1], x, dynamic=names)
    assert made(tw.ones((2, 3, 4, 5, 6))).tolist() == np.full((3, 5, 6), 11.0).tolist()
    assert made(tw.ones((1, 2, 1, 1, 6))).tolist() == np.full((2, 1, 6), 3.0).tolist()
