"""Complex arrays: NumPy's functions and dtypes on them, parts as views, exchange, gradients."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from device_support import device_names

import tilewright as tw
import tilewright.numpy as tnp

_RNG = np.random.default_rng(5)
Z = _RNG.normal(size=(4, 5)) + 1j * _RNG.normal(size=(4, 5))
R = _RNG.normal(size=(4, 5))

# z is complex, r real; each runs with NumPy and with tilewright.numpy as n.
SAME: dict[str, Any] = {
    "a real and a complex array": lambda n, z, r: r.astype("float32") * z,
    "complex64 and float64": lambda n, z, r: z.astype("complex64") + r,
    "a complex scalar is weak": lambda n, z, r: z.astype("complex64") * 2.5j,
    "float32 and a complex scalar": lambda n, z, r: r.astype("float32") * 1j,
    "integers and a complex scalar": lambda n, z, r: n.arange(3) * 1j,
    "division": lambda n, z, r: z / (z + r),
    "sum": lambda n, z, r: n.sum(z, 0),
    "prod": lambda n, z, r: n.prod(z, 1),
    "mean": lambda n, z, r: n.mean(z.astype("complex64")),
    "var": lambda n, z, r: n.var(z, 1),
    "std": lambda n, z, r: n.std(z, ddof=1),
    "cumsum": lambda n, z, r: n.cumsum(z, 1),
    "cumprod": lambda n, z, r: n.cumprod(z, 0),
    "sort": lambda n, z, r: n.sort(n.round(z), 1),
    "argsort": lambda n, z, r: n.argsort(z, 0),
    "partition": lambda n, z, r: n.partition(z[0], 2)[2],
    "max": lambda n, z, r: n.max(z),
    "min": lambda n, z, r: n.min(z, 1),
    "argmax": lambda n, z, r: n.argmax(z, 1),
    "nanmax": lambda n, z, r: n.nanmax(n.where(r > 0, z, n.nan)),
    "nansum": lambda n, z, r: n.nansum(n.where(r > 0, z, n.nan), 0),
    "maximum": lambda n, z, r: n.maximum(z, z[::-1]),
    "fmax": lambda n, z, r: n.fmax(z, r),
    "less": lambda n, z, r: n.less(n.round(z), n.round(z[::-1])),
    "unique": lambda n, z, r: n.unique(n.round(z)),
    "searchsorted": lambda n, z, r: n.searchsorted(n.sort(n.ravel(z)), z[0]),
    "isin": lambda n, z, r: n.isin(z, z[0]),
    "median": lambda n, z, r: n.median(z, 1),
    "round": lambda n, z, r: n.round(z, 2),
    "rint": lambda n, z, r: n.rint(z),
    "dot": lambda n, z, r: n.dot(z, z.T),
    "a product with reals": lambda n, z, r: r @ z.T,
    "vdot": lambda n, z, r: n.vdot(z, z * 2j),
    "vecdot": lambda n, z, r: n.vecdot(z, z * 1j),
    "outer": lambda n, z, r: n.outer(z[0], z[1]),
    "tensordot": lambda n, z, r: n.tensordot(z, z, 2),
    "einsum": lambda n, z, r: n.einsum("ij,kj->ik", z, r),
    "trace": lambda n, z, r: n.trace(z),
    "inner": lambda n, z, r: n.inner(z, z),
    "kron": lambda n, z, r: n.kron(z, r),
    "where": lambda n, z, r: n.where(r > 0, z, r),
    "all": lambda n, z, r: n.all(z * (r > 0), 0),
    "nonzero": lambda n, z, r: n.nonzero(z * (r > 0)),
    "count_nonzero": lambda n, z, r: n.count_nonzero(z),
    "isclose": lambda n, z, r: n.isclose(z, z + 1e-9j),
    "nan_to_num": lambda n, z, r: n.nan_to_num(n.where(r > 0, n.inf, z)),
    "isnan": lambda n, z, r: n.isnan(n.where(r > 0, n.nan, z)),
    "isfinite": lambda n, z, r: n.isfinite(n.where(r > 0, n.inf, z)),
    "isreal": lambda n, z, r: n.isreal(n.where(r > 0, r, z)),
    "iscomplex": lambda n, z, r: n.iscomplex(n.where(r > 0, r, z)),
    "iscomplexobj": lambda n, z, r: (n.iscomplexobj(z), n.iscomplexobj(r)),
    "angle": lambda n, z, r: n.angle(z, deg=True),
    "real": lambda n, z, r: (n.real(z), n.real(r)),
    "imag": lambda n, z, r: (n.imag(z), n.imag(r)),
    "conj": lambda n, z, r: (n.conj(z), z.conj(), n.conj(r)),
    "real_if_close": lambda n, z, r: n.real_if_close(r + 0j),
    "sort_complex": lambda n, z, r: n.sort_complex(r[0]),
    "power": lambda n, z, r: n.power(z, r),
    "a whole power": lambda n, z, r: z**3,
    "a complex power": lambda n, z, r: z ** (1 + 2j),
    "of a real base": lambda n, z, r: 2**z,
    "a negative power": lambda n, z, r: z**-2,
    "reciprocal": lambda n, z, r: n.reciprocal(z),
    "square": lambda n, z, r: n.square(z),
    "sinc": lambda n, z, r: n.sinc(z),
    "sign": lambda n, z, r: n.sign(z * (r > 0)),
    "absolute": lambda n, z, r: abs(z),
    "diff": lambda n, z, r: n.diff(z),
    "gradient": lambda n, z, r: n.gradient(z[0]),
    "convolve": lambda n, z, r: n.convolve(z[0], z[1]),
    "correlate": lambda n, z, r: n.correlate(z[0], z[1], "full"),
    "cov": lambda n, z, r: n.cov(z),
    "corrcoef": lambda n, z, r: n.corrcoef(z),
    "polyval": lambda n, z, r: n.polyval(z[0], r),
    "average": lambda n, z, r: n.average(z, weights=abs(r)),
    "linspace": lambda n, z, r: n.linspace(0, 1j, 5),
    "logspace": lambda n, z, r: n.logspace(0, 1j, 4),
    "full": lambda n, z, r: n.full((2,), 1 + 2j),
    "full_like": lambda n, z, r: n.full_like(z, 2),
    "eye": lambda n, z, r: n.eye(3, dtype=complex),
    "nested lists": lambda n, z, r: n.array([1, 2j]),
    "pad": lambda n, z, r: n.pad(z, 1),
    "tril": lambda n, z, r: n.tril(z),
    "float_power": lambda n, z, r: n.float_power(z, 2),
    "clip": lambda n, z, r: n.clip(z, 0, 1),
    "as bool": lambda n, z, r: (z * (r > 0)).astype(bool),
    "add.reduce": lambda n, z, r: n.add.reduce(z),
    "multiply.accumulate": lambda n, z, r: n.multiply.accumulate(z[0]),
    "fancy indexing": lambda n, z, r: z[[3, 0]][:, [True, False, True, False, True]],
    "common_type": lambda n, z, r: n.array([1], n.common_type(z, r)),
    "promote_types": lambda n, z, r: n.array([1], n.promote_types("float64", "complex64")),
}
REFUSED: dict[str, Any] = {
    "floor": lambda n, z: n.floor(z),
    "mod": lambda n, z: n.mod(z, 2),
    "floor_divide": lambda n, z: z // 2,
    "cbrt": lambda n, z: n.cbrt(z),
    "arctan2": lambda n, z: n.arctan2(z, z),
    "hypot": lambda n, z: n.hypot(z, z),
    "bitwise_and": lambda n, z: n.bitwise_and(z, 1),
    "fabs": lambda n, z: n.fabs(z),
    "deg2rad": lambda n, z: n.deg2rad(z),
    "signbit": lambda n, z: n.signbit(z),
    "logaddexp": lambda n, z: n.logaddexp(z, z),
    "quantile": lambda n, z: n.quantile(z, 0.5),
    "heaviside": lambda n, z: n.heaviside(z, 1),
    "isposinf": lambda n, z: n.isposinf(z),
    "interp": lambda n, z: n.interp(z, [0, 1], [0, 1]),
    "float()": lambda n, z: float(z[0, 0]),
}
ELEMENTARY = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "sin", "cos", "tan", "sinh",
    "cosh", "tanh", "arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh",
)  # fmt: skip


def compare(expected: Any, found: Any, rtol: float) -> None:
    both = (expected, found) if isinstance(expected, tuple) else ((expected,), (found,))
    for want, got in zip(*both, strict=True):
        np.testing.assert_allclose(np.asarray(got), want, rtol=rtol, atol=1e-12)
        assert np.asarray(got).dtype == np.asarray(want).dtype


@pytest.mark.parametrize("what", SAME)
def test_as_numpy(what: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compare(SAME[what](np, Z, R), SAME[what](tnp, tw.asarray(Z), tw.asarray(R)), 1e-5)


@pytest.mark.parametrize("kind", ["complex64", "complex128"])
@pytest.mark.parametrize("name", ELEMENTARY)
def test_elementary(name: str, kind: str) -> None:
    z = Z.astype(kind)
    found = getattr(tnp, name)(tw.asarray(z))
    compare(getattr(np, name)(z), found, 1e-5 if kind == "complex64" else 1e-13)
    staged = tw.jit(getattr(tnp, name))(tw.asarray(z))
    np.testing.assert_array_equal(found.numpy(), staged.numpy())


@pytest.mark.parametrize("what", REFUSED)
def test_refused_as_in_numpy(what: str) -> None:
    with pytest.raises(TypeError):
        REFUSED[what](tnp, tw.asarray(Z))


def test_sort_puts_nan_last_as_numpy() -> None:
    parts = [0.0, 1.0, -2.0, np.nan, np.inf]
    made = np.array([complex(a, b) for a in parts for b in parts])[_RNG.permutation(25)]
    np.testing.assert_array_equal(tnp.sort(tw.asarray(made)).numpy(), np.sort(made))
    table, found = np.sort(made), tnp.searchsorted(tw.asarray(np.sort(made)), tw.asarray(made))
    np.testing.assert_array_equal(found.numpy(), np.searchsorted(table, made))


def test_products_of_many_shapes() -> None:
    for m, k, n in ((1, 1, 1), (1, 40, 7), (40, 7, 1), (33, 65, 17), (0, 3, 2), (2, 0, 3)):
        a = _RNG.normal(size=(m, k)) + 1j * _RNG.normal(size=(m, k))
        b = _RNG.normal(size=(3, k, n)) + 1j * _RNG.normal(size=(3, k, n))
        found = tw.asarray(a) @ tw.asarray(b)
        np.testing.assert_allclose(found.numpy(), a @ b, rtol=1e-12, atol=1e-13)
        turned = tw.jit(lambda x, y: (x @ y).mT.conj())(tw.asarray(a), tw.asarray(b))
        expected = np.swapaxes(a @ b, -1, -2).conj()
        np.testing.assert_allclose(turned.numpy(), expected, rtol=1e-12, atol=1e-13)


# --------------------------------------------------------------------------- parts as views


def rewrite(n: Any, z: Any) -> Any:
    z.real[1:] = 7
    z.imag += 1
    z[:, ::2].real *= 2
    z.T.imag[0] = [1, 2, 3, 4]
    z.real = z.real + z.imag
    row = z[0].imag
    row[2] = -5
    z.real.T[1, 1] = 11
    return z


def test_writes_to_parts_reach_the_array() -> None:
    expected = rewrite(np, Z.copy())
    np.testing.assert_array_equal(rewrite(tnp, tw.array(Z)).numpy(), expected)

    @tw.jit
    def staged(z: Any) -> Any:
        return rewrite(tnp, tnp.copy(z))

    np.testing.assert_array_equal(staged(tw.array(Z)).numpy(), expected)


def test_a_real_array_has_no_imaginary_part_to_write() -> None:
    x = tw.ones(3)
    assert x.real is x or (x.real == x).all()
    with pytest.raises(TypeError, match="no imaginary part"):
        x.imag = 1


@pytest.mark.parametrize("device", device_names()[1:])
def test_devices(device: str) -> None:
    """One function of each way that complex elements take through a device's kernels."""
    w = Z.astype("complex64")
    z = tw.asarray(w, device=device)
    pairs = {
        "map": (tnp.exp(z), np.exp(w)),
        "reduction": (z.sum(0), w.sum(0)),
        "product": (z @ z.mT, w @ w.T),
        "window": (z[1:, ::2].T * 2j, w[1:, ::2].T * 2j),
        "staged": (tw.jit(lambda x: (tnp.sin(x) @ x.mT).sum(0))(z), (np.sin(w) @ w.T).sum(0)),
        "writes": (rewrite(tnp, tnp.copy(z)), rewrite(np, w.copy())),
    }
    for what, (found, expected) in pairs.items():
        assert found.device == tw.device(device), what
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-5, err_msg=what)


# --------------------------------------------------------------------------- exchange


@pytest.mark.parametrize("kind", ["complex64", "complex128"])
def test_exchange(kind: str) -> None:
    z = Z.astype(kind)
    made = tw.asarray(z)
    assert (made.itemsize, made.nbytes, str(made.dtype)) == (z.itemsize, z.nbytes, kind)
    for back in (np.asarray(made), np.from_dlpack(made), pickle.loads(pickle.dumps(made)).numpy(),
                 copy.deepcopy(made).numpy(), np.asarray(tw.asarray(z.T)).T,
                 np.asarray(tw.asarray(z[::2, ::-1], copy=False))):  # fmt: skip
        assert back.dtype == z.dtype
    np.testing.assert_array_equal(np.from_dlpack(made), z)
    np.testing.assert_array_equal(np.asarray(made.T), z.T)
    np.testing.assert_array_equal(np.asarray(tw.asarray(z[::2, ::-1], copy=False)), z[::2, ::-1])
    assert memoryview(made).format == memoryview(z).format
    assert repr(made) == repr(z)
    assert made.tolist() == z.tolist()
    assert made.tobytes() == z.tobytes()
    assert complex(made[0, 0]) == complex(z[0, 0])
    assert made[0, 0].item() == z[0, 0].item()


def test_discarding_imaginary_parts_warns() -> None:
    z = tw.asarray(Z)
    with pytest.warns(np.exceptions.ComplexWarning):
        assert (z.astype("float32").numpy() == Z.real.astype("float32")).all()
    target = tw.zeros((4, 5))
    with pytest.warns(np.exceptions.ComplexWarning):
        target[...] = z
    with pytest.raises(TypeError):
        target += z
    with pytest.raises(TypeError):
        tnp.add(z, 1, out=target)


def test_large_transposes_and_copies() -> None:
    z = np.arange(300 * 170).reshape(300, 170) * (1 + 2j)
    np.testing.assert_array_equal(tnp.copy(tw.asarray(z).T).numpy(), z.T)
    np.testing.assert_array_equal(
        tnp.ravel(tw.asarray(z).T[::3, ::2]).numpy(), z.T[::3, ::2].ravel()
    )


# --------------------------------------------------------------------------- gradients


def test_the_gradient_is_the_conjugate_of_the_derivative() -> None:
    """As in PyTorch: of L = |z|**2 it is 2 z, so that z - step * gradient descends."""
    z = tw.asarray(Z).requires_grad_()
    (abs(z) ** 2).sum().backward()
    np.testing.assert_allclose(z.grad.numpy(), 2 * Z)
    found = tw.grad(lambda z: tnp.real(z * z).sum())(tw.asarray(Z))
    np.testing.assert_allclose(found.numpy(), 2 * Z.conj())


def test_reals_keep_real_gradients_through_complex_numbers() -> None:
    found = tw.grad(lambda x: (abs(tnp.exp(1j * x) + x) ** 2).sum())(tw.asarray(R))
    assert found.dtype is tw.float64
    # |exp(ix) + x|**2 = 1 + 2 x cos(x) + x**2
    np.testing.assert_allclose(found.numpy(), 2 * np.cos(R) - 2 * R * np.sin(R) + 2 * R)


def test_gradients_stage() -> None:
    def loss(z: Any) -> Any:
        return (abs(tnp.tanh(z) @ z.mT) ** 2).sum() + z.imag.sum()

    staged = tw.jit(tw.grad(loss))(tw.asarray(Z))
    np.testing.assert_allclose(staged.numpy(), tw.grad(loss)(tw.asarray(Z)).numpy(), rtol=1e-12)


def test_a_complex_loss_is_refused() -> None:
    with pytest.raises(tw.GradientError, match="abs, real or imag"):
        tw.grad(lambda z: (z * z).sum())(tw.asarray(Z))
    z = tw.asarray(Z).requires_grad_()
    with pytest.raises(tw.GradientError, match="it must be real"):
        (z * z).sum().backward()


def test_descent_finds_a_complex_root() -> None:
    z = tw.asarray(0.5 + 0.5j)
    slope = tw.jit(tw.grad(lambda z: abs(z * z - (3 + 4j)) ** 2))
    for _ in range(200):
        z = z - 0.02 * slope(z)
    assert abs(z.item() - (2 + 1j)) < 1e-6
