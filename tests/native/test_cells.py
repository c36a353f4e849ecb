"""Cells: attributes, values, views, writes."""

from __future__ import annotations

import copy
import gc
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from native_support import (
    CODES,
    F32,
    I32,
    I64,
    Array,
    array,
    dtypes,
    native,
    numpy,
    slow_calls,
)


def test_attributes() -> None:
    a = array(np.zeros((2, 3), "float32"))
    assert type(a) is Array
    assert (a.shape, a.strides, a._steps) == ((2, 3), (12, 4), (3, 1))
    assert (a.ndim, a.size) == (2, 6)
    assert (a.nbytes, a.itemsize, a.dtype) == (24, 4, dtypes.float32)
    assert a._is_concrete and not a._is_view and a._contiguous and a._has_window
    assert (a._node, a._grad, a._base, a._moves, a._traced) == (None,) * 5
    assert a.requires_grad is False and a._version == 0 and a._address % 64 == 0


def test_cells_are_made_by_functions_only() -> None:
    with pytest.raises(TypeError, match="made by functions"):
        Array()
    with pytest.raises(TypeError):
        copy.copy(array([1.0]))


@pytest.mark.parametrize("name", [n for n in CODES if n != "bfloat16"])
@pytest.mark.parametrize(
    "shape", [(), (0,), (5,), (2, 3), (2, 0, 3), (1,) * 8, (1,) * 9, (1,) * 32]
)
def test_round_trip_with_numpy(name: str, shape: tuple[int, ...]) -> None:
    values = (np.arange(np.prod(shape, dtype=int)).reshape(shape) % 2).astype(name)
    a = array(values)
    assert a.shape == shape and native.tolist(a) == values.tolist()
    back = numpy(a)
    assert back.dtype == values.dtype and np.array_equal(back, values)
    assert not back.flags.writeable


def test_foreign_memory_of_any_strides() -> None:
    base = np.arange(60, dtype="int32").reshape(3, 4, 5)
    for values in (base[::-1, ::2, ::-1], base.T, base[1], np.broadcast_to(base[0], (2, 4, 5))):
        for shared in (False, True):
            a = array(values, copy=not shared)
            assert np.array_equal(numpy(a), values)
            assert native.tolist(a) == values.tolist()


def test_fields_of_records_are_copied_byte_by_byte() -> None:
    records = np.zeros(4, dtype=[("a", "i1"), ("b", "f8")])
    records["b"] = [1, 2, 3, 4]
    assert native.tolist(array(records["b"])) == [1, 2, 3, 4]
    with pytest.raises(ValueError, match="not aligned"):
        array(records["b"], copy=False)


def test_from_buffer_refuses() -> None:
    with pytest.raises(TypeError, match="items of 8 bytes; float32 has 4"):
        native.from_buffer(np.zeros(3), F32, True)
    with pytest.raises(ValueError, match="foreign byte order"):
        native.from_buffer(np.zeros(3, ">f4"), F32, True)
    unaligned = np.frombuffer(bytearray(17), "u1")[1:].view("f4")
    with pytest.raises(ValueError, match="not aligned"):
        native.from_buffer(unaligned, F32, False)
    assert native.from_buffer(unaligned, F32, True).shape == (4,)
    with pytest.raises(TypeError):
        native.from_buffer(object(), F32, True)
    with pytest.raises(TypeError, match="dtype code 15"):
        native.from_buffer(np.zeros(3), 15, True)
    with pytest.raises(ValueError, match="at most 32"):
        native.from_buffer(np.zeros((1,) * 33, "f4"), F32, True)


def test_bools_are_zero_or_one() -> None:
    odd = np.array([0, 1, 2, 255], "u1").view("?")
    assert numpy(array(odd)).view("u1").tolist() == [0, 1, 1, 1]


def test_shared_memory_lives_as_long_as_the_cell_and_is_never_written() -> None:
    values = np.arange(4, dtype="float32")
    alive = weakref.ref(values)
    a = native.from_buffer(values, F32, False)
    values[0] = 9
    assert native.tolist(a) == [9, 1, 2, 3]
    native.write(a, array([5.0], "float32"))
    assert native.tolist(a) == [5, 5, 5, 5] and values.tolist() == [9, 1, 2, 3]
    del values
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize(
    ("value", "name", "expected"),
    [
        (True, "bool", True), (3, "int8", 3), (-3, "int64", -3), (2**64 - 1, "uint64", 2**64 - 1),
        (2.5, "float32", 2.5), (2.5, "float64", 2.5), (1, "float16", 1.0), (2.9, "int32", 2),
        (1e9, "float16", float("inf")), (1 / 3, "bfloat16", 0.333984375), (5, "bool", True),
    ],
)  # fmt: skip
def test_from_scalar(value: float, name: str, expected: float) -> None:
    a = native.from_scalar(value, CODES[name])
    assert a.shape == () and native.item(a) == expected
    assert type(native.item(a)) is type(expected)


@pytest.mark.parametrize(
    ("value", "name"), [(128, "int8"), (-1, "uint8"), (256, "uint8"), (2**63, "int64"),
                        (2**64, "uint64"), (-1, "uint64"), (2**70, "int32")]
)  # fmt: skip
def test_integers_out_of_range_raise_as_numpy_does(value: int, name: str) -> None:
    with pytest.raises(OverflowError, match=f"Python integer {value} out of bounds for {name}"):
        native.from_scalar(value, CODES[name])


def test_scalars_that_are_no_numbers() -> None:
    for value in ("x", None, 1j, [1]):
        with pytest.raises(TypeError):
            native.from_scalar(value, F32)
    with pytest.raises(ValueError):
        native.from_scalar(float("nan"), I32)


@given(st.floats(width=64))
def test_halves_round_as_numpy_does(x: float) -> None:
    with np.errstate(over="ignore"):
        expected = np.float16(x)
    got = native.item(native.from_scalar(x, CODES["float16"]))
    assert got == float(expected) or (np.isnan(x) and np.isnan(got))


@given(st.floats(width=32))
def test_bfloat16_rounds_as_ml_dtypes_does(x: float) -> None:
    import ml_dtypes

    expected = float(ml_dtypes.bfloat16(x))
    got = native.item(native.from_scalar(x, CODES["bfloat16"]))
    assert got == expected or (np.isnan(x) and np.isnan(got))


def test_bfloat16_rounds_once() -> None:
    half_way = 1 + 2.0**-8
    from_scalar = native.from_scalar
    assert native.item(from_scalar(half_way, CODES["bfloat16"])) == 1.0
    assert native.item(from_scalar(half_way + 2.0**-40, CODES["bfloat16"])) == 1 + 2.0**-7


def test_conversions_to_python() -> None:
    one = array(7, "int64")
    assert (int(one), float(one), bool(one), [10] * one.__index__()) == (7, 7.0, True, [10] * 7)
    assert bool(array([[7]], "int64"))
    assert int(array(2.7)) == 2
    for convert in (int, float):
        with pytest.raises(TypeError, match="only arrays without axes"):
            convert(array([1, 2]))
    with pytest.raises(TypeError, match="only integer arrays"):
        array(1.0).__index__()
    with pytest.raises(ValueError, match="more than one element is ambiguous"):
        bool(array([1, 2]))
    with pytest.raises(ValueError, match="empty array is ambiguous"):
        bool(array([], "float32"))
    with pytest.raises(ValueError, match="only an array of size 1"):
        native.item(array([1, 2]))


def test_traced_cells_ask_python() -> None:
    payload = object()
    a = native.traced((2, 3), F32, payload)
    assert a._traced is payload and not a._is_concrete and a.shape == (2, 3)
    assert bool(a) is True and int(a) == 7 and a + 1 == "add"
    assert [c[0] for c in slow_calls] == ["bool", "int", "add"]
    for read in (native.tolist, native.item, native.contiguous, memoryview, native.raw):
        with pytest.raises((ValueError, BufferError), match="being traced"):
            read(a)
    with pytest.raises(ValueError, match="_address"):
        _ = a._address
    assert native.alias(a)._traced is payload


def test_a_payload_hides_the_value() -> None:
    a = array([1.0])
    a._traced = "t"
    assert not a._is_concrete
    a._traced = None
    assert native.tolist(a) == [1.0]


def test_fields_and_weak_references() -> None:
    a = array([1.0])
    a._node, a._grad, a.requires_grad = "node", "grad", True
    assert (a._node, a._grad, a.requires_grad) == ("node", "grad", True)
    a._node = None
    del a._grad
    assert a._node is None and a._grad is None
    with pytest.raises(AttributeError):
        a.other = 1
    alive = weakref.ref(a)
    assert len({a, a}) == 1
    del a
    assert alive() is None


def test_cycles_are_collected() -> None:
    a = array([1.0])
    a._node = [a]
    alive = weakref.ref(a)
    del a
    gc.collect()
    assert alive() is None


def test_a_long_tape_is_freed_without_a_deep_recursion() -> None:
    node = None
    for _ in range(200_000):
        a = array([1.0])
        a._node = node
        node = (a,)
    del a, node


def test_raw() -> None:
    a = native.from_buffer(np.array([0x3F80, 0x4000], "u2"), CODES["bfloat16"], True)
    assert native.tolist(a) == [1.0, 2.0]
    assert numpy(native.raw(a)).tolist() == [0x3F80, 0x4000]
    assert native.raw(a)._address == a._address
    with pytest.raises(BufferError, match="bfloat16 has no buffer format"):
        memoryview(a)


def test_sizes_are_checked() -> None:
    for shape in ((2**63 - 1, 2), (2**40, 0, 2**40), (2**62,), (-1,)):
        with pytest.raises((ValueError, MemoryError), match="empty: "):
            native.empty(shape, I64)
    with pytest.raises(ValueError, match="2\\*\\*63"):
        native.empty((2**64,), I64)
    with pytest.raises(TypeError):
        native.empty((1.5,), I64)
    with pytest.raises(TypeError):
        native.empty(3, I64)
    with pytest.raises(MemoryError, match="could not allocate"):
        native.empty((2**42,), I64)


def test_memory_stats() -> None:
    native.empty_cache()
    before = native.memory_stats()
    a = native.empty((1000,), F32)
    assert native.memory_stats()["in_use"] == before["in_use"] + 4032
    native.reset_peak()
    b = native.empty((10,), F32)
    del b
    now = native.memory_stats()
    assert now["peak"] == before["in_use"] + 4032 + 64 and now["pooled"] == 64
    at = a._address
    del a
    assert native.empty((1000,), F32)._address == at
    native.empty_cache()
    assert native.memory_stats()["pooled"] == 0


def test_set_up_checks_its_arguments() -> None:
    class Fat(native.Cell):
        pass

    for wrong in (Fat, int, 3):
        with pytest.raises(TypeError, match="setup"):
            native.setup(wrong, list(dtypes.ALL), [0] * 225, print)
    with pytest.raises(ValueError, match="14 dtypes"):
        native.setup(Array, list(dtypes.ALL)[1:], [0] * 225, print)


def test_error_classes_can_be_set() -> None:
    class Mine(ValueError):
        pass

    native.set_errors({"shape": Mine})
    try:
        with pytest.raises(Mine):
            native.empty((-1,), F32)
    finally:
        native.set_errors({"shape": ValueError})
    with pytest.raises(ValueError, match="no kind of error x"):
        native.set_errors({"x": Mine})
    with pytest.raises(TypeError, match="no exception class"):
        native.set_errors({"shape": int})
