"""What `f.explain` is about: one program and the arrays of one call. The package's root supplies
the one who explains, as it takes all rooms together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import DeviceError

if TYPE_CHECKING:
    from .array import Array
    from .device import Device
    from .graph import Graph


@dataclass(frozen=True)
class Call:
    """A call of a staged function: its graph with the values of the unknown `sizes`, the positions
    of the inputs that calls only read, the program, and what it is called with."""

    name: str
    device: Device
    graph: Graph
    read_only: frozenset[int]
    sizes: Mapping[str, int]
    program: Callable[..., Any]
    inputs: Sequence[Array]
    seconds: float  # that a run may be repeated


def _missing(call: Call) -> Any:
    raise DeviceError("explain: nobody is installed; import tilewright, not tilewright.dsl")


_explain: Callable[[Call], Any] = _missing


def install(explain: Callable[[Call], Any]) -> None:
    """Make `explain` the one that is asked."""
    global _explain
    _explain = explain


def explain(call: Call) -> Any:
    """Where the time of a call goes: `tilewright.explaining.Explanation`."""
    return _explain(call)
