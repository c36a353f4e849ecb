"""The processor that we run on: LLVM machine code, run by the native core's threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import _native
from ...lowering import machine
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
