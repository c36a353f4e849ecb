"""A kernel that does nothing but multiply and add in registers: the machine's arithmetic peak."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _native, ones, zeros
from ..dsl.dtypes import DType, float32
from ..lowering import codegen, machine
from ..lowering.kernel import BufferSpec, KernelSource, Phase
from ..lowering.schedules.matmul_tir import Frame, Statements, i64, load, loop, store
from ..lowering.tvm_api import tirx
from ..lowering.words import kernel_words

_STEPS = 10_000
_UNITS = 64  # split over threads


def multiply_add(dtype: DType = float32) -> tuple[Callable[[], Any], int]:
    """A function that runs the kernel once, and the flops of one run."""
    host = machine.host()
    lanes = host.vector_bytes // dtype.itemsize
    # Half of the registers; LLVM's vectoriser tears counts apart that are no power of two.
    chains = host.n_vector_registers // 2
    sizes = {"x": chains * lanes, "out": _UNITS * chains * lanes}
    source = KernelSource(
        name="multiply_add",
        phases=(_phase(dtype, sizes, lanes, chains),),
        buffers=tuple(BufferSpec(name, dtype, size) for name, size in sizes.items()),
        n_outputs=1,
    )
    kernel = _native.Kernel(codegen.object_code(source, host.target), kernel_words(source))
    x = ones((sizes["x"],), dtype=dtype) * 0.5
    out = zeros((sizes["out"],), dtype=dtype)
    return lambda: kernel([x, out], []), 2 * _UNITS * _STEPS * chains * lanes


def _phase(dtype: DType, sizes: dict[str, int], lanes: int, chains: int) -> Phase:
    frame = Frame([(name, dtype.name) for name in sizes], ())
    sums = frame.local("sums", dtype.name, chains * lanes)
    places = [i64(i * lanes) for i in range(chains)]
    wide = f"{dtype.name}x{lanes}"

    def grown(at: Any, factor: Any, term: Any) -> Any:
        value = load(sums, at, lanes)
        if not machine.host().has_fma:
            return value * factor + term
        return tirx.call_llvm_pure_intrin(wide, "llvm.fma", value, factor, term)

    def step(_: Any) -> Statements:
        factor, term = (load(frame["x"], i64(i * lanes), lanes) for i in (0, 1))
        return [store(sums, grown(at, factor, term), at, lanes) for at in places]

    def unit(i: Any) -> Statements:
        # Each chain starts from memory and ends there: equal ones would be computed once.
        starts = [store(sums, load(frame["x"], at, lanes), at, lanes) for at in places]
        out = frame["out"]
        ends = [
            store(out, load(sums, at, lanes), i * (chains * lanes) + at, lanes) for at in places
        ]
        return [*starts, loop("k", 0, _STEPS, step), *ends]

    symbol = "multiply_add_phase0"
    body = loop("i", frame.begin, frame.end, unit)
    cost = _STEPS * chains * 150  # about two a cycle
    return Phase(symbol, frame.function(symbol, body), _UNITS, cost_ps=cost)
