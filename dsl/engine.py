"""What the dsl asks of the rooms below it; the package's root supplies the implementation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from .errors import DeviceError

if TYPE_CHECKING:
    from .. import _native
    from .array import Array
    from .graph import Graph


class Engine(Protocol):
    """Turns graphs into programs that the native core runs."""

    def program(self, graph: Graph) -> _native.Program:
        """Compile `graph`, or take it from the disk cache. Its inputs are those of the graph
        followed by the constants; sizes may be symbolic."""

    def prepacked(self, graph: Graph, read_only: frozenset[int]) -> Any:
        """A program, called in the same way, that keeps what depends only on the inputs at the
        positions `read_only` for as long as these cells keep their values."""

    def kernel(self, graph: Graph) -> _native.Kernel:
        """The single kernel of a graph that lowers to one launch with buffers in graph order."""

    def routine(self, name: str) -> Callable[..., Array]:
        """A native routine, ready to be called with (inputs, shape, dtype code, sizes)."""

    def stage(self, graph: Graph, stage: str, read_only: frozenset[int] = frozenset()) -> str:
        """The text of `graph` at a stage: graph, kernels, tir, asm, memory; `read_only` as in
        `prepacked`."""


class _Missing:
    def __getattr__(self, name: str) -> Any:
        raise DeviceError("no engine is installed; import tilewright, not tilewright.dsl")


_engine: Engine = _Missing()


def install(engine: Engine) -> None:
    """Make `engine` the one that serves this process."""
    global _engine
    _engine = engine


def engine() -> Engine:
    """The engine that serves this process."""
    return _engine
