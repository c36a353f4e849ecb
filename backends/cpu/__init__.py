"""The processor that we run on: LLVM machine code, run by the native core's threads."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ... import _native
from ...lowering import machine
from ...lowering.protocols import Compiler
from ...lowering.schedules import packing
from ..manifest import Manifest
from .routines import routine


def _load_program(words: bytes, kernels: Sequence[Any], name: str) -> Any:
    program = _native.Program(words, kernels, name)
    for needed in program.routines:
        routine(needed)
    return program


MANIFEST = Manifest(
    name="cpu",
    compiler_module=f"{__name__}.compiler",
    loop_kernels=True,
    find_fingerprint=lambda: machine.host().fingerprint,
    load_kernel=_native.Kernel,
    load_program=_load_program,
    find_routine=routine,
    find_needs=lambda: machine.host().needs,
    find_packed_size=lambda *sizes: packing.packed_size(machine.host(), *sizes),
)


@dataclass(frozen=True)
class ForMachine:
    """A processor for which code is compiled, though we may run on another one: what a library of
    kernels is made with. The compile side of `lowering.protocols.Backend`; it loads nothing."""

    machine: machine.Machine
    name: str = MANIFEST.name
    pooled_temporaries: bool = MANIFEST.pooled_temporaries

    @property
    def fingerprint(self) -> str:
        return self.machine.fingerprint

    def routine(self, name: str) -> None:
        """Native routines are not compiled."""

    def compiler(self) -> Compiler:
        made: Compiler = importlib.import_module(MANIFEST.compiler_module).CpuCompiler(self.machine)
        return made
