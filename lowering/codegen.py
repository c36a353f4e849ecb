"""KernelSource -> machine code, by TVM's passes and LLVM.

No simplifying pass runs: tirx would fold `x != x` and integer overflow; LLVM simplifies instead.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..dsl.errors import CompileError
from .kernel import KernelSource
from .tvm_api import tirx, tvm


def object_code(source: KernelSource, target: Mapping[str, Any]) -> bytes:
    """The relocatable object with one function a phase."""
    built = _build(source, target)
    # A file in memory: LLVM ends the process where it cannot write to a disk that is full.
    with open(os.memfd_create("kernel.o", os.MFD_CLOEXEC), "rb") as file:
        built.write_to_file(f"/proc/self/fd/{file.fileno()}", "o")
        return file.read()


def assembly(source: KernelSource, target: Mapping[str, Any]) -> str:
    """The assembly text of a kernel."""
    return str(_build(source, target).inspect_source("asm"))


def tir_text(source: KernelSource) -> str:
    """The phases as TVMScript."""
    return "\n\n".join(f"# {p.symbol}: {p.extent} units\n{p.function}" for p in source.phases)


def _build(source: KernelSource, target: Mapping[str, Any]) -> Any:
    try:
        chosen = tvm.target.Target(dict(target))
        module = _lowered(source, chosen)
        return tvm.get_global_func("target.build.llvm")(module, chosen)
    except Exception as error:
        raise CompileError(f"kernel {source.name}: code generation failed: {error}") from error


def _lowered(source: KernelSource, target: Any) -> Any:
    transform = tirx.transform
    module = tvm.IRModule({p.symbol: p.function for p in source.phases})
    passes = [
        transform.BindTarget(target),
        transform.FlattenBuffer(),
        transform.VectorizeLoop(True),
        transform.UnrollLoop(),
        transform.RemoveNoOp(),
        transform.LowerTVMBuiltin(),
        transform.LowerIntrin(),
    ]
    return tvm.ir.transform.Sequential(passes)(module)
