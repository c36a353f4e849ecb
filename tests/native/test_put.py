"""`a[at] = v` for an array of positions, at once in the core: NumPy's meaning, on any threads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tilewright as tw
from tilewright import _native

PARALLEL = 1 << 17  # elements from which threads share the work (core/put.cpp)


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = _native.get_num_threads()
    _native.set_num_threads(request.param)
    yield request.param
    _native.set_num_threads(before)


def check(a: Any, at: Any, value: Any) -> None:
    """The same write by NumPy and by us."""
    ours = tw.asarray(a.copy())
    ours[tw.asarray(at)] = tw.asarray(value) if isinstance(value, np.ndarray) else value
    a[at] = value
    np.testing.assert_array_equal(np.asarray(ours), a)


@given(
    st.integers(1, 40),
    st.lists(st.integers(0, 10**6), max_size=60),
    st.sampled_from(["bool", "int8", "int16", "float32", "float64", "complex128"]),
    st.sampled_from([(), (1,), (3,), (2, 2)]),
)
def test_any_places(n: int, at: list[int], dtype: str, rest: tuple[int, ...]) -> None:
    places = np.asarray(at, np.int64) % n
    a = np.arange(n * int(np.prod(rest, dtype=int))).reshape(n, *rest).astype(dtype)
    values = (100 + np.arange(places.size * a[0].size)).reshape(places.size, *rest).astype(dtype)
    check(a, places, values)
    check(a, places - n * (places % 2), values)  # some count from the end
    check(a, places, 1)


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "float64"])
def test_many_places(dtype: str, threads: int, rng: np.random.Generator) -> None:
    n = PARALLEL + 13
    a = np.zeros(n, dtype)
    permuted, repeated = rng.permutation(n), rng.integers(0, n // 7, n)
    for at in (permuted, np.sort(permuted), repeated):
        check(a, at, rng.integers(0, 100, n).astype(dtype))
        check(a, at, 5)
    rows = np.zeros((n // 4, 4), dtype)
    check(rows, rng.permutation(n // 4), rng.integers(0, 100, rows.shape).astype(dtype))


def test_what_is_refused_changes_nothing(threads: int) -> None:
    for n in (10, PARALLEL + 1):
        a, at = tw.zeros(n), np.arange(n)
        for wrong in (n, -n - 1, np.iinfo(np.int64).min, np.iinfo(np.int64).max):
            at[-1] = wrong
            with pytest.raises(IndexError):
                a[tw.asarray(at)] = tw.ones(n)
            assert not a.any()


def test_values_that_lie_in_the_target() -> None:
    a = np.arange(50.0)
    ours = tw.asarray(a.copy())
    at = np.arange(1, 50)
    ours[tw.asarray(at)] = ours[:-1]
    a[at] = a[:-1].copy()
    np.testing.assert_array_equal(np.asarray(ours), a)


def test_views_holders_gradients_and_traces() -> None:
    base = tw.zeros((4, 6))
    held = np.asarray(base)  # a holder: the write goes to a copy
    row = base[2]
    row[tw.asarray([5, 0])] = tw.asarray([1.0, 2.0])
    assert held.sum() == 0 and base[2, 5] == 1 and base[2, 0] == 2
    base[tw.asarray([0, 3])] = row
    assert base.sum() == 9

    x = tw.asarray([1.0, 2.0])
    x.requires_grad = True
    y = tw.zeros(4)
    y[tw.asarray([1, 1])] = x * 3
    (y * y).sum().backward()
    np.testing.assert_array_equal(np.asarray(x.grad), [0, 36])

    @tw.jit
    def staged(z: Any, at: Any) -> Any:
        z = z * 2
        z[at] = 7.0
        return z

    np.testing.assert_array_equal(np.asarray(staged(tw.ones(3), tw.asarray([-1]))), [2, 2, 7])


def test_other_sizes_go_the_long_way() -> None:
    a = np.zeros((3, 4))
    check(a, np.asarray([0, 2]), np.arange(4.0))  # broadcast
    check(a, np.asarray([[0, 2]]), np.ones((1, 2, 4)))
    ours = tw.zeros(4)
    with pytest.raises(ValueError, match="assignment"):
        ours[tw.asarray([0, 1])] = tw.ones(3)
    ours[tw.asarray([0], "int32")] = 1.0
    ours[tw.asarray([True, False, False, True])] = 2.0
    np.testing.assert_array_equal(np.asarray(ours), [2, 0, 0, 2])
