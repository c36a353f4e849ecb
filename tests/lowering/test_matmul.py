"""The matrix product against NumPy in float64: shapes around the tiles, types, layouts, forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tilewright  # noqa: F401  (wires the native core)
from tilewright import _native
from tilewright.dsl import dtypes
from tilewright.dsl.dtypes import DType
from tilewright.dsl.sizes import Dim, Shape, evaluate, product, symbol
from tilewright.lowering.codegen import object_code
from tilewright.lowering.kernel import BufferSpec, KernelSource
from tilewright.lowering.machine import Machine, for_level, host
from tilewright.lowering.schedules.matmul import (
    MatmulSpec,
    kernel_tiles,
    matmul_kernel,
    pack_kernel,
    packed_b_size,
)
from tilewright.lowering.schedules.matmul_tiles import accumulator
from tilewright.lowering.schedules.matmul_tir import i64, load
from tilewright.lowering.words import kernel_words

F32 = dtypes.float32
SIZES = (0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 47, 48, 49, 64, 97, 129, 260)
EPSILON = {"float64": 2.0**-53}  # of the accumulator; float32 for all narrower types
ROUNDING = {"float16": 2.0**-11, "bfloat16": 2.0**-8}  # of the result


@dataclass(frozen=True)
class Case:
    """One kernel: its sizes (None: all unknown), layouts and form."""

    sizes: tuple[int, int, int] | None
    dtype: DType = F32
    a_transposed: bool = False
    b_transposed: bool = False
    batch: tuple[int, ...] = ()
    b_batched: bool = True
    form: str = ""

    @property
    def dims(self) -> tuple[Dim, Dim, Dim]:
        return self.sizes or (symbol("m"), symbol("n"), symbol("k"))

    def spec(self, **changes: Any) -> MatmulSpec:
        m, n, k = self.dims
        items = product(self.batch)
        b_items = items if self.b_batched else 1
        spec = MatmulSpec(
            "product",
            (
                BufferSpec("a", self.dtype, items * m * k),
                BufferSpec("b", self.dtype, b_items * k * n),
            ),
            (BufferSpec("c", self.dtype, items * m * n),),
            m, n, k, self.dtype,
            a=reader("a", self.dtype, (*self.batch, m, k), self.a_transposed),
            b=reader("b", self.dtype, (*(self.batch if self.b_batched else ()), k, n),
                     self.b_transposed),
            batch=self.batch,
            b_batched=self.b_batched,
            sizes=() if self.sizes else ("m", "n", "k"),
        )  # fmt: skip
        return replace(spec, **changes)


def reader(name: str, dtype: DType, shape: Shape, transposed: bool) -> Any:
    """Reads a contiguous buffer, whose last two axes are exchanged if it lies transposed."""

    def read(frame: Any, index: Sequence[Any]) -> Any:
        axes = list(zip(index[-len(shape) :], shape, strict=True))
        if transposed:
            axes[-2:] = reversed(axes[-2:])
        position = i64(0)
        for i, size in axes:
            position = position * frame.size(size) + i
        return frame.t.load_cast(load(frame[name], position), dtype)

    return read


def compiled(source: KernelSource, machine: Machine) -> Any:
    return _native.Kernel(
        object_code(source, machine.target), kernel_words(source), list(source.tables)
    )


@cache
def kernel(case: Case, machine: Machine) -> Any:
    spec = case.spec()
    tiles = kernel_tiles(spec, machine)
    if case.form:
        tiles = replace(tiles, form=case.form)
    if case.form == "columns":
        tiles = replace(tiles, block_rows=-(-spec.m // tiles.mr) * tiles.mr)
    return compiled(matmul_kernel(spec, machine, tiles), machine)


def run(built: Any, inputs: list[np.ndarray], out: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    cells = [_native.from_buffer(flat(x), code(x), True) for x in inputs]
    result = _native.from_buffer(flat(np.full_like(out, 77)), code(out), True)
    built([*cells, result], list(sizes))
    raw = np.frombuffer(memoryview(result).cast("B"), np.uint8)
    return raw.view(out.dtype).reshape(out.shape)


def flat(x: np.ndarray) -> np.ndarray:
    x = np.ascontiguousarray(x).reshape(-1)
    return x.view(np.uint16) if x.dtype == dtypes.to_numpy(dtypes.bfloat16) else x


def code(x: np.ndarray) -> int:
    """The native core's number of the type; bfloat16, which has no buffer format, goes as bits."""
    found = dtypes.dtype(x.dtype)
    return (dtypes.uint16 if found is dtypes.bfloat16 else found).code


def sample(rng: np.random.Generator, shape: tuple[int, ...], dtype: DType) -> np.ndarray:
    if dtype.is_float:
        return rng.standard_normal(shape).astype(dtypes.to_numpy(dtype))
    low, high = {"b": (0, 2), "u": (0, 200), "i": (-100, 100)}[dtype.kind]
    return rng.integers(low, high, shape).astype(dtypes.to_numpy(dtype))


def check(case: Case, sizes: tuple[int, int, int], machine: Machine | None = None) -> None:
    m, n, k = sizes
    rng = np.random.default_rng(m * 10007 + n * 101 + k)
    a = sample(rng, (*case.batch, m, k), case.dtype)
    b = sample(rng, (*(case.batch if case.b_batched else ()), k, n), case.dtype)
    stored = [x.swapaxes(-1, -2) if t else x
              for x, t in ((a, case.a_transposed), (b, case.b_transposed))]  # fmt: skip
    out = np.empty((*case.batch, m, n), a.dtype)
    built = kernel(case, machine or host())
    found = run(built, stored, out, () if case.sizes else sizes)
    assert_product(found, a, b, case.dtype, k)


def assert_product(found: np.ndarray, a: Any, b: Any, dtype: DType, k: int) -> None:
    if not dtype.is_float:
        np.testing.assert_array_equal(found, a @ b)
        return
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    exact, scale = wide_a @ wide_b, np.abs(wide_a) @ np.abs(wide_b)
    bound = (k + 2) * EPSILON.get(dtype.name, 2.0**-24) * scale
    bound += ROUNDING.get(dtype.name, 0.0) * np.abs(exact) + 2.0**-24 * (dtype.itemsize == 2)
    assert np.all(np.abs(found.astype(np.float64) - exact) <= bound)


@pytest.mark.parametrize("a_transposed", [False, True])
@pytest.mark.parametrize("b_transposed", [False, True])
@given(*[st.sampled_from(SIZES)] * 3)
def test_unknown_sizes(a_transposed: bool, b_transposed: bool, m: int, n: int, k: int) -> None:
    check(Case(None, F32, a_transposed, b_transposed), (m, n, k))


@pytest.mark.parametrize("sizes", [(0, 1, 5), (0, 7, 1), (1, 0, 4), (0, 60, 60), (60, 0, 0)])
def test_an_empty_product_writes_nothing(sizes: tuple[int, int, int]) -> None:
    memory, other = np.full(64, 7, np.float32), np.zeros(3600, np.float32)
    out = _native.from_buffer(memory[:0], F32.code, False)
    inputs = [_native.from_buffer(other, F32.code, True) for _ in range(2)]
    kernel(Case(None), host())([*inputs, out], list(sizes))
    assert np.all(memory == 7)


@pytest.mark.parametrize("sizes", [(300, 800, 20), (257, 90, 1100), (120, 900, 700), (1, 700, 90)])
def test_unknown_sizes_that_are_large(sizes: tuple[int, int, int]) -> None:
    check(Case(None), sizes)


@pytest.mark.parametrize(
    "sizes",
    [
        (16, 16, 16), (7, 5, 3), (1, 1, 1), (5, 7, 0), (1, 130, 70), (130, 1, 70), (64, 10, 64),
        (33, 129, 257), (97, 96, 1000), (48, 900, 40), (513, 97, 130), (20, 52, 33), (2, 303, 40),
        (3, 37, 50), (1, 600, 70), (70, 650, 640),
    ],
)  # fmt: skip
def test_known_sizes(sizes: tuple[int, int, int]) -> None:
    check(Case(sizes), sizes)


@pytest.mark.parametrize("form", ["rows", "columns", "items", "direct"])
def test_forms(form: str) -> None:
    sizes = (31, 67, 45)
    check(Case(sizes, batch=(3,), form=form, b_transposed=form == "rows"), sizes)


@pytest.mark.parametrize("b_batched", [False, True])
def test_batch(b_batched: bool) -> None:
    sizes = (17, 70, 66)
    check(Case(sizes, batch=(2, 3), b_batched=b_batched), sizes)
    check(Case(None, batch=(2, 3), b_batched=b_batched), sizes)


@pytest.mark.parametrize("dtype", [d for d in dtypes.REALS if d is not F32], ids=str)
def test_types(dtype: DType) -> None:
    for sizes in ((18, 50, 29), (70, 97, 130), (1, 40, 50)):
        check(Case(sizes, dtype), sizes)


@pytest.mark.parametrize("level", ["x86-64-v2", "x86-64-v3"])
def test_other_machines(level: str) -> None:
    machine = for_level(level)
    if host().arch != "x86_64" or host().vector_bytes < machine.vector_bytes:
        pytest.skip("this machine cannot run it")
    for sizes in ((18, 50, 29), (70, 97, 130)):
        check(Case(sizes), sizes, machine)
    check(Case(None), (75, 61, 420), machine)


@pytest.mark.parametrize("light", [False, True])
def test_epilogue_with_two_outputs(light: bool) -> None:
    m, n, k = 37, 70, 45
    case = Case((m, n, k))

    def epilogue(frame: Any, index: Sequence[Any], value: Any) -> tuple[Any, ...]:
        biased = value + load(frame["bias"], index[-1])
        return biased, frame.t.call("maximum", biased, frame.t.const(0.0, F32))

    spec = case.spec(epilogue=epilogue, light_epilogue=light)
    spec = replace(
        spec,
        inputs=(*spec.inputs, BufferSpec("bias", F32, n)),
        outputs=(BufferSpec("c", F32, m * n), BufferSpec("d", F32, m * n)),
    )
    rng = np.random.default_rng(5)
    a, b, bias = (sample(rng, shape, F32) for shape in ((m, k), (k, n), (n,)))
    cells = [_native.from_buffer(flat(x), F32.code, True) for x in (a, b, bias)]
    outs = [_native.from_buffer(np.empty(m * n, np.float32), F32.code, True) for _ in range(2)]
    compiled(matmul_kernel(spec, host()), host())([*cells, *outs], [])
    expected = a @ b + bias
    np.testing.assert_allclose(np.asarray(outs[0]).reshape(m, n), expected, atol=1e-4)
    np.testing.assert_allclose(
        np.asarray(outs[1]).reshape(m, n), np.maximum(expected, 0), atol=1e-4
    )


@pytest.mark.parametrize("sizes", [(1, 100, 60), (40, 100, 60), (300, 70, 400), (90, 800, 50)])
@pytest.mark.parametrize("dtype", [F32, dtypes.float16], ids=str)
def test_packed_weight(sizes: tuple[int, int, int], dtype: DType) -> None:
    m, n, k = sizes
    case = Case(sizes, dtype, b_transposed=True)
    spec = case.spec(packed_b="packed")
    tiles, wide = kernel_tiles(spec, host()), accumulator(dtype)
    size = packed_b_size(spec, tiles)
    packed = BufferSpec("packed", wide, size)
    packing = replace(case.spec(), inputs=(spec.inputs[1],), outputs=(packed,))
    spec = replace(spec, inputs=(spec.inputs[0], packed))
    rng = np.random.default_rng(1)
    a, b = sample(rng, (m, k), dtype), sample(rng, (k, n), dtype)
    count = evaluate(size, {})
    pack = compiled(pack_kernel(packing, host(), tiles), host())
    panels = run(pack, [b.T], np.empty(count, dtypes.to_numpy(wide)), ())
    multiply = compiled(matmul_kernel(spec, host(), tiles), host())
    found = run(multiply, [a, panels], np.empty((m, n), a.dtype), ())
    assert_product(found, a, b, dtype, k)


@given(
    *[st.integers(1, 5000)] * 3, st.sampled_from(["x86-64-v2", "x86-64-v3", "x86-64-v4", "generic"])
)
def test_tiles_fit_the_machine(m: int, n: int, k: int, level: str) -> None:
    machine = for_level(level)
    case = Case((m, n, k))
    tiles = kernel_tiles(case.spec(), machine)
    assert tiles.mr * tiles.vectors + tiles.vectors + 1 <= machine.n_vector_registers
    assert tiles.block_rows % tiles.mr == 0 and tiles.nr % tiles.lanes == 0
    assert tiles.kc * tiles.nr * 4 <= machine.l1 * 3 // 2 or tiles.kc >= k
