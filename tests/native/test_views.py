"""Views, snapshots, writes and assignments."""

from __future__ import annotations

import numpy as np
import pytest
from native_support import F32, F64, array, native, numpy


def test_alias_is_a_snapshot() -> None:
    a = array([1.0, 2.0])
    a._node = "n"
    b = native.alias(a)
    assert b._node == "n" and b._address == a._address and a._holders == 2
    native.write(a, array([9.0]))
    assert native.tolist(a) == [9, 9] and native.tolist(b) == [1, 2]
    assert a._version == 1 and b._version == 0


def test_writes_are_in_place_only_if_nobody_shares() -> None:
    a = array([1.0, 2.0])
    at = a._address
    native.write(a, array([3.0, 4.0]))
    assert a._address == at and native.tolist(a) == [3, 4]
    exported = memoryview(a)
    native.write(a, array([5.0, 6.0]))
    assert a._address != at and exported.tolist() == [3, 4]


def test_views_see_and_make_writes() -> None:
    a = array(np.arange(12.0).reshape(3, 4))
    row = native.view(a, (4,), (1,), 4, "moves")
    column = native.view(a, (3,), (-4,), 8, None)
    assert row._base is a and row._moves == "moves" and row._is_view and row._contiguous
    assert native.tolist(column) == [8, 4, 0] and not column._contiguous
    native.write(row, array(100.0))
    assert native.tolist(a)[1] == [100] * 4 and native.tolist(column) == [8, 100, 0]
    assert a._version == row._version == 1
    kept = native.alias(a)
    native.write(column, array([1.0, 2.0, 3.0]))
    assert [r[0] for r in native.tolist(a)] == [3, 2, 1]
    assert [r[0] for r in native.tolist(kept)] == [0, 100, 8]
    assert native.tolist(native.alias(column)) == [1, 2, 3]
    assert native.contiguous(a) is a and native.contiguous(row)._base is None


def test_overlapping_writes() -> None:
    a = array(np.arange(6.0))
    native.write(native.view(a, (5,), (1,), 1, None), native.view(a, (5,), (1,), 0, None))
    assert native.tolist(a) == [0, 0, 1, 2, 3, 4]
    native.write(a, native.view(a, (6,), (-1,), 5, None))
    assert native.tolist(a) == [4, 3, 2, 1, 0, 0]
    square = array(np.arange(9.0).reshape(3, 3))
    native.write(square, native.view(square, (3, 3), (1, 3), 0, None))
    assert np.array_equal(numpy(square), np.arange(9.0).reshape(3, 3).T)


def test_view_checks() -> None:
    a = array(np.arange(12.0))
    cases = [((13,), (1,), 0), ((4,), (4,), 0), ((3,), (-1,), 1), ((1,), (1,), 12),
             ((2,), (2**62,), 0), ((3,), (2**62,), 0), ((1,), (1,), -1)]  # fmt: skip
    for shape, strides, offset in cases:
        with pytest.raises(ValueError, match="view: elements"):
            native.view(a, shape, strides, offset, None)
    with pytest.raises(ValueError, match="1 sizes and 2 strides"):
        native.view(a, (1,), (1, 1), 0, None)
    with pytest.raises(ValueError, match="must not be negative"):
        native.view(a, (-1,), (1,), 0, None)
    assert native.view(a, (0,), (1,), 99, None).shape == (0,)
    with pytest.raises(ValueError, match="wanted a root"):
        native.view(native.view(a, (1,), (1,), 0, None), (1,), (1,), 0, None)


def test_write_checks() -> None:
    a = array(np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"write: got shape \(2,\); it must broadcast to \(2, 3\)"):
        native.write(a, array([1.0, 2.0]))
    with pytest.raises(TypeError, match="write: got dtype float32; the array has float64"):
        native.write(a, array([1.0], "float32"))
    with pytest.raises(TypeError, match="write: got float; wanted an array"):
        native.write(a, 1.0)
    wide = native.view(a, (4, 2, 3), (0, 3, 1), 0, None)
    with pytest.raises(ValueError, match="broadcast view"):
        native.write(wide, a)


def test_assign() -> None:
    a, b = array([1.0, 2.0]), array([3.0, 4.0])
    b._node = "n"
    part = native.view(a, (1,), (1,), 1, None)
    native.assign(a, b)
    assert a._address == b._address and a._node == "n" and a._version == 1
    assert native.tolist(part) == [4]
    native.assign(a, native.traced((2,), F64, "p"))
    assert a._traced == "p" and not a._is_concrete and not part._is_concrete
    native.assign(a, native.view(b, (2,), (-1,), 1, None))
    assert native.tolist(a) == [4, 3] and part._is_concrete and a._traced is None
    with pytest.raises(ValueError, match=r"assign: got shape \(1,\); the cell has \(2,\)"):
        native.assign(a, array([1.0]))
    with pytest.raises(TypeError, match="assign: got dtype int64"):
        native.assign(a, array([1, 2]))
    with pytest.raises(ValueError, match="wanted a root"):
        native.assign(part, array([1.0]))
    native.assign(a, a)
    assert native.tolist(a) == [4, 3]


def test_traced_views_have_no_window() -> None:
    a = native.traced((2, 3), F32, "p")
    v = native.traced_view(a, (3,), "m")
    assert v._base is a and v._moves == "m" and not v._is_concrete and not v._has_window
    with pytest.raises(ValueError, match="view of a traced value"):
        native.alias(v)
    native.assign(a, native.empty((2, 3), F32))
    assert not v._is_concrete
