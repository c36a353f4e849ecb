"""Running sums, selection by masks and positions, writes at places, copies with short rows:
against NumPy, for sizes around blocks and on any number of threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tilewright as tw
import tilewright.numpy as tnp

LENGTHS = [0, 1, 263, 264, 265, 2111, 2112, 2113, 70_000, 140_000]


def numbers(n: int, kind: str = "f8", seed: int = 0) -> Any:
    values = np.random.default_rng(seed).uniform(-1, 1, n) * 100
    return values.astype(kind)


@pytest.mark.parametrize("kind", ["f4", "f8", "i4", "i8", "u1"])
@pytest.mark.parametrize("n", LENGTHS)
def test_cumsum_is_the_sum_in_twice_the_precision(n: int, kind: str) -> None:
    x = numbers(n, kind) if kind != "u1" else np.abs(numbers(n)).astype(kind)
    found = tw.cumsum(x).numpy()
    expected = np.cumsum(x)
    assert found.dtype == expected.dtype
    if kind[0] != "f":
        np.testing.assert_array_equal(found, expected)
        return
    exact = np.cumsum(x.astype(np.longdouble))
    # docs/numpy.md: a block of 264 elements is all whose roundings add up.
    scale = np.cumsum(np.abs(x.astype(np.longdouble))[-264:]).max(initial=0) + np.abs(exact)
    bound = np.finfo(kind).eps * (264 if kind == "f8" else 1)
    assert (np.abs(found - exact) <= bound * scale).all()


def test_cumsum_of_positive_numbers_never_falls() -> None:
    x = np.abs(numbers(100_000)) * 10.0 ** -np.arange(100_000).__mod__(9)
    assert (np.diff(tw.cumsum(x).numpy()) >= 0).all()


def test_the_same_bits_for_any_number_of_threads() -> None:
    x = tw.asarray(numbers(400_000))
    before = tw.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 3):
            tw.set_num_threads(threads)
            found.append([tw.cumsum(x).numpy(), tw.sum(x).numpy(), tw.var(x).numpy(),
                          tw.dot(x, x).numpy(), tw.argmax(x).numpy()])  # fmt: skip
    finally:
        tw.set_num_threads(before)
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@given(
    hnp.arrays(
        st.sampled_from(["f4", "f8", "i4", "u1"]),
        hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=9),
        elements=st.integers(0, 5),
    ),
    st.data(),
)
def test_cumulative_along_any_axis(x: Any, data: Any) -> None:
    axis = data.draw(st.sampled_from([None, *range(-x.ndim, x.ndim)]))
    for name in ("cumsum", "cumprod"):
        expected = getattr(np, name)(x, axis)
        found = getattr(tw, name)(x, axis)
        assert found.shape == expected.shape
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found.numpy(), expected, 1e-6)
        staged = tw.jit(lambda a, name=name: getattr(tw, name)(a, axis))
        np.testing.assert_array_equal(staged(tw.asarray(x)).numpy(), found.numpy())


@pytest.mark.parametrize("operation", [tw.cumsum, tw.cumprod])
def test_gradients_of_cumulative_functions(operation: Any) -> None:
    x = np.array([[1.5, 0.0, -2.0, 0.5], [3.0, 1.0, 0.0, 0.0]])
    weight = tw.asarray(np.arange(8.0).reshape(2, 4) + 1)
    for axis in (0, 1):
        found = tw.grad(lambda a, axis=axis: (operation(a, axis) * weight).sum())(
            tw.asarray(x)
        ).numpy()
        step = 1e-6
        for at in np.ndindex(x.shape):
            moved = [x.copy(), x.copy()]
            moved[0][at] += step
            moved[1][at] -= step
            up, down = (float((operation(m, axis) * weight).sum()) for m in moved)
            assert abs(found[at] - (up - down) / (2 * step)) < 1e-6


@pytest.mark.parametrize("kind", ["?", "i2", "f4", "f8"])
@pytest.mark.parametrize("n", [0, 1, 1000, 33_000, 100_000])
def test_masks_and_positions(n: int, kind: str) -> None:
    rng = np.random.default_rng(n)
    x = rng.integers(0, 2, n).astype(kind) if kind == "?" else numbers(n, kind)
    a, mask, places = tw.asarray(x), rng.random(n) < 0.3, rng.integers(-n, n, n) if n else []
    np.testing.assert_array_equal(a[mask].numpy(), x[mask])
    np.testing.assert_array_equal(tw.nonzero(tw.asarray(mask))[0].numpy(), np.nonzero(mask)[0])
    if n:
        np.testing.assert_array_equal(a[places].numpy(), x[places])
        np.testing.assert_array_equal(tw.take(a, places).numpy(), x[places])
    rows = np.stack([x, x], 1)
    np.testing.assert_array_equal(tw.asarray(rows)[mask].numpy(), rows[mask])


@pytest.mark.parametrize("n", [5, 1000, 60_000])
def test_writes_at_positions(n: int) -> None:
    rng = np.random.default_rng(n)
    places, values = rng.integers(-n, n, 2 * n), rng.random(2 * n)
    x = rng.random((n, 3))
    a = tw.asarray(x[:, 0].copy())
    kept = a + 0
    alias = tw.asarray(a, copy=True)  # shares memory until one of them is written
    expected = x[:, 0].copy()
    expected[places] = values
    a[places] = values
    np.testing.assert_array_equal(a.numpy(), expected)
    np.testing.assert_array_equal(alias.numpy(), kept.numpy())
    rows, theirs = tw.asarray(x), x.copy()
    rows[places] = values[:, None]
    theirs[places] = values[:, None]
    np.testing.assert_array_equal(rows.numpy(), theirs)
    rows[:, 1][places] = 7  # a window that is not contiguous
    theirs[:, 1][places] = 7
    rows[1:][np.array([0, 1])] = 5
    theirs[1:][np.array([0, 1])] = 5
    np.testing.assert_array_equal(rows.numpy(), theirs)


def test_writes_that_read_what_they_write() -> None:
    a, x = tw.arange(6), np.arange(6)
    a[a] = a[::-1]
    x[x.copy()] = x[::-1].copy()
    np.testing.assert_array_equal(a.numpy(), x)
    with pytest.raises(IndexError, match="out of range"):
        a[[0, 6]] = 1
    np.testing.assert_array_equal(a.numpy(), x)


@given(
    st.integers(0, 40), st.integers(1, 11), st.integers(1, 5), st.sampled_from(["u1", "f2", "f8"])
)
def test_copies_with_short_rows(rows: int, length: int, times: int, kind: str) -> None:
    x = np.arange(rows * length).reshape(rows, length).astype(kind)
    a = tw.asarray(x)
    for name, arguments in (("repeat", (times, 1)), ("repeat", (times, 0)), ("tile", ((2, times),)),
                            ("roll", (times, 0)), ("roll", (times,)),
                            ("pad", (times,))):  # fmt: skip
        ours, theirs = getattr(tnp, name)(a, *arguments), getattr(np, name)(x, *arguments)
        np.testing.assert_array_equal(ours.numpy(), theirs, err_msg=name)
    np.testing.assert_array_equal(tw.flip(a, 1).numpy(), np.flip(x, 1))


@pytest.mark.parametrize("shape", [(70_000,), (300, 301), (40, 50, 60)])
def test_pads_of_large_arrays(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).random(shape, dtype="f4")
    widths = [(i + 1, 2 * i) for i in range(x.ndim)]
    found = tnp.pad(x, widths, constant_values=-1)
    np.testing.assert_array_equal(found.numpy(), np.pad(x, widths, constant_values=-1))


def test_copies_past_the_caches() -> None:
    x = np.arange(20_000_001, dtype="f4")[1:]
    a = tw.asarray(x)
    np.testing.assert_array_equal(tw.concatenate([a, a[:5]]).numpy(), np.concatenate([x, x[:5]]))


@pytest.mark.parametrize("kind", ["f4", "f8", "i4", "u1", "?"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 70), (700, 3), (1031, 517), (4, 5000)])
def test_reductions_over_rows_and_columns(shape: tuple[int, int], kind: str) -> None:
    rng = np.random.default_rng(shape[1])
    x = rng.integers(0, 2, shape).astype(kind) if kind in "?u1" else numbers(np.prod(shape), kind)
    x = x.reshape(shape)
    for axis in (0, 1):
        for name in ("max", "min", "argmax", "argmin", "any", "all"):
            found, expected = getattr(tw, name)(x, axis), getattr(np, name)(x, axis)
            np.testing.assert_array_equal(found.numpy(), expected, err_msg=name)
        for name in ("sum", "mean", "var"):
            found = getattr(tw, name)(x, axis).numpy()
            wide = x.astype("f8") if kind[0] == "f" else x
            expected = getattr(np, name)(wide, axis)
            # docs/accuracy.md: sums are bound by the terms' magnitudes; 1e-12 is NumPy's own
            # error, which adds the rows of a column one after another.
            terms = expected if name == "var" else getattr(np, name)(np.abs(wide), axis)
            bound = (4 * np.finfo("f4").eps if kind == "f4" else 1e-12) * terms
            assert (np.abs(found - expected) <= bound).all(), name


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_argmax_of_equals_infinities_and_nan(kind: str) -> None:
    inf, nan = np.inf, np.nan
    lines = [[-inf] * 300, [inf] * 300, [1.0] * 299 + [nan], [nan] * 300, [nan] + [inf] * 299,
             [-inf] * 299 + [0.0], [0.0] * 150 + [5.0] * 150, [-0.0, 0.0] * 150]  # fmt: skip
    x = np.array(lines, kind)
    for name in ("argmax", "argmin"):
        for axis in (0, 1):
            expected = getattr(np, name)(x, axis)
            np.testing.assert_array_equal(getattr(tw, name)(x, axis).numpy(), expected)
        assert int(getattr(tw, name)(x[0])) == 0
    lowest = np.full(500, np.iinfo("i4").min, "i4")
    assert int(tw.argmax(lowest)) == 0


@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("n", [0, 1, 7, 1000, 300_000])
def test_products_of_vectors_are_summed_in_double(n: int, kind: str) -> None:
    x, y = numbers(n, kind), numbers(n, kind, 1)
    exact = (x.astype(np.longdouble) * y).sum()
    scale = np.abs(x.astype(np.longdouble) * y).sum()
    for function in (tw.dot, tw.vdot, tw.inner, tw.matmul, tw.jit(tw.dot)):
        found = function(tw.asarray(x), tw.asarray(y)).numpy()
        assert found.dtype == x.dtype
        assert abs(found - exact) <= np.finfo("f8").eps * 64 * scale + np.finfo(kind).eps * abs(
            exact
        )


def test_a_long_chain_of_positions_is_cut_and_not_repeated() -> None:
    def chain(x: Any) -> Any:
        for _ in range(4):
            x = tw.reshape(tnp.pad(x, 1), (-1,))
            x = tw.reshape(x[: x.shape[0] // 6 * 6], (-1, 3, 2))
        return x

    x = tw.asarray(np.arange(60.0).reshape(5, 4, 3))
    f = tw.jit(chain)
    text = f.ir(x, stage="tir")
    assert len(text) < 60_000, f"{len(text)} characters of kernel text"
    assert text.count("_phase0(") >= 2
    np.testing.assert_array_equal(f(x).numpy(), chain(x).numpy())
