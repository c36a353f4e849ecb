"""What lowering asks of a backend; the folders of backends/ supply it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ..dsl.dtypes import DType
from ..dsl.sizes import Dim
from .cache import Cache
from .fusion import Group
from .kernel import KernelSource
from .knobs import Space
from .rewrites import Rule

if TYPE_CHECKING:
    from .rules import Described


class ScheduleSource(Protocol):
    """Decides how a fusion group becomes a kernel."""

    def schedule(self, name: str, group: Group, choice: str = "") -> KernelSource:
        """The kernel of a group, with the knobs of the text `choice` if there is one (see
        `knobs.Space`); raises CompileError if there is no way."""

    def space(self, group: Group) -> Space:
        """What may be tuned of a group's schedule; raises Refused if there is nothing."""

    def describe(self, name: str, group: Group, choice: str = "") -> Described:
        """How `schedule` with the same arguments makes the kernel, in words."""


class Choices(Protocol):
    """Knows which knobs were measured to be best; the autotuner's database is one."""

    def table(self, environment: str, cache: Cache) -> Mapping[str, str]:
        """The best knobs by the digest of a kernel's structure, for programs of one environment
        (device, machine, threads). Asked at each program that is not in memory, so it must be
        quick; `cache` may keep what was found."""


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

    @property
    def pooled_temporaries(self) -> bool:
        """Whether all temporaries of programs come from the pool, none from an arena."""

    @property
    def loop_kernels(self) -> bool:
        """Whether there is a schedule for loops as kernels (kind `loop`)."""

    @property
    def parallel_compiler(self) -> bool:
        """Whether the compiler may be called by several threads at the same time."""

    @property
    def run_side(self) -> str:
        """The name of a device's table in the native core (core/device.h); "" for the host."""

    @property
    def needs(self) -> tuple[str, ...]:
        """What a machine must have to run the code: its architecture, then features of it."""

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Rewrites that make of a graph what its schedules take; they come before all others."""

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
