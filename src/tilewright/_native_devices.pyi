"""The part of `_native` that further devices are.

There is no such module: `_native.pyi` takes these names over, which `_native` has.
"""

from collections.abc import Sequence
from typing import Any

from ._native import Cell
from .dsl.array import Array

def count_devices(backend: str) -> tuple[int, str]:
    """How many devices the table of this name has; if none, the reason."""

def open_device(backend: str, number: int) -> int:
    """The number here (1, 2, ...; 0 is the host) of a backend's device, opened if it is not;
    raises DeviceError."""

def device_properties(device: int) -> dict[str, Any]:
    """processor, driver, memory, largest, shared, units, threads, warp, dtypes (codes)."""

def device_name(device: int) -> str: ...
def transfer(cell: Cell, device: int) -> Array:
    """A root with the elements on a device; to the host it waits, and is the cell itself there."""

def synchronise(device: int) -> None:
    """Wait for all that is queued."""

def set_timed(device: int, timed: bool) -> None:
    """Whether `device_time` can tell; waits for what is queued."""

def device_time(device: int) -> int:
    """The device's clock, in nanoseconds, when all that is queued now is done; waits."""

def load_device_table(path: str) -> str:
    """Register the table of a shared library that exports `tw_device_table`; gives its name."""

class DeviceKernel:
    """Code of a device with its phases, which are launches, and tables."""

    def __init__(
        self, device: int, code: bytes, words: bytes, tables: Sequence[bytes] = ()
    ) -> None: ...
    @property
    def n_buffers(self) -> int: ...
    @property
    def n_outputs(self) -> int: ...
    @property
    def n_sizes(self) -> int: ...
    @property
    def n_phases(self) -> int: ...
    @property
    def binary(self) -> bytes:
        """What loads faster in place of the code next time; empty if there is nothing."""
    def scratch_bytes(self, *sizes: int) -> int: ...
    def __call__(self, buffers: Sequence[Cell], sizes: Sequence[int]) -> None:
        """Queue the phases on whole arrays of the device, inputs then outputs."""
