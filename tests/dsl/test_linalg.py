"""tilewright.linalg against numpy.linalg: values, batches, dtypes, gradients, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tilewright as tw
from tilewright import linalg

RNG = np.random.default_rng(0)
SQUARE = RNG.random((5, 5)) + 2 * np.eye(5)
POSITIVE = SQUARE @ SQUARE.T
BATCH = np.stack([SQUARE, SQUARE.T @ SQUARE, np.eye(5) * 3])
TALL, WIDE = RNG.random((6, 4)), RNG.random((2, 3, 5))


def near(found: Any, expected: Any, rtol: float = 1e-9) -> None:
    if isinstance(expected, tuple):
        assert len(found) == len(expected)
        for ours, theirs in zip(found, expected, strict=True):
            near(ours, theirs, rtol)
        return
    expected = np.asarray(expected)
    assert np.shape(found) == expected.shape
    scale = np.abs(expected).max(initial=0)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=rtol, atol=rtol * scale)


UNARY = [
    ("inv", SQUARE), ("inv", BATCH), ("det", BATCH), ("slogdet", BATCH), ("cholesky", POSITIVE),
    ("eigvalsh", POSITIVE), ("svdvals", TALL), ("svdvals", WIDE), ("pinv", TALL), ("pinv", WIDE),
    ("matrix_rank", BATCH), ("matrix_rank", np.ones((4, 4))), ("matrix_rank", np.zeros(3)),
    ("cond", BATCH), ("qr", TALL), ("qr", WIDE), ("eigh", POSITIVE), ("svd", SQUARE),
    ("svd", TALL), ("norm", TALL), ("norm", WIDE), ("matrix_norm", WIDE), ("vector_norm", WIDE),
    ("trace", BATCH), ("diagonal", WIDE), ("eigvals", POSITIVE), ("inv", np.zeros((0, 0))),
    ("det", np.zeros((0, 0))), ("svdvals", np.zeros((3, 0))), ("pinv", np.zeros((3, 0))),
]  # fmt: skip


@pytest.mark.parametrize(("of", "x"), UNARY)
@pytest.mark.parametrize("kind", ["f8", "f4"])
def test_values(of: str, x: Any, kind: str) -> None:
    x = x.astype(kind)
    found, expected = getattr(linalg, of)(x), getattr(np.linalg, of)(x)
    if isinstance(expected, tuple) and of != "slogdet":
        expected = tuple(expected)
        assert type(found)._fields == type(getattr(np.linalg, of)(x))._fields
        rebuilt(of, found, x, 1e-9 if kind == "f8" else 1e-4)
        return
    near(found, expected, 1e-9 if kind == "f8" else 1e-4)
    if of not in ("matrix_rank",):
        first = found[0] if isinstance(found, tuple) else found
        assert first.dtype == (np.result_type(x, "c8") if of == "eigvals" else x.dtype)


def rebuilt(of: str, found: Any, x: Any, rtol: float) -> None:
    """The parts make the matrix again, and are orthonormal where they should be."""
    parts = [np.asarray(part) for part in found]
    if of == "qr":
        near(parts[0] @ parts[1], x, rtol)
        assert np.allclose(np.tril(parts[1], -1), 0)
        vectors = parts[0]
    elif of == "eigh":
        near((parts[1] * parts[0][..., None, :]) @ np.swapaxes(parts[1], -1, -2), x, rtol)
        vectors = parts[1]
    else:
        k = parts[1].shape[-1]
        near((parts[0][..., :k] * parts[1][..., None, :]) @ parts[2][..., :k, :], x, rtol)
        vectors = parts[0]
    inner = np.swapaxes(vectors, -1, -2) @ vectors
    near(inner, np.broadcast_to(np.eye(inner.shape[-1]), inner.shape), rtol)


@pytest.mark.parametrize("order", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
@pytest.mark.parametrize("keepdims", [False, True])
def test_matrix_norms(order: Any, keepdims: bool) -> None:
    near(linalg.norm(WIDE, order, (0, 2), keepdims), np.linalg.norm(WIDE, order, (0, 2), keepdims))
    near(linalg.norm(TALL, order), np.linalg.norm(TALL, order))
    near(linalg.cond(SQUARE, order), np.linalg.cond(SQUARE, order))


@pytest.mark.parametrize("order", [None, 0, 1, 2, 3, -1, 0.5, np.inf, -np.inf])
def test_vector_norms(order: Any) -> None:
    near(linalg.norm(TALL[0], order), np.linalg.norm(TALL[0], order))
    near(linalg.norm(WIDE, order, 1, True), np.linalg.norm(WIDE, order, 1, True))


def test_equations() -> None:
    side = RNG.random((5, 3))
    near(linalg.solve(SQUARE, side), np.linalg.solve(SQUARE, side))
    near(linalg.solve(SQUARE, side[:, 0]), np.linalg.solve(SQUARE, side[:, 0]))
    near(linalg.solve(BATCH, side), np.linalg.solve(BATCH, side))
    for a, b in ((TALL, RNG.random(6)), (TALL.T, RNG.random((4, 2))), (np.ones((4, 2)), side[:4])):
        near(tuple(linalg.lstsq(a, b)), np.linalg.lstsq(a, b, rcond=None))
    for n in (-2, -1, 0, 1, 2, 5):
        near(linalg.matrix_power(SQUARE, n), np.linalg.matrix_power(SQUARE, n))
    tensor = RNG.random((2, 3, 6)).reshape(2, 3, 6)
    near(linalg.tensorinv(tensor), np.linalg.tensorinv(tensor))
    near(linalg.tensorsolve(tensor, tensor[..., 0]), np.linalg.tensorsolve(tensor, tensor[..., 0]))


def test_many_small_matrices() -> None:
    many = RNG.random((500, 4, 4)) + 2 * np.eye(4)
    near(linalg.inv(many), np.linalg.inv(many))
    near(linalg.det(many), np.linalg.det(many))
    near(linalg.svdvals(many), np.linalg.svdvals(many))
    near(linalg.eigvalsh(many), np.linalg.eigvalsh(many))


def test_triangles_and_modes() -> None:
    noise = np.triu(RNG.random((5, 5)), 1)
    near(linalg.cholesky(POSITIVE + noise), np.linalg.cholesky(POSITIVE))
    near(linalg.cholesky(POSITIVE + noise.T, upper=True), np.linalg.cholesky(POSITIVE).T)
    near(linalg.eigvalsh(POSITIVE + noise.T, "U"), np.linalg.eigvalsh(POSITIVE))
    q, r = linalg.qr(TALL, "complete")
    assert (q.shape, r.shape) == ((6, 6), (6, 4))
    rebuilt("qr", (q, r), TALL, 1e-9)
    near(linalg.qr(TALL, "r"), np.linalg.qr(TALL, "r"))
    found = linalg.svd(TALL.T)
    assert [x.shape for x in found] == [(4, 4), (4,), (6, 6)]
    near((found.U * found.S) @ found.Vh[:4], TALL.T)
    values, vectors = linalg.eig(SQUARE.T @ SQUARE)
    near(SQUARE.T @ SQUARE @ vectors.numpy(), (vectors * values).numpy())


def test_products() -> None:
    near(linalg.multi_dot([TALL, TALL.T, TALL]), TALL @ TALL.T @ TALL)
    near(linalg.multi_dot([TALL[0], TALL.T, TALL[:, 0]]), TALL[0] @ TALL.T @ TALL[:, 0])
    for offset in (-7, -3, -1, 0, 2, 5, 9):
        near(linalg.diagonal(WIDE, offset=offset), np.linalg.diagonal(WIDE, offset=offset))
        near(linalg.trace(WIDE, offset=offset), np.linalg.trace(WIDE, offset=offset))
    a, b = RNG.random((4, 3)), RNG.random((1, 3))
    near(linalg.cross(a, b), np.linalg.cross(a, b))
    near(linalg.vecdot(a, b), np.linalg.vecdot(a, b))
    near(linalg.vecdot(a, a[:, :1], axis=0), np.linalg.vecdot(a, a[:, :1], axis=0))
    near(linalg.outer(a[0], b[0]), np.linalg.outer(a[0], b[0]))
    near(linalg.matrix_transpose(WIDE), np.linalg.matrix_transpose(WIDE))


def test_integers_are_computed_in_float64() -> None:
    assert linalg.inv([[2, 0], [0, 4]]).tolist() == [[0.5, 0.0], [0.0, 0.25]]
    assert linalg.det([[2, 0], [0, 4]]).dtype is tw.float64


# --------------------------------------------------------------------------- staged, gradients


def test_staged_with_kernels_around() -> None:
    f = tw.jit(lambda a, b: (linalg.solve(a @ a.T + 1, b * 2), linalg.svdvals(a), linalg.det(a)))
    side = RNG.random((5, 2))
    found = f(tw.asarray(SQUARE), tw.asarray(side))
    expected = (np.linalg.solve(SQUARE @ SQUARE.T + 1, side * 2),
                np.linalg.svdvals(SQUARE), np.linalg.det(SQUARE))  # fmt: skip
    near(tuple(found), expected)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: linalg.norm(linalg.pinv(x)),
        lambda x: linalg.slogdet(x.T @ x).logabsdet,
        lambda x: (linalg.lstsq(x, tw.ones(x.shape[0])).x ** 2).sum(),
        lambda x: linalg.norm(x, "nuc"),
        lambda x: linalg.cond(x),
        lambda x: (linalg.matrix_power(x.T @ x, -2)).sum(),
        lambda x: (linalg.qr(x).Q[0] * linalg.eigh(x.T @ x).eigenvectors[1]).sum() ** 2,
    ],
)
def test_gradients(f: Any) -> None:
    x = RNG.random((4, 3)) + np.eye(4, 3)
    slope = tw.grad(f)(tw.asarray(x)).numpy()
    for place in np.ndindex(*x.shape):
        ends = []
        for step in (1e-6, -1e-6):
            moved = x.copy()
            moved[place] += step
            ends.append(f(tw.asarray(moved)).item())
        np.testing.assert_allclose(slope[place], (ends[0] - ends[1]) / 2e-6, rtol=1e-5, atol=1e-7)


# --------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: linalg.inv(np.ones((2, 2))), "inv: Singular matrix"),
        (lambda: linalg.inv(np.stack([np.eye(2), np.ones((2, 2))])), "matrix 1 of 2"),
        (lambda: linalg.solve(np.zeros((2, 2)), [1.0, 2.0]), "solve: Singular matrix"),
        (lambda: linalg.cholesky(-np.eye(3)), "not positive definite"),
        (lambda: linalg.svd(np.full((2, 2), np.nan)), "SVD did not converge"),
        (lambda: linalg.inv(np.ones((2, 3))), r"got \(2, 3\); the last two sizes must be equal"),
        (lambda: linalg.det([1.0]), "at least 2 axes"),
        (lambda: linalg.matrix_power(np.ones((2, 3)), 2), "must be equal"),
        (lambda: linalg.tensorsolve(np.ones((2, 3)), [1.0]), "no square system"),
    ],
)
def test_numpys_error(call: Any, message: str) -> None:
    with pytest.raises(np.linalg.LinAlgError, match=message) as found:
        call()
    assert isinstance(found.value, tw.LinAlgError)


def test_other_errors() -> None:
    with pytest.raises(TypeError, match="float16; linear algebra takes float32, float64"):
        linalg.inv(np.eye(2, dtype=np.float16))
    with pytest.raises(tw.ShapeError, match="the rows must be as many"):
        linalg.solve(np.eye(2), [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="mode 'raw'"):
        linalg.qr(np.eye(2), "raw")  # type: ignore[arg-type]
    with pytest.raises(tw.GradientError, match="no gradient"):
        tw.grad(lambda x: linalg.svd(x).U.sum())(tw.asarray(TALL))
    with pytest.raises(tw.GradientError, match="eigh has"):
        tw.grad(lambda x: linalg.eigvals(x).real.sum())(tw.asarray(POSITIVE))
    assert linalg.cond(np.ones((2, 2)), 1).item() == np.inf


def test_a_staged_failure_changes_nothing_and_the_program_goes_on() -> None:
    f = tw.jit(lambda x: linalg.inv(x))
    with pytest.raises(tw.LinAlgError, match="Singular"):
        f(tw.zeros((2, 2)))
    assert f(tw.eye(2)).tolist() == [[1.0, 0.0], [0.0, 1.0]]
