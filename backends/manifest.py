"""The manifest that a backend's folder fills in, checked when it is made."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..dsl.dtypes import DType
from ..dsl.errors import DeviceError
from ..dsl.sizes import Dim
from ..lowering.prepack import PackedSize
from ..lowering.protocols import Compiler


def _no_routine(name: str) -> Callable[..., Any]:
    raise DeviceError(f"there is no native routine {name} on this device")


def _as_it_is(m: Dim, n: Dim, k: Dim, items: Dim, dtype: DType) -> None:
    """No packed form."""


@dataclass(frozen=True)
class Manifest:
    """One device; implements `lowering.protocols.Backend`.

    `compiler_module` has a function `make_compiler() -> Compiler`; it is imported at the first
    miss of the cache, as it loads the kernel compiler. `find_fingerprint` tells machines apart
    that may not share code. `load_kernel` and `load_program` are the run side;
    `find_routine` makes a native routine ready (without it each one is a DeviceError).
    """

    name: str
    compiler_module: str
    find_fingerprint: Callable[[], str]
    load_kernel: Callable[[bytes, bytes, Sequence[bytes]], Any]
    load_program: Callable[[bytes, Sequence[Any], str], Any]
    find_packed_size: PackedSize = _as_it_is
    find_routine: Callable[[str], Callable[..., Any]] = _no_routine

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            raise DeviceError(f"manifest: got name {self.name!r}; it must be a lower-case word")
        for field in ("find_fingerprint", "load_kernel", "load_program"):
            if not callable(getattr(self, field)):
                raise DeviceError(f"manifest {self.name}: {field} must be a function")
        if not self.compiler_module:
            raise DeviceError(f"manifest {self.name}: compiler_module must name a module")

    @property
    def fingerprint(self) -> str:
        return self.find_fingerprint()

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
