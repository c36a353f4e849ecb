"""`tw.jit`: results, pytrees, state, gradients through it, guards, and what it refuses."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tilewright as tw

RNG = np.random.default_rng(7)


def test_a_staged_function_equals_the_eager_one() -> None:
    def f(x: tw.Array, y: tw.Array) -> tw.Array:
        return tw.tanh(x @ y + 1.0).sum(axis=0)

    x, y = tw.array(RNG.normal(size=(5, 3))), tw.array(RNG.normal(size=(3, 4)))
    np.testing.assert_allclose(tw.jit(f)(x, y).numpy(), f(x, y).numpy(), rtol=1e-13)


def test_pytrees_and_constants_go_in_and_out() -> None:
    @tw.jit
    def f(tree: dict[str, Any], n: int) -> tuple[Any, ...]:
        return {"sum": tree["a"] + tree["b"][0]}, n, None, tree["a"]

    a, b = tw.array([1.0]), tw.array([2.0])
    out, n, nothing, same = f({"a": a, "b": [b]}, 3)
    assert out["sum"].tolist() == [3.0] and n == 3 and nothing is None
    assert same.tolist() == [1.0]


def test_one_trace_for_each_signature() -> None:
    calls: SimpleQueue[Any] = SimpleQueue()  # lists that a trace changes are refused

    @tw.jit
    def f(x: tw.Array) -> tw.Array:
        calls.put(x.shape)
        return x + 1

    for shape in ((2,), (3,), (2,)):
        f(tw.zeros(shape))
    f(tw.zeros((2,), dtype="float32"))
    assert [calls.get() for _ in range(calls.qsize())] == [(2,), (3,), (2,)]


def test_static_arguments_are_part_of_the_signature() -> None:
    @tw.jit(static=("n",))
    def f(x: tw.Array, *, n: int) -> tw.Array:
        for _ in range(n):
            x = x * 2
        return x

    assert f(tw.array(1.0), n=3).item() == 8.0
    assert f(tw.array(1.0), n=2).item() == 4.0
    with pytest.raises(tw.TraceError, match="static names"):
        tw.jit(lambda x: x, static=("m",))


def test_zeros_of_both_signs_and_nan_are_signatures_of_their_own() -> None:
    f = tw.jit(lambda x, c: x * c)
    assert str(f(tw.array(1.0), 0.0).item()) == "0.0"
    assert str(f(tw.array(1.0), -0.0).item()) == "-0.0"
    nan = float("nan")
    f(tw.array(1.0), nan), f(tw.array(1.0), float("nan"))
    assert repr(f).endswith("3 programs>")


def test_captured_state_is_committed() -> None:
    count = tw.array(0)

    @tw.jit
    def tick(x: tw.Array) -> tw.Array:
        count[...] = count + 1
        return x + count

    assert [tick(tw.array(10)).item() for _ in range(3)] == [11, 12, 13]
    assert count.item() == 3


def test_state_is_untouched_when_the_trace_fails() -> None:
    count = tw.array(0)

    @tw.jit
    def f(x: tw.Array) -> tw.Array:
        count[...] = count + 1
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        f(tw.array(1))
    assert count.item() == 0
    assert (count + 1).item() == 1


def test_a_captured_array_may_change_between_calls() -> None:
    w = tw.array([1.0, 2.0])
    f = tw.jit(lambda x: x * w)
    assert f(tw.array([1.0, 1.0])).tolist() == [1.0, 2.0]
    w[0] = 5.0
    assert f(tw.array([1.0, 1.0])).tolist() == [5.0, 2.0]


scale = None  # a global array, bound anew by a test


def scaled(x: tw.Array) -> tw.Array:
    return x * scale


def test_names_that_are_bound_to_other_arrays_are_followed() -> None:
    global scale
    w = tw.array([1.0, 2.0])
    f = tw.jit(lambda x: scaled(x) + w)
    for k in range(3):
        scale, w = tw.array(float(k)), tw.array([1.0, k])
        assert f(tw.array([1.0, 1.0])).tolist() == [k + 1.0, 2.0 * k]
    assert repr(f).endswith("1 programs>")
    w = tw.array([1, 2])
    assert f(tw.array([1.0, 1.0])).tolist() == [3.0, 4.0]


def test_weights_that_are_tied_no_more() -> None:
    class Two:
        a = tw.array(2.0)

        def __init__(self) -> None:
            self.x = self.y = tw.array(3.0)

    two = Two()
    f = tw.jit(lambda v: v * two.x + two.y)
    assert f(tw.array(1.0)).item() == 6.0
    two.y = tw.array(10.0)
    assert f(tw.array(1.0)).item() == 13.0


def test_an_argument_that_is_written_is_written_outside() -> None:
    @tw.jit
    def f(x: tw.Array) -> None:
        x[1:] = x[:-1] * 2

    x = tw.array([1.0, 2.0, 3.0])
    f(x)
    assert x.tolist() == [1.0, 2.0, 4.0]


def test_writes_through_views_inside() -> None:
    def f(x: tw.Array) -> tw.Array:
        y = x * 1.0
        row = y[0]
        row += 1
        y.T[2] = 9.0
        return y

    x = tw.array(RNG.normal(size=(2, 3)))
    np.testing.assert_array_equal(tw.jit(f)(x).numpy(), f(x).numpy())


def test_the_whole_training_step() -> None:
    w = tw.array([1.0, -1.0]).requires_grad_()

    def step(x: tw.Array) -> tw.Array:
        w.grad = None
        loss = ((x * w) ** 2).sum()
        loss.backward()
        with tw.no_grad():
            w[...] = w - 0.1 * w.grad
        return loss

    staged = tw.jit(step)
    x = tw.array([1.0, 2.0])
    losses = [staged(x).item() for _ in range(3)]
    after, grad = w.tolist(), w.grad.tolist()
    with tw.no_grad():
        w[...] = tw.array([1.0, -1.0])
    assert [step(x).item() for _ in range(3)] == pytest.approx(losses)
    assert w.tolist() == pytest.approx(after) and w.grad.tolist() == pytest.approx(grad)
    assert w.requires_grad


def test_gradient_accumulates_across_staged_calls() -> None:
    w = tw.array(2.0).requires_grad_()

    @tw.jit
    def accumulate(x: tw.Array) -> None:
        (w * x).backward()

    accumulate(tw.array(3.0))
    accumulate(tw.array(4.0))
    accumulate(tw.array(5.0))
    assert w.grad.item() == 12.0


def test_gradients_go_through_a_staged_function() -> None:
    f = tw.jit(lambda x, y: (tw.tanh(x * y).sum(), x * 2))
    x = tw.array([0.3, -0.4]).requires_grad_()
    y = tw.array([1.5, 2.5])
    value, doubled = f(x, y)
    (value + doubled.sum()).backward()
    expected = (1 - np.tanh(x.numpy() * y.numpy()) ** 2) * y.numpy() + 2
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-12)


def test_transforms_compose_with_jit_in_any_order() -> None:
    def f(x: tw.Array) -> tw.Array:
        return (tw.sin(x) * x).sum()

    x = tw.array([0.5, 1.5])
    expected = tw.grad(f)(x).numpy()
    np.testing.assert_allclose(tw.jit(tw.grad(f))(x).numpy(), expected, rtol=1e-12)
    np.testing.assert_allclose(tw.grad(tw.jit(f))(x).numpy(), expected, rtol=1e-12)
    second = tw.grad(lambda x: (tw.grad(f)(x) ** 2).sum())(x).numpy()
    staged = tw.grad(lambda x: (tw.grad(tw.jit(f))(x) ** 2).sum())
    np.testing.assert_allclose(staged(x).numpy(), second, rtol=1e-12)
    np.testing.assert_allclose(tw.jit(staged)(x).numpy(), second, rtol=1e-12)


def test_random_state_is_lifted() -> None:
    tw.seed(3)
    eager = [tw.uniform(size=(4,)).tolist() for _ in range(2)]
    tw.seed(3)
    draw = tw.jit(lambda: tw.uniform(size=(4,)))
    assert [draw().tolist() for _ in range(2)] == eager


class Counter:
    def __init__(self) -> None:
        self.n = 0

    def step(self, x: tw.Array) -> tw.Array:
        self.n += 1
        return x


def test_a_python_number_that_changes_is_refused_with_its_line() -> None:
    with pytest.raises(tw.TraceError, match=r"Counter\.n.*test_jit\.py:\d+"):
        tw.jit(Counter().step)(tw.array(1.0))


def test_a_value_that_survives_outside_is_refused_with_its_line() -> None:
    kept = SimpleNamespace()

    @tw.jit
    def f(x: tw.Array) -> tw.Array:
        kept.value = x * 2
        return x

    with pytest.raises(tw.TraceError, match=r"test_jit\.py:\d+.*outlives"):
        f(tw.array(1.0))


@pytest.mark.parametrize("use", [bool, int, float, lambda x: [x][x], lambda x: x.numpy()])
def test_a_traced_value_is_not_a_python_value(use: Any) -> None:
    with pytest.raises(tw.TraceError, match=r"tw\.where"):
        tw.jit(use)(tw.array(1))


def test_an_unhashable_argument_is_refused() -> None:
    with pytest.raises(tw.TraceError, match="asarray"):
        tw.jit(lambda x: x)(np.zeros(3))


def test_text_and_code_of_the_graph() -> None:
    f = tw.jit(lambda x: tw.exp(x).sum() * 2)
    x = tw.array([1.0, 2.0])
    text = f.graph(x)
    assert "exp(%0)" in text and "float64[2]" in text
    scope: dict[str, Any] = {}
    exec(f.code(x), scope)  # the test's own text
    (made,) = [v for k, v in scope.items() if callable(v)]
    assert made(x)[0].item() == f(x).item()
    assert "peak" in f.memory(x)


def test_calls_from_several_threads() -> None:
    f = tw.jit(lambda x: (tw.exp(x) @ x.T).sum(axis=1))
    x = tw.array(RNG.normal(size=(64, 64)))
    expected, results = f(x).numpy(), []

    def work() -> None:
        for _ in range(20):
            results.append(np.array_equal(f(x).numpy(), expected))

    threads = [threading.Thread(target=work) for _ in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len(results) == 80 and all(results)


def test_zero_size_and_scalar_arrays() -> None:
    f = tw.jit(lambda x: (tw.exp(x) + 1).sum())
    assert f(tw.zeros((0, 3))).item() == 0.0
    assert f(tw.array(0.0)).item() == 2.0
