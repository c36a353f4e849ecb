"""The compile side of the emulated device: CUDA's kernels, by the system's C++ compiler."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from ...dsl.errors import CompileError
from ...lowering.kernel import KernelSource
from ..cuda.compiler import ARCHITECTURES, CudaCompiler

# Contraction off and integers that wrap, as the kernels mean it.
_OPTIONS = ("-std=c++17", "-O1", "-shared", "-fPIC", "-ffp-contract=off", "-fwrapv", "-w")
_VISIBLE = ("-DTW_VISIBLE_ACCESSES", "-fsanitize=thread")
_DEFINITION = re.compile(r'(extern "C" __global__ void [^;{]*?(\w+)\([^;{)]*\) \{)')
_DYNAMIC = re.compile(r"extern __shared__ (?:alignas\(\d+\) )?(\w+) (\w+)\[\];")


@cache
def find_compiler() -> str:
    """The system's C++ compiler; raises CompileError if there is none. The run side, which lists
    the device, looks for the same names (native/device.cpp)."""
    for name in (os.environ.get("CXX", ""), "c++", "g++", "clang++"):
        found = shutil.which(name) if name else None
        if found:
            return found
    raise CompileError("cuda_sim: there is no C++ compiler (c++, g++ or clang++) on the path")


def module_text(text: str, symbols: Sequence[str]) -> str:
    """A CUDA program as a C++ program that exports its kernels."""
    folder = files(__package__) / "emulation"
    head = [(folder / name).read_text() for name in ("abi.h", "cuda.h")]
    text = _DEFINITION.sub(r'#undef TW_SECTION\n#define TW_SECTION "tw_\2"\n\1', text)
    text = _DYNAMIC.sub(r"\1* \2 = static_cast<\1*>(tw_place.dynamic_shared);", text)
    entries = "\n".join(f"TW_ENTRY({name})" for name in symbols)
    rows = " ".join(f"TW_ROW({name})" for name in symbols)
    return (
        "\n".join([*head, text, entries])
        + f"\nstatic const tw_sim_kernel tw_kernels[] = {{{rows}}};\n"
        + 'extern "C" __attribute__((visibility("default"))) const tw_sim_module_table '
        + f"tw_sim_module = {{TW_SIM_VERSION, {len(symbols)}, tw_kernels, &tw_place, &tw_host}};\n"
    )


def shared_object(text: str, visible: bool = False) -> bytes:
    """The shared object of a program's text; `visible`: with calls at every access of memory."""
    options = [*_OPTIONS, *(_VISIBLE if visible else ())]
    if visible:  # the compiler's driver would link its own runtime
        return _linked(_run([*options[:2], *options[3:], "-c"], text))
    return _run(options, text)


def _run(options: Sequence[str], text: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="tilewright-") as folder:
        path = Path(folder) / "kernel.so"
        command = [find_compiler(), *options, "-x", "c++", "-", "-o", str(path)]
        _call(command, text)
        return path.read_bytes()


def _linked(code: bytes) -> bytes:
    with tempfile.TemporaryDirectory(prefix="tilewright-") as folder:
        source, path = Path(folder) / "kernel.o", Path(folder) / "kernel.so"
        source.write_bytes(code)
        _call([find_compiler(), "-shared", str(source), "-o", str(path)], "")
        return path.read_bytes()


def _call(command: Sequence[str], text: str) -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode:
        raise CompileError(f"cuda_sim: {command[0]} failed:\n{done.stderr[:4000]}")


class EmulationCompiler(CudaCompiler):
    """CUDA's schedules and text; its object code is a shared object for this processor."""

    def object_code(self, source: KernelSource) -> bytes:
        return shared_object(self._module(source))

    def text(self, source: KernelSource, stage: str) -> str:
        """The kernel as text: stage is tir, or source and asm (the C++ that is compiled)."""
        return super().text(source, stage) if stage == "tir" else self._module(source)

    def _module(self, source: KernelSource) -> str:
        symbols = [phase.symbol for phase in source.phases]
        return module_text(super().text(source, "source"), symbols)


def make_compiler() -> EmulationCompiler:
    """The compile side."""
    return EmulationCompiler(ARCHITECTURES[0])
