"""`f.stats()`: what is counted and in which words, and calls that go without Python."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

import tilewright as tw


def test_every_recompile_has_its_reason() -> None:
    w = tw.array(1.0)

    class Model:
        def __init__(self) -> None:
            self.w = w

    model = Model()
    f = tw.jit(lambda x, n=1, deep=None: x * n + model.w)
    f(tw.zeros(3))
    f(tw.zeros(5))
    f(tw.zeros((5, 1)))
    f(tw.zeros(5, dtype="float32"))
    f(tw.zeros(5, dtype="float32"), 2)
    f(tw.zeros(5, dtype="float32"), 3)
    f(tw.zeros(5, dtype="float32"), 3, deep={"a": tw.zeros(2)})
    model.w = tw.array(1)
    f(tw.zeros(5), 1)
    stats = f.stats()
    expected = (
        "argument x: axis 0 was 3, is 5",
        "argument x: rank was 1, is 2",
        "argument x: rank was 2, is 1",
        "the arguments have another structure",
        "static argument n was 2, is 3",
        "the arguments have another structure",
    )
    assert stats.reasons[:6] == expected, stats
    assert "Model.w" in stats.reasons[6] or "structure" in stats.reasons[6]
    assert stats.calls == 8 and stats.recompiles == len(stats.programs) - 1 == 7
    assert all(p.origin in ("compiled", "disk cache") for p in stats.programs)
    assert stats.compile_seconds > 0
    text = repr(stats)
    assert "8 calls, 8 programs, 7 recompiles" in text and "axis 0 was 3, is 5" in text


def test_calls_are_counted_on_every_way() -> None:
    f = tw.jit(lambda x: (x + 1, x * 2))
    for _ in range(5):
        f(tw.zeros(3))
    assert f.stats().calls == 5 and f._known == 1
    assert repr(f.stats()).startswith("<lambda>: 5 calls, 1 program, 0 recompiles")


def results_of(x: Any) -> Any:
    return {"a": x + 1, "b": [x * 2, (x, None)], "c": "text", "d": 4}


@pytest.mark.parametrize("repeat", range(2))
def test_known_calls_give_what_first_calls_give(repeat: int) -> None:
    f = tw.jit(results_of)
    for n in (1.0, 2.0, 3.0):
        found = f(x=tw.array([n]))
        assert found["a"].tolist() == [n + 1] and found["b"][0].tolist() == [2 * n]
        assert found["b"][1][0].tolist() == [n] and found["b"][1][1] is None
        assert (found["c"], found["d"]) == ("text", 4) and list(found) == list("abcd")
        assert type(found["b"]) is list and type(found["b"][1]) is tuple
    assert f._known == 1 and f.stats().calls == 3


def test_keys_tell_calls_apart() -> None:
    def f(x: Any, *rest: Any, **named: Any) -> Any:
        total = x * 1
        for i, r in enumerate([*rest, *named.values()]):
            total = total + (i + 1) * (r if not isinstance(r, list | dict) else sum(_numbers(r)))
        return total

    staged = tw.jit(f)
    x = tw.array(1.0)
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        ((x, 1), {}), ((x, 2), {}), ((x, 1.0), {}), ((x, True), {}), ((x, [1, 2]), {}),
        ((x, [1], 2), {}), ((x,), {"a": 1}), ((x,), {"b": 2, "a": 1}), ((x, {"k": x}), {}),
        ((x, x), {}), ((x, tw.array(2.0)), {}), ((x, {"k": 3}), {}), ((x, {"m": 4}), {}),
    ]  # fmt: skip
    for _ in range(3):
        for args, kwargs in calls:
            assert staged(*args, **kwargs).item() == f(*args, **kwargs).item()


def _numbers(r: Any) -> list[Any]:
    return list(r.values()) if isinstance(r, dict) else r


def test_known_calls_see_state_and_other_arrays_behind_names() -> None:
    class Model:
        def __init__(self) -> None:
            self.w = tw.array([1.0, 2.0])
            self.parts = [tw.array(1.0)]
            self.table = {"k": tw.array(0.0)}

    model, count = Model(), tw.array(0)

    @tw.jit
    def f(x: tw.Array) -> tw.Array:
        count[...] = count + 1
        return x * model.w + model.parts[0] + model.table["k"]

    x = tw.array([1.0, 1.0])
    assert f(x).tolist() == [2.0, 3.0] and f(x).tolist() == [2.0, 3.0]
    model.w[0] = 5.0
    assert f(x).tolist() == [6.0, 3.0]
    model.w = tw.array([0.0, 0.0])
    assert f(x).tolist() == [1.0, 1.0] and f(x).tolist() == [1.0, 1.0]
    model.parts[0] = tw.array(2.0)
    assert f(x).tolist() == [2.0, 2.0]
    model.table["k"] = tw.array(1.0)
    assert f(x).tolist() == [3.0, 3.0] and f(x).tolist() == [3.0, 3.0]
    assert count.item() == 8 and len(f.stats().programs) == 1
    model.w.requires_grad_()
    f(x).sum().backward()
    assert model.w.grad is not None and model.w.grad.tolist() == [1.0, 1.0]


def test_packed_weights_are_derived_anew_when_they_change() -> None:
    w = tw.array([[float(i == j) for j in range(64)] for i in range(64)], dtype="float32")
    f = tw.jit(lambda x: x @ w)
    x = tw.ones((8, 64), dtype="float32")
    for k in range(4):
        w[0, 0] = float(k)
        for _ in range(2):
            assert f(x)[0, 0].item() == float(k) and f(x)[0, 1].item() == 1.0


def test_calls_without_arguments() -> None:
    w = tw.array(2.0)
    f = tw.jit(lambda: w * 3)
    assert [f().item() for _ in range(3)] == [6.0] * 3
    w[...] = 4.0
    assert f().item() == 12.0 and f._known == 1


def test_staged_functions_are_collected() -> None:
    class Model:
        def __init__(self) -> None:
            self.w = tw.array(1.0)
            self.f = tw.jit(lambda x: x + self.w)

    def use() -> weakref.ref[Model]:
        model = Model()
        for _ in range(3):
            model.f(tw.array(1.0))
        assert model.f._known == 1
        return weakref.ref(model)

    alive = use()
    gc.collect()
    assert alive() is None


def test_errors_of_known_calls_are_errors() -> None:
    f = tw.jit(lambda x: x + 1)
    x = tw.zeros(3)
    f(x), f(x)
    with pytest.raises(TypeError):
        f(x, x)
    with pytest.raises(TypeError):
        f(y=x)
    assert f(x).tolist() == [1.0] * 3
