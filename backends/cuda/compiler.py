"""The compile side of CUDA: the schedules of grids, CUDA C++ by way of TVM, and NVRTC."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from ...lowering import codegen
from ...lowering.device_code import device_source
from ...lowering.kernel import KernelSource
from ...lowering.rules import Rules, Schedule
from ...lowering.schedules.grid import SCHEDULES
from ...lowering.schedules.grid.fragments import fragment_contract
from ...lowering.schedules.grid.machine import GridMachine
from . import nvrtc

ARCHITECTURES = ("sm_80", "sm_90")  # not sm_90a: TVM then generates no matrix instructions
MACHINE = GridMachine(threads=256, shared=48 << 10, warp=32, fragments=("float16", "bfloat16"))
TABLE: Mapping[str, Schedule] = {**SCHEDULES, "contract": fragment_contract}
_START = 'extern "C" __global__'


@cache
def prelude() -> str:
    """The text that stands before the kernels of every program."""
    return (files(__package__) / "prelude.cuh").read_text()


def source_text(source: KernelSource, architecture: str) -> str:
    """A kernel as a whole CUDA C++ program: our prelude in place of TVM's, which says more than
    our kernels need and includes what an emulation has not."""
    text = device_source(source, {"kind": "cuda", "arch": architecture})
    kernels = text[text.index(_START) :]
    wants_fragments = "#define TW_FRAGMENTS\n" if "nvcuda::wmma" in kernels else ""
    return f"{wants_fragments}{prelude()}\n{kernels}"


class CudaCompiler:
    """Implements `lowering.protocols.Compiler`; its object code is machine code of one
    architecture (a cubin)."""

    def __init__(self, architecture: str) -> None:
        self.architecture = architecture
        self.schedules = Rules(TABLE, MACHINE)

    def object_code(self, source: KernelSource) -> bytes:
        return self.machine_code(source).code

    def machine_code(self, source: KernelSource) -> nvrtc.MachineCode:
        """A kernel's machine code with what the assembler reports of it."""
        return nvrtc.compile_text(source_text(source, self.architecture), self.architecture)

    def text(self, source: KernelSource, stage: str) -> str:
        """The kernel as text: stage is tir, source (CUDA C++) or asm (PTX)."""
        if stage == "tir":
            return codegen.tir_text(source)
        if stage == "source":
            return source_text(source, self.architecture)
        return self.machine_code(source).ptx


def make_compiler() -> CudaCompiler:
    """The compile side for the oldest architecture that we compile for."""
    return CudaCompiler(ARCHITECTURES[0])
