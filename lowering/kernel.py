"""What a schedule gives to code generation: a kernel as TIR functions and a little arithmetic.

A kernel is a list of phases. A phase is one serial C function over a range [begin, end) of its
outermost units; the runtime splits the range over threads, with a barrier between two phases.
Its parameters are, in order: a pointer for each buffer (inputs, then outputs), for each scratch
area and for each table, then int64 `begin`, `end` and the sizes.

On a device of blocks and threads a phase is one launch over a grid instead: it has a `Launch`, and
its parameters are the same without `begin` and `end`. All phases of a kernel are of one kind.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..dsl.dtypes import DType
from ..dsl.sizes import Dim

PARALLEL_PS = 20_000_000  # a phase of less stays on the calling thread (core/kernel.h)
AUTO, ONE, ALL = THREADS = ("auto", "one", "all")


@dataclass(frozen=True)
class BufferSpec:
    """A buffer of a kernel: `size` is its number of elements."""

    name: str
    dtype: DType
    size: Dim


@dataclass(frozen=True)
class ScratchSpec:
    """Working memory of `bytes`, one area for the launch or one for each thread."""

    bytes: Dim
    per_thread: bool = False


@dataclass(frozen=True)
class LaunchShape:
    """Blocks of a grid (sizes may be unknown), threads of a block, bytes of dynamic shared memory;
    a grid without blocks is not launched."""

    grid: tuple[Dim, Dim, Dim]
    block: tuple[int, int, int]
    shared: int = 0


@dataclass(frozen=True)
class Phase:
    """One C function `symbol`: `extent` units, split in multiples of `grain`, each of which takes
    about `cost_ps` picoseconds on one core; or, with `launch`, one launch over a grid."""

    symbol: str
    function: Any  # a tirx.PrimFunc
    extent: Dim
    grain: Dim = 1
    cost_ps: Dim = 1000
    launch: LaunchShape | None = None


@dataclass(frozen=True)
class KernelSource:
    """A kernel before code generation. `sizes` names the unknown sizes, in parameter order.
    `is_scalar`: its scalars stay scalars, and are not packed into vectors where they lie side by
    side in memory. `note`: what the schedule has to say to who asks why a kernel is slow, such as
    that a safe, slower one was taken."""

    name: str
    phases: tuple[Phase, ...]
    buffers: tuple[BufferSpec, ...]
    n_outputs: int
    scratch: tuple[ScratchSpec, ...] = ()
    tables: tuple[bytes, ...] = ()
    sizes: tuple[str, ...] = ()
    is_scalar: bool = False
    note: str = ""


def threaded(source: KernelSource, threads: str) -> KernelSource:
    """The same kernel, spread over threads as its costs say (`auto`), not at all (`one`) or
    wherever there are two units of work (`all`)."""
    if threads == AUTO:
        return source
    return replace(source, phases=tuple(_threaded(p, threads) for p in source.phases))


def _threaded(phase: Phase, threads: str) -> Phase:
    if threads == ONE:
        return replace(phase, grain=phase.extent if phase.extent != 0 else 1)
    if not isinstance(phase.extent, int) or not isinstance(phase.cost_ps, int):
        return phase
    return replace(phase, cost_ps=max(phase.cost_ps, PARALLEL_PS // max(phase.extent, 1) + 1))
