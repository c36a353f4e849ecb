"""Prints, checks and callbacks: eager, staged, in branches and loops, in order, with gradients."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from device_support import device_names

import tilewright as tw

Function = Callable[..., Any]
WAYS: list[Callable[[Function], Function]] = [lambda f: f, tw.jit]
both = pytest.mark.parametrize("way", WAYS, ids=["eager", "staged"])
LINE = r"test_effects\.py:\d+"


# --------------------------------------------------------------------------- printing


@both
def test_text_of_arrays_is_that_of_python(way: Any, capsys: Any) -> None:
    values = {
        "int8": [-3, 4], "uint64": [2**64 - 1], "float64": [0.1, 1e300, -0.0, 5e-324, 1e16, 123.0],
        "float32": [0.1, 3.4e38, 1e-5], "bool": [True, False], "complex128": [1 + 2j, -0.5j],
        "float16": [0.1, 1e4], "float64 ": [np.inf, -np.inf, np.nan],
    }  # fmt: skip
    for name, numbers in values.items():
        x = tw.array(numbers, dtype=name.strip())
        way(lambda x: tw.debug.print("{}", x))(x)
        found = capsys.readouterr().out.strip("[]\n").split()
        if name.startswith("float64"):
            assert found == [repr(float(n)) for n in numbers]
        elif name == "float32":
            assert found == [str(np.float32(n)) for n in numbers]
        elif name == "float16":
            assert [float(t) for t in found] == [0.1, 10000.0]
        else:
            assert found == [repr(n) if isinstance(n, bool) else str(n) for n in x.tolist()]


@both
def test_formats_and_shapes(way: Any, capsys: Any) -> None:
    x = tw.array([[1.0, 2.0], [3.0, 4.5]])

    def f(x: Any) -> None:
        n = x[0, 0].astype("int64")
        tw.debug.print("{{}} {0:.2f} {n:+04d} {what!r} {1}", x, 3, n=n, what="a")
        tw.debug.print(x[0, 0], x[0])

    way(f)(x)
    assert capsys.readouterr().out == "{} [[1.00 2.00]\n [3.00 4.50]] +001 'a' 3\n1.0 [1.0 2.0]\n"


@both
def test_large_arrays_are_abbreviated(way: Any, capsys: Any) -> None:
    way(lambda x: tw.debug.print("{}", x))(tw.arange(2000).reshape(2, 1000))
    shown = capsys.readouterr().out
    assert shown == "[[0 1 2 ... 997 998 999]\n [1000 1001 1002 ... 1997 1998 1999]]\n"


@both
def test_empty_text_and_empty_arrays(way: Any, capsys: Any) -> None:
    def f(x: Any) -> None:
        tw.debug.print("")
        tw.debug.print("{}", x)

    way(f)(tw.zeros((0, 3)))
    assert capsys.readouterr().out == "\n[]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Single '{'"),
        ("{1}", "names '1'; there are 1 values"),
        ("{y}", "names 'y'"),
        ("{:>8}", "arrays take"),
        ("{!r}", "arrays take"),
        ("{:s}", "arrays take"),
    ],
)
@both
def test_bad_formats(way: Any, text: str, message: str) -> None:
    with pytest.raises(tw.ArgumentError, match=re.escape(message)):
        way(lambda x: tw.debug.print(text, x))(tw.ones(2))


def test_order_through_branches_and_loops(capsys: Any) -> None:
    def turn(i: Any, s: Any) -> Any:
        tw.debug.print("turn {}", i)
        tw.cond(i == 1, lambda: tw.debug.print("  one"), lambda: None)
        return s + 1

    def holds(s: Any) -> Any:
        tw.debug.print("is {} small?", s)
        return s < 2.0

    def f(x: Any) -> Any:
        tw.debug.print("first")
        tw.fori_loop(0, 2, turn, x)
        y = tw.while_loop(holds, lambda s: s + 1, x)
        total, _ = tw.scan(lambda s, x: (tw.debug.print("slice {}", x), (s + x, None))[1], 0.0,
                           tw.array([5.0, 6.0]))  # fmt: skip
        tw.debug.print("last {} {}", y, total)
        return y

    f(tw.array(0.0))
    eager = capsys.readouterr().out
    assert eager.startswith("first\nturn 0\nturn 1\n  one\nis 0.0 small?\n")
    staged = tw.jit(f)
    for _ in range(2):
        staged(tw.array(0.0))
        assert capsys.readouterr().out == eager


def test_nothing_is_dropped_or_joined(capsys: Any) -> None:
    @tw.jit
    def f(x: Any) -> Any:
        for _ in range(2):
            tw.debug.print("{}", tw.tanh(x * 0))
        return x

    f(tw.array(1.0))
    assert capsys.readouterr().out == "0.0\n0.0\n"


def test_once_under_gradients(capsys: Any) -> None:
    def turn(s: Any, x: Any) -> Any:
        tw.debug.print("turn {}", x)
        return s * x, s

    def f(x: Any) -> Any:
        tw.debug.print("x {}", x)
        s, _ = tw.scan(turn, x, tw.array([2.0, 3.0]))
        return tw.while_loop(
            lambda s: s < 50, lambda s: (tw.debug.print("while {}", s), s * s)[1], s
        )

    x = tw.array(1.5)
    value, slope = tw.value_and_grad(f)(x)
    eager = capsys.readouterr().out
    for staged in (tw.jit(tw.value_and_grad(f)), tw.value_and_grad(tw.jit(f))):
        found = staged(x)
        assert capsys.readouterr().out == eager
        np.testing.assert_allclose([y.item() for y in found], [value.item(), slope.item()])


# --------------------------------------------------------------------------- checks


@both
def test_a_check_that_fails_names_line_message_and_place(way: Any) -> None:
    def f(x: Any) -> Any:
        tw.debug.check(x > 0, "got {} for {}", x, "x")
        return tw.log(x)

    g = way(f)
    assert g(tw.array([1.0, 1.0])).tolist() == [0.0, 0.0]
    wanted = rf"check at {LINE}: got \[1\.0 -1\.0\] for x \(.* false at \[1\], for 1 of 2 elem"
    with pytest.raises(tw.CheckError, match=wanted) as caught:
        g(tw.array([1.0, -1.0]))
    assert isinstance(caught.value, AssertionError)


@both
def test_checks_of_python_values_and_bad_conditions(way: Any) -> None:
    with pytest.raises(tw.CheckError, match=rf"check at {LINE}: it is 3"):
        way(lambda x: tw.debug.check(False, "it is {}", 3))(tw.ones(1))
    with pytest.raises(tw.DTypeError, match="condition is float64"):
        way(lambda x: tw.debug.check(x))(tw.ones(1))


@pytest.mark.parametrize("of", ["float16", "bfloat16", "float32", "float64", "complex64"])
@both
def test_finite(way: Any, of: str) -> None:
    f = way(lambda x: tw.debug.check_finite({"a": x, "b": 1}, "the loss"))
    f(tw.ones((2, 3), dtype=of))
    x = tw.ones((2, 3), dtype=of)
    x[1, 0] = tw.nan
    with pytest.raises(tw.CheckError, match=rf"{LINE}: the loss is .*nan.* at \[1, 0\], .* 1 of 6"):
        f(x)
    with pytest.raises(tw.CheckError, match="the loss is .*inf"):
        f(tw.array(tw.inf, dtype=of))


def test_what_fails_changes_nothing() -> None:
    state = tw.zeros(2)

    @tw.jit
    def f(x: Any) -> None:
        state[...] = state + x
        tw.debug.check(state.sum() < 3)

    f(tw.ones(2))
    with pytest.raises(tw.CheckError):
        f(tw.ones(2))
    assert state.tolist() == [1.0, 1.0]


def test_checks_in_loops(capsys: Any) -> None:
    @tw.jit
    def f(x: Any) -> Any:
        def body(s: Any) -> Any:
            tw.debug.check(s < 20, "s is {}", s)
            return s * 2

        return tw.while_loop(lambda s: s < 100, body, x)

    with pytest.raises(tw.CheckError, match=r"s is 32\.0"):
        f(tw.array(1.0))


@pytest.mark.parametrize("name", device_names())
def test_on_devices(name: str, capsys: Any) -> None:
    @tw.jit
    def f(x: Any) -> Any:
        tw.debug.print("{}", x * 2)
        tw.debug.check(x < 3, "too large")
        y = tw.cond(x.sum() > 0, lambda: tw.callback(lambda v: v + 1, x, x), lambda: x)
        return y * 2

    with tw.device(name):
        assert f(tw.array([1.0, 2.0], dtype="float32")).tolist() == [4.0, 6.0]
        assert capsys.readouterr().out == "[2.0 4.0]\n"
        with pytest.raises(tw.CheckError, match="too large"):
            f(tw.array([1.0, 3.0], dtype="float32"))
        tw.debug.print("{}", tw.ones(1, dtype="float32"))


# --------------------------------------------------------------------------- callbacks


@both
def test_callbacks_give_values_and_keep_order(way: Any) -> None:
    log: list[Any] = []

    def host(x: Any, scale: float, y: Any) -> Any:
        log.append(float(x[0]))
        assert isinstance(x, np.ndarray)
        return {"sum": x + y * scale, "n": np.int64(len(x))}

    def f(x: Any) -> Any:
        wanted = {"sum": x, "n": tw.Aval((), "int64")}
        first = tw.callback(host, wanted, x, 2.0, x)
        tw.callback(lambda v: log.append("none"), None, x)
        second = tw.callback(host, wanted, first["sum"], 1.0, x)
        return second["sum"] * second["n"]

    g = way(f)
    for _ in range(2):
        log.clear()
        assert g(tw.array([1.0, 2.0])).tolist() == [8.0, 16.0]
        assert log == [1.0, "none", 3.0]


def test_callbacks_in_loops_and_in_one_program_each() -> None:
    seen: list[float] = []

    def make(factor: float) -> Any:
        def host(x: Any) -> Any:
            seen.append(float(x))
            return x * factor

        return tw.jit(lambda x: tw.fori_loop(0, 2, lambda i, s: tw.callback(host, s, s), x))

    two, three = make(2.0), make(3.0)  # equal programs, with functions of their own
    assert two(tw.array(1.0)).item() == 4.0
    assert three(tw.array(1.0)).item() == 9.0
    assert seen == [1.0, 2.0, 1.0, 3.0]


@both
def test_callbacks_that_fail(way: Any) -> None:
    def raises(x: Any) -> Any:
        raise KeyError("mine")

    x = tw.ones(2)
    with pytest.raises(KeyError, match="mine"):
        way(lambda x: tw.callback(raises, x, x))(x)
    with pytest.raises(tw.ShapeError, match=r"the shape \(1,\); it was said to be \(2,\)"):
        way(lambda x: tw.callback(lambda v: v[:1], x, x))(x)
    with pytest.raises(tw.DTypeError, match="returned float32; it was said to be"):
        way(lambda x: tw.callback(lambda v: v.astype("f4"), x, x))(x)
    with pytest.raises(tw.ArgumentError, match="said to return"):
        way(lambda x: tw.callback(lambda v: (v, v), x, x))(x)
    with pytest.raises(tw.ArgumentError, match="it must be an array"):
        way(lambda x: tw.callback(lambda v: v, 3, x))(x)
    with pytest.raises(ValueError, match="read-only"):
        way(lambda x: tw.callback(lambda v: v.__setitem__(0, 1.0), x, x))(x)


@both
def test_callbacks_have_no_gradient(way: Any) -> None:
    f = way(lambda x: (tw.callback(np.sin, x, x) * x).sum())
    with pytest.raises(tw.GradientError, match=rf"callback at {LINE}: sin is a function of Python"):
        tw.grad(f)(tw.ones(2))
    g = way(lambda x: (tw.callback(np.sin, x, tw.stop_gradient(x)) * x).sum())
    np.testing.assert_allclose(tw.grad(g)(tw.ones(2)).numpy(), np.sin(np.ones(2)))
    inside = way(lambda x: tw.cond(x > 0, lambda: tw.callback(np.sin, x, x), lambda: x))
    with pytest.raises(tw.GradientError, match="has no gradient"):
        tw.grad(inside)(tw.array(1.0))


# --------------------------------------------------------------------------- other forms


def test_code_means_the_same(capsys: Any) -> None:
    @tw.jit
    def f(x: Any) -> Any:
        tw.debug.print("x {:.1f}", x)
        y = tw.cond(x > 0, lambda: (tw.debug.print("plus"), x * 2)[1], lambda: x)
        tw.debug.check(y > 0)
        return y

    scope: dict[str, Any] = {}
    exec(f.code(tw.array(2.0)), scope)
    assert scope["f"](tw.array(2.0))[0].item() == 4.0
    assert capsys.readouterr().out == "x 2.0\nplus\n"
    assert "print(" in f.graph(tw.array(2.0)) and "effect" in f.ir(tw.array(2.0))


def test_unknown_sizes(capsys: Any) -> None:
    def f(x: Any) -> Any:
        tw.debug.print("{}", x)
        tw.debug.check(x > 0)
        return x * 2

    made = tw.compile(f, tw.ones(4), dynamic={"x": {0: "n"}})
    assert made(tw.ones(2)).tolist() == [2.0, 2.0]
    assert capsys.readouterr().out == "[1.0 1.0]\n"
    with pytest.raises(tw.CheckError):
        made(tw.zeros(3))


def test_artifacts_refuse_callbacks_by_name() -> None:
    def mine(x: Any) -> Any:
        return x

    with pytest.raises(tw.TraceError, match=rf"calls back .*mine \(at {LINE}\)"):
        tw.compile(lambda x: tw.callback(mine, x, x), tw.ones(2))
