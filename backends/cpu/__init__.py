"""The processor that we run on: LLVM machine code, run by the native core's threads."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ... import _native
from ...lowering import machine
from ...lowering.convolution_splits import rules_with
from ...lowering.panels import convolution_rules
from ...lowering.protocols import Compiler
from ...lowering.rewrites import Rule
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
    parallel_compiler=True,
    attention_kernels=True,
    find_fingerprint=lambda: machine.host().fingerprint,
    load_kernel=_native.Kernel,
    load_program=_load_program,
    find_routine=routine,
    find_needs=lambda: machine.host().needs,
    find_rules=lambda: convolution_rules(machine.host()),
    find_packed_size=lambda *sizes: packing.packed_size(machine.host(), *sizes),
)


@dataclass(frozen=True)
class ForMachine:
    """The processor as a backend that compiles for another machine than the one that we run on:
    what a library of kernels is made with. In all else it is MANIFEST."""

    machine: machine.Machine

    @property
    def fingerprint(self) -> str:
        return self.machine.fingerprint

    @property
    def needs(self) -> tuple[str, ...]:
        return self.machine.needs

    def compiler(self) -> Compiler:
        made: Compiler = importlib.import_module(MANIFEST.compiler_module).CpuCompiler(self.machine)
        return made

    @property
    def rules(self) -> tuple[Rule, ...]:
        return rules_with(convolution_rules(self.machine))

    def packed_size(self, *sizes: Any) -> Any:
        return packing.packed_size(self.machine, *sizes)

    def __getattr__(self, name: str) -> Any:
        return getattr(MANIFEST, name)
