"""Operators and eager kernels: the fast path against NumPy, and when it is left."""

from __future__ import annotations

import operator
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from native_support import (
    BOOL,
    CODES,
    F32,
    F64,
    I32,
    I64,
    array,
    c_kernel,
    kernel_words,
    map_kernel,
    map_source,
    native,
    numpy,
    slow_calls,
    symbol,
)

ADD = map_kernel("add", "a+b", [F32, F32], F32)
SUB = map_kernel("sub", "a-b", [F32, F32], F32)
LESS = map_kernel("lt", "a<b", [F32, F32], BOOL)
NEGATE = map_kernel("neg", "-a", [F32], F32)
ADD_I = map_kernel("add", "a+b", [I64, I64], I64)
ADD_D = map_kernel("add", "a+b", [F64, F64], F64)
ADD_U8 = map_kernel("add", "a+b", [CODES["uint8"]] * 2, CODES["uint8"])
WIDEN = map_kernel("cast", "a", [F32], F64)


@pytest.fixture(autouse=True)
def table() -> None:
    native.set_operator("add", F32, ADD)
    native.set_operator("sub", F32, SUB)
    native.set_operator("lt", F32, LESS)
    native.set_operator("neg", F32, NEGATE)
    native.set_operator("add", I64, ADD_I)
    native.set_operator("add", F64, ADD_D)
    native.set_operator("add", CODES["uint8"], ADD_U8)


SHAPES = [
    ((4,), (4,)), ((), ()), ((), (3,)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((5, 1, 4), (3, 1)),
    ((0, 3), (3,)), ((1,), (7,)), ((300, 40), (40,)), ((300, 40), (300, 1)), ((2000, 3), (3,)),
    ((100_000,), (100_000,)), ((1, 1), (1,)), ((700, 100), (700, 1)), ((64, 1), (1, 64)),
]  # fmt: skip


@pytest.mark.parametrize(("left", "right"), SHAPES)
@pytest.mark.parametrize("op", [operator.sub, operator.lt])
def test_broadcasting(op: Any, left: tuple[int, ...], right: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    a, b = (np.asarray(rng.random(s), "float32") for s in (left, right))
    got, expected = op(array(a), array(b)), op(a, b)
    assert got.shape == expected.shape and got.dtype == expected.dtype.name
    assert np.array_equal(numpy(got), expected) and slow_calls == []


@given(st.data())
def test_views_as_operands(data: st.DataObject) -> None:
    native.set_operator("sub", F32, SUB)
    values = np.random.default_rng(1).random((6, 5, 40)).astype("float32")
    cell = array(values)

    def draw() -> tuple[Any, Any]:
        order = data.draw(st.permutations(range(3)))
        steps = tuple(slice(None, None, data.draw(st.sampled_from([1, -1, 2]))) for _ in range(3))
        view = values.transpose(order)[steps]
        view = view[: data.draw(st.integers(1, 3)), :2, :3]
        start = view.__array_interface__["data"][0] - values.__array_interface__["data"][0]
        strides = tuple(s // 4 for s in view.strides)
        return view, native.view(cell, view.shape, strides, start // 4, None)

    (a, x), (b, y) = draw(), draw()
    if a.shape == b.shape or a.shape[0] == 1 or b.shape[0] == 1:
        assert np.array_equal(numpy(x - y), a - b)


def test_scalars_are_weak() -> None:
    a = array([1.0, 2.0], "float32")
    for value in (2, 2.5, True):
        assert numpy(a - value).tolist() == [1 - value, 2 - value]
        assert numpy(value - a).tolist() == [value - 1, value - 2]
    assert numpy(array([1], "uint8") + 255).tolist() == [0]
    assert slow_calls == []


@pytest.mark.parametrize(
    "other", [256, -1, 2.5, np.float64(1.0), np.float32(1.0), "x", None, 2**80]
)
def test_the_rest_is_slow(other: Any) -> None:
    a = array([1], "uint8")
    assert a + other == "add"
    assert slow_calls.pop() == ("add", a, other)
    if not isinstance(other, np.generic):
        assert other + a == "add"
        assert slow_calls.pop() == ("add", other, a)


def test_when_python_must_see_an_operation() -> None:
    a, b = array([1.0], "float32"), array([2.0], "float32")
    view = native.view(a, (1,), (1,), 0, None)

    def is_slow() -> bool:
        slow_calls.clear()
        _ = view + b
        return bool(slow_calls)

    assert not is_slow()
    a.requires_grad = True
    assert is_slow()
    assert native.set_grad_enabled(False) is True and not native.grad_enabled()
    assert not is_slow()
    assert native.set_grad_enabled(True) is False
    a.requires_grad = False
    assert not is_slow()
    a._node = "n"
    assert is_slow()
    a._node = None
    assert native.set_tracing(True) is False
    assert is_slow()
    _ = -a
    assert native.set_tracing(False) is True
    assert not is_slow()


def test_flags_belong_to_a_thread() -> None:
    seen = []
    native.set_tracing(True)
    thread = threading.Thread(target=lambda: seen.append(native.set_tracing(False)))
    thread.start()
    thread.join()
    assert native.set_tracing(False) is True and seen == [False]


def test_unary_in_place_and_unknown() -> None:
    a = array([1.0, -2.0], "float32")
    assert numpy(-a).tolist() == [-1, 2]
    assert (+a, abs(a), ~a) == ("pos", "abs", "invert")
    b = a
    b += 1
    assert b == "iadd"
    assert a @ a == "matmul" and a**2 == "pow" and 2**a == "pow" and divmod is not None
    with pytest.raises(TypeError, match="modulus"):
        pow(a, 2, 3)
    assert (a == 1, a != 1, a > 1) == ("eq", "ne", "gt")


def test_two_dtypes() -> None:
    a, b = array([1.5], "float32"), array([2.0])
    assert a + b == "add"
    native.set_cast(F32, F64, WIDEN)
    try:
        c = a + b
        assert numpy(c).tolist() == [3.5] and c.dtype == "float64"
        assert numpy(b + a).tolist() == [3.5]
    finally:
        native.set_cast(F32, F64, None)


def test_shapes_that_do_not_broadcast() -> None:
    with pytest.raises(ValueError, match=r"add: got \(3,\) and \(4,\); the shapes must be equal"):
        array(np.zeros(3, "f4")) + array(np.zeros(4, "f4"))


def test_kernels_are_compiled_once_a_mask() -> None:
    calls: list[int] = []
    kernel = map_kernel("mul", "a*b", [F32, F32], F32, calls=calls)
    a = array(np.arange(6, dtype="f4").reshape(2, 3))
    for _ in range(2):
        assert numpy(kernel(a, a)).tolist() == [[0, 1, 4], [9, 16, 25]]
        assert numpy(kernel(a, 2)).tolist() == [[0, 2, 4], [6, 8, 10]]
        assert numpy(kernel(3, a)).tolist() == [[0, 3, 6], [9, 12, 15]]
        assert numpy(kernel(2, 2)).tolist() == 4
    assert sorted(calls) == [0, 1, 2]
    assert kernel.name == "mul"


def test_three_operands() -> None:
    select = map_kernel("where", "a ? b : c", [BOOL, F32, F32], F32)
    m, x, y = np.arange(5) % 2 == 0, np.arange(5, dtype="f4"), np.float32(-1)
    expected = np.where(m, x, y)
    assert np.array_equal(numpy(select(array(m), array(x), array(y))), expected)
    grid = np.add.outer(np.arange(50), np.arange(40)) % 3 == 0
    row = np.arange(40, dtype="f4")
    got = select(array(grid), array(row), array(np.arange(50, dtype="f4")[:, None]))
    assert np.array_equal(numpy(got), np.where(grid, row, np.arange(50, dtype="f4")[:, None]))


def test_calls_are_checked() -> None:
    a = array([1.0], "float32")
    with pytest.raises(TypeError, match="add: got 1 arguments; wanted 2"):
        ADD(a)
    with pytest.raises(TypeError, match="operand 1 has dtype float64; this kernel takes float32"):
        ADD(a, array([1.0]))
    with pytest.raises(OverflowError, match="300 out of bounds for uint8"):
        ADD_U8(array([1], "uint8"), 300)
    with pytest.raises(ValueError, match="being traced"):
        ADD(a, native.traced((1,), F32, "p"))
    with pytest.raises(ValueError, match="no operator foo"):
        native.set_operator("foo", F32, ADD)
    with pytest.raises(TypeError, match="input 0 of the kernel is float32; wanted int32"):
        native.set_operator("add", I32, ADD)
    with pytest.raises(ValueError, match="has 2 inputs; wanted 1"):
        native.set_operator("neg", F32, ADD)
    with pytest.raises(TypeError, match="wanted a MapKernel"):
        native.set_operator("add", F32, 3)
    with pytest.raises(ValueError, match="9 inputs"):
        native.MapKernel("x", [F32] * 9, F32, print)


def test_a_failed_compile_leaves_things_as_they_were() -> None:
    def broken(mask: int) -> Any:
        raise RuntimeError("no compiler")

    kernel = native.MapKernel("exp", [F32], F32, broken)
    a = array([1.0], "float32")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no compiler"):
            kernel(a)
    wrong = native.MapKernel("exp", [F32], F32, lambda mask: 3)
    with pytest.raises(RuntimeError):
        wrong(a)
    words = kernel_words([("k", symbol(0), 1, 1)], buffers=3)
    other = c_kernel(map_source("a+b", ["float"] * 3, 0), words)
    shaped = native.MapKernel("exp", [F32], F32, lambda mask: other)
    with pytest.raises(ValueError, match="has 3 buffers, 1 outputs and 1 sizes; wanted 2, 1 and 1"):
        shaped(a)


def test_a_compile_that_writes_to_the_operand() -> None:
    a = array(np.arange(4, dtype="f4"))

    def compile_mask(mask: int) -> Any:
        native.write(a, array([100.0], "float32"))
        words = kernel_words([("k", symbol(0), 1, 1)], buffers=2)
        return c_kernel(map_source("-a", ["float"] * 2, mask), words)

    kernel = native.MapKernel("neg", [F32], F32, compile_mask)
    assert numpy(kernel(a)).tolist() == [0, -1, -2, -3]
    assert numpy(kernel(a)).tolist() == [-100] * 4
