"""Elementary functions against NumPy by table, and against the bounds that composites declare."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from function_support import I32, U8, B, M, arrays, same
from ulp_support import errors, widened

import tilewright as tw
from tilewright.dsl.dtypes import FLOATS, DType, float32, float64, to_numpy
from tilewright.dsl.functions.accuracy import COMPOSITES, Composite
from tilewright.dsl.primitive import REGISTRY, Map, Primitive
from tilewright.dsl.primitives.samples import binary_samples, unary_samples

UNARY = """
tan arcsin arccos arctan sinh cosh arcsinh arccosh arctanh cbrt exp2 log2 log10 sinc deg2rad
rad2deg degrees radians fabs rint fix signbit spacing isposinf isneginf nan_to_num i0 real imag conj
angle isreal iscomplex bitwise_count frexp modf
"""
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 0.3, -0.75, 2.5, 1e-310, -3e300, np.inf, -np.inf, np.nan])
EIGHT_BITS = np.arange(-128, 128).astype(np.int8)
VALUES = [
    M, SPECIAL, SPECIAL.astype(np.float32), SPECIAL.astype(np.float16), I32, U8, EIGHT_BITS, B,
    np.array(0.5), np.zeros((0, 3)), np.array([7, -300], np.int16),
]  # fmt: skip

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def compare(name: str, *given: Any) -> None:
    """Our function against NumPy's of the same name: the value, or that both raise TypeError."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            expected = getattr(np, name)(*given)
        except TypeError:
            with pytest.raises(TypeError):
                getattr(tw, name)(*map(arrays, given))
            return
    same(getattr(tw, name)(*map(arrays, given)), expected)


def name_of(x: Any) -> str:
    return f"{getattr(x, 'dtype', x)}-{getattr(x, 'size', '')}"


@pytest.mark.parametrize("name", UNARY.split())
def test_unary(name: str) -> None:
    for x in VALUES:
        if x.dtype == np.bool_ and name in ("conj", "fix"):
            continue  # NumPy's answers for bool are accidents of its loops
        if name == "i0":  # NumPy's gives nan where it overflows
            x = np.where(np.abs(x.astype(float)) < 700, x, x.dtype.type(1))
        if name == "spacing" and np.spacing(x).dtype == np.float16:
            x = np.abs(x.astype(np.float16))[
                np.isfinite(x)
            ]  # NumPy's for halves forgets the sign of x
        compare(name, x)


BINARY = """
arctan2 hypot logaddexp logaddexp2 copysign nextafter fmod fmax fmin heaviside float_power divmod
gcd lcm ldexp
"""
PAIRS = [
    (M, M[::-1].copy()), (M, 2.5), (2, M), (M.astype(np.float32), 3), (M.astype(np.float32), M),
    (M, I32), (I32, np.abs(I32[:1])), (I32, 6), (U8, 7), (B, ~B), (B, 2), (I32, 2.0),
    (U8, np.int8(3)), (I32[:, :1], np.array([1, 2, 3], np.int64)), (M.astype(np.float16), 2),
    (U8, np.float16(2)), (M.astype(np.float16), np.array([-3, 20, 0], np.int8)),
    (np.zeros((0, 3)), M[:1]), (EIGHT_BITS, EIGHT_BITS[::-1].copy()), (EIGHT_BITS, np.int8(48)),
    (np.float64(3), np.float64(-4)),
]  # fmt: skip


@pytest.mark.parametrize("name", BINARY.split())
def test_binary(name: str) -> None:
    for x, y in PAIRS:
        if name == "fmod" and np.result_type(x, y) == np.int8 and np.size(y) > 1:
            y = np.where(y == 0, np.int8(1), y)
        compare(name, np.asarray(x) if isinstance(x, np.generic) else x, y)


def test_gcd_of_every_width() -> None:
    rng = np.random.default_rng(7)
    for dtype in (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64):
        info = np.iinfo(dtype)
        x, y = rng.integers(info.min, info.max, (2, 500), dtype=dtype, endpoint=True)
        x[:50], y[25:75] = 0, info.max
        common = rng.integers(1, 11, 500).astype(dtype)
        small = (x % dtype(11)) * common, (y % dtype(11)) * common
        for a, b in ((x, y), small):
            same(tw.gcd(tw.array(a), tw.array(b)), np.gcd(a, b))


ALIASES = {
    "acos": "arccos", "acosh": "arccosh", "asin": "arcsin", "asinh": "arcsinh", "atan": "arctan",
    "atan2": "arctan2", "atanh": "arctanh", "conjugate": "conj", "degrees": "rad2deg",
    "radians": "deg2rad",
}  # fmt: skip


def test_aliases_are_one_function() -> None:
    for alias, name in ALIASES.items():
        assert getattr(tw, alias) is getattr(tw, name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_results_that_are_exact(dtype: str) -> None:
    info = np.finfo(dtype)
    exponents = np.arange(info.minexp - info.nmant, info.maxexp)
    powers = np.ldexp(np.ones(1, dtype), exponents)
    assert tw.log2(tw.array(powers)).tolist() == exponents.tolist()
    assert tw.exp2(tw.array(exponents.astype(dtype))).tolist() == powers.tolist()
    digits = np.arange(11 if dtype == "float32" else 23)  # 10**n for larger n is no float
    tens = np.array([10.0**n for n in digits.tolist()], dtype)
    assert tw.log10(tw.array(tens)).tolist() == digits.tolist()
    whole = np.arange(-200, 201).astype(dtype)
    assert tw.cbrt(tw.array(whole**3)).tolist() == whole.tolist()
    assert tw.sinc(tw.array(whole)).tolist() == (whole == 0).tolist()
    assert tw.hypot(tw.array(3 * whole), tw.array(4 * whole)).tolist() == abs(5 * whole).tolist()


def test_staged_is_eager() -> None:
    x, y = tw.array(SPECIAL.astype(np.float32)), tw.array(SPECIAL[::-1].astype(np.float32))
    names = [n for n in UNARY.split() if n not in ("frexp", "modf", "bitwise_count")]
    pairs = ["arctan2", "hypot", "copysign", "nextafter", "fmod", "fmax", "fmin", "heaviside"]

    def every(x: Any, y: Any) -> Any:
        found = [getattr(tw, n)(x) for n in names] + [getattr(tw, n)(x, y) for n in pairs]
        return [*found, *tw.frexp(x), *tw.modf(x), *tw.divmod(x, y)]

    for name, staged, eager in zip(
        [*names, *pairs, "frexp", "frexp", "modf", "modf", "divmod", "divmod"],
        tw.jit(every)(x, y),
        every(x, y),
        strict=True,
    ):
        np.testing.assert_allclose(staged.numpy(), eager.numpy(), rtol=5e-7, err_msg=name)


def test_gradients_where_a_function_is_flat_or_has_none() -> None:
    slope = tw.grad(lambda x: tw.sinc(x).sum())
    x = np.array([0.0, 1e-3, 0.0199, 0.0201, 0.4, -2.5])
    with np.errstate(all="ignore"):
        known = (np.cos(np.pi * x) - np.sinc(x)) / x
    known[:2] = -(np.pi**2) * x[:2] / 3 * (1 - (np.pi * x[:2]) ** 2 / 10)
    np.testing.assert_allclose(slope(tw.array(x)).numpy(), known, rtol=1e-9, atol=1e-15)
    origin = tw.array([0.0, 3.0])
    assert tw.grad(lambda x: tw.hypot(x, tw.zeros(2)).sum())(origin).tolist() == [0.0, 1.0]
    both = tw.array([-np.inf, np.inf, 700.0])
    assert tw.grad(lambda x: tw.logaddexp(x, both).sum())(both).tolist() == [0.5, 0.5, 0.5]
    nan = tw.array([np.nan, 1.0, 2.0])
    taken = tw.grad(lambda x: tw.fmax(x, tw.array([1.0, np.nan, 2.0])).sum())(nan)
    assert taken.tolist() == [0.0, 1.0, 0.5]


def test_nan_to_num() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 2.0], np.float32)
    for keywords in ({}, {"nan": 7.0, "posinf": 1.0, "neginf": -1.0}, {"neginf": 0.0}):
        same(tw.nan_to_num(tw.array(x), **keywords), np.nan_to_num(x, **keywords))
    ours = tw.array(x)
    assert tw.nan_to_num(ours, copy=False, posinf=5.0, neginf=-5.0) is ours
    assert ours.tolist() == [0.0, 5.0, -5.0, 2.0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tw.gcd([1.5], [2]), "gcd: got float64; it takes integers"),
        (lambda: tw.lcm([True], [False]), "lcm: got bool; it takes integers"),
        (lambda: tw.bitwise_count([1.0]), "bitwise_count: got float64; it takes integers"),
        (lambda: tw.ldexp([1.0], [2.0]), "ldexp: got exponents of float64; they must be of a"),
        (lambda: REGISTRY["tan"](tw.array([1])), "tan: got int64; it takes"),
        (lambda: REGISTRY["gcd"](tw.array([1.0]), tw.array([1.0])), "gcd: got float64"),
    ],
)
def test_dtype_errors(call: Any, message: str) -> None:
    with pytest.raises(tw.DTypeError, match=message):
        call()


def test_shape_errors() -> None:
    for name in ("arctan2", "hypot", "ldexp", "heaviside", "lcm", "fmod"):
        with pytest.raises(tw.ShapeError, match=rf"{name}: got \(2,\) and \(3,\)"):
            getattr(tw, name)(tw.arange(2), tw.arange(3))


# --------------------------------------------------------------------------- declared bounds


def inputs(composite: Composite, of: DType, rng: np.random.Generator) -> Any:
    """The registry's samples, random bit patterns and numbers of all sizes."""
    samples = unary_samples(of) if composite.arity == 1 else binary_samples(of)
    yield from (s.inputs for s in samples)
    kind, count = to_numpy(of), 20_000
    word = np.dtype(f"uint{of.bits}")
    shape = (composite.arity, count)
    top = np.iinfo(word).max
    yield tuple(rng.integers(0, top, shape, dtype=word, endpoint=True).view(kind))
    yield tuple((np.exp2(rng.uniform(-12, 12, shape)) * rng.choice([-1, 1], shape)).astype(kind))


@pytest.mark.parametrize("of", FLOATS, ids=str)
@pytest.mark.parametrize("name", sorted(COMPOSITES))
def test_composites_keep_their_bounds(name: str, of: DType, rng: np.random.Generator) -> None:
    composite = COMPOSITES[name]
    bound = composite.ulp[of.name]
    for given in inputs(composite, of, rng):
        found = composite.function(*map(tw.asarray, given))
        assert found.dtype is of
        with np.errstate(all="ignore"):
            # what is exact may depend on the type's own numbers, as spacing does
            wide = given if bound == 0 else tuple(map(widened, given))
            error = errors(of, found.numpy(), np.asarray(composite.reference(*wide)))
        assert (error <= bound).all(), f"{name} {of}: {np.max(error)} ulp, declared {bound}"


def is_unary(primitive: Primitive) -> bool:
    is_map = isinstance(primitive.lower, Map) and primitive.lower.pointwise
    sample = next(iter(primitive.samples(float32)))
    return is_map and len(sample.inputs) == 1 and not sample.params


def test_forty_unary_functions_are_within_two_units() -> None:
    both = [p for p in REGISTRY.values() if {float32, float64} <= set(p.dtypes) and is_unary(p)]
    bounds = {p.name: p.ulp for p in both} | {
        n: c.ulp for n, c in COMPOSITES.items() if c.arity == 1
    }
    names = ("float32", "float64")
    exact_enough = [n for n, ulp in bounds.items() if all(ulp.get(d, 0) <= 2 for d in names)]
    assert len(exact_enough) >= 40, sorted(exact_enough)
