"""Fourier transforms: NumPy's, in double precision to the bit, as the loops are the same (single
precision NumPy computes in double where there is no factor); gradients; staged; errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tilewright as tw
import tilewright.numpy as tnp
from tilewright import _native

RNG = np.random.default_rng(3)
X = RNG.standard_normal((4, 6, 5))
Z = X + 1j * RNG.standard_normal((4, 6, 5))
NORMS = (None, "backward", "ortho", "forward")
ONE = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
MANY = ("fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn")


def same(found: Any, expected: Any) -> None:
    assert isinstance(found, tw.Array)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    if expected.dtype in (np.float32, np.complex64):
        bound = 1e-6 * abs(expected).max(initial=0)
        np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=bound)
    else:
        np.testing.assert_array_equal(found.numpy(), expected)


def operand(name: str) -> Any:
    return X if name.startswith(("rfft", "ihfft")) else Z


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ONE)
def test_one_axis(name: str, norm: str | None) -> None:
    ours, theirs = getattr(tw.fft, name), getattr(np.fft, name)
    x = operand(name)
    for kind in (x, x.astype(np.complex64 if x.dtype.kind == "c" else np.float32)):
        for axis in (0, 1, -1):
            for n in (None, 1, 3, 4, 9):
                expected = theirs(kind, n, axis, norm)
                same(ours(tw.array(kind), n, axis, norm), expected)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", MANY)
def test_several_axes(name: str, norm: str | None) -> None:
    ours, theirs = getattr(tw.fft, name), getattr(np.fft, name)
    x = operand(name)
    for s, axes in ((None, (0, 1)), (None, (1, -1)), ((3, 8), (0, 2)), ((-1, 4), (2, 1))):
        same(ours(tw.array(x), s, axes, norm), theirs(x, s, axes, norm))
    same(ours(tw.array(x), norm=norm), theirs(x, norm=norm))


def test_dtypes_and_views() -> None:
    for name in ("fft", "rfft", "ifft", "irfft"):
        for kind in (np.int8, np.uint64, bool):
            x = (X > 0).astype(kind)
            same(getattr(tw.fft, name)(x), getattr(np.fft, name)(x))
        for kind in (
            "float16",
            "bfloat16",
        ):  # NumPy rounds the factor, and irfft's result, to 16 bits
            x = (X > 0).astype(np.float32)
            same(getattr(tw.fft, name)(tw.array(x).astype(kind)), getattr(np.fft, name)(x))
    big = np.ascontiguousarray(np.broadcast_to(Z, (3, 4, 6, 5)))
    view = tw.array(big)[::2, :, ::-1].transpose(3, 1, 0, 2)
    same(tw.fft.fft(view, axis=1), np.fft.fft(big[::2, :, ::-1].transpose(3, 1, 0, 2), axis=1))


@given(st.integers(1, 70), st.integers(0, 40), st.integers(1, 40), st.booleans())
def test_any_shape(n: int, before: int, after: int, single: bool) -> None:
    """Lines beside each other go through scratch in blocks: all widths of the last block."""
    x = np.random.default_rng(n).standard_normal((before, n, after))
    x = x.astype(np.float32) if single else x
    spectrum = np.fft.rfft(x, axis=1)
    same(tw.fft.rfft(x, axis=1), spectrum)
    same(tw.fft.irfft(spectrum, n, axis=1), np.fft.irfft(spectrum, n, axis=1))
    same(tw.fft.fft(x, axis=1), np.fft.fft(x, axis=1))


def test_threads_share_the_lines() -> None:
    x = RNG.standard_normal((700, 300)) + 0j
    before = tw.get_num_threads()
    try:
        for threads in (1, 3):
            tw.set_num_threads(threads)
            for axis in (0, 1):
                same(tw.fft.fft(x, axis=axis), np.fft.fft(x, axis=axis))
    finally:
        tw.set_num_threads(before)


def test_frequencies_and_shifts() -> None:
    for n in (1, 2, 7, 8):
        same(tnp.fft.fftfreq(n, 0.5), np.fft.fftfreq(n, 0.5))
        same(tnp.fft.rfftfreq(n, d=3), np.fft.rfftfreq(n, d=3))
    for axes in (None, 0, (0, 2), -1):
        same(tw.fft.fftshift(tw.array(X), axes), np.fft.fftshift(X, axes))
        same(tw.fft.ifftshift(tw.array(X), axes), np.fft.ifftshift(X, axes))


def test_numpys_functions_and_out() -> None:
    x = tw.array(X)
    same(np.fft.rfft(x), np.fft.rfft(X))
    same(np.fft.fftshift(x), np.fft.fftshift(X))
    out = tw.zeros((4, 6, 5), "complex128")
    assert tw.fft.fft(x, out=out) is out
    same(out, np.fft.fft(X))


def test_staged() -> None:
    @tw.jit
    def low_pass(x: Any) -> Any:
        spectrum = tw.fft.rfft2(x)
        return tw.fft.irfft2(spectrum * (tw.abs(spectrum) > 1.0), x.shape[-2:])

    spectrum = np.fft.rfft2(X)
    expected = np.fft.irfft2(spectrum * (abs(spectrum) > 1.0), X.shape[-2:])
    np.testing.assert_allclose(low_pass(tw.array(X)).numpy(), expected, rtol=1e-12, atol=1e-14)


# --------------------------------------------------------------------------- gradients


def numeric(f: Any, x: Any) -> Any:
    """dL/da + i dL/db by central differences."""
    slope = np.zeros(x.shape, x.dtype)
    for place in np.ndindex(*x.shape):
        for direction in (1.0, 1j) if x.dtype.kind == "c" else (1.0,):
            ends = []
            for sign in (1, -1):
                moved = x.copy()
                moved[place] += sign * 1e-6 * direction
                ends.append(f(tw.array(moved)).item())
            slope[place] += direction * (ends[0] - ends[1]) / 2e-6
    return slope


@pytest.mark.parametrize("staged", [False, True])
@pytest.mark.parametrize("n", [None, 3, 8])
@pytest.mark.parametrize("name", ONE)
def test_gradients(name: str, n: int | None, staged: bool) -> None:
    x = operand(name)[:2, :5, 0].T.copy()
    transform = getattr(tw.fft, name)
    weights = RNG.standard_normal(transform(x, n, 0, "ortho").shape)

    def loss(v: Any) -> Any:
        y = transform(v, n, 0, "ortho")
        return (tw.abs(y * y + 0.5) ** 2 * weights).sum()

    grad = tw.jit(tw.grad(loss)) if staged else tw.grad(loss)
    np.testing.assert_allclose(grad(tw.array(x)).numpy(), numeric(loss, x), rtol=1e-5, atol=1e-6)


def test_gradients_of_several_axes_and_norms() -> None:
    x = X[0, :3, :4]
    for name in ("fft2", "rfft2", "fftn", "rfftn"):
        for norm in NORMS:

            def loss(v: Any, name: str = name, norm: Any = norm) -> Any:
                y = getattr(tw.fft, name)(v, norm=norm)
                return (tw.abs(y - 1) ** 2).sum()

            found = tw.grad(loss)(tw.array(x)).numpy()
            np.testing.assert_allclose(found, numeric(loss, x), rtol=1e-5, atol=1e-5)


def test_a_second_gradient() -> None:
    def loss(v: Any) -> Any:
        return (tw.abs(tw.fft.rfft(v * v)) ** 2).sum()

    def slope(v: Any) -> Any:
        return (tw.grad(loss)(v) * tw.arange(1.0, 6.0)).sum()

    x = X[0, 0]
    found = tw.grad(slope)(tw.array(x)).numpy()
    np.testing.assert_allclose(found, numeric(slope, x), rtol=1e-4, atol=1e-4)


# --------------------------------------------------------------------------- errors

WRONG = """
np.fft.fft(X, 0)
np.fft.fft(X, -3)
np.fft.fft(X, 2.0)
np.fft.fft(X, axis=5)
np.fft.fft(X, norm="x")
np.fft.fft(X[:, :, :0])
np.fft.rfft(Z)
np.fft.ihfft(Z)
np.fft.irfft(X[:, :, :1])
np.fft.fftn(X, s=(2,), axes=(0, 1))
np.fft.fftn(X, axes=(0, 7))
np.fft.rfftn(Z)
np.fft.fftfreq(2.5)
np.fft.rfftfreq("a")
"""


@pytest.mark.parametrize("text", WRONG.split("\n")[1:-1])
def test_errors_are_numpys(text: str) -> None:
    with pytest.raises(Exception) as theirs:
        eval(text, {"np": np, "X": X, "Z": Z})
    with pytest.raises(Exception) as ours:
        eval(text, {"np": tnp, "X": tw.array(X), "Z": tw.array(Z)})
    assert isinstance(ours.value, tw.TilewrightError)
    kinds = [k for k in (IndexError, ValueError, TypeError) if isinstance(theirs.value, k)]
    assert isinstance(ours.value, tuple(kinds)), (theirs.value, ours.value)


def test_loops_that_are_handed_over_are_checked() -> None:
    assert len(_native.fourier_names()) == 10
    with pytest.raises(tw.ArgumentError, match="null pointer"):
        _native.set_fourier("fft_float64", 0, 0)
    with pytest.raises(tw.ArgumentError, match="no routine calls"):
        _native.set_fourier("fft_float16", 1, 0)
