"""Elementary functions against higher precision, each within its declared bound.

float32 is compared with float64, with a stride through all bit patterns on each run and all of
them in the exhaustive tests; float64 with the long double of the C library, on random bit
patterns and near the points where functions are hard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import special

import tilewright as tw
from tilewright import _native
from tilewright.dsl.primitive import REGISTRY
from tilewright.dsl.sizes import symbol
from tilewright.lowering import codegen, machine, math
from tilewright.lowering.kernel import BufferSpec, KernelSource, Phase
from tilewright.lowering.library import levels_of
from tilewright.lowering.tvm_api import PointerType, PrimType, tirx
from tilewright.lowering.vocabulary import TirxVocabulary, int64
from tilewright.lowering.words import kernel_words

BINARY = ("atan2", "hypot", "pow")
UNARY = sorted(set(math.ULP) - set(BINARY))
DTYPES = ("float32", "float64")
PARTS = 16  # of all float32: tests of some seconds, so that a day's sample is spread
CHUNK = 1 << 20
LANES = {"float32": 16, "float64": 8}

Array = np.ndarray[Any, Any]
Function = Callable[..., Array]

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def arity_of(name: str) -> int:
    return 2 if name in (*BINARY, "fmod", "ldexp") else 1


@cache
def compiled(name: str, dtype: str, level: str = "") -> Function:
    """A function of NumPy arrays that runs a kernel of one function, compiled for our processor or
    one of a lower level."""
    arity, lanes = arity_of(name), LANES[dtype]
    begin, end, n = (tirx.Var(v, "int64") for v in ("begin", "end", "n"))
    pointers = [tirx.Var(f"p{i}", PointerType(PrimType(dtype))) for i in range(arity + 1)]
    buffers = [
        tirx.decl_buffer((n * int64(lanes),), dtype, f"b{i}", data=p)
        for i, p in enumerate(pointers)
    ]
    i, lane = tirx.Var("i", "int64"), tirx.Var("lane", "int64")
    at, t = i * int64(lanes) + lane, TirxVocabulary({"n": n})
    with t.vector(lane, lanes), t.block() as statements:
        arguments = [t.let(tirx.BufferLoad(b, [at])) for b in buffers[:-1]]
        t.emit(tirx.BufferStore(buffers[-1], getattr(math, name)(t, *arguments), [at]))
    kinds = tirx.ForKind
    kind = kinds.SERIAL if t.scalar_only else kinds.VECTORIZED
    body = tirx.For(lane, int64(0), int64(lanes), kind, tirx.SeqStmt(statements))
    loop = tirx.For(i, begin, end - begin, kinds.SERIAL, body)
    declared = [tirx.DeclBuffer(b, data=p) for b, p in zip(buffers, pointers, strict=True)]
    made = tirx.PrimFunc([*pointers, begin, end, n], tirx.SeqStmt([*declared, loop]), ret_type=None)
    made = made.with_attr({"global_symbol": name, "tirx.noalias": True, "calling_conv": 0})
    return runner(name, made.with_attr("tirx.is_entry_func", False), dtype, arity, level)


def runner(name: str, function: Any, dtype: str, arity: int, level: str = "") -> Function:
    """Compile a function of TIR and wrap it for arrays of any size."""
    size, kind, lanes = symbol("n"), tw.dtype(dtype), LANES[dtype]
    specs = tuple(BufferSpec(f"p{i}", kind, size * lanes) for i in range(arity + 1))
    source = KernelSource(name, (Phase(name, function, size),), specs, 1, sizes=("n",))
    of = machine.for_level(level) if level else machine.host()
    code = codegen.object_code(source, of.target)
    kernel = _native.Kernel(code, kernel_words(source))

    def run(*arrays: Array) -> Array:
        count = arrays[0].size
        padded = [np.pad(a, (0, -count % lanes)) for a in arrays]
        cells = [_native.from_buffer(a, kind.code, False) for a in padded]
        out = _native.empty(padded[0].shape, kind.code)
        kernel([*cells, out], [padded[0].size // lanes])
        return np.asarray(out)[:count]

    return run


def long_erf(x: Array) -> Array:
    """erf in long double: a series of positive terms, so no digit is lost."""
    x = np.clip(x, -7, 7)
    square = 2 * x * x
    term = x * np.exp(-x * x) * (2 / np.sqrt(np.arccos(np.longdouble(-1))))
    total = term
    for n in range(1, 240):
        term = term * square / (2 * n + 1)
        total = total + term
    return total


def long_cos_turns(x: Array) -> Array:
    """cos(2 pi x), from an eighth of a turn, where no digit is lost."""
    part = x - np.rint(x)
    quarter = np.rint(4 * part)
    angle = 2 * np.arccos(np.longdouble(-1)).astype(x.dtype) * (part - quarter / 4)
    which = np.where(np.isnan(quarter), 0, quarter).astype(np.int64) % 4
    values = np.cos(angle), -np.sin(angle), -np.cos(angle), np.sin(angle)
    return np.choose(which, values)


def reference(name: str, *arrays: Array) -> Array:
    """The function in the next higher precision."""
    is_long = arrays[0].dtype == np.float64
    wide = [a.astype(np.longdouble if is_long else np.float64) for a in arrays]
    if name == "sigmoid":
        return 1 / (1 + np.exp(-wide[0]))
    if name in ("sinc", "i0", "i1"):  # NumPy has no more than double precision of these
        return np.asarray(REGISTRY[name].reference(*wide))
    if name == "cos_turns":
        return long_cos_turns(wide[0])
    if name == "erf":
        return long_erf(*wide) if is_long else special.erf(*wide)
    return getattr(np, {"pow": "power"}.get(name, name))(*wide)


def errors(got: Array, want: Array) -> Array:
    """Errors in units in the last place; infinite where NaN, sign or overflow is wrong."""
    dtype = got.dtype
    nearest = want.astype(dtype)
    size = np.abs(nearest)
    # the unit is that of the exact result, half as large below a power of two
    below = np.where(np.abs(want) < size, np.nextafter(size, dtype.type(0)), size)
    unit = np.spacing(below)
    error = np.abs(got.astype(want.dtype) - want) / unit.astype(want.dtype)
    is_same = (got == nearest) | (np.isnan(got) & np.isnan(nearest))
    is_finite = np.isfinite(got) & np.isfinite(nearest)
    error = np.where(is_finite, error, np.where(is_same, 0, np.inf))
    is_flipped = ~np.isnan(nearest) & (np.signbit(got) != np.signbit(want))
    return np.where(is_flipped, np.inf, error)


def check(name: str, *arrays: Array, level: str = "") -> None:
    """Hold the declared bound of a function on all these inputs."""
    dtype = arrays[0].dtype.name
    bound = math.ULP[name][dtype]
    got, want = compiled(name, dtype, level)(*arrays), reference(name, *arrays)
    # a unit is at least eps / 2 of the result: those well inside need no closer look
    doubtful = np.flatnonzero(
        ~(np.abs(got - want) < bound * np.finfo(dtype).eps / 2 * np.abs(want))
    )
    if not doubtful.size:
        return
    error = errors(got[doubtful], want[doubtful])
    worst = int(np.argmax(error))
    at = ", ".join(repr(a[doubtful[worst]]) for a in arrays)
    assert error[worst] <= bound, f"{name}({at}): {float(error[worst]):.3f} ulp, declared {bound}"


def patterns(offset: int, stride: int) -> Iterator[Array]:
    """Every stride-th float32 from an offset, in chunks."""
    for start in range(offset, 1 << 32, CHUNK * stride):
        stop = min(start + CHUNK * stride, 1 << 32)
        yield np.arange(start, stop, stride, dtype=np.uint64).astype(np.uint32).view(np.float32)


def hard_points(dtype: str) -> Array:
    """Limits of the type, zeros, integers, multiples of pi / 2, powers of two, and neighbours."""
    info = np.finfo(dtype)
    pi = np.arccos(np.longdouble(-1))
    limits = [0, 1, info.max, info.tiny, info.smallest_subnormal, np.inf, np.nan, info.eps]
    steps = np.arange(1, 1200, dtype=np.longdouble)
    turns = np.concatenate([steps * pi / 2, steps[:60] * pi / 4, 2.0 ** steps[:60] * pi])
    logs = [*(steps * np.log(np.longdouble(2)) / 2), np.log(info.max)]
    powers = np.ldexp(np.dtype(dtype).type(1), np.arange(info.minexp - info.nmant, info.maxexp))
    near_one = 1 + np.arange(-200, 200) * info.eps
    parts = [np.asarray(p, dtype) for p in (limits, steps, turns, logs, powers, near_one)]
    points = np.concatenate([*parts, 1 / parts[1], np.sqrt(parts[1] / 2)]).astype(dtype)
    around = [points]
    for way in (np.inf, -np.inf):
        near = points
        for _ in range(3):
            near = np.nextafter(near, np.asarray(way, dtype))
            around.append(near)
    every = np.concatenate(around)
    return np.concatenate([every, -every])


def random_points(rng: np.random.Generator, dtype: str, count: int) -> Array:
    """Random bit patterns, and numbers of common size: uniform, log-uniform, near 1."""
    word = np.uint32 if dtype == "float32" else np.uint64
    bits = rng.integers(0, np.iinfo(word).max, count, dtype=word, endpoint=True).view(dtype)
    sizes = np.exp2(rng.uniform(-40, 12, count)) * rng.choice([-1, 1], count)
    uniform = [rng.uniform(-w, w, count) for w in (1, 8, 120, 760)]
    near_one = 1 + np.exp2(rng.uniform(-50, -1, count)) * rng.choice([-1, 1], count)
    return np.concatenate([bits, *(a.astype(dtype) for a in (sizes, *uniform, near_one))])


def test_all_functions_are_declared() -> None:
    assert sorted([*math.ULP, *math.EXACT, "EXACT", "ULP"]) == sorted(math.__all__)
    assert all(bound <= 2 for bounds in math.ULP.values() for bound in bounds.values())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_hard_points(name: str, dtype: str) -> None:
    check(name, hard_points(dtype))


@pytest.mark.parametrize("name", UNARY)
def test_float32_sampled(name: str, rng: np.random.Generator) -> None:
    stride = 2477
    for x in patterns(int(rng.integers(stride)), stride):
        check(name, x)


@pytest.mark.parametrize("name", UNARY)
def test_float64_sampled(name: str, rng: np.random.Generator) -> None:
    check(name, random_points(rng, "float64", 10_000))


@pytest.mark.parametrize("level", levels_of(machine.host())[1:])
@pytest.mark.parametrize("name", UNARY)
def test_lower_levels(name: str, level: str, rng: np.random.Generator) -> None:
    """What a wheel brings for lesser processors than ours: without FMA it is a function of C."""
    for dtype in DTYPES:
        check(name, random_points(rng, dtype, 2_000), level=level)
        check(name, hard_points(dtype)[::7], level=level)


@pytest.mark.exhaustive
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", UNARY)
def test_float32_exhaustive(name: str, part: int) -> None:
    for x in patterns(part, PARTS):
        check(name, x)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", UNARY)
def test_float64_exhaustive(name: str, rng: np.random.Generator) -> None:
    for _ in range(50):
        check(name, random_points(rng, "float64", 100_000))


@pytest.mark.parametrize("dtype", DTYPES)
def test_sine_next_to_a_multiple_of_half_pi(dtype: str) -> None:
    # The float64 nearest to a multiple of pi / 2 relative to its size (Muller et al., Handbook of
    # Floating-Point Arithmetic), and float32 ones found by searching all.
    points = [float.fromhex("0x1.6ac5b262ca1ffp+849"), 16367173.0 * 2.0**72, 1e22]
    points = [p for p in points if p <= np.finfo(dtype).max]
    for name in ("sin", "cos"):
        check(name, np.asarray(points + [-p for p in points], dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_pow_special_cases(dtype: str) -> None:
    edges = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 1e30, 2.0**53 - 1, 2.0**53, 5e-324, np.inf, np.nan]
    edges = np.asarray(edges + [-e for e in edges], dtype)
    x, y = (a.ravel() for a in np.meshgrid(edges, edges))
    check("pow", x, y)


@pytest.mark.parametrize("dtype", DTYPES)
def test_pow_sampled(dtype: str, rng: np.random.Generator) -> None:
    count = 200_000
    x = np.exp2(rng.uniform(-160, 160, count)).astype(dtype)
    limit = np.log2(float(np.finfo(dtype).max)) * 1.1
    y = (rng.uniform(-limit, limit, count) / np.log2(x.astype(np.float64))).astype(dtype)
    check("pow", x, y)
    near_one = 1 + np.exp2(rng.uniform(-40, -1, count)) * rng.choice([-1, 1], count)
    steep = (rng.uniform(-limit, limit, count) / np.log2(near_one)).astype(dtype)
    check("pow", near_one.astype(dtype), steep)
    whole = rng.integers(-40, 40, count).astype(dtype)
    check("pow", rng.uniform(-9, 9, count).astype(dtype), whole)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["atan2", "hypot"])
def test_functions_of_two_sides(name: str, dtype: str, rng: np.random.Generator) -> None:
    info = np.finfo(dtype)
    edges = [0, 1, 2.5, 1e-30, 1e30, np.inf, np.nan, info.max, info.tiny, info.smallest_subnormal]
    edges = np.asarray([*edges, *(-np.asarray(edges))], dtype)
    check(name, *(a.ravel() for a in np.meshgrid(edges, edges)))
    x = random_points(rng, dtype, 20_000)
    check(name, x, rng.permutation(x))
    # sides of about one size, where both count, and near the diagonals, where branches meet
    near = x * np.exp2(rng.uniform(-4, 4, x.size)).astype(dtype)
    check(name, x, near)
    ratio = rng.choice([1, np.sqrt(2) - 1, np.sqrt(2) + 1], x.size)
    close = 1 + np.exp2(rng.uniform(-60, -8, x.size)) * rng.choice([-1, 1], x.size)
    check(name, x, (x * (ratio * close)).astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_exact_functions_of_floats(dtype: str, rng: np.random.Generator) -> None:
    x = np.concatenate([random_points(rng, dtype, 20_000), hard_points(dtype)[::5]])
    m, e = np.frexp(x)
    same_floats(compiled("mantissa", dtype)(x), m)
    same_floats(compiled("exponent", dtype)(x), np.where(np.isfinite(x), e, 0))
    largest = np.finfo(dtype).maxexp * 2.2
    steps = np.rint(rng.uniform(-largest, largest, x.size))
    to_subnormal = np.rint(np.finfo(dtype).minexp - e - rng.uniform(-3, 60, x.size))
    for n in (steps, to_subnormal, -to_subnormal):
        want = np.ldexp(x, n.astype(np.int32))
        same_floats(compiled("ldexp", dtype)(x, n.astype(dtype)), want)


@pytest.mark.parametrize("dtype", DTYPES)
def test_fmod(dtype: str, rng: np.random.Generator) -> None:
    info = np.finfo(dtype)
    limits = [0, 1, 3, info.max, info.tiny, info.smallest_subnormal, 1.5 * info.tiny, np.inf]
    edges = np.asarray([*limits, np.nan, 0.1, 1e30, 1e-30], dtype)
    x, y = (a.ravel() for a in np.meshgrid(np.concatenate([edges, -edges]), edges))
    same_floats(compiled("fmod", dtype)(x, y), np.fmod(x, y))
    x = random_points(rng, dtype, 4_000)
    y = rng.permutation(x)
    # about whole multiples, where a rounded quotient is one too many
    near = (x * rng.integers(1, 1 << 20, x.size)).astype(dtype)
    for a, b in ((x, y), (near, x), (np.nextafter(near, np.zeros_like(near)), x)):
        same_floats(compiled("fmod", dtype)(a, b), np.fmod(a, b))


def same_floats(got: Array, want: Array) -> None:
    """The same numbers, with the same sign of zeros."""
    np.testing.assert_array_equal(got, want.astype(got.dtype))
    number = ~np.isnan(got)
    np.testing.assert_array_equal(np.signbit(got[number]), np.signbit(want[number]))
