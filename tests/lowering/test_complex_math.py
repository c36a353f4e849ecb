"""The elementary functions of complex numbers: errors over the whole range, special values of C.

Errors are in units in the last place of the result's modulus, against NumPy's long double (the C
library's). The bounds are those that the primitives declare.
"""

from __future__ import annotations

import cmath
import math
from typing import Any

import numpy as np
import pytest
from ulp_support import complex_errors, widened

import tilewright as tw
from tilewright.dsl.dtypes import complex64, complex128
from tilewright.dsl.primitive import REGISTRY

FUNCTIONS = (
    "exp", "expm1", "log", "log2", "log10", "log1p", "sqrt", "sin", "cos", "tan", "sinh", "cosh",
    "tanh", "asin", "acos", "atan", "asinh", "acosh", "atanh", "sign",
)  # fmt: skip


def points(kind: Any, count: int, seed: int) -> Any:
    """Moduli over many powers of two in all directions, near the axes, the circle and +-1, +-i."""
    rng = np.random.default_rng(seed)
    single = kind is complex64
    sizes = np.exp2(rng.uniform(-40, 40 if single else 300, count))
    wide = sizes * np.exp(1j * rng.uniform(-np.pi, np.pi, count))
    moderate = rng.normal(size=count) * 4 + 1j * rng.normal(size=count) * 4
    near = np.exp2(rng.uniform(-20, 0, count)) * np.exp(1j * rng.uniform(-np.pi, np.pi, count))
    around = np.array([1, -1, 1j, -1j])[rng.integers(0, 4, count)] + near
    circle = np.exp(1j * rng.uniform(-np.pi, np.pi, count)) * (1 + near.real * 1e-3)
    flat = rng.normal(size=count) + 1j * near.real * 1e-6
    return np.concatenate([wide, moderate, around, circle, flat, near]).astype(kind.dtype)


@pytest.mark.parametrize("kind", [complex64, complex128], ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_errors_are_within_the_declared_bounds(name: str, kind: Any) -> None:
    primitive = REGISTRY[name]
    z = points(kind, 4000, seed=len(name))
    with np.errstate(all="ignore"):
        expected = primitive.reference(widened(z))
        found = primitive(tw.asarray(z)).numpy()
        error = complex_errors(kind, found, expected)
    worst = int(np.argmax(error))
    assert error[worst] <= primitive.ulp[kind.name], (
        f"{name} {kind}: {error[worst]} ulp at {z[worst]!r}: {found[worst]!r}, not "
        f"{expected[worst]!r}"
    )


@pytest.mark.parametrize("kind", [complex64, complex128], ids=str)
def test_moduli_do_not_overflow(kind: Any) -> None:
    largest = float(np.finfo(kind.dtype).max)
    z = np.array([0.6 + 0.8j, -0.8 + 0.6j, 1, 1j]) * largest
    tiny = np.array([3 + 4j, -4 + 3j]) * float(np.finfo(kind.dtype).tiny)
    for x in (z.astype(kind.dtype), tiny.astype(kind.dtype)):
        wide = widened(x)
        for name in ("abs", "sign", "sqrt", "log"):
            found = REGISTRY[name](tw.asarray(x)).numpy()
            np.testing.assert_allclose(
                found, REGISTRY[name].reference(wide).astype(found.dtype),
                rtol=8 * np.finfo(kind.dtype).eps,
            )  # fmt: skip


PARTS = (0.0, -0.0, 1.0, -1.0, 2.5, math.inf, -math.inf, math.nan)
STANDARD = {
    "exp": cmath.exp, "log": cmath.log, "sqrt": cmath.sqrt, "sin": cmath.sin, "cos": cmath.cos,
    "tan": cmath.tan, "sinh": cmath.sinh, "cosh": cmath.cosh, "tanh": cmath.tanh,
    "asin": cmath.asin, "acos": cmath.acos, "atan": cmath.atan, "asinh": cmath.asinh,
    "acosh": cmath.acosh, "atanh": cmath.atanh,
}  # fmt: skip


# Where the array API knows more than cmath: acosh(0 + i nan), tanh(0 + i nan) and so tan.
STANDARDISED = {("acosh", True, False), ("tanh", True, False), ("tan", False, True)}


def as_the_array_api(name: str, z: complex, want: complex) -> complex:
    """C's value, but for the sign of a zero: far out along the real axis (of tan: the imaginary
    one) C's is that of sin(2 y), the array API's that of y."""
    if name == "tanh" and math.isinf(z.real) and math.isfinite(z.imag):
        return complex(want.real, math.copysign(0.0, z.imag))
    if name == "tan" and math.isinf(z.imag) and math.isfinite(z.real):
        return complex(math.copysign(0.0, z.real), want.imag)
    return want


def same_part(found: float, expected: float, other_is_nan: bool) -> bool:
    if math.isnan(expected):
        return math.isnan(found)
    if other_is_nan:  # C leaves the sign open
        return math.isclose(abs(found), abs(expected), rel_tol=1e-12)
    is_sign = math.copysign(1, found) == math.copysign(1, expected)
    return is_sign and math.isclose(found, expected, rel_tol=1e-12)


@pytest.mark.parametrize("name", STANDARD)
def test_special_values_are_those_of_c(name: str) -> None:
    """As Python's cmath has them, signs of zeros (branch cuts) included."""
    for x in PARTS:
        for y in PARTS:
            z = complex(x, y)
            try:
                want = as_the_array_api(name, z, STANDARD[name](z))
            except (ValueError, OverflowError):  # cmath raises where C gives an infinity or nan
                continue
            got = complex(REGISTRY[name](tw.asarray(np.array(z))))
            if (name, x == 0, y == 0) in STANDARDISED and cmath.isnan(z):
                continue
            lost = cmath.isnan(want) or cmath.isnan(z)
            assert same_part(got.real, want.real, lost), f"{name}({z}) = {got}, not {want}"
            assert same_part(got.imag, want.imag, lost), f"{name}({z}) = {got}, not {want}"


def test_whole_powers_are_products() -> None:
    z = np.array([1 + 1j, 2 - 3j, -1j, 0])
    for n in (0, 1, 2, 3, 5, 12):
        found = REGISTRY["pow"](tw.asarray(z), tw.asarray(np.full(4, n + 0j)))
        assert found.tolist() == [complex(w) ** n for w in z]


def test_the_imaginary_part_of_z_times_its_conjugate_is_zero() -> None:
    rng = np.random.default_rng(1)
    z = tw.asarray(rng.normal(size=1000) + 1j * rng.normal(size=1000))
    assert not (z * z.conj()).imag.numpy().any()
    assert not tw.jit(lambda x: (x * x.conj()).imag)(z).numpy().any()
