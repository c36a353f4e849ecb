"""What the dsl asks of the rooms below it; the package's root supplies the implementation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from .. import _native
from . import device
from .errors import DeviceError

if TYPE_CHECKING:
    from .array import Array
    from .graph import Graph


class Engine(Protocol):
    """Turns graphs into programs that the native core runs on one device."""

    compiled: int  # how many programs have been compiled, not found, in this process

    def program(self, graph: Graph) -> _native.Program:
        """Compile `graph`, or take it from the disk cache. Its inputs are those of the graph
        followed by the constants; sizes may be symbolic."""

    def is_ready(self, graph: Graph) -> bool:
        """Whether `program` or `kernel` gives this graph's without compiling."""

    def prepacked(self, graph: Graph, read_only: frozenset[int]) -> Any:
        """A program, called in the same way, that keeps what depends only on the inputs at the
        positions `read_only` for as long as these cells keep their values."""

    def export(self, graph: Graph, cells: Mapping[int, Any]) -> Any:
        """What an artifact holds of a graph whose inputs at the positions of `cells` (constants
        count after the inputs) are these arrays for ever; `lowering.engine.ExportedProgram`."""

    def kernel(self, graph: Graph) -> _native.Kernel:
        """The single kernel of a graph that lowers to one launch with buffers in graph order."""

    def routine(self, name: str) -> Callable[..., Array]:
        """A native routine, ready to be called with (inputs, shape, dtype code, sizes)."""

    def sized_kernel(self, graph: Graph) -> tuple[Any, tuple[str, ...]]:
        """The same with the names of its unknown sizes in order, which may stand in parameters
        alone: whoever launches the kernel knows them."""

    def check(
        self, graph: Graph, read_only: frozenset[int], inputs: Sequence[Array], folder: Any
    ) -> Any:
        """Each kernel against the primitives' references; `lowering.selfcheck.Report`."""

    def stage(self, graph: Graph, stage: str, read_only: frozenset[int] = frozenset()) -> str:
        """The text of `graph` at a stage: graph, kernels, tir, asm, memory; `read_only` as in
        `prepacked`."""


Factory = Callable[["device.Device", bool], Engine]
_Key = tuple[int, bool]  # a device's index, and whether in the reproducible mode


def _missing(of: device.Device, reproducible: bool) -> Engine:
    raise DeviceError("no engine is installed; import tilewright, not tilewright.dsl")


_engines: dict[_Key, Engine] = {}
_factory: Factory = _missing


def install_factory(factory: Factory) -> None:
    """Make `factory` the one that makes a device's engine, of the usual or the reproducible mode,
    when it is first needed."""
    global _factory
    _factory = factory


def install(engine: Engine | None, of: device.Device = device.HOST) -> None:
    """Make `engine` the one that serves a device in this process, in the thread's mode; None: as if
    none had been."""
    if engine is None:
        _engines.pop(_key(of), None)
    else:
        _engines[_key(of)] = engine


def installed(of: device.Device = device.HOST) -> Engine | None:
    """The engine that serves a device by now in the thread's mode, if there is one."""
    return _engines.get(_key(of))


def engine(of: device.Device | None = None) -> Engine:
    """The engine that serves a device (the current one) in this process, in the thread's mode."""
    of = device.current() if of is None else of
    found = _engines.get(_key(of))
    if found is None:
        found = _engines[_key(of)] = _factory(of, _native.reproducible())
    return found


def _key(of: device.Device) -> _Key:
    return of.index, _native.reproducible()
