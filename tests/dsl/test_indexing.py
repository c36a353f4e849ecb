"""`x[...]` and `x[...] = v` mean what they mean in NumPy, eagerly and staged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tilewright as tw

SHAPES = st.sampled_from([(5,), (3, 4), (2, 3, 4), (4, 1, 3), (), (0, 3)])


@st.composite
def basic(draw: Any) -> tuple[tuple[int, ...], Any]:
    shape = draw(SHAPES)
    return shape, draw(hnp.basic_indices(shape, allow_ellipsis=True, allow_newaxis=True))


@st.composite
def advanced(draw: Any) -> tuple[tuple[int, ...], Any]:
    """Integers, slices, None and index arrays, mixed."""
    shape = draw(st.sampled_from([(5,), (3, 4), (2, 3, 4), (4, 1, 3)]))
    common = draw(st.sampled_from([(2,), (3, 1), (), (2, 2), (0,)]))
    key: list[Any] = []
    for size in shape[: draw(st.integers(1, len(shape)))]:
        if draw(st.booleans()) and draw(st.booleans()):
            key.append(None)
        kind = draw(st.sampled_from(["array", "array", "integer", "slice"]))
        if kind == "array":
            key.append(draw(hnp.arrays(np.int64, common, elements=st.integers(-size, size - 1))))
        elif kind == "integer":
            key.append(draw(st.integers(-size, size - 1)))
        else:
            key.append(draw(st.slices(size)))
    if not any(isinstance(k, np.ndarray) for k in key):
        key[-1] = np.array([0])
    return shape, tuple(key)


def numbers(shape: tuple[int, ...]) -> Any:
    return np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)


@given(basic())
def test_get_basic(case: Any) -> None:
    shape, key = case
    found = tw.array(numbers(shape))[key]
    np.testing.assert_array_equal(found.numpy(), numbers(shape)[key])
    assert found.shape == np.shape(numbers(shape)[key])


@given(basic())
def test_set_basic(case: Any) -> None:
    shape, key = case
    expected, found = numbers(shape), tw.array(numbers(shape))
    expected[key] = -1
    found[key] = -1
    np.testing.assert_array_equal(found.numpy(), expected)
    new = numbers(np.shape(expected[key])) + 100
    expected[key] = new
    found[key] = tw.array(new)
    np.testing.assert_array_equal(found.numpy(), expected)


@given(advanced())
def test_get_advanced(case: Any) -> None:
    shape, key = case
    found = tw.array(numbers(shape))[key]
    assert found.shape == numbers(shape)[key].shape
    np.testing.assert_array_equal(found.numpy(), numbers(shape)[key])


@given(advanced())
def test_set_advanced(case: Any) -> None:
    shape, key = case
    expected, found = numbers(shape), tw.array(numbers(shape))
    expected[key] = -1
    found[key] = -1
    np.testing.assert_array_equal(found.numpy(), expected)


KEYS = [
    (1,), (slice(None), 2), (slice(None, None, -1),), (..., slice(1, 3)), (None, 0), (-1, -1, -1),
    (np.array([1, 0, 1]),), (0, slice(None), np.array([[3], [0]])), (slice(0, 0),),
    (np.array([0, 1]), slice(None), np.array([2, -1])),
]  # fmt: skip


DTYPES = st.sampled_from(["bool", "int8", "float16", "bfloat16", "float32", "complex64", "c16"])


@st.composite
def laid_out(draw: Any) -> tuple[Any, Any]:
    """An array of ours (a value or a view) and NumPy's with the same elements."""
    shape = draw(st.sampled_from([(5,), (3, 4), (2, 3, 4), (4, 1, 3), (0, 3), (3, 0), (700,)]))
    host = np.arange(np.prod(shape)).reshape(shape) % 50
    name = draw(DTYPES)
    x = tw.asarray(host).astype("complex128" if name == "c16" else name)
    if draw(st.booleans()):
        x = tw.asarray(x.T, copy=True).T
    if draw(st.booleans()):
        x = x[::-1]
    return x, np.asarray(x.astype("complex128"))


@given(laid_out(), st.data())
def test_masks_that_are_arrays(case: Any, data: Any) -> None:
    x, host = case
    axes = data.draw(st.integers(1, host.ndim))
    mask = data.draw(hnp.arrays(np.bool_, host.shape[:axes]))
    if data.draw(st.booleans()):
        mask = np.ascontiguousarray(mask.T).T
    key = tw.asarray(np.repeat(mask, 2, -1))[..., ::2] if data.draw(st.booleans()) else mask
    found = x[tw.asarray(key)]
    assert found.dtype == x.dtype and found.shape == host[mask].shape
    assert np.array_equal(np.asarray(found.astype("complex128")), host[mask])


@given(laid_out(), st.data())
def test_positions_that_are_arrays(case: Any, data: Any) -> None:
    x, host = case
    size = host.shape[0]
    shape = data.draw(st.sampled_from([(2,), (3, 1), (), (0,), (40,)]))
    if size == 0 and 0 not in shape:
        return
    at = data.draw(hnp.arrays(np.int64, shape, elements=st.integers(-size, max(size - 1, -size))))
    for dtype in ("int64", "int16"):
        for key in (tw.asarray(at).astype(dtype), tw.asarray(at.T.copy()).astype(dtype).T):
            found = x[key]
            assert found.dtype == x.dtype and found.shape == host[at].shape
            assert np.array_equal(np.asarray(found.astype("complex128")), host[at])


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_staged(key: Any) -> None:
    x = numbers((2, 3, 4))

    @tw.jit
    def both(a: tw.Array, v: tw.Array) -> Any:
        picked = a[key] * 2
        b = a + 0
        b[key] = v
        b[key] += 1
        return picked, b

    picked, written = both(tw.array(x), tw.array(np.float32(-7)))
    expected = x.copy()
    expected[key] = -7
    expected[key] += 1
    np.testing.assert_array_equal(picked.numpy(), x[key] * 2)
    np.testing.assert_array_equal(written.numpy(), expected)


def test_staged_positions_are_arguments() -> None:
    pick = tw.jit(lambda a, i: a[i])
    x = numbers((4, 3))
    for i in ([0, -1], [3, 2]):
        np.testing.assert_array_equal(pick(tw.array(x), tw.array(i)).numpy(), x[i])
    # Out of range there is no error that a program could raise: it stays inside the array.
    np.testing.assert_array_equal(pick(tw.array(x), tw.array([99])).numpy(), x[[3]])


def test_masks() -> None:
    x = numbers((3, 4))
    mask = x % 3 == 0
    a = tw.array(x)
    np.testing.assert_array_equal(a[tw.array(mask)].numpy(), x[mask])
    a[a > 5] = 0
    np.testing.assert_array_equal(a.numpy(), np.where(x > 5, 0, x))
    a[np.array([True, False, True])] = tw.array([1.0, 2.0, 3.0, 4.0], "float32")
    np.testing.assert_array_equal(a.numpy()[[0, 2]], [[1, 2, 3, 4]] * 2)

    @tw.jit
    def staged(v: tw.Array) -> tw.Array:
        w = v + 0
        w[w > 5] = 0
        return w

    np.testing.assert_array_equal(staged(tw.array(x)).numpy(), np.where(x > 5, 0, x))
    with pytest.raises(tw.TraceError, match=r"tw\.where"):
        tw.jit(lambda v: v[v > 5])(tw.array(x))


@pytest.mark.parametrize(
    ("shape", "mask"), [((0, 1), (0, 0)), ((2, 3), (0, 3)), ((3,), (0,)), ((), ())]
)
@pytest.mark.parametrize("value", [True, False])
def test_empty_masks_and_single_bools(shape: Any, mask: Any, value: bool) -> None:
    x, key = numbers(shape), np.full(mask, value)
    a = tw.array(x)
    for k in (key, tw.array(key), (..., key), *([bool(key)] if not mask else [])):
        expected = x[np.asarray(k) if isinstance(k, tw.Array) else k]
        assert a[k].shape == expected.shape and a[k].tolist() == expected.tolist()
    a[key] = 7
    x[key] = 7
    np.testing.assert_array_equal(a.numpy(), x)
    matrix = numbers((2, 3))
    assert tw.array(matrix)[value, [0]].tolist() == matrix[value, [0]].tolist()


def test_views_share_and_copies_do_not() -> None:
    a = tw.zeros((3, 4))
    a[0][1] = 5
    a.T[2, 1] = 7
    a.reshape(12)[-1] = 9
    a[:, ::2][2] = 1
    picked = a[[0, 1]]
    picked[...] = 99
    element = a[0, 0]
    element += 50
    assert a.tolist() == [[0, 5, 0, 0], [0, 0, 7, 0], [1, 0, 1, 9]]


def test_overlapping_windows() -> None:
    x = numbers((6,))
    a = tw.array(x)
    a[1:] = a[:-1]
    x[1:] = x[:-1].copy()
    np.testing.assert_array_equal(a.numpy(), x)
    a[::-1] = a
    np.testing.assert_array_equal(a.numpy(), x[::-1])


def test_gradients_through_arrays_as_indices() -> None:
    x = tw.array([1.0, 2.0, 3.0]).requires_grad_()
    weights = tw.asarray([1.0, 10.0, 100.0])
    at, mask = tw.asarray([-1, 0, 2]), tw.asarray([True, False, True])
    for _ in range(4):
        for y, wanted in (
            (x[at] * weights, [10, 0, 101]),
            (tw.take(x, at) * weights, [10, 0, 101]),
            (x[mask] * weights[:2], [1, 0, 10]),
        ):
            x.grad = None
            y.sum().backward()
            assert x.grad.tolist() == wanted


def test_gradient_through_indices() -> None:
    x = tw.array([1.0, 2.0, 3.0, 4.0]).requires_grad_()
    y = x * 1
    y[1:3] *= 10
    (y[[0, 1, 1]].sum() + y[::2].sum()).backward()
    assert x.grad.tolist() == [2.0, 20.0, 10.0, 0.0]


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        (5, tw.BoundsError, "index 5 is out of range for axis 0 of size 3"),
        ((0, -5), tw.BoundsError, "index -5 is out of range for axis 1 of size 4"),
        ((0, 0, 0), tw.BoundsError, "got 3 indices for an array of 2 axes"),
        ([0, 3], tw.BoundsError, "index 3 is out of range for axis 0 of size 3"),
        (1.5, tw.BoundsError, "an index is an integer"),
        (np.array([0.5]), tw.BoundsError, "must hold integers or bool"),
        ([True, False], tw.BoundsError, "a bool array of size 2 for an axis of 3"),
        ((0, [True]), tw.BoundsError, "a bool array of size 1 for an axis of 4"),
    ],
    ids=str,
)
def test_errors(key: Any, error: type[Exception], message: str) -> None:
    a = tw.zeros((3, 4))
    with pytest.raises(error, match=message):
        a[key]
    with pytest.raises(error, match=message):
        a[key] = 1


def test_a_value_must_fit_its_window() -> None:
    a = tw.zeros((3, 4))
    with pytest.raises(tw.ShapeError, match="assignment: got a value of shape"):
        a[0] = tw.zeros(3)
    a[0] = tw.ones((1, 1, 4))
    assert a[0].tolist() == [1, 1, 1, 1]


def test_iteration_and_length() -> None:
    a = tw.arange(6).reshape(3, 2)
    assert [row.tolist() for row in a] == [[0, 1], [2, 3], [4, 5]]
    assert len(a) == 3
    with pytest.raises(TypeError):
        len(a[0, 0])
