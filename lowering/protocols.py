"""What lowering asks of a backend; the folders of backends/ supply it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..dsl.dtypes import DType
from ..dsl.sizes import Dim
from .fusion import Group
from .kernel import KernelSource


class ScheduleSource(Protocol):
    """Decides how a fusion group becomes a kernel (by rules now, by tuned records later)."""

    def schedule(self, name: str, group: Group) -> KernelSource:
        """The kernel of a group; raises CompileError if there is no way."""


class Compiler(Protocol):
    """The compile side of a backend; made at the first miss of the cache, as it is heavy."""

    schedules: ScheduleSource

    def object_code(self, source: KernelSource) -> bytes:
        """Machine code as one relocatable object."""

    def text(self, source: KernelSource, stage: str) -> str:
        """The kernel as text: stage is tir or asm."""


class Backend(Protocol):
    """One device: what its code depends on, how to compile for it, how to load."""

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str:
        """Equal for machines that may share compiled code."""

    def compiler(self) -> Compiler:
        """The compile side."""

    def packed_size(
        self, m: Dim, n: Dim, k: Dim, items: Dim, dtype: DType
    ) -> tuple[Dim, DType] | None:
        """Elements and type of a product's right operand in the form that kernels like best,
        for weights that are packed once; None if it is read as it is."""

    def routine(self, name: str) -> Callable[..., Any]:
        """A native routine, ready to be called with (inputs, shape, dtype code, sizes); raises
        DeviceError that names it if the device has none."""

    def load_kernel(self, code: bytes, words: bytes, tables: Sequence[bytes]) -> Any:
        """A kernel that the native core can launch; raises ValueError if it is damaged."""

    def load_program(self, words: bytes, kernels: Sequence[Any], name: str) -> Any:
        """A program of loaded kernels."""
