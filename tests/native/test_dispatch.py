"""`Dispatch`, `Move`, `ReduceKernel` and nodes of the tape alone: what they check and hold."""

from __future__ import annotations

import contextlib
import gc
import random
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from native_support import F32, F64, I64, Array, array, map_kernel, native, numpy

ADD = map_kernel("add", "a+b", [F32, F32], F32)


def dispatch(recipe: Any, n_weak: int = 0, by_classes: bool = False, general: bool = True) -> Any:
    """A function whose recipe is given; its Python path says that it was called."""
    native.set_recorder(lambda *call: None if recipe is None else (recipe, general))
    return native.Dispatch(lambda *a, **k: ("slow", len(a)), None, n_weak, by_classes)


SUM_OF_TWO = ((), ((ADD, (0, 1), None),), 2)


def test_the_second_call_is_recorded_and_the_third_is_fast() -> None:
    f = dispatch(SUM_OF_TWO)
    a = array([1.0, 2.0], "float32")
    assert f(a, a) == ("slow", 2) and (f._keys, f._recipes) == (1, 0)
    assert f(a, a) == ("slow", 2) and f._recipes == 1
    assert numpy(f(a, a)).tolist() == [2, 4]
    assert f(array([1.0], "float32"), a) == ("slow", 2)  # another size
    native.forget_recipes()
    assert f(a, a) == ("slow", 2)


def test_what_the_recorder_refuses_stays_slow() -> None:
    f = dispatch(None)
    a = array([1.0], "float32")
    for _ in range(4):
        assert f(a, a) == ("slow", 2)
    assert (f._keys, f._recipes) == (1, 0)


def test_a_recipe_that_fails_gives_way() -> None:
    f = dispatch(SUM_OF_TWO)
    a, b = array([1.0, 2.0], "float32"), array([1.0, 2.0])
    for _ in range(2):
        f(a, b)
    assert f(a, b) == ("slow", 2)  # the kernel takes float32 alone


def test_keys_tell_types_and_values_apart() -> None:
    a = array([1.0], "float32")
    f = dispatch(None)
    others: list[Any] = [
        1, 1.0, True, None, "1", (1,), [1], (1.0,), ((1,),), 0.0, -0.0, float("nan"), int, float,
        (), [], "", (None,), 2**40, -1,
    ]  # fmt: skip
    for value in others:
        f(a, value)
    assert f._keys == len(others)
    for value in others:
        f(a, x=value)
    assert f._keys == 2 * len(others)
    f(a, y=1)
    assert f._keys == 2 * len(others) + 1


def test_what_has_no_key() -> None:
    a = array([1.0], "float32")
    f = dispatch(None)
    deep: Any = 1
    for _ in range(50):
        deep = [deep]
    strange: list[Any] = [
        2**70, object(), {}, {1}, b"x", "x" * 99, deep, np.float32(1), np.zeros(2), slice(1), ...,
        lambda: 0, type("I", (int,), {})(3), list(range(999)), [a] * 99,
    ]  # fmt: skip
    for value in strange:
        assert f(a, value)[0] == "slow"
    assert f(a, out=a)[0] == "slow" and f()[0] == "slow" and f(1, 2)[0] == "slow"
    assert f(native.traced((1,), F32, "p"))[0] == "slow"
    cyclic: list[Any] = [a]
    cyclic.append(cyclic)
    assert f(cyclic)[0] == "slow"
    assert f._keys == 0


def test_weak_numbers_are_operands() -> None:
    f = dispatch(SUM_OF_TWO, n_weak=2, by_classes=True)
    for n in (2, 3, 4):
        a = array(np.ones(n, "float32"))
        f(a, 1.5)
    assert f._keys == 1 and numpy(f(a, 2.5)).tolist() == [3.5] * 4
    by_size = dispatch(SUM_OF_TWO, n_weak=2, by_classes=True, general=False)
    for _ in range(3):
        by_size(a, a)
    assert by_size._keys == 2 and by_size._recipes == 0  # told by sizes from now on
    for _ in range(2):
        by_size(a, a)
    assert by_size._recipes == 1


@pytest.mark.parametrize(
    "recipe",
    [
        (), ((), ()), ((), (), 5), ((), (), -2), ((), ((ADD, (0, 9), None),), 2), 3, None, "text",
        ((), ((3, (0,), None),), 1), ((), ((ADD, (0, 1)),), 2), ((), ((ADD, (0, 1), (1,)),), 2),
        ((), ((ADD, (0,) * 40, None),), 2), ((), ((ADD, ("x",), None),), 2), ((), (), "x"),
        (tuple(range(200)), (), 0), ((), ((ADD, (0, 1), ("n", 1, (), (), (7,))),), 2),
    ],
)  # fmt: skip
def test_damaged_recipes_are_errors_at_most(recipe: Any) -> None:
    native.set_recorder(lambda *call: (recipe, True))
    f = native.Dispatch(lambda *a: "slow")
    a = array([1.0], "float32")
    for _ in range(4):
        with contextlib.suppress(ValueError, TypeError, RuntimeError):
            f(a, a)


def test_keys_are_bounded() -> None:
    f = dispatch(None)
    a = array([1.0], "float32")
    for i in range(5000):
        f(a, i)
    assert f._keys <= 1024


def test_a_function_that_forgets_itself_while_it_runs() -> None:
    a = array([1.0], "float32")

    def step(x: Any, y: Any) -> Any:
        f._forget()
        gc.collect()
        return ADD(x, y)

    native.set_recorder(lambda *call: (((), ((step, (0, 1), None), (step, (2, 1), None)), 3), True))
    f = native.Dispatch(lambda *a: f._forget() or "slow")
    for _ in range(3):
        f(a, a)
    native.set_recorder(lambda *call: f(a, a) and None)
    g = native.Dispatch(lambda *args: f(*args))
    for _ in range(5):
        g(a, a)


def test_operands_are_held_while_their_list_changes() -> None:
    given = [array([1.0], "float32"), array([2.0], "float32")]

    def step(x: Any, y: Any) -> Any:
        given.clear()
        gc.collect()
        return ADD(x, y)

    native.set_recorder(lambda *call: (((), ((step, (0, 1), None),), 2), True))
    f = native.Dispatch(lambda parts: "slow")
    kept = list(given)
    for _ in range(2):
        f(given)
    del kept
    assert numpy(f(given)).tolist() == [3.0]


# --------------------------------------------------------------------------- movement


def test_moves() -> None:
    x = array(np.arange(12, dtype="float32").reshape(3, 4))
    for move, wanted in [
        (native.Move("reshape", ((2, 6),), "e"), numpy(x).reshape(2, 6)),
        (native.Move("transpose", ((1, 0),), "e"), numpy(x).T),
        (native.Move("broadcast_to", ((2, 3, 4),), "e"), np.broadcast_to(numpy(x), (2, 3, 4))),
        (native.Move("slice", ((2, 1), (2, 2), (-1, 2)), "e"), numpy(x)[2:0:-1, 1::2]),
    ]:
        view = move(x)
        assert np.array_equal(numpy(view), wanted) and view._base is x and view._moves == ("e",)
        again = native.Move("reshape", ((1, *wanted.shape),), "f")(view)
        assert again._base is x and again._moves == ("e", "f") and again._moves == ("e", "f")


def test_reshapes_against_numpy() -> None:
    chance = random.Random(0)
    for _ in range(300):
        shape = [chance.choice([1, 2, 3, 4]) for _ in range(chance.randint(0, 4))]
        host = np.arange(np.prod(shape), dtype="float32").reshape(shape)
        order = chance.sample(range(len(shape)), len(shape))
        x = native.Move("transpose", (order,), "t")(array(host))
        flat = chance.choice([[host.size], [1, host.size], [host.size, 1, 1], shape[::-1]])
        wanted = host.transpose(order).reshape(flat)
        assert np.array_equal(numpy(native.Move("reshape", (flat,), "r", True)(x)), wanted)
        try:
            view = native.Move("reshape", (flat,), "r", False)(x)
        except ValueError:
            continue
        assert np.array_equal(numpy(view), wanted) and view._moves == ("t", "r")


@pytest.mark.parametrize(
    ("kind", "ints"),
    [
        ("reshape", ((5,),)), ("reshape", ((-1,),)), ("reshape", ((2**62, 4),)), ("turn", ()),
        ("transpose", ((0,),)), ("transpose", ((0, 0),)), ("transpose", ((0, 5),)),
        ("broadcast_to", ((3,),)), ("broadcast_to", ((2**40, 2**40),)), ("slice", ((0,), (9,))),
        ("slice", ((0, 0), (9, 1), (1, 1))), ("slice", ((-1, 0), (1, 1), (1, 1))),
        ("slice", ((0, 0), (3, 1), (2**62, 1))), ("slice", ((2**63 - 1, 0), (2, 1), (1, 1))),
        ("reshape", ((1,), (1,), (1,), (1,))), ("reshape", (("x",),)), ("reshape", (3,)),
    ],
)  # fmt: skip
def test_moves_that_are_none(kind: str, ints: Any) -> None:
    x = array(np.zeros((3, 4), "float32"))
    with pytest.raises((ValueError, TypeError, OverflowError, MemoryError)):
        native.Move(kind, ints, None, True)(x)
    for argument in (None, 3, native.traced((3, 4), F32, "p")):
        with pytest.raises((ValueError, TypeError)):
            native.Move("reshape", ((12,),))(argument)


# --------------------------------------------------------------------------- reductions


@pytest.mark.parametrize("axes", [(0, 0), (3,), (-1,), "x", None, (2**40,)])
def test_reductions_over_axes_that_are_none(axes: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        native.ReduceKernel("sum", F32, 3, axes, False, print)


def test_reductions_check_what_they_get() -> None:
    kernel = native.ReduceKernel("sum", F32, 2, (0,), False, lambda outer, inner: None)
    for wrong in (array(np.zeros(3, "float32")), array(np.zeros((2, 2))), 3):
        with pytest.raises((ValueError, TypeError)):
            kernel(wrong)
    with pytest.raises(TypeError, match="wanted a Program"):
        kernel(array(np.zeros((2, 3), "float32")))
    with pytest.raises(ValueError):
        native.ReduceKernel("sum", F32, 99, (0,), False, print)
    with pytest.raises(TypeError):
        native.ReduceKernel("sum", 99, 2, (0,), False, print)


# --------------------------------------------------------------------------- the tape


def test_nodes_of_the_tape() -> None:
    node = native.TapeNode("n", (None,), lambda cotangents, keep: (cotangents[0], keep))
    assert node.vjp(("c",), False) == ("c", False) and node.outputs == 1
    later = native.TapeNode("m", (node,), print, outputs=3)
    assert later.id > node.id and later.edges == (node,) and native.next_node_id() > later.id
    bare = native.TapeNode.__new__(native.TapeNode)
    with pytest.raises(ValueError, match="no rule"):
        bare.vjp((1,), True)
    with pytest.raises(TypeError):
        native.TapeNode("n", [], print)
    with pytest.raises(TypeError):
        node.vjp()


def test_walks_that_cannot_be() -> None:
    native.set_walk(type(None), type(None), lambda a, b: a + b)
    leaf = native.TapeNode("leaf", (), lambda cotangents, keep: ())
    bad = native.TapeNode("bad", (leaf, leaf), lambda cotangents, keep: (1,))
    raising = native.TapeNode("raises", (leaf,), lambda cotangents, keep: 1 / 0)
    none = native.TapeNode("none", (leaf,), lambda cotangents, keep: None)
    for seeds, error in [
        ([(bad, 1)], ValueError), ([(raising, 1)], ZeroDivisionError), ([(none, 1)], TypeError),
        ([3], TypeError), ([(3, 1)], TypeError), (3, TypeError),
        ([(native.TapeNode, 1)], TypeError),
    ]:  # fmt: skip
        with pytest.raises(error):
            native.walk(seeds, frozenset(), False)
        assert native.grad_enabled()
    with pytest.raises(TypeError):
        native.walk([], 3, False)
    double = native.TapeNode("double", (leaf, leaf), lambda cotangents, keep: (1, 2))
    assert native.walk([(double, 1), (double, 1)], frozenset({leaf}), False) == {leaf: 3}


# --------------------------------------------------------------------------- nothing leaks


def grows(body: Callable[[], Any], count: int = 400) -> int:
    """How many blocks of memory Python holds after many runs of `body` that it did not before."""
    for _ in range(20):
        body()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(count):
        body()
    gc.collect()
    return sys.getallocatedblocks() - before


def test_references_are_given_back() -> None:
    x = array(np.arange(12, dtype="float32").reshape(3, 4))
    turn, fold = native.Move("transpose", ((1, 0),), "t"), native.Move("reshape", ((2, 6),), "r")
    native.set_slice_moves(lambda *ints: (ints,))
    f = dispatch(SUM_OF_TWO)

    def learn() -> None:
        f._forget()
        for _ in range(4):
            f(x, x)

    def index() -> None:
        view = x[1:, None, ::-1]
        _ = view._moves, view[0], x[0, 1], len(x)
        x[0, 0] = 1.0

    def tape() -> None:
        node = native.TapeNode("n", (None,), lambda cotangents, keep: (None,))
        y = array([1.0], "float32")
        y._node = native.TapeNode("m", (node,), lambda cotangents, keep: (None,))
        native.walk([(y._node, 1)], frozenset({node}), True)

    for body in (learn, index, tape, lambda: turn(x)._moves, lambda: fold(x), lambda: f(x, x)):
        assert grows(body) < 100, body
    assert isinstance(x, Array) and (F64, I64)
