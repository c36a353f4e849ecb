"""`tw.jit` for any shape: one program equals eager code at all sizes, guards, variants, errors."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tilewright as tw

# Functions of x (n, m) that are general: nothing in them depends on more than sizes.
GENERAL: dict[str, Callable[[Any], Any]] = {
    "elementwise": lambda x: tw.tanh(x) * 2 + 1,
    "row": lambda x: x + tw.ones((1, x.shape[1])),
    "sum": lambda x: x.sum(),
    "mean of columns": lambda x: x.mean(axis=0),
    "mean by hand": lambda x: x.sum(axis=0) / x.shape[0],
    "variance": lambda x: tw.var(x, axis=1),
    "largest": lambda x: x.max(axis=1),
    "position of the largest": lambda x: x.argmax(axis=0),
    "softmax": lambda x: tw.softmax(x, axis=-1),
    "softmax of columns": lambda x: tw.softmax(x, axis=0),
    "flat": lambda x: x.reshape(-1) * 3,
    "turned": lambda x: x.T + 1,
    "swapped": lambda x: x.reshape(x.shape[1], x.shape[0]),
    "product": lambda x: x @ x.T,
    "joined": lambda x: tw.concatenate([x, x + 1, x[:1]], axis=0),
    "stacked": lambda x: tw.stack([x, x * 2], axis=1),
    "halves": lambda x: x[: x.shape[0] // 2] - x[x.shape[0] - x.shape[0] // 2 :],
    "every other": lambda x: x[::2] * 2,
    "reversed": lambda x: x[::-1] + 0,
    "differences": lambda x: x[1:] - x[:-1],
    "counted": lambda x: x[:, 0] + tw.arange(x.shape[0]),
    "counted from two": lambda x: x[:, 0] + tw.arange(2, x.shape[0] + 2),
    "chosen": lambda x: tw.where(x > 0, x, x.shape[1]),
    "padded": lambda x: tw.pad(x, ((1, 2), (0, 3))),
    "repeated": lambda x: tw.broadcast_to(x, (3, *x.shape)),
    "cumulative": lambda x: tw.cumsum(x, axis=0),
    "sorted": lambda x: tw.sort(x, axis=1),
    "scanned": lambda x: tw.scan(lambda s, row: (s + row, s * row), x[0], x)[1],
    "branch": lambda x: tw.cond(x.sum() > 0, lambda: x, lambda: -x),
    "looped": lambda x: tw.while_loop(
        lambda s: s[1] < x.sum(), lambda s: (s[0] * 1.5, s[1] + 1), (x, 0)
    )[0],
    "written": lambda x: written(x),
}


def written(x: Any) -> Any:
    y = x * 1.0
    y[1:] = y[:-1] + 1
    return y


def example(*shape: int) -> tw.Array:
    return tw.array(np.random.default_rng(sum(shape)).normal(size=shape))


def same(found: Any, expected: Any) -> None:
    assert found.shape == expected.shape and found.dtype is expected.dtype
    np.testing.assert_allclose(found.numpy(), expected.numpy(), 1e-11, 1e-12)


@pytest.mark.parametrize("name", GENERAL)
def test_one_program_serves_all_sizes(name: str) -> None:
    f = GENERAL[name]
    staged = tw.jit(f)
    for shape in ((3, 4), (5, 7), (6, 6), (17, 3), (8, 33), (64, 5)):
        same(staged(example(*shape)), f(example(*shape)))
    stats = staged.stats()
    assert len(stats.programs) == 2 and not stats.notes, stats
    for shape in ((2, 2), (0, 4), (1, 4), (1, 9), (4, 1)):
        if 0 in shape and name in ("largest", "position of the largest", "scanned", "sorted"):
            continue
        try:
            expected = f(example(*shape))
        except tw.TilewrightError as error:
            with pytest.raises(type(error)):
                staged(example(*shape))
        else:
            same(staged(example(*shape)), expected)


STEPS: dict[str, Callable[[Any], Any]] = {
    "tail": lambda x: x[1:] if x.shape[0] > 1 else x,
    "half": lambda x: x[: (x.shape[0] + 1) // 2],
    "twice": lambda x: tw.concatenate([x, x], axis=0),
    "centred": lambda x: x - x.mean(axis=0, keepdims=True),
    "soft": lambda x: tw.softmax(x, axis=1),  # never empty, which is refused
    "scaled": lambda x: x * x.shape[0] + x.shape[1],
    "gram": lambda x: x @ (x.T @ x) / x.shape[0],
    "counted": lambda x: x + tw.arange(x.shape[0]).reshape(-1, 1),
    "folded": lambda x: x.reshape(x.shape[0], 1, x.shape[1]).sum(axis=1),
    "turned": lambda x: x.reshape(x.shape[1], -1).reshape(x.shape),
    "even": lambda x: x.reshape(2, -1)[0].reshape(-1, x.shape[1]) if x.shape[0] % 2 == 0 else x,
}


@given(
    steps=st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=3),
    shapes=st.lists(
        st.tuples(st.integers(0, 9), st.integers(1, 5)), min_size=2, max_size=4, unique=True
    ),
)
def test_random_programs_equal_eager_ones(steps: list[str], shapes: list[tuple[int, int]]) -> None:
    def f(x: tw.Array) -> tw.Array:
        for name in steps:
            x = STEPS[name](x)
        return tw.tanh(x)

    staged = tw.jit(f)
    for shape in [*shapes, *shapes]:
        with np.errstate(all="ignore"):
            same(staged(example(*shape)), f(example(*shape)))
    assert len(staged.stats().programs) <= len(shapes)


def test_guards_of_python_branches() -> None:
    def f(x: tw.Array) -> tw.Array:
        if x.shape[0] > 100:
            return x * 2
        return x - 1 if x.shape[0] % 2 else x + 1

    staged = tw.jit(f)
    for n in (5, 7, 9, 6, 8, 101, 300, 11, 100, 102, 12):
        same(staged(example(n)), f(example(n)))
    assert len(staged.stats().programs) == 4, staged.stats()
    assert any("x.shape[0]" in reason for reason in staged.stats().reasons)


def test_a_guard_of_two_equal_axes() -> None:
    def f(x: tw.Array, y: tw.Array) -> tw.Array:
        return x + y if x.shape == y.shape else x.sum() + y

    staged = tw.jit(f)
    for m, n in ((3, 3), (5, 5), (7, 7), (3, 5), (5, 9), (4, 4), (2, 7)):
        same(staged(example(m), example(n)), f(example(m), example(n)))
    assert len(staged.stats().programs) == 3, staged.stats()


def test_sizes_as_numbers_make_programs_of_their_own() -> None:
    calls: SimpleQueue[int] = SimpleQueue()  # lists that a trace changes are refused

    def f(x: tw.Array) -> tw.Array:
        calls.put(1)
        total = x[0]
        for i in range(x.shape[0]):
            total = total + x[i] * i
        return total

    staged = tw.jit(f)
    for n in (2, 3, 4, 5, 6, 3, 4):
        assert abs(staged(example(n)).item() - f(example(n)).item()) < 1e-12
    stats = staged.stats()
    assert len(stats.programs) == 5
    assert any("x.shape[0] cannot be unknown" in note for note in stats.notes)
    before = calls.qsize()
    staged(example(7))
    assert calls.qsize() == before + 1  # it is not tried again and again


def test_a_constant_of_numpy_is_no_program_for_all() -> None:
    def f(x: tw.Array) -> tw.Array:
        return x * np.ones(x.shape)

    staged = tw.jit(f)
    for n in (3, 4, 5, 3):
        same(staged(example(n)), f(example(n)))
    assert "x.shape[0] cannot be unknown" in staged.stats().notes[0]


def test_what_must_be_equal_is_said_with_argument_and_axis() -> None:
    staged = tw.jit(lambda a, b: a @ b)
    for n in (3, 4, 6):
        staged(example(2, n), example(n, 2))
    assert len(staged.stats().programs) == 2
    message = r"b\.shape\[0\] is 5; it must be equal to a\.shape\[1\], which is 4"
    with pytest.raises(tw.ShapeError, match=message):
        staged(example(2, 4), example(5, 2))
    halves = tw.jit(lambda x: x.reshape(2, -1))
    for n in (4, 6, 8):
        halves(example(n))
    assert len(halves.stats().programs) == 2
    with pytest.raises(tw.ShapeError, match=r"x\.shape\[0\] is 7; it must be divisible by 2"):
        halves(example(7))


def test_sizes_that_are_named() -> None:
    staged = tw.jit(lambda x, y: x + y, dynamic={"x": {0: "n"}, "y": {-1: "n"}})
    for n in (3, 4, 5):
        same(staged(example(n), example(n)), example(n) + example(n))
    assert len(staged.stats().programs) == 1
    assert "float64[n]" in staged.graph(example(3), example(3))
    with pytest.raises(tw.ShapeError, match=r"axis 0 must have size 3 \(n, as on axis 0 of x\)"):
        staged(example(3), example(4))
    for wrong in ({"z": {0: "n"}}, {"x": {1: "n"}}, {"x": {0: "2n"}}):
        with pytest.raises(tw.ArgumentError, match="dynamic"):
            tw.jit(lambda x: x, dynamic=wrong)(example(3))
    with pytest.raises(tw.ArgumentError, match="dynamic=True"):
        tw.jit(lambda x: x, dynamic=True)


def test_a_program_for_each_size_if_asked_for() -> None:
    staged = tw.jit(lambda x: x + 1, dynamic=False)
    for n in (3, 4, 5):
        staged(example(n))
    assert len(staged.stats().programs) == 3


def test_state_and_gradients_with_unknown_sizes() -> None:
    w, total = tw.array([1.0, 2.0]).requires_grad_(), tw.array(0.0)

    def loss(x: tw.Array) -> tw.Array:
        total[...] = total + x.shape[0]
        return (tw.tanh(x @ w) ** 2).mean()

    staged = tw.jit(loss)
    seen = 0
    for n in (3, 5, 8, 2, 1):
        x = example(n, 2)
        w.grad = None
        staged(x).backward()
        found, w.grad = w.grad, None
        loss(x).backward()
        assert found is not None and w.grad is not None
        np.testing.assert_allclose(found.numpy(), w.grad.numpy(), 1e-12)
        seen += 2 * n
        assert total.item() == seen
    assert len(staged.stats().programs) == 3, staged.stats()


def test_gradients_of_arguments_and_of_second_order() -> None:
    f = tw.jit(lambda x: (tw.sin(x) * x.shape[0]).sum() / x.sum())
    plain = f.function
    for n in (3, 4, 6):
        x = example(n)
        same(tw.grad(f)(x), tw.grad(plain)(x))
        second = tw.grad(lambda x: (tw.grad(f)(x) ** 2).sum())
        same(second(x), tw.grad(lambda x: (tw.grad(plain)(x) ** 2).sum())(x))
    assert len(f.stats().programs) == 2


def test_training_steps_with_batches_of_all_sizes() -> None:
    model = tw.nn.Linear(3, 2)
    optimiser = tw.nn.SGD(model.parameters(), lr=0.1)

    def step(x: tw.Array, y: tw.Array) -> tw.Array:
        loss = ((model(x) - y) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss

    staged = tw.jit(step)
    for n in (4, 6, 9, 5):
        staged(example(n, 3).astype("float32"), example(n, 2).astype("float32"))
    assert len(staged.stats().programs) <= 3, staged.stats()


def test_arguments_that_are_written_and_trees_of_results() -> None:
    @tw.jit
    def f(pair: dict[str, tw.Array]) -> dict[str, Any]:
        pair["a"][1:] = pair["a"][:-1] * 2
        return {"sum": pair["a"].sum(), "both": [pair["b"] + 1, None], "n": 3}

    for n in (3, 5, 6, 6, 4):
        a, b = example(n), example(n, 2)
        expected = a.numpy().copy()
        expected[1:] = a.numpy()[:-1] * 2
        found = f({"a": a, "b": b})
        np.testing.assert_allclose(a.numpy(), expected)
        assert found["n"] == 3 and found["both"][1] is None
        assert abs(found["sum"].item() - expected.sum()) < 1e-12
        assert found["both"][0].shape == (n, 2)
    assert len(f.stats().programs) == 2


def test_a_size_among_the_results_is_a_number() -> None:
    f = tw.jit(lambda x: (x.shape[0], x + 1))
    for n in (3, 4, 5):
        found = f(example(n))[0]
        assert type(found) is int and found == n
