"""tilewright: NumPy-style array code that runs at once, or staged through Apache TVM to kernels.

This module is the package's face: the public names, and the one place that wires the rooms
together (the dsl asks for an engine; lowering is one, and is loaded when it is first needed).
"""

from __future__ import annotations

import importlib
import platform
import sys
from typing import TYPE_CHECKING, Any

if sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"):
    raise ImportError(
        f"tilewright runs on Linux on x86-64 and aarch64; this is {sys.platform} on "
        f"{platform.machine()}"
    )

from . import _native
from . import linalg as linalg  # after the dsl, which it is made of
from .dsl import dtypes, engine
from .dsl import primitives as primitives
from .dsl.array import Array, binary_slow
from .dsl.autodiff import enable_grad, no_grad
from .dsl.dtypes import (
    bfloat16,
    bool_,
    dtype,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .dsl.errors import (
    ArgumentError,
    ArtifactError,
    AxisError,
    BoundsError,
    CompileError,
    DeviceError,
    DTypeError,
    GradientError,
    LinAlgError,
    ShapeError,
    TilewrightError,
    TraceError,
)
from .dsl.functions import *  # noqa: F403
from .dsl.functions import __all__ as _functions
from .dsl.jit import jit
from .dsl.transforms import grad, value_and_grad

if TYPE_CHECKING:
    from . import stdlib_nn as nn

__version__ = "0.1.0"


class _LazyEngine:
    """The compiler, loaded at the first program that is not in memory yet."""

    def __getattr__(self, name: str) -> Any:
        backend = importlib.import_module(".backends.cpu", __name__).MANIFEST
        made = importlib.import_module(".lowering.engine", __name__).make_engine(backend)
        engine.install(made)
        return getattr(made, name)


def _wire() -> None:
    promotion = [dtypes.promote(a, b).code for a in dtypes.ALL for b in dtypes.ALL]
    _native.setup(Array, dtypes.ALL, promotion, binary_slow)
    kinds = {"value": ArgumentError, "shape": ShapeError, "dtype": DTypeError}
    others = {"overflow": OverflowError, "memory": MemoryError, "linalg": LinAlgError}
    _native.set_errors(kinds | others)
    engine.install(_LazyEngine())


_wire()


def __getattr__(name: str) -> Any:
    # The neural-net library costs nothing until it is used.
    if name == "nn":
        return importlib.import_module(".stdlib_nn", __name__)
    raise AttributeError(f"module 'tilewright' has no attribute {name!r}")


set_num_threads = _native.set_num_threads
get_num_threads = _native.get_num_threads
memory_stats = _native.memory_stats
empty_cache = _native.empty_cache

__all__ = [
    "ArgumentError",
    "Array",
    "ArtifactError",
    "AxisError",
    "BoundsError",
    "CompileError",
    "DTypeError",
    "DeviceError",
    "GradientError",
    "LinAlgError",
    "ShapeError",
    "TilewrightError",
    "TraceError",
    "bfloat16",
    "bool_",
    "dtype",
    "empty_cache",
    "enable_grad",
    "float16",
    "float32",
    "float64",
    "get_num_threads",
    "grad",
    "int8",
    "int16",
    "int32",
    "int64",
    "jit",
    "linalg",
    "memory_stats",
    "nn",
    "no_grad",
    "set_num_threads",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "value_and_grad",
    *_functions,
]
