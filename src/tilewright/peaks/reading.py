"""A kernel that does nothing but read and add: how fast a cache or the memory gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _native, full, zeros
from ..dsl.dtypes import float32
from ..lowering import codegen, machine
from ..lowering.kernel import BufferSpec, KernelSource, Phase
from ..lowering.schedules.matmul_tir import Frame, Statements, i64, load, loop, store
from ..lowering.words import kernel_words

_ITEM = float32.itemsize


def reading(piece: int, units: int, repeats: int) -> tuple[Callable[[], Any], int]:
    """A function that reads `units` pieces of `piece` bytes, each one `repeats` times before the
    next, on all threads; and the bytes that one call reads."""
    host = machine.host()
    lanes = host.vector_bytes // _ITEM
    chains = host.n_vector_registers // 2
    step = lanes * chains
    length = max(piece // _ITEM // step, 1) * step
    sizes = {"x": units * length, "out": units * step}
    source = KernelSource(
        name="reading",
        phases=(_phase(sizes, lanes, chains, length, units, repeats),),
        buffers=tuple(BufferSpec(name, float32, size) for name, size in sizes.items()),
        n_outputs=1,
    )
    kernel = _native.Kernel(codegen.object_code(source, host.target), kernel_words(source))
    x = full((sizes["x"],), 0.5, dtype=float32)
    out = zeros((sizes["out"],), dtype=float32)
    return lambda: kernel([x, out], []), units * repeats * length * _ITEM


def _phase(
    sizes: dict[str, int], lanes: int, chains: int, length: int, units: int, repeats: int
) -> Phase:
    frame = Frame([(name, "float32") for name in sizes], ())
    sums = frame.local("sums", "float32", chains * lanes)
    places = [i64(i * lanes) for i in range(chains)]

    def unit(i: Any) -> Statements:
        def step(at: Any) -> Statements:
            return [
                store(
                    sums,
                    load(sums, place, lanes) + load(frame["x"], i * length + at + place, lanes),
                    place,
                    lanes,
                )
                for place in places
            ]

        def once(_: Any) -> Statements:
            return loop("at", 0, length, step, chains * lanes)

        first = [store(sums, load(frame["x"], i * length + p, lanes), p, lanes) for p in places]
        out = frame["out"]
        last = [store(out, load(sums, p, lanes), i * (chains * lanes) + p, lanes) for p in places]
        return [*first, loop("repeat", 0, repeats, once), *last]

    symbol = "reading_phase0"
    body = loop("i", frame.begin, frame.end, unit)
    cost = max(repeats * length * 10, 1_000_000)  # some 100 GB/s
    return Phase(symbol, frame.function(symbol, body), units, cost_ps=cost)
