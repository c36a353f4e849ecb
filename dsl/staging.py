"""A function traced once into a graph, for the transforms that apply rules of their own to its
nodes. What it reads and writes outside is found as in branches and loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from . import device as placing
from . import trace as tracing
from . import tree
from .branches import filled
from .errors import TraceError
from .functions.convert import asarray, is_array
from .graph import Aval, Graph, without_dead_code
from .record import constant, read, write
from .regions import ARRAY, Region

if TYPE_CHECKING:
    from .array import Array


@dataclass(frozen=True)
class Staged:
    """A traced function. The graph takes the arrays of outside, then the arguments, then constants;
    it returns the results, then the new values of `written`, then those of written arguments."""

    what: str
    name: str
    graph: Graph
    given: list[Array]
    written: list[Array]
    written_arguments: list[int]
    plain: list[Any]
    structure: tree.Tree

    def place(self, arguments: Sequence[Array]) -> AbstractContextManager[None]:
        """A context in which its nodes run where its arrays are."""
        if tracing.current() is not None:
            return nullcontext()
        wanderers = [c for c in self.given if placing.wanders(c)]
        settled = [c for c in self.given if not placing.wanders(c)]
        index = placing.common_index(self.what, [*settled, *arguments])
        for cell in wanderers:
            placing.settle(cell, index)
        return placing.scope(index)

    def outside(self) -> list[Array]:
        """The values of the arrays of outside that it reads, now."""
        return [read(cell) for cell in self.given]

    def constants(self) -> list[Array]:
        """The constants as arrays."""
        return [constant(host, var.aval.dtype) for var, host in self.graph.constants]

    def closed(self) -> Graph:
        """The graph with its constants as inputs."""
        inputs = (*self.graph.inputs, *(var for var, _ in self.graph.constants))
        return replace(self.graph, inputs=inputs, constants=())

    def is_array(self, x: Any) -> bool:
        """Whether a plain result stands for an array."""
        return x is ARRAY

    @property
    def n_results(self) -> int:
        """How many arrays the function returns."""
        return len(self.graph.outputs) - len(self.written) - len(self.written_arguments)

    def result(self, arrays: Sequence[Array]) -> Any:
        """What the function returns, with these arrays in it."""
        return tree.unflatten(self.structure, filled(self.plain, arrays))


def stage(
    what: str,
    f: Callable[..., Any],
    avals: Sequence[Aval],
    build: Callable[[list[Array]], tuple[Any, ...]],
    weak: Sequence[bool] = (),
) -> Staged:
    """Trace `f` on `build(arrays)`, its arguments, which hold arrays of these kinds; `weak` says
    which of them stand for Python numbers."""
    region = Region(what, f, tracing.current())
    region.run(avals, build, weak)
    given, written = list(region.captured.values()), list(region.written.values())
    graph = region.graph(given, written, carried=False)
    trace = region.trace
    now = [tracing.traced_var(cell, trace) for cell in region.cells]
    changed = [i for i, var in enumerate(now) if var is not trace.inputs[i]]
    graph = without_dead_code(
        replace(
            graph,
            outputs=(*graph.outputs, *(now[i] for i in changed)),
            constants=tuple(trace.constants),
        )
    )
    plain, structure, name = region.plain(), region.structure, region.name
    region.release()
    return Staged(what, name, graph, given, written, changed, plain, structure)


def put_back(staged: Staged, arguments: Sequence[Any], values: Sequence[Array]) -> None:
    """Write what the function wrote: into arrays of outside, then into its arguments."""
    n = len(staged.written)
    for cell, value in zip(staged.written, values[:n], strict=True):
        write(cell, value)
    for i, value in zip(staged.written_arguments, values[n:], strict=True):
        if not is_array(arguments[i]):
            raise TraceError(
                f"{staged.what}: {staged.name} writes to an argument that is no array of "
                "tilewright; pass it as one"
            )
        write(arguments[i], value)


def arrays_of(leaves: Sequence[Any]) -> list[Array]:
    """The arrays among leaves as values, NumPy's converted."""
    return [read(asarray(x)) for x in leaves if has_elements(x)]


def has_elements(x: Any) -> bool:
    """Whether a leaf is an array, of ours or of NumPy."""
    return is_array(x) or (hasattr(x, "__array_interface__") and hasattr(x, "dtype"))


def with_arrays(leaves: Sequence[Any], arrays: Sequence[Any]) -> list[Any]:
    """The leaves with other arrays in place of theirs."""
    picked = iter(arrays)
    return [next(picked) if has_elements(x) else x for x in leaves]


def name_of(f: Callable[..., Any]) -> str:
    """What messages call a function."""
    return getattr(f, "__name__", type(f).__name__)


def argument_names(f: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> list[str]:
    """What messages call each leaf of the arguments of a call."""
    own = name_of(f)
    found = []
    for i, value in enumerate(args):
        names = tree.leaf_names(tree.flatten(value)[1])
        found += [f"argument {i}{rest} of {own}" for rest in names]
    for key, value in kwargs.items():
        names = tree.leaf_names(tree.flatten(value)[1])
        found += [f"argument {key}{rest} of {own}" for rest in names]
    return found
