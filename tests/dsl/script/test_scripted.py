"""`tw.script` as a tool: decorators, modules, state, compiled artifacts, caching, static values."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tilewright as tw


class Cell(tw.nn.Module):
    """A recurrent cell with a gate that looks at values, and a limit that is a setting."""

    def __init__(self) -> None:
        self.weight = tw.nn.Parameter(np.linspace(-1, 1, 9).reshape(3, 3))
        self.seen = tw.zeros((), dtype="int64")
        self.limit = 0.5

    def gate(self, x: Any) -> Any:
        return x if x.sum() > 0 else -x

    def forward(self, x: Any, h: Any) -> Any:
        new = tw.tanh(self.gate(x @ self.weight) + h)
        if self.training and new.max() > self.limit:
            self.seen += 1
        return new


class Chain(tw.nn.Module):
    """Modules in containers, called by the containers."""

    def __init__(self) -> None:
        self.body = tw.nn.Sequential(Halves(), Halves())

    def forward(self, x: Any) -> Any:
        return self.body(x)


class Halves(tw.nn.Module):
    def forward(self, x: Any) -> Any:
        while abs(x).max() > 1:
            x = x / 2
        return x * 1.5


X, H = np.array([0.5, -1.0, 2.0]), np.array([0.1, 0.2, 0.3])


def test_modules_keep_their_gates_and_their_state() -> None:
    eager, staged = Cell(), Cell()
    scripted = tw.script(staged)
    for sign in (1.0, -1.0, 0.1):
        x, h = tw.asarray(X * sign), tw.asarray(H)
        np.testing.assert_allclose(scripted(x, h).numpy(), eager(x, h).numpy(), rtol=1e-13)
        assert staged.seen.item() == eager.seen.item()
    assert "1 programs" in repr(scripted)


def test_modules_in_containers_are_read() -> None:
    model = Chain()
    scripted = tw.script(model)
    for factor in (0.1, 3.0, 40.0):
        x = tw.asarray(X * factor)
        np.testing.assert_allclose(scripted(x).numpy(), model(x).numpy(), rtol=1e-13)


def test_modes_make_programs_of_their_own() -> None:
    cell = Cell()
    scripted = tw.script(cell)
    x, h = tw.asarray(X), tw.asarray(H)
    scripted(x, h)
    seen = cell.seen.item()
    cell.eval()
    scripted(x, h)
    assert cell.seen.item() == seen and "2 programs" in repr(scripted)


class Holder:
    """Methods as staged functions."""

    factor = 3

    @tw.script
    def scaled(self, x: Any) -> Any:
        if x > 0:
            return x * self.factor
        return x

    @tw.script(static=["n"])
    def repeated(self, x: Any, n: int) -> Any:
        for _ in range(n):
            if x < 100:
                x = x * 2
        return x


def test_decorators_on_methods() -> None:
    holder = Holder()
    assert holder.scaled(tw.asarray(2.0)).item() == 6
    assert holder.scaled(tw.asarray(-2.0)).item() == -2
    assert holder.repeated(tw.asarray(2.0), 3).item() == 16
    assert holder.repeated(tw.asarray(2.0), n=30).item() == 128


def newton(a: Any) -> Any:
    x, turns = a, 0
    while abs(x * x - a) > 1e-9:
        x = (x + a / x) / 2
        turns += 1
    return x, turns


def test_artifacts_run_the_control_flow(tmp_path: Path) -> None:
    made = tw.compile(tw.script(newton), tw.asarray(2.0))
    made.save(tmp_path / "newton.tw")
    loaded = tw.load(tmp_path / "newton.tw")
    for a in (2.0, 9.0, 1.0):
        root, turns = loaded(tw.asarray(a))
        want, count = newton(tw.asarray(a))
        np.testing.assert_allclose(root.item(), want.item(), rtol=1e-14)
        assert turns.item() == count


def test_artifacts_of_modules_are_named_by_them(tmp_path: Path) -> None:
    cell = Cell().eval()
    made = tw.compile(tw.script(cell), tw.asarray(X), tw.asarray(H))
    made.save(tmp_path / "cell.tw")
    loaded = tw.load(tmp_path / "cell.tw")
    for sign in (1.0, -1.0):
        x, h = tw.asarray(X * sign), tw.asarray(H)
        np.testing.assert_allclose(loaded(x, h).numpy(), cell(x, h).numpy(), rtol=1e-13)


def test_the_function_stays_as_it_is_written() -> None:
    scripted = tw.script(newton)
    assert scripted.function is newton and scripted.__name__ == "newton"
    assert tw.script(tw.jit(newton)).function is newton
    assert scripted.function(tw.asarray(9.0))[0].item() == pytest.approx(3.0)
    assert "script of newton" in repr(scripted)


def test_staged_functions_call_each_other() -> None:
    gate = tw.script(lambda x: x if x > 0 else -x)

    @tw.jit
    def traced(x: Any) -> Any:
        return gate(x) * 2

    @tw.script
    def scripted(x: Any) -> Any:
        if x > 1:
            return traced(x)
        return gate(x - 1)

    for x in (3.0, 0.5):
        a = tw.asarray(x)
        assert scripted(a).item() == (abs(x) * 2 if x > 1 else abs(x - 1))
    assert traced(tw.asarray(-4.0)).item() == 8


def test_gradients_of_functions_with_control_flow_inside() -> None:
    def loss(x: Any) -> Any:
        total = 0.0
        for v in x:
            total += v * v if v > 0 else -v
        return total

    step = tw.script(lambda x: tw.grad(loss)(x))
    x = tw.asarray(X)
    np.testing.assert_allclose(step(x).numpy(), tw.grad(loss)(x).numpy(), rtol=1e-13)


def test_a_training_step() -> None:
    def step(model: Cell, optimizer: Any, x: Any, h: Any) -> Any:
        out = model(x, h)
        loss = (out * out).sum()
        if loss > 0.5:
            loss = loss * 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    losses = []
    for staged in (False, True):
        model = Cell()
        optimizer = tw.nn.SGD(model.parameters(), lr=0.1)
        run = functools.partial(tw.script(step) if staged else step, model, optimizer)
        losses.append([run(tw.asarray(X), tw.asarray(H)).item() for _ in range(4)])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-12)


def decorated(f: Any) -> Any:
    @functools.wraps(f)
    def call(*args: Any) -> Any:
        found = f(*args)
        if found > 10:
            return found - 10
        return found

    return call


@decorated
def wrapped(x: Any) -> Any:
    return x * 2 if x > 1 else x


def test_decorated_functions() -> None:
    scripted = tw.script(wrapped)
    for x in (0.5, 3.0, 30.0):
        assert scripted(tw.asarray(x)).item() == wrapped(tw.asarray(x)).item()


def test_state_of_generators_is_drawn_in_the_chosen_branch() -> None:
    def draw(rng: Any, x: Any) -> Any:
        total = x * 0
        for v in x:
            if v > 0:
                total = total + rng.normal()
        return total

    eager, staged = tw.random.default_rng(5), tw.random.default_rng(5)
    scripted = tw.script(lambda x: draw(staged, x))
    for _ in range(2):
        x = tw.asarray(X)
        np.testing.assert_allclose(scripted(x).numpy(), draw(eager, x).numpy(), rtol=1e-12)


def test_detached_values_pass_no_gradient() -> None:
    def f(x: Any) -> Any:
        if x > 0:
            return x * x.detach()
        return x * x

    for x in (3.0, -3.0):
        want = tw.grad(f)(tw.asarray(x)).item()
        assert tw.grad(tw.script(f))(tw.asarray(x)).item() == want
        assert tw.script(tw.grad(f))(tw.asarray(x)).item() == want


def test_asserts_are_checks_of_the_program() -> None:
    def root(x: Any, low: float = 0.0) -> Any:
        if x < 100:
            assert x >= low, f"got {x:.1f}, wanted {low} or more"
        return tw.sqrt(x)

    scripted = tw.script(root)
    assert scripted(tw.asarray(4.0)).item() == 2
    assert scripted(tw.asarray(400.0)).item() == 20
    with pytest.raises(AssertionError, match=r"got -4\.0, wanted 0\.0 or more"):
        scripted(tw.asarray(-4.0))


def test_containers_of_the_caller_stay_the_same_objects() -> None:
    def f(x: Any) -> Any:
        state = {"a": x, "log": [x, x]}
        log = state["log"]
        if x > 0:
            state["a"] = x + 1
            log[1] = x * 3
        return state["a"], state["log"][1], log[1]

    scripted = tw.script(f)
    for x in (1.0, -1.0):
        want = [v.item() for v in f(tw.asarray(x))]
        assert [v.item() for v in scripted(tw.asarray(x))] == want


def test_transforms_of_functions_with_control_flow() -> None:
    def f(x: Any) -> Any:
        if x > 0:
            return x * x * x
        return -x

    for x in (2.0, -2.0):
        a = tw.asarray(x)
        want = tw.grad(f)(a).item()
        assert tw.script(tw.grad(f))(a).item() == want
        assert (
            tw.script(lambda x: tw.grad(tw.grad(f))(x))(a).item() == tw.grad(tw.grad(f))(a).item()
        )
        assert tw.script(lambda x: tw.jvp(f, (x,), (x * 0 + 1,))[1])(a).item() == want
    xs = tw.asarray([2.0, -2.0, 0.5])
    want = [f(x).item() for x in xs]
    assert tw.script(tw.vmap(f))(xs).tolist() == want
    assert tw.vmap(tw.script(f))(xs).tolist() == want
