"""Names that stand on sorting and linear algebra: weighted quantiles, padding by medians, periods,
rules of bins, fits and zeros of polynomials."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy_support import cases, check, compare, in_numpy, in_ours

import tilewright as tw
import tilewright.numpy as tnp

CASES = """
np.quantile(I, [0, 0.2, 0.5, 1], weights=[1, 2, 3, 0, 1], method="inverted_cdf")
np.quantile(S, 0.5, weights=[0.0, 2, 3, 1], method="inverted_cdf")
np.quantile(S, 0.0, weights=[0.0, 2, 3, 1], method="inverted_cdf")
np.quantile(C, [[0.1], [0.9]], axis=1, weights=[1, 2, 3], method="inverted_cdf")
np.quantile(C, 0.3, axis=(0, 2), weights=np.arange(8.0).reshape(2, 4), method="inverted_cdf")
np.quantile(C, 0.3, axis=(2, 0), weights=np.arange(8.0).reshape(4, 2), method="inverted_cdf")
np.quantile(C, 0.3, axis=-1, weights=C, method="inverted_cdf", keepdims=True)
np.percentile(M, [25, 50], weights=POSITIVE, method="inverted_cdf")
np.percentile(M.astype(np.float32), 40, 0, weights=[1, 2], method="inverted_cdf")
np.quantile(N, 0.4, axis=1, weights=[1, 2, 3], method="inverted_cdf")
np.nanquantile(N, 0.4, axis=1, weights=[[1, 2, 3], [1, 2, 3]], method="inverted_cdf")
np.nanpercentile(N, 60, weights=np.abs(N) * 0 + 1, method="inverted_cdf")
np.pad(I, 2, "median")
np.pad(M, ((1, 2), (0, 3)), "median", stat_length=2)
np.pad(C, 1, "median", stat_length=((1, 2), (2, 3), (4, 1)))
np.pad(U8, 1, "median")
np.interp([0.5, 1.5, 7.5, -0.5], S, S * S, period=5)
np.interp(np.linspace(-360, 720, 37), [190, -190, 350, -350], [5, 10, 3, 4], period=360)
np.interp(3.0, [1.0], [7.0], period=2)
np.interp([1.0, np.nan], S, S, period=-3)
np.histogram(M, "fd")
np.histogram(I, "fd")
np.histogram(M, "auto")
np.histogram(I, "auto")
np.histogram_bin_edges(np.linspace(0, 1, 500) ** 3, "auto")
np.histogram_bin_edges(np.linspace(0, 1, 500) ** 3, "fd")
np.histogram_bin_edges(np.linspace(0, 1, 60) ** 3, "stone")
np.histogram(np.cos(np.arange(200.0)), "stone")
np.histogram(np.ones(3), "stone")
np.histogram(np.ones(3), "auto")
np.histogram(S, "auto", (0, 2))
np.poly(M[:, :2])
np.poly(np.array([[0.0, 1], [-1, 0]]))
np.poly([1j, -1j])
np.poly([1j, 2.0])
np.roots([1, -6, 11, -6])
np.roots([0, 0, 2, 0, 4, 0, 0])
np.roots([5])
np.roots([0, 0])
np.roots([1, 0, 1])
np.roots(np.array([1.0, -3, 2], np.float32))
np.roots([1, 2j, -1])
np.polyfit(S, S * S, 1)
np.polyfit(np.arange(6), np.cos(np.arange(6)), 2)
np.polyfit(S, np.stack([S, S * S], 1), 2)
np.polyfit(S, S * S, 1, w=[1, 2, 3, 0.5])
np.polyfit(np.arange(6), np.sin(np.arange(6)), 2, cov=True)
np.polyfit(np.arange(6), np.sin(np.arange(6)), 2, cov="unscaled")
np.polyfit(np.arange(6), np.stack([np.sin(np.arange(6)), np.arange(6.0)], 1), 2, cov=True)
"""
# The eigenvalues come in LAPACK's order, and may differ in the last bits.
CLOSE = ("np.roots", "np.poly(", "np.polyfit")


@pytest.mark.parametrize("text", cases(CASES))
def test_as_numpy(text: str) -> None:
    if text.startswith(CLOSE):
        close(in_ours(text), in_numpy(text))
    else:
        check(text)


def close(found: Any, expected: Any) -> None:
    if isinstance(expected, tuple):
        assert len(found) == len(expected)
        for pair in zip(found, expected, strict=True):
            close(*pair)
        return
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    tolerance = 1e-4 if expected.dtype.itemsize <= 4 else 1e-9
    np.testing.assert_allclose(found.numpy(), expected, rtol=tolerance, atol=tolerance)


def test_a_full_fit_and_a_fit_that_is_not_determined() -> None:
    x, y = np.arange(5.0), np.array([1.0, 2, 0, 4, 5])
    found, expected = (m.polyfit(x, y, 2, full=True) for m in (tnp, np))
    assert len(found) == len(expected) == 5 and found[2] == expected[2]
    for place in (0, 1, 3):
        close(found[place], expected[place])
    with pytest.warns(np.exceptions.RankWarning):
        tnp.polyfit(np.ones(4), np.ones(4), 2)


WRONG = """
np.quantile(S, 0.5, weights=[1, 2, 3, 4])
np.quantile(S, 0.5, weights=[1, 2, -3, 4], method="inverted_cdf")
np.quantile(S, 0.5, weights=[0, 0, 0, 0], method="inverted_cdf")
np.quantile(S, 0.5, weights=[1, np.nan, 0, 0], method="inverted_cdf")
np.quantile(M, 0.5, weights=[1, 2, 3], method="inverted_cdf")
np.quantile(M, 0.5, axis=0, weights=[1, 2, 3], method="inverted_cdf")
np.interp(S, S, S, period=0)
np.histogram(S, "other")
np.histogram(S, "auto", weights=S)
np.poly(C)
np.roots(M)
np.polyfit(S, S[:2], 1)
np.polyfit(S, S, -1)
np.polyfit(M, S, 1)
np.polyfit(S[:0], S[:0], 1)
np.polyfit(S, S, 1, w=[1, 2])
np.polyfit(S[:3], S[:3], 2, cov=True)
"""


@pytest.mark.parametrize("text", cases(WRONG))
def test_wrong_input(text: str) -> None:
    with pytest.raises(Exception) as theirs:
        in_numpy(text)
    builtin = next(c for c in theirs.type.__mro__ if c.__module__ == "builtins")
    with pytest.raises(builtin) as ours:
        in_ours(text)
    assert isinstance(ours.value, tw.TilewrightError)


def test_gradients_go_through_interp_and_quantiles() -> None:
    x = tw.array([0.3, 2.2, 1.1])
    found = tw.grad(lambda v: tnp.quantile(v, 0.5, weights=[1, 1, 1], method="inverted_cdf"))(x)
    assert found.tolist() == [0.0, 0.0, 1.0]
    padded = tw.grad(lambda v: tnp.pad(v, 1, "median").sum())(x)
    compare(padded, np.array([1.0, 1.0, 3.0]))
