"""Linear algebra of complex matrices: LAPACK's routines against NumPy, and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tilewright as tw
from tilewright import linalg

_RNG = np.random.default_rng(3)


def matrix(*shape: int) -> Any:
    return _RNG.normal(size=shape) + 1j * _RNG.normal(size=shape)


SQUARE, TALL, WIDE, BATCH = matrix(4, 4), matrix(5, 3), matrix(3, 5), matrix(2, 3, 3)
POSITIVE = SQUARE @ SQUARE.conj().T + np.eye(4)
SAME: dict[str, Any] = {
    "cholesky": (lambda n, x: n.cholesky(x), POSITIVE),
    "upper cholesky": (lambda n, x: n.cholesky(x, upper=True), POSITIVE),
    "inv": (lambda n, x: n.inv(x), BATCH),
    "det": (lambda n, x: n.det(x), BATCH),
    "slogdet": (lambda n, x: tuple(n.slogdet(x)), BATCH),
    "solve": (lambda n, x: n.solve(x, x[..., :2] * 2j), BATCH),
    "pinv": (lambda n, x: n.pinv(x), TALL),
    "pinv of a wide matrix": (lambda n, x: n.pinv(x), WIDE),
    "lstsq": (lambda n, x: n.lstsq(x, x[:, :2] + 1, rcond=None)[0], TALL),
    "residuals": (lambda n, x: n.lstsq(x, x[:, 0] * 1j + 1, rcond=None)[1], TALL),
    "eigvalsh": (lambda n, x: n.eigvalsh(x), POSITIVE),
    "svdvals": (lambda n, x: n.svdvals(x), WIDE),
    "norm": (lambda n, x: n.norm(x), TALL),
    "nuclear norm": (lambda n, x: n.norm(x, "nuc"), TALL),
    "norm of order 1": (lambda n, x: n.norm(x, 1), TALL),
    "norm of order 3": (lambda n, x: n.norm(x[0], 3), TALL),
    "matrix_rank": (lambda n, x: n.matrix_rank(x), TALL),
    "cond": (lambda n, x: n.cond(x), SQUARE),
    "matrix_power": (lambda n, x: n.matrix_power(x, -3), SQUARE),
    "multi_dot": (lambda n, x: n.multi_dot([x, x.conj().T, x]), TALL),
}


@pytest.mark.parametrize("kind", ["complex64", "complex128"])
@pytest.mark.parametrize("what", SAME)
def test_as_numpy(what: str, kind: str) -> None:
    function, x = SAME[what]
    rtol = 2e-3 if kind == "complex64" else 1e-10
    x = x.astype(kind)
    expected, found = function(np.linalg, x), function(linalg, tw.asarray(x))
    pairs = (expected, found) if isinstance(expected, tuple) else ((expected,), (found,))
    for want, got in zip(*pairs, strict=True):
        np.testing.assert_allclose(np.asarray(got), want, rtol=rtol, atol=rtol)
        assert np.asarray(got).dtype == np.asarray(want).dtype


@pytest.mark.parametrize("x", [SQUARE, TALL, WIDE, BATCH], ids=["square", "tall", "wide", "batch"])
def test_parts_make_the_matrix_again(x: Any) -> None:
    z = tw.asarray(x)
    q, r = linalg.qr(z)
    np.testing.assert_allclose((q @ r).numpy(), x, atol=1e-12)
    np.testing.assert_allclose((q.mT.conj() @ q).numpy() - np.eye(q.shape[-1]), 0, atol=1e-12)
    u, s, vh = linalg.svd(z, full_matrices=False)
    assert s.dtype is tw.float64
    np.testing.assert_allclose(((u * s[..., None, :]) @ vh).numpy(), x, atol=1e-12)
    whole = linalg.svd(z)
    for part in (whole.U, whole.Vh):
        np.testing.assert_allclose(
            (part @ part.mT.conj()).numpy() - np.eye(part.shape[-1]), 0, atol=1e-12
        )


@pytest.mark.parametrize("uplo", ["L", "U"])
def test_hermitian_eigenvectors(uplo: str) -> None:
    noise = np.triu(matrix(4, 4), 1)
    given = POSITIVE + (noise if uplo == "L" else noise.conj().T)  # in the triangle not read
    w, v = linalg.eigh(tw.asarray(given), uplo)
    assert w.dtype is tw.float64
    np.testing.assert_allclose(((v * w) @ v.mT.conj()).numpy(), POSITIVE, atol=1e-11)


@pytest.mark.parametrize("x", [SQUARE, BATCH, SQUARE.real, BATCH.real, np.diag([1.0, 2.0])])
def test_eigenvectors(x: Any) -> None:
    for run in (linalg.eig, tw.jit(lambda a: tuple(linalg.eig(a)))):
        w, v = run(tw.asarray(x))
        assert (w.dtype, v.dtype) == (tw.complex128, tw.complex128)
        np.testing.assert_allclose(x @ v.numpy(), (v * w[..., None, :]).numpy(), atol=1e-12)
        np.testing.assert_allclose(w.numpy(), np.linalg.eigvals(x), atol=1e-12)
    np.testing.assert_allclose(linalg.eigvals(tw.asarray(x)).numpy(), w.numpy())


def test_errors_are_numpys() -> None:
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        linalg.cholesky(tw.asarray(-POSITIVE))
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        linalg.inv(tw.zeros((2, 2), "complex64"))


# --------------------------------------------------------------------------- gradients


def slopes(f: Any, x: Any) -> Any:
    """The gradient by central differences of the real and the imaginary part of each element."""
    found = np.zeros(x.shape, x.dtype)
    for at in np.ndindex(*x.shape):
        for along in (1, 1j):
            step = np.zeros(x.shape, x.dtype)
            step[at] = 1e-6 * along
            found[at] += (f(tw.asarray(x + step)) - f(tw.asarray(x - step))).item() / 2e-6 * along
    return found


WEIGHTS = matrix(4, 4)


def of_eigh(z: Any) -> Any:
    """A function of vectors whatever their phases are: of the projections on them."""
    w, v = linalg.eigh(z + z.mT.conj())
    projections = v[:, None, :] * v.conj()[None, :, :]
    return ((projections * tw.asarray(WEIGHTS)[..., None]).sum((0, 1)) * w).real.sum()


def of_svd(z: Any) -> Any:
    u, s, vh = linalg.svd(z, full_matrices=False)
    weights = tw.asarray(WEIGHTS[: z.shape[0], : z.shape[1]])
    return (((u * s**2) @ vh) * weights).real.sum()


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (of_eigh, SQUARE),
        (of_svd, SQUARE),
        (of_svd, matrix(4, 3)),
        (of_svd, matrix(2, 4)),
        (lambda z: (abs(linalg.pinv(z)) ** 2).sum(), TALL),
        (lambda z: linalg.eigvalsh(z @ z.mT.conj())[1], SQUARE),
        (lambda z: linalg.slogdet(z).logabsdet, SQUARE),
        (lambda z: linalg.slogdet(z).sign.imag, SQUARE),
    ],
    ids=["eigh", "svd", "tall svd", "wide svd", "pinv", "eigvalsh", "logdet", "sign"],
)
def test_gradients(f: Any, x: Any) -> None:
    found = tw.grad(f)(tw.asarray(x))
    np.testing.assert_allclose(found.numpy(), slopes(f, x), rtol=1e-5, atol=1e-6)
