"""KernelSource -> source text for devices, by TVM's code generators for dialects of C.

No simplifying pass runs, as in codegen.py: tirx would fold what C's compilers must not. Buffers
are flat already (the pass that flattens them would lose the shapes of matrix fragments).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..dsl.errors import CompileError
from .kernel import KernelSource
from .plain_c import plain_c
from .tvm_api import tirx, tvm


def device_source(source: KernelSource, target: Mapping[str, Any]) -> str:
    """The text with one kernel a phase, as TVM's generator for the target's kind writes it."""
    try:
        chosen = tvm.target.Target(dict(target))
        generate = tvm.get_global_func(f"target.build.{chosen.kind.name}")
        return str(generate(_lowered(source, chosen), chosen).inspect_source())
    except Exception as error:
        raise CompileError(f"kernel {source.name}: code generation failed: {error}") from error


def _lowered(source: KernelSource, target: Any) -> Any:
    transform = tirx.transform
    module = tvm.IRModule({p.symbol: p.function for p in source.phases})
    passes = [transform.BindTarget(target), transform.LowerIntrin()]
    lowered = tvm.ir.transform.Sequential(passes)(module)
    return tvm.IRModule({p.symbol: plain_c(lowered[p.symbol]) for p in source.phases})
