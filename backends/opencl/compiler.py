"""The compile side of OpenCL: the schedules of grids, and OpenCL C by way of TVM."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from ...lowering import codegen
from ...lowering.device_code import device_source
from ...lowering.kernel import KernelSource
from ...lowering.rules import Rules
from ...lowering.schedules.grid import SCHEDULES
from ...lowering.schedules.grid.machine import GridMachine

TARGET: dict[str, Any] = {"kind": "opencl"}
MACHINE = GridMachine(threads=256, shared=32 << 10, warp=1)


@cache
def prelude() -> str:
    """The text that stands before the kernels of every program."""
    return (files(__package__) / "prelude.cl").read_text()


def source_text(source: KernelSource) -> str:
    """A kernel as a whole OpenCL C program."""
    return f"{prelude()}\n{device_source(source, TARGET)}"


class OpenclCompiler:
    """Implements `lowering.protocols.Compiler`; its object code is OpenCL C."""

    def __init__(self) -> None:
        self.schedules = Rules(SCHEDULES, MACHINE)

    def object_code(self, source: KernelSource) -> bytes:
        return source_text(source).encode()

    def text(self, source: KernelSource, stage: str) -> str:
        """The kernel as text: stage is tir or asm (OpenCL C)."""
        return codegen.tir_text(source) if stage == "tir" else source_text(source)


def make_compiler() -> OpenclCompiler:
    """The compile side; it is the same for all devices."""
    return OpenclCompiler()
