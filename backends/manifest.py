"""The manifest that a backend's folder fills in, checked when it is made."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..dsl.dtypes import DType, float64, int64
from ..dsl.errors import DeviceError
from ..dsl.sizes import Dim
from ..lowering.attention import AS_PRODUCTS
from ..lowering.convolution_splits import rules_with
from ..lowering.prepack import PackedSize
from ..lowering.protocols import Compiler
from ..lowering.rewrites import Rule


def _no_routine(name: str) -> Callable[..., Any]:
    raise DeviceError(f"there is no native routine {name} on this device")


def _as_it_is(m: Dim, n: Dim, k: Dim, items: Dim, dtype: DType) -> None:
    """No packed form."""


@dataclass(frozen=True)
class Manifest:
    """One backend; a host's implements `lowering.protocols.Backend` by itself.

    `compiler_module` has a function `make_compiler() -> Compiler`; it is imported at the first
    miss of the cache, as it loads the kernel compiler. `find_fingerprint` tells machines apart
    that may not share code; `find_needs` lists what a processor must have to run artifacts (its
    architecture, then its features as /proc/cpuinfo spells them). `load_kernel` and `load_program`
    are the run side in the host's memory; instead of these and the fingerprint, a device with
    memory of its own names its table of the native core (core/device.h) in `run_side`, and
    `device_backend.py` does the rest. `default_float` is what arrays are made of that nothing else
    says the dtype of; where a device lacks it, float32. `pooled_temporaries`: the device cannot
    pass a place inside a block of memory to a kernel. `loop_kernels`: there is a schedule for
    loops as kernels (kind `loop`); `attention_kernels`: one for attention (kind `attend`), which is
    computed by products otherwise. `parallel_compiler`: several threads may compile at the same
    time. `find_rules` gives rewrites of the device's own. `find_routine` makes a native routine
    ready; without it each one is a DeviceError.
    """

    name: str
    compiler_module: str
    find_fingerprint: Callable[[], str] | None = None
    load_kernel: Callable[[bytes, bytes, Sequence[bytes]], Any] | None = None
    load_program: Callable[[bytes, Sequence[Any], str], Any] | None = None
    find_packed_size: PackedSize = _as_it_is
    find_rules: Callable[[], tuple[Rule, ...]] = tuple
    find_routine: Callable[[str], Callable[..., Any]] = _no_routine
    find_needs: Callable[[], tuple[str, ...]] = tuple
    run_side: str = ""
    pooled_temporaries: bool = False
    loop_kernels: bool = False
    parallel_compiler: bool = False
    attention_kernels: bool = False
    default_float: DType = float64
    default_int: DType = int64

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            raise DeviceError(f"manifest: got name {self.name!r}; it must be a lower-case word")
        for field in ("find_fingerprint", "load_kernel", "load_program"):
            given = getattr(self, field)
            if self.run_side and given is not None:
                raise DeviceError(
                    f"manifest {self.name}: with the run side {self.run_side!r}, {field} must be "
                    "left out"
                )
            if not self.run_side and not callable(given):
                raise DeviceError(f"manifest {self.name}: {field} must be a function")
        if not self.compiler_module:
            raise DeviceError(f"manifest {self.name}: compiler_module must name a module")

    @property
    def fingerprint(self) -> str:
        assert self.find_fingerprint is not None
        return self.find_fingerprint()

    @property
    def needs(self) -> tuple[str, ...]:
        return self.find_needs()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Rewrites that make of a graph what its schedules take; they come before all others."""
        attention = () if self.attention_kernels else AS_PRODUCTS
        return (*rules_with(self.find_rules()), *attention)

    def packed_size(
        self, m: Dim, n: Dim, k: Dim, items: Dim, dtype: DType
    ) -> tuple[Dim, DType] | None:
        return self.find_packed_size(m, n, k, items, dtype)

    def routine(self, name: str) -> Callable[..., Any]:
        """A native routine, ready to be called; raises DeviceError that names it if there is
        none."""
        return self.find_routine(name)

    def compiler(self) -> Compiler:
        """The compile side, loaded now."""
        made: Compiler = importlib.import_module(self.compiler_module).make_compiler()
        return made
