"""tilewright: NumPy-style array code that runs at once, or staged through Apache TVM to kernels.

This module is the package's face: the public names, and the one place that wires the rooms
together (the dsl asks for an engine; lowering is one, and is loaded when it is first needed).
"""

from __future__ import annotations

import builtins
import importlib
import os
import platform
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

if sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"):
    raise ImportError(
        f"tilewright runs on Linux on x86-64 and aarch64; this is {sys.platform} on "
        f"{platform.machine()}"
    )

from numpy import e, inf, nan, newaxis, pi

from . import _native
from . import debug as debug
from . import fft as fft
from . import linalg as linalg  # after the dsl, which they are made of
from .dsl import core_links, dtypes, engine, interop
from .dsl import device as placing
from .dsl import explaining as explainers
from .dsl import primitives as primitives
from .dsl.array import Array, binary_slow
from .dsl.autodiff import enable_grad, no_grad
from .dsl.branches import cond, switch
from .dsl.callbacks import callback
from .dsl.checkpoints import checkpoint
from .dsl.config import config
from .dsl.custom_vjp import custom_vjp
from .dsl.derivatives import hessian, jacfwd, jacrev, jvp
from .dsl.device import Device, device
from .dsl.dtypes import (
    bfloat16,
    bool_,
    complex64,
    complex128,
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
from .dsl.dtypes import bool_ as bool
from .dsl.errors import (
    ArgumentError,
    ArtifactError,
    AxisError,
    BoundsError,
    CheckError,
    CompileError,
    DeviceError,
    DeviceNameError,
    DivisionError,
    DTypeError,
    GradientError,
    LinAlgError,
    ProtocolError,
    ShapeError,
    TilewrightError,
    TraceError,
    TraceWarning,
    TuningError,
)
from .dsl.functions import *  # noqa: F403
from .dsl.functions import __all__ as _functions
from .dsl.graph import Aval
from .dsl.inspection import STANDARD_VERSION as __array_api_version__
from .dsl.inspection import namespace_info as __array_namespace_info__
from .dsl.jit import jit
from .dsl.loops import fori_loop, scan, while_loop
from .dsl.script.scripted import script
from .dsl.traced import trace_example
from .dsl.transforms import grad, linearize, value_and_grad, vjp
from .dsl.vmap import vmap

if TYPE_CHECKING:
    from . import stdlib_nn as nn
    from .autotune.tune import tune
    from .backends.artifacts import Artifact, compile, load
    from .native_files import include_dir, library_dir
    from .profiling import Profile as profile
    from .wiring import DeviceInfo

__version__ = "0.1.0"


class _LazyDevices:
    """The backends, loaded when a device other than the host is first named."""

    def open(self, name: str) -> placing.Device:
        return _devices().Provider().open(name)  # type: ignore[no-any-return]

    def names(self) -> Sequence[str]:
        return _devices().Provider().names()  # type: ignore[no-any-return]


def _devices() -> Any:
    return importlib.import_module(".wiring", __name__)


def _make_engine(of: placing.Device, reproducible: builtins.bool) -> Any:
    """A compiler, loaded at the first program that is not in memory yet."""
    if reproducible:
        return _devices().reproducible_engine_of(of)
    choices = importlib.import_module(".autotune.choices", __name__).CHOICES
    return _devices().engine_of(of, choices)


def _explain(call: Any) -> Any:
    return importlib.import_module(".explaining", __name__).explain(call)


def _numpy_names() -> ModuleType:
    """The namespace of the array API: NumPy's names, loaded when it is first asked for."""
    return importlib.import_module(".numpy", __name__)


def devices() -> list[DeviceInfo]:
    """All devices, the host first, and the backends that have none here, with the reason.

    >>> import tilewright as tw
    >>> tw.devices()[0].name
    'cpu'
    """
    return _devices().list_devices()  # type: ignore[no-any-return]


def _wire() -> None:
    promotion = [dtypes.promote(a, b).code for a in dtypes.ALL for b in dtypes.ALL]
    _native.setup(Array, dtypes.ALL, promotion, binary_slow)
    core_links.link()
    ours = {"value": ArgumentError, "shape": ShapeError, "dtype": DTypeError, "device": DeviceError}
    files = {"damaged": ArtifactError, "foreign": ArtifactError, "system": OSError}
    others = {"overflow": OverflowError, "memory": MemoryError}
    of_values = {"linalg": LinAlgError, "check": CheckError, "bounds": BoundsError}
    _native.set_errors(ours | files | others | of_values)
    engine.install_factory(_make_engine)
    placing.install(_LazyDevices())
    explainers.install(_explain)
    interop.install_namespace(_numpy_names)


_wire()


# What is not always wanted costs nothing until it is used: its module, and its name there.
_LATER: dict[str, tuple[str, str | None]] = {
    "Artifact": (".backends.artifacts", "Artifact"),
    "compile": (".backends.artifacts", "compile"),
    "include_dir": (".native_files", "include_dir"),
    "library_dir": (".native_files", "library_dir"),
    "load": (".backends.artifacts", "load"),
    "nn": (".stdlib_nn", None),
    "profile": (".profiling", "Profile"),
    "tune": (".autotune.tune", "tune"),
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        module, attribute = _LATER[name]
        loaded = importlib.import_module(module, __name__)
        return loaded if attribute is None else getattr(loaded, attribute)
    raise AttributeError(f"module 'tilewright' has no attribute {name!r}")


set_num_threads = _native.set_num_threads
get_num_threads = _native.get_num_threads


def memory_stats(of: Device | str = "cpu") -> dict[str, int]:
    """The memory of arrays on a device, in bytes: `in_use` and its `peak`, `pooled` (kept for
    reuse) and the `limit` (0: none).

    >>> memory_stats()["limit"] >= 0
    True
    """
    return _native.memory_stats(device(of).index)


def empty_cache(of: Device | str = "cpu") -> None:
    """Give the pooled memory of a device back; waits for what is queued there."""
    _native.empty_cache(device(of).index)


if os.environ.get("TILEWRIGHT_PROFILE"):
    importlib.import_module(".profiling.session", __name__).profile_process()

__all__ = [
    "ArgumentError",
    "Array",
    "Artifact",
    "ArtifactError",
    "Aval",
    "AxisError",
    "BoundsError",
    "CheckError",
    "CompileError",
    "DTypeError",
    "Device",
    "DeviceError",
    "DeviceNameError",
    "DivisionError",
    "GradientError",
    "LinAlgError",
    "ProtocolError",
    "ShapeError",
    "TilewrightError",
    "TraceError",
    "TraceWarning",
    "TuningError",
    "__array_api_version__",
    "__array_namespace_info__",
    "bfloat16",
    "bool",
    "bool_",
    "callback",
    "checkpoint",
    "complex64",
    "complex128",
    "compile",
    "cond",
    "config",
    "custom_vjp",
    "debug",
    "device",
    "devices",
    "dtype",
    "e",
    "empty_cache",
    "enable_grad",
    "fft",
    "float16",
    "float32",
    "float64",
    "fori_loop",
    "get_num_threads",
    "grad",
    "hessian",
    "include_dir",
    "inf",
    "int8",
    "int16",
    "int32",
    "int64",
    "jacfwd",
    "jacrev",
    "jit",
    "jvp",
    "library_dir",
    "linalg",
    "linearize",
    "load",
    "memory_stats",
    "nan",
    "newaxis",
    "nn",
    "no_grad",
    "pi",
    "profile",
    "scan",
    "script",
    "set_num_threads",
    "switch",
    "trace_example",
    "tune",
    "uint16",
    "uint32",
    "uint64",
    "uint8",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
    *_functions,
]
