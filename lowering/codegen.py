"""KernelSource -> machine code, by TVM's passes and LLVM.

No simplifying pass runs: tirx would fold `x != x` and integer overflow; LLVM simplifies instead.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..dsl.errors import CompileError
from .fences import with_rounded_products
from .kernel import KernelSource
from .scaling import with_products
from .tvm_api import tirx, tvm

# Of a kernel whose scalars are not packed; LLVM's options are set for its module alone.
_SCALAR = {"cl-opt": ["-vectorize-slp:bool=0"]}


def object_code(
    source: KernelSource,
    target: Mapping[str, Any],
    reproducible: bool = False,
    has_scaling: bool = False,
) -> bytes:
    """The relocatable object with one function a phase; if `reproducible`, one in which LLVM fuses
    no products with sums. `has_scaling`: the target has an instruction for x * 2**n."""
    built = _build(source, target, reproducible, has_scaling)
    # A file in memory: LLVM ends the process where it cannot write to a disk that is full.
    with open(os.memfd_create("kernel.o", os.MFD_CLOEXEC), "rb") as file:
        built.write_to_file(f"/proc/self/fd/{file.fileno()}", "o")
        return file.read()


def assembly(
    source: KernelSource,
    target: Mapping[str, Any],
    reproducible: bool = False,
    has_scaling: bool = False,
) -> str:
    """The assembly text of a kernel; all else as in `object_code`."""
    return str(_build(source, target, reproducible, has_scaling).inspect_source("asm"))


def tir_text(source: KernelSource) -> str:
    """The phases as TVMScript."""
    return "\n\n".join(f"# {p.symbol}: {p.extent} units\n{p.function}" for p in source.phases)


def _build(
    source: KernelSource, target: Mapping[str, Any], reproducible: bool, has_scaling: bool
) -> Any:
    try:
        chosen = tvm.target.Target({**target, **(_SCALAR if source.is_scalar else {})})
        module = _lowered(source, chosen, reproducible, has_scaling)
        return tvm.get_global_func("target.build.llvm")(module, chosen)
    except Exception as error:
        raise CompileError(f"kernel {source.name}: code generation failed: {error}") from error


def _lowered(source: KernelSource, target: Any, reproducible: bool, has_scaling: bool) -> Any:
    transform = tirx.transform
    functions = {p.symbol: p.function for p in source.phases}
    if not has_scaling:
        functions = {name: with_products(f) for name, f in functions.items()}
    if reproducible:
        functions = {name: with_rounded_products(f) for name, f in functions.items()}
    module = tvm.IRModule(functions)
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
