"""Which kernels a library runs on this machine, as far as it tells."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from typing import Any

from .contest import COMPILED, JAX, NUMBA, NUMEXPR, NUMPY, OPENVINO, ORT, TORCH
from .harness import OURS

# A convolution, so that oneDNN says once what it found (verbose mode prints to standard output);
# PyTorch gives it none that is smaller.
_ONEDNN = """
import torch
torch.nn.functional.conv2d(torch.ones(4, 64, 16, 16), torch.ones(64, 64, 3, 3))
"""


def of(peer: str, lib: Any) -> str:
    """A line on a peer's version and kernels; asked in its own process."""
    return _TELL[peer](lib)


def _tilewright(lib: Any) -> str:
    machine = importlib.import_module("tilewright.lowering.machine").host()
    return f"{lib.__version__}, code for {machine.mcpu}, vectors of {machine.vector_bytes * 8} bits"


def _numpy(numpy: Any) -> str:
    told = numpy.show_config(mode="dicts")
    found = told.get("SIMD Extensions", {}).get("found", [])
    return f"{numpy.__version__}, {_blas()}, SIMD up to {found[-1] if found else 'its baseline'}"


def _blas() -> str:
    if importlib.util.find_spec("threadpoolctl") is None:
        return "BLAS unknown (threadpoolctl is not installed)"
    numpy = importlib.import_module("numpy")
    numpy.ones((64, 64)) @ numpy.ones((64, 64))  # the library is loaded by its first use
    pools = importlib.import_module("threadpoolctl").threadpool_info()
    told = [
        f"{p.get('internal_api')} {p.get('version')} {p.get('architecture')} kernels, "
        f"{p.get('num_threads')} threads"
        for p in pools
        if p.get("user_api") == "blas"
    ]
    return "; ".join(told) or "BLAS unknown"


def _torch(torch: Any) -> str:
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{torch.__version__}, ATen {capability}, {torch.get_num_threads()} threads, {onednn()}"


def onednn() -> str:
    """What oneDNN says of itself, read from its verbose mode in a process of its own."""
    variables = os.environ | {"ONEDNN_VERBOSE": "1", "DNNL_VERBOSE": "1"}
    told = subprocess.run(
        [sys.executable, "-c", _ONEDNN], env=variables, capture_output=True, text=True, check=False
    ).stdout
    version = re.search(r"info,oneDNN (v[\d.]+)", told)
    isa = re.search(r"info,cpu,isa:([^\n]*)", told)
    return f"oneDNN {version[1] if version else 'unknown'}, {isa[1] if isa else 'ISA unknown'}"


def _jax(jax: Any) -> str:
    kind = jax.devices()[0].device_kind
    return (
        f"{jax.__version__}, jaxlib {metadata.version('jaxlib')}, XLA on {kind} (this host's ISA)"
    )


def _onnxruntime(lib: Any) -> str:
    return f"{lib.__version__}, {', '.join(lib.get_available_providers())}; MLAS chooses by CPUID"


def _openvino(lib: Any) -> str:
    core = lib.Core()
    abilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return f"{metadata.version('openvino')}, able to {' '.join(abilities)}, run in FP32"


def _numexpr(lib: Any) -> str:
    return f"{lib.__version__}, VML {'on' if lib.use_vml else 'off'}"


def _numba(lib: Any) -> str:
    cpu = importlib.import_module("llvmlite.binding").get_host_cpu_name()
    return f"{lib.__version__}, LLVM for {cpu}"


_TELL: dict[str, Callable[[Any], str]] = {
    OURS: _tilewright,
    NUMPY: _numpy,
    TORCH: _torch,
    COMPILED: _torch,
    JAX: _jax,
    ORT: _onnxruntime,
    OPENVINO: _openvino,
    NUMEXPR: _numexpr,
    NUMBA: _numba,
}
