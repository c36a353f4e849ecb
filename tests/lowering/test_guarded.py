"""Blocks of usual arguments go a shorter way: the same bits, whatever else is in the block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tilewright as tw
from tilewright.lowering.machine import host
from tilewright.lowering.schedules.guarded import VECTORS

Array = np.ndarray[Any, Any]

DTYPES = ("float32", "float64")
BLOCK = VECTORS * host().vector_bytes // 4
NAMES = ("sin", "cos", "tan", "log", "log2", "log10")
# What is rare for each: one of these in a block, and the block goes the long way.
RARE = {
    "sin": [3e4, 1e5, 1e30, np.inf, np.nan],
    "log": [0.0, -1.0, 1e-310, np.inf, np.nan],
}

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def with_rare(usual: Array, rare: list[float]) -> tuple[Array, Array]:
    """A copy with a rare value in every third block, and where the usual ones still are."""
    mixed, kept = usual.copy(), np.ones(usual.size, bool)
    places = np.arange(BLOCK // 3, usual.size, 3 * BLOCK + 1)
    mixed[places] = np.resize(np.asarray(rare), places.size)
    kept[places] = False
    return mixed, kept


def check(run: Callable[..., Any], expected: Callable[..., Any], *arrays: Array) -> Array:
    """The result, within 2 units in the last place of the function in higher precision."""
    found = np.asarray(run(*map(tw.asarray, arrays)))
    wide = [a.astype(np.longdouble if a.dtype == "float64" else "float64") for a in arrays]
    want = expected(*wide)
    nearest = want.astype(found.dtype)
    finite = np.isfinite(nearest) & (nearest != 0)
    unit = np.spacing(np.abs(nearest[finite]))
    assert np.all(np.abs(found[finite] - want[finite]) <= 2 * unit)
    np.testing.assert_array_equal(found[~finite], nearest[~finite])
    return found


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_functions_of_one(name: str, dtype: str, rng: np.random.Generator) -> None:
    run, expected = getattr(tw, name), getattr(np, name)
    is_angular = name in ("sin", "cos", "tan")
    low, high = (-300, 300) if is_angular else (1e-3, 1e3)
    for size in (1, BLOCK - 1, BLOCK, BLOCK + 1, 9 * BLOCK + 7):
        usual = rng.uniform(low, high, size).astype(dtype)
        mixed, kept = with_rare(usual, RARE["sin" if is_angular else "log"])
        alone, among = check(run, expected, usual), check(run, expected, mixed)
        np.testing.assert_array_equal(alone[kept], among[kept])


@pytest.mark.parametrize("dtype", DTYPES)
def test_powers(dtype: str, rng: np.random.Generator) -> None:
    limit = float(np.log2(float(np.finfo(dtype).max)))
    for size in (1, BLOCK + 1, 9 * BLOCK + 7):
        x, y = rng.uniform(0.05, 9, size).astype(dtype), rng.uniform(-9, 9, size).astype(dtype)
        alone = check(tw.power, np.power, x, y)
        for rare in ([0.0, -2.0, 1e-310, np.inf, np.nan], [1e30, -1e30, np.inf, np.nan]):
            mixed, kept = with_rare(x, rare)
            np.testing.assert_array_equal(check(tw.power, np.power, mixed, y)[kept], alone[kept])
            mixed, kept = with_rare(y, rare)
            np.testing.assert_array_equal(check(tw.power, np.power, x, mixed)[kept], alone[kept])
    # around the border of what is usual, and to the end of the range
    for width in (66, limit * 1.05):
        x = np.exp2(rng.uniform(-9, 9, 5 * BLOCK + 3)).astype(dtype)
        y = (rng.uniform(-width, width, x.size) / np.log2(x)).astype(dtype)
        check(tw.power, np.power, x, y)
    for exponent in (2.5, -1.75, 0.25):  # numbers that both types hold
        check(lambda x, y=exponent: x**y, lambda x, y=exponent: x**y, x)


def test_arguments_made_in_the_kernel(rng: np.random.Generator) -> None:
    @tw.jit
    def chain(x: Any, y: Any) -> Any:
        return tw.sin(x * 2 + 1) * tw.log(y * y + 0.5) + (y + 1.5) ** x

    def plain(x: Array, y: Array) -> Array:
        return np.sin(x * 2 + 1) * np.log(y * y + 0.5) + (y + 1.5) ** x

    x, y = rng.uniform(-3, 3, (2, 5 * BLOCK + 5))
    y = np.abs(y)
    np.testing.assert_allclose(np.asarray(chain(tw.asarray(x), tw.asarray(y))), plain(x, y), 1e-13)
    x[::BLOCK], y[7::BLOCK] = 1e9, -4.0
    np.testing.assert_allclose(
        np.asarray(chain(tw.asarray(x), tw.asarray(y))), plain(x, y), 1e-12, 1e-12
    )


def test_rows(rng: np.random.Generator) -> None:
    """Axes that do not join: a matrix to the power of a column, transposed angles."""
    m, column = rng.uniform(0.1, 4, (37, 211)), rng.uniform(-2, 2, (37, 1))
    m[3, 5], m[20, 210] = 0.0, np.inf
    powers = tw.jit(lambda m, c: m**c)
    np.testing.assert_allclose(np.asarray(powers(tw.asarray(m), tw.asarray(column))), m**column,
                               1e-14)  # fmt: skip
    turned = tw.jit(lambda m: tw.sin(m.T) + tw.cos(m.T))
    m[3, 5], m[20, 210] = 1e6, 4e4
    np.testing.assert_allclose(np.asarray(turned(tw.asarray(m))), np.sin(m.T) + np.cos(m.T),
                               1e-14, 1e-15)  # fmt: skip
