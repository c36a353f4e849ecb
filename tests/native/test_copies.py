"""Strided copies against NumPy, on random windows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from native_support import array, native, numpy

NAMES = ("uint8", "int16", "float32", "float64")


Pair = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


@st.composite
def windows(draw: st.DrawFn) -> Pair:
    """A contiguous array and a view of it made by slices, transposition and repetition."""
    shape = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    name = draw(st.sampled_from(NAMES))
    base = np.random.default_rng(1).integers(0, 100, shape).astype(name)
    steps = [draw(st.sampled_from([1, 2, 3, -1, -2])) for _ in shape]
    view = base[tuple(slice(None, None, s) for s in steps)]
    view = view.transpose(draw(st.permutations(range(view.ndim))))
    return base, view


def window_of(base: Any, view: Any) -> tuple[object, object]:
    cell = array(base)
    start = view.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    strides = tuple(s // base.itemsize for s in view.strides)
    return cell, native.view(cell, view.shape, strides, start // base.itemsize, None)


@given(windows())
def test_reading(pair: Pair) -> None:
    base, view = pair
    _, window = window_of(base, view)
    assert np.array_equal(numpy(native.alias(window)), view)


@given(windows(), st.booleans())
def test_writing(pair: Pair, one: bool) -> None:
    base, view = pair
    cell, window = window_of(base, view)
    values = np.random.default_rng(2).integers(0, 100, view.shape[-1:] if one else view.shape)
    native.write(window, array(values.astype(base.dtype)))
    view[...] = values
    assert np.array_equal(numpy(cell), base)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "shape", [(1000, 1000), (1, 300_000), (300_000, 3), (3, 300_000), (33, 57, 129), (4, 500, 501)]
)
def test_large_transpositions_and_repetitions(name: str, shape: tuple[int, ...]) -> None:
    base = np.random.default_rng(3).integers(0, 100, shape).astype(name)
    views = [base.T, base[::-1], base[..., ::2], np.swapaxes(base, -1, -2), base]
    for view in views:
        _, window = window_of(base, view)
        assert np.array_equal(numpy(native.alias(window)), view)
    cell = array(base[0])
    wide = native.view(cell, (50, *cell.shape), (0, *cell._steps), 0, None)
    assert np.array_equal(numpy(native.alias(wide)), np.broadcast_to(base[0], wide.shape))
