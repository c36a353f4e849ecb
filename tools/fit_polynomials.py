"""Writes lowering/math/coefficients.py: polynomials fitted in 80 digits with mpmath.

    python tools/fit_polynomials.py > lowering/math/coefficients.py

Each fit is a weighted least squares on Chebyshev nodes, which comes within a small factor of the
minimax polynomial. Coefficients are rounded to the target type one by one, lowest degree first,
and the others are fitted again after each rounding. The largest weighted error, in units of
2**-24 or 2**-53, goes to stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from mpmath import mp, mpf

mp.dps = 80
Function = Callable[[Any], Any]
UNITS = {"float32": mpf(2) ** -24, "float64": mpf(2) ** -53}


def rounded(value: Any, dtype: str) -> Any:
    """The nearest number of the type, ties and double rounding left aside."""
    return mpf(float(np.float32(float(value))) if dtype == "float32" else float(value))


def nodes(low: Any, high: Any, count: int) -> list[Any]:
    """Chebyshev nodes of an interval."""
    middle, half = (mpf(low) + high) / 2, (mpf(high) - low) / 2
    return [middle + half * mp.cos(mp.pi * (2 * i + 1) / (2 * count)) for i in range(count)]


def least_squares(xs: list[Any], ys: list[Any], ws: list[Any], first: int, count: int) -> list[Any]:
    """Coefficients of x**first, x**(first+1), ... that minimise the weighted squares."""
    rows = mp.matrix(len(xs), count)
    right = mp.matrix(len(xs), 1)
    for i, (x, y, w) in enumerate(zip(xs, ys, ws, strict=True)):
        right[i] = y * w
        power = w * x**first
        for j in range(count):
            rows[i, j] = power
            power *= x
    return list(mp.lu_solve(rows.T * rows, rows.T * right))


def fit(f: Function, weight: Function, low: Any, high: Any, count: int, dtype: str) -> list[float]:
    """Rounded coefficients of the polynomial of `count` terms nearest to f."""
    xs = nodes(low, high, 8 * count)
    ws = [weight(x) for x in xs]
    exact = [f(x) for x in xs]
    left = list(exact)
    found: list[Any] = []
    for degree in range(count):
        rest = least_squares(xs, left, ws, degree, count - degree)
        found.append(rounded(rest[0], dtype))
        left = [y - found[-1] * x**degree for x, y in zip(xs, left, strict=True)]
    worst = max(abs(y * w) for y, w in zip(left, ws, strict=True))
    print(f"  {count} terms, {dtype}: {float(worst / UNITS[dtype]):.4f}", file=sys.stderr)
    return [float(c) for c in found]


def exponential(dtype: str) -> list[float]:
    """(exp(r) - 1 - r) / r**2, |r| <= log(2) / 2; the error is relative to expm1(r)."""
    half = mp.log(2) / 2 * mpf("1.001")
    return fit(
        lambda r: (mp.expm1(r) - r) / r**2 if r else mpf(1) / 2,
        lambda r: r**2 / mp.expm1(r) if r else mpf(0),
        -half, half, 6 if dtype == "float32" else 11, dtype,
    )  # fmt: skip


def exponential_whole(dtype: str) -> list[float]:
    """The same where exp(r) alone is wanted; the error is relative to exp(r)."""
    half = mp.log(2) / 2 * mpf("1.001")
    return fit(
        lambda r: (mp.expm1(r) - r) / r**2 if r else mpf(1) / 2,
        lambda r: r**2 * mp.exp(-r),
        -half, half, 5, dtype,
    )  # fmt: skip


def logarithm(dtype: str) -> list[float]:
    """float32: (log1p(f) - f + f**2 / 2) / f**3; float64: (2 atanh(s) / s - 2) / s**2 in s**2,
    s = f / (2 + f). Both for 1 + f from sqrt(1/2) to sqrt(2)."""
    low, high = mp.sqrt(mpf(1) / 2) - 1, mp.sqrt(2) - 1
    if dtype == "float32":
        return fit(
            lambda f: (mp.log1p(f) - f + f**2 / 2) / f**3 if f else mpf(1) / 3,
            lambda f: f**3 / mp.log1p(f) if f else mpf(0),
            low, high, 8, dtype,
        )  # fmt: skip
    top = (high / (2 + high)) ** 2
    return fit(
        lambda z: (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2) / z, lambda z: z / 2, 0, top, 7, dtype
    )


def logarithm_tail(dtype: str) -> list[float]:
    """((2 atanh(s) / s - 2) / s**2 - 2/3) / s**2 in s**2: for `pow`, which keeps 2/3 apart."""
    top = ((mp.sqrt(2) - 1) / (1 + mp.sqrt(2))) ** 2
    return fit(
        lambda z: ((2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2) / z - mpf(2) / 3) / z,
        lambda z: 2**11 * z**2 / 2, 0, top, 8, dtype,
    )  # fmt: skip


def sine(dtype: str) -> list[float]:
    """(sin(r) / r - 1) / r**2 in r**2, |r| <= pi / 4."""
    return fit(
        lambda z: (mp.sin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
        lambda z: z, 0, (mp.pi / 4) ** 2 * mpf("1.001"), 3 if dtype == "float32" else 6, dtype,
    )  # fmt: skip


def cosine(dtype: str) -> list[float]:
    """(cos(r) - 1 + r**2 / 2) / r**4 in r**2, |r| <= pi / 4."""
    return fit(
        lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2,
        lambda z: z**2, 0, (mp.pi / 4) ** 2 * mpf("1.001"), 3 if dtype == "float32" else 6, dtype,
    )  # fmt: skip


def error_near(dtype: str) -> list[float]:
    """erf(x) / x - 1 in x**2, |x| <= 1."""
    return fit(
        lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1,
        lambda z: mp.sqrt(z) / mp.erf(mp.sqrt(z)),
        0, 1, 7 if dtype == "float32" else 13, dtype,
    )  # fmt: skip


def error_far(dtype: str) -> list[float]:
    """log(erfc(x)), x from 1 to where erf(x) rounds to 1; the error is that of erf(x)."""
    high, count = (4, 8) if dtype == "float32" else (6, 19)
    return fit(lambda x: mp.log(mp.erfc(x)), mp.erfc, 1, high, count, dtype)


def tangent(dtype: str) -> list[float]:
    """(tanh(x) / x - 1) / x**2 in x**2, |x| <= 0.6 (float32 only)."""
    return fit(
        lambda z: (mp.tanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
        lambda z: z * mp.sqrt(z) / mp.tanh(mp.sqrt(z)), 0, mpf("0.36"), 5, dtype,
    )  # fmt: skip


def arcsine(dtype: str) -> list[float]:
    """(asin(s) / s - 1) / s**2 in s**2, |s| <= 1/2."""
    return fit(
        lambda z: (mp.asin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
        lambda z: z * mp.sqrt(z) / mp.asin(mp.sqrt(z)),
        0, mpf("0.2501"), 5 if dtype == "float32" else 12, dtype,
    )  # fmt: skip


def arctangent(dtype: str) -> list[float]:
    """(atan(r) / r - 1) / r**2 in r**2, |r| <= tan(pi / 8)."""
    return fit(
        lambda z: (mp.atan(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
        lambda z: z * mp.sqrt(z) / mp.atan(mp.sqrt(z)),
        0, mp.tan(mp.pi / 8) ** 2 * mpf("1.001"), 5 if dtype == "float32" else 11, dtype,
    )  # fmt: skip


def exponential_of_two(dtype: str) -> list[float]:
    """(2**r - 1) / r, |r| <= 1/2."""
    return fit(
        lambda r: mp.expm1(r * mp.log(2)) / r if r else mp.log(2),
        lambda r: r / mpf(2) ** r,
        mpf("-0.501"), mpf("0.501"), 7 if dtype == "float32" else 12, dtype,
    )  # fmt: skip


def inverse_cube_root(dtype: str) -> list[float]:
    """x**(-1/3), x from sqrt(1/2) to sqrt(2): a first guess, which Newton's steps improve."""
    low, high = mp.sqrt(mpf(1) / 2), mp.sqrt(2)
    return fit(lambda x: mp.cbrt(1 / x), mp.cbrt, low, high, 4 if dtype == "float32" else 5, dtype)


def power_logarithm(dtype: str) -> list[float]:
    """log2(1 + f) / f for 1 + f from sqrt(1/2) to sqrt(2): for float32 powers, in float64."""
    low, high = mp.sqrt(mpf(1) / 2) - 1, mp.sqrt(2) - 1
    return fit(
        lambda f: mp.log1p(f) / f / mp.log(2) if f else 1 / mp.log(2),
        lambda f: f / mp.log1p(f) if f else mpf(1), low, high, 12, dtype,
    )  # fmt: skip


def power_exponential(dtype: str) -> list[float]:
    """2**r, |r| <= 1/2: for float32 powers, in float64."""
    return fit(
        lambda r: mpf(2) ** r, lambda r: 1 / mpf(2) ** r, mpf("-0.501"), mpf("0.501"), 7, dtype
    )


def power_tail(dtype: str) -> list[float]:
    """(2 atanh(s) / s - 2) / s**2 / log(2) in s**2: what powers of usual size need beside the first
    term of log2(x)."""
    top = ((mp.sqrt(2) - 1) / (1 + mp.sqrt(2))) ** 2 * mpf("1.0001")
    return fit(
        lambda z: (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2) / z / mp.log(2),
        lambda z: z * mp.log(2) / 2, 0, top, 4 if dtype == "float32" else 8, dtype,
    )  # fmt: skip


def sine_half_turn(dtype: str) -> list[float]:
    """(sin(r) / r - 1) / r**2 in r**2, |r| <= pi / 2."""
    return fit(
        lambda z: (mp.sin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
        lambda z: z * mp.sqrt(z) / mp.sin(mp.sqrt(z)),
        0, (mp.pi / 2) ** 2 * mpf("1.003"), 5 if dtype == "float32" else 8, dtype,
    )  # fmt: skip


def exponential_of_double(dtype: str) -> list[float]:
    """(exp(2 r) - 1) / r, |r| <= log(2) / 4 (float32 only)."""
    half = mp.log(2) / 4 * mpf("1.001")
    return fit(
        lambda r: mp.expm1(2 * r) / r if r else mpf(2),
        lambda r: r / mp.exp(2 * r), -half, half, 6, dtype,
    )  # fmt: skip


BESSEL_BOUND = 8


def bessel_near(order: int, dtype: str) -> list[float]:
    """(I0(x) - 1) / x**2, or (2 I1(x) / x - 1) / x**2, in x**2 for |x| <= 8."""

    def whole(z: Any) -> Any:
        return mp.besseli(order, mp.sqrt(z)) * (2 / mp.sqrt(z) if order else 1)

    return fit(
        lambda z: (whole(z) - 1) / z, lambda z: z / whole(z),
        0, mpf(BESSEL_BOUND) ** 2 * mpf("1.001"), 15, dtype,
    )  # fmt: skip


def bessel_far(order: int, dtype: str) -> list[float]:
    """(exp(-x) sqrt(x) I(x) - 1 / sqrt(2 pi)) * x in 16 / x - 1 for x >= 8."""
    limit = 1 / mp.sqrt(2 * mp.pi)

    def scaled(u: Any) -> Any:
        return mp.besseli(order, 1 / u) * mp.exp(-1 / u) / mp.sqrt(u)

    def inverse(v: Any) -> Any:
        return (v + 1) / (2 * BESSEL_BOUND)

    return fit(
        lambda v: (scaled(inverse(v)) - limit) / inverse(v),
        lambda v: inverse(v) / scaled(inverse(v)), -1, mpf("1.001"), 22, dtype,
    )  # fmt: skip


def two_over_pi(width: int, bits: int, step: int, count: int) -> list[float]:
    """Pieces of 2/pi: bits [step * j, step * j + width), as numbers below 1, for j < count."""
    assert bits >= step * (count - 1) + width
    digits = int(mp.floor((2 / mp.pi) * mpf(2) ** bits))
    taken = [(digits >> (bits - step * j - width)) & ((1 << width) - 1) for j in range(count)]
    return [float(mp.ldexp(t, -width)) for t in taken]


def listing(name: str, values: list[float]) -> str:
    """A tuple as source text: three hexadecimal floats a line."""
    texts = [value.hex() for value in values]
    lines = (" ".join(texts[i : i + 3]) for i in range(0, len(texts), 3))
    return f'{name} = _numbers("""\n' + "".join(f"    {line}\n" for line in lines) + '""")\n'


HEADER = '''"""Polynomial coefficients and pieces of 2/pi, lowest degree first. Do not edit.

Written by tools/fit_polynomials.py, which says what each approximates.
"""


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(map(float.fromhex, text.split()))

'''

FITS = (
    exponential, exponential_whole, logarithm, logarithm_tail, sine, cosine, error_near, error_far,
    tangent, arcsine, arctangent, exponential_of_two, inverse_cube_root, power_tail, sine_half_turn,
    exponential_of_double,
)  # fmt: skip
ABSENT = {
    (logarithm_tail, "float32"), (tangent, "float64"), (exponential_of_double, "float64"),
    (exponential_whole, "float64"),
}  # fmt: skip


def main() -> None:
    """Print the module."""
    print(HEADER)
    for function in FITS:
        for dtype in UNITS:
            if (function, dtype) in ABSENT:
                continue
            print(function.__name__, file=sys.stderr)
            print(listing(f"{function.__name__.upper()}_{dtype.upper()}", function(dtype)))
    for function in (power_logarithm, power_exponential):
        print(function.__name__, file=sys.stderr)
        print(listing(function.__name__.upper(), function("float64")))
    for order in (0, 1):  # in float64 only: float32 is computed in it
        for name, function in (("NEAR", bessel_near), ("FAR", bessel_far)):
            print(f"bessel {order} {name}", file=sys.stderr)
            print(listing(f"BESSEL_{order}_{name}", function(order, "float64")))
    mp.prec = 2000
    print(listing("TWO_OVER_PI_29", two_over_pi(29, 1200, 29, 5)))
    print(listing("TWO_OVER_PI_53_BY_29", two_over_pi(53, 1200, 29, 6)))
    print(listing("TWO_OVER_PI_53", two_over_pi(53, 1300, 53, 22)), end="")


if __name__ == "__main__":
    main()
