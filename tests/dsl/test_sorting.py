"""Sorting, searching, sets and order statistics against NumPy, eager and staged."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tilewright as tw

DTYPES = st.sampled_from(["b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"])


@st.composite
def arrays(draw: Any, max_dims: int = 3, min_dims: int = 1, min_side: int = 0) -> Any:
    """Arrays of all dtypes with many equal elements, or with all the bits that there are."""
    kind = np.dtype(draw(DTYPES))
    shape = draw(hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=min_side,
                                  max_side=9))  # fmt: skip
    elements = hnp.from_dtype(kind)
    if draw(st.booleans()) and kind.kind in "iuf":
        elements = st.integers(0, 3).map(kind.type)
    return draw(hnp.arrays(kind, shape, elements=elements))


def same(found: Any, expected: Any) -> None:
    expected = np.asarray(expected)
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found.numpy(), expected)


@given(arrays(), st.data())
def test_sort_and_argsort(x: Any, data: Any) -> None:
    axis = data.draw(st.sampled_from([None, *range(-x.ndim, x.ndim)]))
    same(tw.sort(x, axis), np.sort(x, axis))
    same(tw.argsort(x, axis), np.argsort(x, axis, kind="stable"))
    wanted = -1 if axis is None else axis
    down = tw.argsort(x, wanted, descending=True).numpy()
    same(tw.sort(x, wanted, descending=True), np.take_along_axis(x, down, wanted))
    backwards = np.flip(np.sort(x, wanted), wanted)
    np.testing.assert_array_equal(np.take_along_axis(x, down, wanted), backwards)


@pytest.mark.parametrize("n", [1 << 15, 100_003, 400_000])
@pytest.mark.parametrize("kind", ["f4", "f8", "i4", "i8", "u2"])
def test_long_lines_on_many_threads(n: int, kind: str) -> None:
    rng = np.random.default_rng(n)
    x = (rng.standard_normal(n) * 1000).astype(kind)
    same(tw.sort(x), np.sort(x))
    same(tw.argsort(x), np.argsort(x, kind="stable"))


def test_the_same_for_any_number_of_threads() -> None:
    x = tw.asarray(np.random.default_rng(1).integers(0, 50, 200_000))
    before = tw.get_num_threads()
    found = []
    for count in (1, 2, 5):
        tw.set_num_threads(count)
        found.append(tw.argsort(x).numpy())
    tw.set_num_threads(before)
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_zeros_of_both_signs_stay_in_order() -> None:
    x = np.array([0.0, -0.0, 1.0, -0.0, 0.0, -1.0], np.float32)
    expected = np.signbit(np.sort(x, kind="stable"))
    assert np.array_equal(np.signbit(tw.sort(x).numpy()), expected)


def test_views_are_sorted_as_they_are_seen() -> None:
    x = np.arange(24.0)[::-1].reshape(4, 6).copy()
    same(tw.sort(tw.asarray(x).T[:, ::2], 0), np.sort(x.T[:, ::2], 0))
    inside = tw.asarray(x)
    inside[1:3].sort()
    expected = x.copy()
    expected[1:3].sort()
    same(inside, expected)


@given(arrays(max_dims=1), st.data())
def test_searchsorted(x: Any, data: Any) -> None:
    values = data.draw(hnp.arrays(x.dtype, (2, 3)))
    table = np.sort(x)
    for side in ("left", "right"):
        same(tw.searchsorted(table, values, side), np.searchsorted(table, values, side))
    order = np.argsort(x, kind="stable")
    same(tw.searchsorted(x, values, sorter=order), np.searchsorted(x, values, sorter=order))


@given(arrays(min_side=1), st.data())
def test_topk(x: Any, data: Any) -> None:
    k = data.draw(st.integers(0, x.shape[-1]))
    values, places = tw.topk(x, k)
    same(values, np.flip(np.sort(x, -1), -1)[..., :k])
    np.testing.assert_array_equal(np.take_along_axis(x, places.numpy(), -1), values.numpy())


@given(arrays(min_side=1, min_dims=2, max_dims=2))
def test_lexsort(x: Any) -> None:
    same(tw.lexsort(list(x)), np.lexsort(x))
    same(tw.lexsort([x, x]), np.lexsort([x, x]))


# --------------------------------------------------------------------------- places and masks


@given(arrays())
def test_nonzero(x: Any) -> None:
    for found, expected in zip(tw.nonzero(x), np.nonzero(x), strict=True):
        same(found, expected)


@given(arrays(), st.data())
def test_masks_select(x: Any, data: Any) -> None:
    mask = data.draw(hnp.arrays(bool, x.shape[: data.draw(st.integers(0, x.ndim))]))
    same(tw.asarray(x)[tw.asarray(mask)], x[mask])


def test_masks_have_gradients_and_errors() -> None:
    x = tw.array([1.0, 2.0, 3.0])
    mask = tw.array([True, False, True])
    assert tw.grad(lambda v: (v[mask] ** 2).sum())(x).tolist() == [2.0, 0.0, 6.0]
    with pytest.raises(IndexError, match=r"got a bool array \(2,\) for an array \(3,\)"):
        x[tw.array([True, False])]
    with pytest.raises(ValueError, match="no axes"):
        tw.nonzero(tw.array(3))


# --------------------------------------------------------------------------- sets


@given(arrays(max_dims=2))
def test_unique(x: Any) -> None:
    expected = np.unique(x, True, True, True)
    found = tw.unique(x, True, True, True)
    for ours, theirs in zip(found, expected, strict=True):
        same(ours, theirs.reshape(ours.shape))
    assert found[2].shape == x.shape
    same(tw.unique(x), expected[0])
    same(tw.unique(x, equal_nan=False), np.unique(x, equal_nan=False))
    # NumPy leaves the order of unique_values open; the others are sorted.
    same(tw.unique_values(x), np.unique(x, equal_nan=False))
    for of in ("unique_counts", "unique_inverse", "unique_all"):
        ours, theirs = getattr(tw, of)(x), getattr(np, of)(x)
        for a, b in zip(*((z if isinstance(z, tuple) else (z,)) for z in (ours, theirs)),
                        strict=True):  # fmt: skip
            same(a, b)


@given(arrays(min_dims=2, max_dims=3), st.data())
@settings(max_examples=30)
def test_unique_slices(x: Any, data: Any) -> None:
    if x.dtype.kind == "f":
        x = np.nan_to_num(x)
    axis = data.draw(st.integers(0, x.ndim - 1))
    if 0 in x.shape:
        return
    expected = np.unique(x, True, True, True, axis)
    for ours, theirs in zip(tw.unique(x, True, True, True, axis), expected, strict=True):
        same(ours, theirs.reshape(ours.shape))


@given(arrays(max_dims=1), st.data())
@pytest.mark.parametrize("of", ["union1d", "intersect1d", "setdiff1d", "setxor1d"])
def test_sets(of: str, x: Any, data: Any) -> None:
    y = data.draw(hnp.arrays(x.dtype, st.integers(0, 6)))
    if x.dtype.kind == "f":
        x, y = np.nan_to_num(x), np.nan_to_num(y)
    y = np.concatenate([y, x[::2]])
    same(getattr(tw, of)(x, y), getattr(np, of)(x, y))


def test_intersections_say_where() -> None:
    a, b = [4, 1, 1, 3], [3, 4, 4, 9]
    for ours, theirs in zip(tw.intersect1d(a, b, return_indices=True),
                            np.intersect1d(a, b, return_indices=True), strict=True):  # fmt: skip
        same(ours, theirs)


# --------------------------------------------------------------------------- order statistics

METHODS = ["inverted_cdf", "averaged_inverted_cdf", "closest_observation",
           "interpolated_inverted_cdf", "hazen", "weibull", "linear", "median_unbiased",
           "normal_unbiased", "lower", "higher", "midpoint", "nearest"]  # fmt: skip


def near(found: Any, expected: Any) -> None:
    assert found.shape == np.shape(expected)
    assert found.dtype == np.asarray(expected).dtype
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5 if found.itemsize == 4 else 1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["f4", "f8", "i4"])
def test_quantiles(method: str, kind: str) -> None:
    x = (np.random.default_rng(5).random((5, 7, 2)) * 100).astype(kind)
    wanted = [0, 0.1, 0.25, 0.5, 0.77, 1]
    if kind == "f4":  # NumPy takes these q in float32; ours stay exact
        wanted = [0, 0.125, 0.25, 0.5, 0.75, 1]
    for axis in (1, None, (0, 2)):
        near(tw.quantile(x, wanted, axis, method=method),
             np.quantile(x, np.asarray(wanted, "f4" if kind == "f4" else "f8"), axis,
                         method=method))  # fmt: skip
    near(tw.percentile(x, 25.0, 1, method=method, keepdims=True),
         np.percentile(x, 25.0, 1, method=method, keepdims=True))  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_quantiles_without_nan(method: str) -> None:
    x = np.random.default_rng(6).random((6, 9))
    x[x < 0.3] = np.nan
    x[2] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of a row of NaN alone
        expected = np.nanquantile(x, [0.1, 0.5, 0.9], 1, method=method)
        middle = np.nanmedian(x, 1)
    near(tw.nanquantile(x, [0.1, 0.5, 0.9], 1, method=method), expected)
    near(tw.nanmedian(x, 1), middle)
    assert np.isnan(tw.quantile(x, 0.5).numpy())


@given(arrays(min_side=1))
def test_median(x: Any) -> None:
    if x.dtype.kind == "f":
        x = x.astype("f8") % 1000
    elif x.dtype.kind == "b":
        x = x.astype("i8")
    x = np.where(np.abs(x.astype("f8")) < 1e6, x, x.dtype.type(1))
    near(tw.median(x, -1), np.median(x, -1))
    near(tw.median(x), np.median(x))


# --------------------------------------------------------------------------- staged, errors


def test_staged_between_kernels() -> None:
    """What a routine reads and writes may be moved, free, an argument or a result."""

    @tw.jit
    def f(x: Any, y: Any) -> Any:
        s = tw.sort(x.T * 2)
        order = tw.argsort(tw.ravel(y))
        return s + 1, s[0], tw.take(tw.ravel(y), order), tw.sort(y.reshape(6)), tw.sort(-x)

    rng = np.random.default_rng(2)
    x, y = rng.random((4, 3)), rng.random((2, 3))
    s = np.sort(x.T * 2)
    expected = (s + 1, s[0], np.sort(y.ravel()), np.sort(y.ravel()), np.sort(-x))
    for found, value in zip(f(tw.asarray(x), tw.asarray(y)), expected, strict=True):
        same(found, value)
    assert "native" in f.ir(tw.asarray(x), tw.asarray(y), stage="kernels")
    assert "routine" in f.ir(tw.asarray(x), tw.asarray(y), stage="tir")
    assert "peak" in str(f.memory(tw.asarray(x), tw.asarray(y)))


def test_staged_gradients() -> None:
    x = tw.array([3.0, 1.0, 2.0])
    weights = tw.array([1.0, 10.0, 100.0])
    slope = tw.jit(tw.grad(lambda v: (tw.sort(v) * weights).sum()))
    assert slope(x).tolist() == [100.0, 1.0, 10.0]
    assert tw.grad(lambda v: tw.median(v))(x).tolist() == [0.0, 0.0, 1.0]
    assert tw.grad(lambda v: tw.topk(v, 2)[0].sum())(x).tolist() == [1.0, 0.0, 1.0]


@pytest.mark.parametrize("of", ["unique", "nonzero", "union1d"])
def test_staged_sizes_that_depend_on_values(of: str) -> None:
    function = getattr(tw, of)
    arguments = (tw.array([1, 2]),) * (2 if of == "union1d" else 1)
    with pytest.raises(tw.TraceError, match=r"depends on values"):
        tw.jit(lambda *xs: function(*xs))(*arguments)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tw.sort([1], kind="bubble"), ValueError, "kind 'bubble'"),
        (lambda: tw.sort(3), tw.AxisError, "no axes"),
        (lambda: tw.sort([1], 1), tw.AxisError, "axis 1"),
        (lambda: tw.partition([1, 2], 2), ValueError, "kth 2 for an axis of 2"),
        (lambda: tw.topk([1, 2], 3), IndexError, "k 3 for an axis of 2"),
        (lambda: tw.searchsorted([[1]], 1), ValueError, "must be 1-D"),
        (lambda: tw.searchsorted([1], 1, "middle"), ValueError, "side 'middle'"),
        (lambda: tw.lexsort([[1], [1, 2]]), ValueError, "must be equal"),
        (lambda: tw.quantile([1.0], 1.5), ValueError, r"must be in 0\.\.1"),
        (lambda: tw.quantile([1.0], 0.5, method="best"), ValueError, "method 'best'"),
        (lambda: tw.median([]), ValueError, "no element"),
    ],
)
def test_errors(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()
