"""The peak of instructions that add the products of several narrow numbers to a wider one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .. import _native, zeros
from ..dsl.dtypes import DType, int32
from ..lowering import codegen, machine
from ..lowering.kernel import BufferSpec, KernelSource, Phase
from ..lowering.schedules.matmul_tir import Frame, Statements, i64, load, loop, store
from ..lowering.tvm_api import tirx
from ..lowering.words import kernel_words

_STEPS = 10_000
_UNITS = 64  # split over threads


@dataclass(frozen=True)
class Dot:
    """An instruction: the dtype that it multiplies, the feature (as /proc/cpuinfo spells it) that
    it needs, LLVM's name, the types of its sums and operands, products a lane."""

    dtype: str
    needs: str
    name: str
    sums: DType
    operands: str
    products: int


# bfloat16's (vdpbf16ps) are out of reach: vectors of bfloat16 end TVM 0.27's code generator by a
# segmentation fault, and LLVM takes no other type there. Our kernels compute it in float32.
_DOTS = (Dot("int8", "avx512_vnni", "llvm.x86.avx512.vpdpbusd.512", int32, "int8x64", 4),)


def dots() -> list[Dot]:
    """The instructions that this machine has."""
    have = set(machine.host().needs)
    return [dot for dot in _DOTS if dot.needs in have]


def dot_product(dot: Dot) -> tuple[Callable[[], Any], int]:
    """A function that runs a kernel of this instruction alone, and the operations (two a product)
    of one run."""
    host = machine.host()
    lanes = host.vector_bytes // dot.sums.itemsize
    chains = host.n_vector_registers // 2
    dtypes = {"x": int32, "out": dot.sums}
    sizes = {"x": chains * lanes, "out": _UNITS * chains * lanes}
    source = KernelSource(
        name="dot_product",
        phases=(_phase(dot, lanes, chains),),
        buffers=tuple(BufferSpec(key, dtypes[key], size) for key, size in sizes.items()),
        n_outputs=1,
    )
    kernel = _native.Kernel(codegen.object_code(source, host.target), kernel_words(source))
    x = zeros((sizes["x"],), dtype=int32)
    out = zeros((sizes["out"],), dtype=dot.sums)
    operations = 2 * _UNITS * _STEPS * chains * lanes * dot.products
    return lambda: kernel([x, out], []), operations


def _phase(dot: Dot, lanes: int, chains: int) -> Phase:
    frame = Frame([("x", "int32"), ("out", dot.sums.name)], ())
    sums = frame.local("sums", dot.sums.name, chains * lanes)
    places = [i64(i * lanes) for i in range(chains)]
    wide = f"{dot.sums.name}x{lanes}"

    def operand(at: Any) -> Any:
        return tirx.reinterpret(dot.operands, load(frame["x"], at, lanes))

    def step(_: Any) -> Statements:
        pair = [operand(i64(i * lanes)) for i in (0, 1)]
        return [
            store(
                sums,
                tirx.call_llvm_pure_intrin(wide, dot.name, load(sums, at, lanes), *pair),
                at,
                lanes,
            )
            for at in places
        ]

    def unit(i: Any) -> Statements:
        # Each chain starts from memory and ends there: equal ones would be computed once.
        starts = [
            store(sums, tirx.reinterpret(wide, load(frame["x"], at, lanes)), at, lanes)
            for at in places
        ]
        ends = [
            store(frame["out"], load(sums, at, lanes), i * (chains * lanes) + at, lanes)
            for at in places
        ]
        return [*starts, loop("k", 0, _STEPS, step), *ends]

    symbol = "dot_product_phase0"
    body = loop("i", frame.begin, frame.end, unit)
    return Phase(symbol, frame.function(symbol, body), _UNITS, cost_ps=_STEPS * chains * 150)
