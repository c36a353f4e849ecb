"""NVRTC from NVIDIA's wheels, by ctypes: CUDA C++ to PTX and machine code, with a report.

Needs no driver. The extra `cuda` installs the wheels: nvidia-cuda-nvrtc, -runtime, -crt, -cccl.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ...dsl.errors import CompileError

_OPTIONS = ("--std=c++17", "-default-device", "--fmad=false", "--ptxas-options=-v")


@dataclass(frozen=True)
class Usage:
    """What the assembler reports of one kernel: registers of a thread, bytes of its stack, bytes
    spilled to it and loaded back, bytes of static shared memory of a block."""

    registers: int
    stack: int
    spill_stores: int
    spill_loads: int
    shared: int


@dataclass(frozen=True)
class MachineCode:
    """A compiled program: `code` is a cubin, `usage` is by kernel."""

    code: bytes
    ptx: str
    log: str
    usage: dict[str, Usage]


@cache
def find_wheels() -> Path:
    """The folder of NVIDIA's wheels with `lib` and `include` (such as .../nvidia/cu13).

    Raises CompileError, which says what to install, if there is none.
    """
    spec = importlib.util.find_spec("nvidia")
    for root in map(Path, (spec.submodule_search_locations or ()) if spec else ()):
        for folder in sorted(root.glob("cu*"), reverse=True):
            if list(folder.glob("lib/libnvrtc.so*")):
                return folder
    raise CompileError(
        "cuda: NVRTC was not found; pip install 'tilewright[cuda]' installs it (nvidia-cuda-nvrtc)"
    )


@cache
def _library() -> Any:
    (path, *_) = sorted(find_wheels().glob("lib/libnvrtc.so*"))
    library = ctypes.CDLL(str(path))
    library.nvrtcGetErrorString.restype = ctypes.c_char_p
    return library


def version() -> tuple[int, int]:
    """NVRTC's own version."""
    major, minor = ctypes.c_int(), ctypes.c_int()
    _library().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    return major.value, minor.value


def compile_text(text: str, architecture: str) -> MachineCode:
    """Compile a program for an architecture such as sm_90; raises CompileError with its log."""
    include = find_wheels() / "include"
    options = [f"--gpu-architecture={architecture}", *_OPTIONS]
    options += [f"-I{include}", f"-I{include / 'cccl'}"]
    library, program = _library(), ctypes.c_void_p()
    made = library.nvrtcCreateProgram(
        ctypes.byref(program), text.encode(), b"tilewright.cu", 0, None, None
    )
    _check(made, "nvrtcCreateProgram")
    try:
        words = (ctypes.c_char_p * len(options))(*(o.encode() for o in options))
        status = library.nvrtcCompileProgram(program, len(options), words)
        log = _text(program, "ProgramLog")
        if status:
            raise CompileError(f"cuda: NVRTC refused a kernel for {architecture}:\n{log}")
        code = _bytes(program, "CUBIN")
        return MachineCode(code, _text(program, "PTX"), log, read_usage(log))
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))


def disassemble(code: bytes) -> str:
    """The machine instructions of a cubin, by NVIDIA's cuobjdump (wheel nvidia-cuda-cuobjdump)."""
    tool = find_wheels() / "bin" / "cuobjdump"
    if not tool.exists():
        raise CompileError(f"cuda: there is no {tool}; pip install nvidia-cuda-cuobjdump")
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(code)
        file.flush()
        done = subprocess.run(
            [str(tool), "--dump-sass", file.name], capture_output=True, text=True,
            env={**os.environ, "PATH": f"{tool.parent}:{os.environ.get('PATH', '')}"},
        )  # fmt: skip
    if done.returncode:
        raise CompileError(f"cuda: cuobjdump failed: {done.stderr}")
    return done.stdout


def _check(status: int, name: str) -> None:
    if status:
        reason = _library().nvrtcGetErrorString(status).decode()
        raise CompileError(f"cuda: {name} failed: {reason}")


def _bytes(program: Any, what: str) -> bytes:
    size = ctypes.c_size_t()
    _check(getattr(_library(), f"nvrtcGet{what}Size")(program, ctypes.byref(size)), what)
    buffer = ctypes.create_string_buffer(size.value)
    _check(getattr(_library(), f"nvrtcGet{what}")(program, buffer), what)
    return buffer.raw


def _text(program: Any, what: str) -> str:
    return _bytes(program, what).rstrip(b"\0").decode()


_KERNEL = re.compile(
    r"Compiling entry function '(?P<name>\w+)'.*?"
    r"(?P<stack>\d+) bytes stack frame, (?P<stores>\d+) bytes spill stores, "
    r"(?P<loads>\d+) bytes spill loads.*?"
    r"Used (?P<registers>\d+) registers(?P<rest>[^\n]*)",
    re.DOTALL,
)


def read_usage(log: str) -> dict[str, Usage]:
    """The assembler's report (`--ptxas-options=-v`) by kernel.

    >>> read_usage('''ptxas info    : Compiling entry function 'k' for 'sm_80'
    ... ptxas info    : Function properties for k
    ...     0 bytes stack frame, 8 bytes spill stores, 4 bytes spill loads
    ... ptxas info    : Used 14 registers, used 1 barriers, 1024 bytes smem, 380 bytes cmem[0]''')
    {'k': Usage(registers=14, stack=0, spill_stores=8, spill_loads=4, shared=1024)}
    """
    found = {}
    for match in _KERNEL.finditer(log):
        shared = re.search(r"(\d+) bytes smem", match["rest"])
        found[match["name"]] = Usage(
            registers=int(match["registers"]),
            stack=int(match["stack"]),
            spill_stores=int(match["stores"]),
            spill_loads=int(match["loads"]),
            shared=int(shared[1]) if shared else 0,
        )
    return found
