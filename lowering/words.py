"""Programs and kernels as little-endian int64 words, the native core's form (see docs)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..dsl.dtypes import DType
from ..dsl.effects import KINDS
from ..dsl.sizes import SYMBOL, Dim, Shape, postfix, symbol
from .kernel import KernelSource, Phase

KERNEL_MAGIC = 0x544B31
DEVICE_KERNEL_MAGIC = 0x544431
PROGRAM_MAGIC = 0x545031
INPUT, OUTPUT, ARENA, TEMPORARY = range(4)
LAUNCH, ALLOC, FREE, COPY = range(4)
CALL = 6
EFFECT = 9
CONTROL = {"while": 4, "cond": 5, "scan": 7, "while_vjp": 8}

Numbering = Mapping[str, int]


def pack(words: Sequence[int]) -> bytes:
    """Words as bytes."""
    return struct.pack(f"<{len(words)}q", *words)


def expression(dim: Dim, index: Numbering) -> list[int]:
    """A size with its length in words before it; a plain unknown is exactly (SYMBOL, number)."""
    name = str(dim)
    is_name = name in index and dim == symbol(name)
    words = [SYMBOL, index[name]] if is_name else postfix(dim, index)
    return [len(words), *words]


def kernel_words(source: KernelSource) -> bytes:
    """What the loader must know of a kernel beside its object."""
    index = {name: i for i, name in enumerate(source.sizes)}
    on_grid = any(phase.launch for phase in source.phases)
    magic = DEVICE_KERNEL_MAGIC if on_grid else KERNEL_MAGIC
    words = [magic, len(source.buffers), source.n_outputs, len(source.scratch)]
    words += [len(source.tables), len(source.sizes), len(source.phases)]
    for area in source.scratch:
        words += [int(area.per_thread), *expression(area.bytes, index)]
    for phase in source.phases:
        words += _text(phase.symbol)
        for dim in _phase_dims(phase):
            words += expression(dim, index)
    return pack(words)


def _phase_dims(phase: Phase) -> tuple[Dim, ...]:
    if phase.launch is None:
        return phase.extent, phase.grain, phase.cost_ps
    return *phase.launch.grid, *phase.launch.block, phase.launch.shared


def _text(text: str) -> list[int]:
    raw = text.encode()
    padded = raw + b"\0" * (-len(raw) % 8)
    return [len(raw), *struct.unpack(f"<{len(padded) // 8}q", padded)]


@dataclass(frozen=True)
class Slot:
    """Where a value lives: `kind` and its number (an input's position or a dtype's code) and the
    size in bytes (an arena slot: its offset)."""

    kind: int
    number: int
    bytes: Dim = 0


@dataclass(frozen=True)
class Launch:
    """One kernel at its buffers (slots), with its sizes."""

    kernel: int
    slots: tuple[int, ...]
    sizes: tuple[Dim, ...]

    def words(self, index: Numbering) -> list[int]:
        sizes = [w for dim in self.sizes for w in expression(dim, index)]
        return [LAUNCH, self.kernel, len(self.slots), *self.slots, len(self.sizes), *sizes]


@dataclass(frozen=True)
class SlotAction:
    """ALLOC or FREE of a slot."""

    op: int
    slot: int

    def words(self, index: Numbering) -> list[int]:
        return [self.op, self.slot]


@dataclass(frozen=True)
class Copy:
    """The bytes of one slot into another."""

    source: int
    target: int
    bytes: Dim

    def words(self, index: Numbering) -> list[int]:
        return [COPY, self.source, self.target, *expression(self.bytes, index)]


@dataclass(frozen=True)
class Call:
    """A native routine, by name, at its buffers (inputs, then the output), with its sizes."""

    routine: str
    slots: tuple[int, ...]
    sizes: tuple[Dim, ...]

    def words(self, index: Numbering) -> list[int]:
        sizes = [w for dim in self.sizes for w in expression(dim, index)]
        words = [CALL, *_text(self.routine), len(self.slots), *self.slots]
        return [*words, len(self.sizes), *sizes]


@dataclass(frozen=True)
class Flow:
    """Runs programs inside this one (core/control.h): `programs` are their numbers, `shapes` those
    of the values that they take; a scan's `length` is its number of turns."""

    kind: str
    programs: tuple[int, ...]
    n_constants: int
    n_carries: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    shapes: tuple[Shape, ...]
    length: Dim = 0
    reverse: bool = False

    def words(self, index: Numbering) -> list[int]:
        words = [CONTROL[self.kind], len(self.programs), *self.programs]
        words += [self.n_constants, self.n_carries, *expression(self.length, index)]
        words += [int(self.reverse), len(self.inputs), *self.inputs]
        words += [len(self.outputs), *self.outputs, len(self.shapes)]
        for shape in self.shapes:
            words += [len(shape), *_expressions(shape, index)]
        return words


@dataclass(frozen=True)
class EffectCall:
    """An effect (core/effect.h) on the first `n_values` of the slots; the others it fills in."""

    kind: str
    text: str
    where: str
    slots: tuple[int, ...]
    types: tuple[tuple[DType, Shape], ...]
    n_values: int

    def words(self, index: Numbering) -> list[int]:
        words = [EFFECT, KINDS[self.kind], *_text(self.text), *_text(self.where)]
        places = list(zip(self.slots, self.types, strict=True))
        for part in (places[: self.n_values], places[self.n_values :]):
            words.append(len(part))
            for slot, (dtype, shape) in part:
                words += [slot, dtype.code, len(shape), *_expressions(shape, index)]
        return words


Instruction = Launch | SlotAction | Copy | Call | Flow | EffectCall


@dataclass(frozen=True)
class ProgramLayout:
    """A program before it is packed."""

    symbols: tuple[str, ...]
    inputs: tuple[tuple[DType, Shape], ...]
    slots: tuple[Slot, ...]
    outputs: tuple[tuple[int, DType, Shape], ...]
    instructions: tuple[Instruction, ...]
    arena: Dim
    programs: tuple[tuple[str, ProgramLayout], ...] = ()  # those that control flow runs, by name


def program_words(layout: ProgramLayout) -> bytes:
    """The words of the contract: header, inputs, slots, outputs, programs inside, instructions."""
    index = {name: i for i, name in enumerate(layout.symbols)}
    version = 2 if any(isinstance(i, Call) for i in layout.instructions) else 1
    version = 3 if layout.programs else version
    version = 4 if any(isinstance(i, EffectCall) for i in layout.instructions) else version
    words = [PROGRAM_MAGIC, version, len(layout.inputs), len(layout.outputs), len(layout.symbols)]
    words += [len(layout.slots), *expression(layout.arena, index)]
    for dtype, shape in layout.inputs:
        words += [dtype.code, len(shape), *_expressions(shape, index)]
    for slot in layout.slots:
        words += [slot.kind, slot.number, *expression(slot.bytes, index)]
    for number, dtype, shape in layout.outputs:
        words += [number, dtype.code, len(shape), *_expressions(shape, index)]
    if version >= 3:
        words.append(len(layout.programs))
    for name, inner in layout.programs:
        raw = program_words(inner)
        words += [*_text(name), len(raw) // 8, *struct.unpack(f"<{len(raw) // 8}q", raw)]
    words.append(len(layout.instructions))
    for instruction in layout.instructions:
        words += instruction.words(index)
    return pack(words)


def _expressions(dims: Iterable[Dim], index: Numbering) -> list[int]:
    return [w for dim in dims for w in expression(dim, index)]
