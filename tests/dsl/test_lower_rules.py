"""The `lower` rule of every primitive says what its `reference` says.

The rules are run element by element by a vocabulary of NumPy scalars, so this holds with no
compiler at all. It shows a wrong rule; the backends' tests then show wrong code for a right one.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tilewright.dsl.primitives  # noqa: F401  (fills the registry)
from tilewright.dsl.dtypes import DType, bfloat16, dtype, float16, float32, to_numpy
from tilewright.dsl.graph import Aval
from tilewright.dsl.primitive import (
    REGISTRY,
    Attend,
    Contract,
    Convolve,
    Map,
    Native,
    Reduce,
    Sample,
    Scatter,
)

HALVES = (float16, bfloat16)
LIMIT = 600  # elements of one sample: enough for every pair of special values


def computed(dtype: DType) -> DType:
    return float32 if dtype in HALVES else dtype


def native(x: Any) -> Any:
    """A NumPy scalar, also from a comparison."""
    return np.bool_(x) if isinstance(x, bool) else x


class ScalarVocabulary:
    """`Vocabulary` on NumPy scalars; `half` is set where results are rounded to a half type."""

    def const(self, value: Any, dtype: DType) -> Any:
        return np.asarray(value).astype(to_numpy(computed(dtype)))[()]

    def cast(self, x: Any, dtype: DType) -> Any:
        x = np.asarray(x)
        if x.dtype.kind == "c" and not dtype.is_complex and dtype.kind != "b":
            x = x.real
        result = x.astype(to_numpy(dtype))
        return result.astype(np.float32)[()] if dtype in HALVES else result[()]

    def select(self, condition: Any, x: Any, y: Any) -> Any:
        assert np.asarray(condition).dtype == np.bool_
        assert np.asarray(x).dtype == np.asarray(y).dtype
        return x if condition else y

    def complex(self, real: Any, imag: Any) -> Any:
        return REGISTRY["complex"].reference(np.asarray(real), np.asarray(imag))[()]

    def size(self, dim: int) -> Any:
        return np.int64(dim)

    def call(self, name: str, *args: Any) -> Any:
        if name == "nextafter":
            x, y, of = args
            given = (np.asarray(z).astype(to_numpy(of)) for z in (x, y))
            return self.cast(REGISTRY[name].reference(*given), of)
        kinds = {np.asarray(a).dtype for a in args}
        assert len(kinds) == 1, f"{name} of {kinds}"
        return native(CALLS[name](*args))


def _erf(x: Any) -> Any:
    return type(x)(math.erf(x))


def _cos_turns(x: Any) -> Any:
    part = np.longdouble(x) - np.rint(np.longdouble(x))
    quarter = np.rint(4 * part)
    angle = 2 * np.arccos(np.longdouble(-1)) * (part - quarter / 4)
    values = np.cos(angle), -np.sin(angle), -np.cos(angle), np.sin(angle)
    return values[int(quarter) % 4].astype(x.dtype)


def _guarded(function: Any) -> Any:
    def run(a: Any, b: Any) -> Any:
        trap = b == 0 or (np.asarray(b).dtype.kind == "i" and b == -1)
        assert not trap, "the processor would trap"
        return function(a, b)

    return run


def _in_range(function: Any) -> Any:
    def run(a: Any, b: Any) -> Any:
        assert 0 <= b < 8 * np.asarray(a).dtype.itemsize
        return function(a, b)

    return run


CALLS: dict[str, Any] = {
    **{n: getattr(np, n) for n in ("sqrt", "exp", "expm1", "log", "log1p", "tanh", "sin", "cos")},
    **{
        n: getattr(np, n) for n in ("exp2", "log2", "log10", "tan", "asin", "acos", "atan", "atan2")
    },
    **{n: getattr(np, n) for n in ("sinh", "cosh", "asinh", "acosh", "atanh", "cbrt", "hypot")},
    **{n: getattr(np, n) for n in ("floor", "ceil", "trunc", "copysign", "fmod", "isnan", "abs")},
    **{n: getattr(np, n) for n in ("bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not")},
    **{n: getattr(np, n) for n in ("maximum", "minimum")},
    **{n: getattr(np, n) for n in ("conj", "real", "imag", "sign")},
    "neg": np.negative,
    "round": np.rint,
    "fma": lambda a, b, c: (np.longdouble(a) * b + c).astype(a.dtype),
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "sigmoid": lambda x: (1 / (1 + np.exp(-np.float64(x)))).astype(x.dtype),
    "erf": _erf,
    "sinc": lambda x: REGISTRY["sinc"].reference(x)[()],
    "i0": lambda x: REGISTRY["i0"].reference(np.float64(x)).astype(x.dtype)[()],
    "i1": lambda x: REGISTRY["i1"].reference(np.float64(x)).astype(x.dtype)[()],
    **{n: getattr(np, n) for n in ("gcd", "signbit")},
    "ldexp": lambda x, n: REGISTRY["ldexp"].reference(x, n),
    "mantissa": lambda x: REGISTRY["mantissa"].reference(x),
    "exponent": lambda x: REGISTRY["exponent"].reference(x)[()],
    "bit_count": lambda x: np.asarray(np.bitwise_count(x)).astype(x.dtype)[()],
    # of an array: for scalars NumPy takes the square root of -inf where it should not
    "pow": lambda x, y: np.power(np.array([x, x]), np.array([y, y]))[0],
    "div": np.divide,
    "floordiv": _guarded(np.floor_divide),
    "mod": _guarded(np.remainder),
    "truncmod": _guarded(np.fmod),
    "shl": _in_range(np.left_shift),
    "shr": _in_range(np.right_shift),
    "index_div": _guarded(np.floor_divide),
    "index_mod": lambda a, b: np.remainder(a, b),
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "let": lambda x: x,
    "fence": lambda x: x,
    "cos_turns": _cos_turns,
}
CALLS["index_div"] = np.floor_divide


class ArrayReader:
    """An input of a rule. A position out of range is the rule's error, not a wrap-around."""

    def __init__(self, x: np.ndarray[Any, Any], aval: Aval) -> None:
        self.x, self.aval = x, aval

    def __call__(self, index: tuple[Any, ...]) -> Any:
        assert len(index) == self.x.ndim
        for i, size in zip(index, self.x.shape, strict=True):
            assert 0 <= i < size, f"read at {index} of {self.x.shape}"
        element = self.x[tuple(map(int, index))]
        return np.float32(element) if self.aval.dtype in HALVES else element


def avals_of(sample: Sample) -> list[Aval]:
    return [Aval(x.shape, dtype(x.dtype)) for x in sample.inputs]


def run_map(lower: Map, out: Aval, readers: list[ArrayReader], params: Any) -> Any:
    t = ScalarVocabulary()
    result = np.empty(out.shape, to_numpy(out.dtype))
    for place in np.ndindex(*out.shape):
        index = tuple(map(np.int64, place))
        if lower.pointwise:
            element = lower.rule(t, *(r(index) for r in readers), out=out, **params)
        else:
            element = lower.rule(t, index, *readers, out=out, **params)
        result[place] = element
    return result


def run_reduce(lower: Reduce, out: Aval, x: ArrayReader, axes: tuple[int, ...]) -> Any:
    """Two halves reduced apart and merged, as a schedule would."""
    t, reducer = ScalarVocabulary(), lower.reducer
    dtypes = reducer.state(x.aval.dtype)
    kept = [axis for axis in range(x.x.ndim) if axis not in axes]
    count = math.prod(x.x.shape[axis] for axis in axes)
    rows = x.x.transpose(*kept, *axes).reshape(*out.shape, count)
    result = np.empty(out.shape, to_numpy(out.dtype))
    for place in np.ndindex(*out.shape):
        halves = []
        for part in (0, 1):
            state = reducer.init(t, dtypes)
            for position in range(part, count, 2):
                element = t.cast(rows[place][position], dtypes[0])
                state = reducer.step(t, state, element, np.int64(position))
            halves.append(state)
        merged = reducer.merge(t, *halves)
        result[place] = reducer.finish(t, merged, out.dtype, np.int64(count))
    return result


CASES = [
    pytest.param(p, dtype, id=f"{p.name}-{dtype}")
    for p in REGISTRY.values()
    for dtype in p.dtypes
    if not isinstance(p.lower, Attend | Contract | Convolve | Scatter | Native)
]


@pytest.mark.parametrize(("primitive", "dtype"), CASES)
def test_rule_equals_reference(primitive: Any, dtype: DType) -> None:
    with np.errstate(all="ignore"):
        for sample in primitive.samples(dtype):
            avals = avals_of(sample)
            out = primitive.infer(*avals, **sample.params)
            if np.prod(out.shape) > LIMIT:
                continue
            readers = [ArrayReader(x, a) for x, a in zip(sample.inputs, avals, strict=True)]
            if isinstance(primitive.lower, Map):
                found = run_map(primitive.lower, out, readers, sample.params)
            else:
                found = run_reduce(primitive.lower, out, readers[0], **sample.params)
            check(primitive, sample, out, found)


def check(primitive: Any, sample: Sample, out: Aval, found: Any) -> None:
    kind = dtype(sample.inputs[0].dtype) if sample.inputs else out.dtype
    bound = primitive.ulp.get(kind.name if kind.is_complex else out.dtype.name)
    expected = reference(primitive, sample, wide=bool(bound)).astype(found.dtype)
    assert expected.shape == out.shape
    if primitive.canonical is not None:
        found = found.view(expected.dtype).reshape(expected.shape)
        found, expected = (
            primitive.canonical(x, *sample.inputs, **sample.params) for x in (found, expected)
        )
    if out.dtype.is_float:
        found, expected = (np.asarray(z, np.float64) for z in (found, expected))
    if bound:  # NumPy's own functions stand in for ours here: the bound is not what is tested
        rtol = {2: 0.02, 4: 5e-6, 8: 1e-12}[out.dtype.real.itemsize]
        if kind.is_complex:  # whose special values NumPy's loops have not all right
            known = np.isfinite(found) & np.isfinite(expected)
            np.testing.assert_allclose(found[known], expected[known], rtol=rtol, atol=rtol)
            return
        # halves are rounded twice here, which may move the least of them by a unit
        atol = 6e-8 if out.dtype is float16 else 1e-300
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)
        return
    np.testing.assert_array_equal(found, expected, err_msg=str(sample.params))
    if out.dtype.is_complex:
        found, expected = (
            z.view(to_numpy(out.dtype.real)) for z in map(np.ravel, (found, expected))
        )
    if out.dtype.is_inexact:  # the sign of zero too (that of nan has no meaning)
        number = ~np.isnan(found)
        np.testing.assert_array_equal(np.signbit(found)[number], np.signbit(expected)[number])


def reference(primitive: Any, sample: Sample, *, wide: bool) -> Any:
    """The reference, of half types in float32; `wide`: of all floats in float64."""

    def prepared(x: Any) -> Any:
        if not dtype(x.dtype).is_float or primitive.name in ("cast", "nextafter"):
            return x
        return x.astype(np.float64 if wide else np.float32) if wide or x.itemsize == 2 else x

    return np.asarray(primitive.reference(*map(prepared, sample.inputs), **sample.params))


def test_philox_known_answers() -> None:
    """The vectors of the Random123 distribution (kat_vectors, philox4x32 10)."""
    from tilewright.dsl.primitives.philox import philox

    ones = 0xFFFFFFFF
    pi_counter = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)
    vectors = (
        ((0,) * 4, (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((ones,) * 4, (ones, ones), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (pi_counter, (0xA4093822, 0x299F31D0), (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
    )
    for counter, key, expected in vectors:
        found = philox(np.array(counter, np.uint32), np.array(key, np.uint32))
        assert tuple(found.tolist()) == expected
