"""Kernels that do nothing but write, or read and write: how fast a cache or the memory takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _native, full, zeros
from ..dsl.dtypes import float32
from ..lowering import codegen, machine
from ..lowering.kernel import BufferSpec, KernelSource, Phase
from ..lowering.schedules.matmul_tir import Frame, Statements, i64, load, loop, store
from ..lowering.tvm_api import tirx
from ..lowering.words import kernel_words

_ITEM = float32.itemsize


def writing(piece: int, units: int, repeats: int) -> tuple[Callable[[], Any], int]:
    """A function that writes `units` pieces of `piece` bytes, each one `repeats` times before the
    next, on all threads; and the bytes that one call writes."""
    return _streaming("writing", piece, units, repeats)


def copying(piece: int, units: int, repeats: int) -> tuple[Callable[[], Any], int]:
    """The same for copies between halves of the pieces; bytes read and written both count, what a
    cache reads because it is written does not."""
    return _streaming("copying", piece // 2, units, repeats)


def _streaming(name: str, piece: int, units: int, repeats: int) -> tuple[Callable[[], Any], int]:
    host = machine.host()
    lanes = host.vector_bytes // _ITEM
    chains = min(host.n_vector_registers // 2, 8)
    step = lanes * chains
    length = max(piece // _ITEM // step, 1) * step
    is_copy = name == "copying"
    sizes = {"x": units * length if is_copy else step, "out": units * length}
    source = KernelSource(
        name=name,
        phases=(_phase(name, sizes, lanes, chains, length, units, repeats),),
        buffers=tuple(BufferSpec(key, float32, size) for key, size in sizes.items()),
        n_outputs=1,
    )
    kernel = _native.Kernel(codegen.object_code(source, host.target), kernel_words(source))
    x = full((sizes["x"],), 0.5, dtype=float32)
    out = zeros((sizes["out"],), dtype=float32)
    moved = units * repeats * length * _ITEM
    return lambda: kernel([x, out], []), moved * (2 if is_copy else 1)


def _phase(
    name: str,
    sizes: dict[str, int],
    lanes: int,
    chains: int,
    length: int,
    units: int,
    repeats: int,
) -> Phase:
    frame = Frame([(key, "float32") for key in sizes], ())
    places = [i64(i * lanes) for i in range(chains)]
    is_copy = name == "copying"

    def unit(i: Any) -> Statements:
        def once(repeat: Any) -> Statements:
            # What is written changes with each repeat: equal writes could be left out, and a plain
            # copy would become a call of the C library.
            change = tirx.Broadcast(tirx.Cast("float32", repeat), lanes)

            def step(at: Any) -> Statements:
                starts = [i * length + at + p if is_copy else p for p in places]
                values = [load(frame["x"], start, lanes) + change for start in starts]
                return [
                    store(frame["out"], value, i * length + at + p, lanes)
                    for value, p in zip(values, places, strict=True)
                ]

            return loop("at", 0, length, step, chains * lanes)

        return loop("repeat", 0, repeats, once)

    symbol = f"{name}_phase0"
    body = loop("i", frame.begin, frame.end, unit)
    cost = max(repeats * length * 10, 1_000_000)
    return Phase(symbol, frame.function(symbol, body), units, cost_ps=cost)
