"""From a function to a graph that can leave Python: named inputs, no state, unknown sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from . import tree
from .arguments import Arguments, Dynamic, bind_arguments, sizes_of
from .effects import is_callback
from .entry import Constant, Entry
from .errors import TraceError
from .graph import Aval, Graph, all_nodes
from .jit import Jitted
from .requirements import Requirement
from .sizing import Sizing
from .surroundings import as_written
from .traced import Traced
from .tracing_calls import trace_call

if TYPE_CHECKING:
    from .array import Array


@dataclass(frozen=True)
class Exported:
    """A function as a graph. Its inputs are the arrays of `arguments`, then `cells` (captured
    arrays and constants): `cells[i]` is the value of input `len(arguments.names) + i`."""

    graph: Graph
    arguments: Arguments
    cells: tuple[Array, ...]
    cell_names: tuple[str, ...]
    result: tree.Tree
    results: tuple[int | Constant, ...]  # a position among the outputs, or what is no array
    sizes: tuple[str, ...]
    requirements: tuple[Requirement, ...]


def export(
    f: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], dynamic: Dynamic
) -> Exported:
    """Trace `f` for arguments like these; the axes in `dynamic` get an unknown size of that name.

    Raises TraceError if `f` writes state, or does something else for other sizes.
    """
    known = f.entry if isinstance(f, Traced) else None
    while isinstance(f, Jitted):
        f = f.traced
    arguments = bind_arguments(as_written(f), args, kwargs)
    sizes = sizes_of(arguments, dynamic)

    def traced(avals: Iterable[Aval]) -> Entry:
        if known is not None:
            return _of_example(f, known, list(avals), sizes.names)
        entry = trace_call(f, arguments.with_arrays(avals), arguments.structure)
        _refuse_state(f, entry)
        return entry

    if sizes.names:
        entry, graph, requirements = Sizing(sizes, traced).make()
    else:
        entry = traced(sizes.at({}))
        graph, requirements = entry.graph, ()
    _refuse_callbacks(graph)
    cells = (*(c.origin.fetch() for c in entry.captured), *entry.constants)
    return Exported(
        graph, arguments, cells, tuple(_cell_names(f, entry)), entry.result_tree, entry.results,
        sizes.names, requirements,
    )  # fmt: skip


def _of_example(
    f: Callable[..., Any], known: Entry, avals: Sequence[Aval], names: Sequence[str]
) -> Entry:
    """The program that `tw.trace_example` has made; it is for its example's sizes alone."""
    taken = [v.aval for v in known.graph.inputs[: known.n_arguments]]
    if names or taken != avals:
        raise TraceError(
            f"compile: {known.graph.name} was traced for {', '.join(map(str, taken))}, and is for "
            "no other sizes; tw.script has programs for unknown ones"
        )
    _refuse_state(f, known)
    return known


def _refuse_callbacks(graph: Graph) -> None:
    for node in filter(is_callback, all_nodes(graph)):
        raise TraceError(
            f"compile: {graph.name} calls back {node.params['text']} (at {node.params['where']}), "
            "a function of Python; an artifact runs without Python"
        )


def _refuse_state(f: Callable[..., Any], entry: Entry) -> None:
    for commit in entry.commits:
        if commit.kind == "argument":
            _refuse(f, "its arguments are written to")
        if commit.kind == "grad":
            _refuse(f, "it sets the .grad of an array, as backward() does")
        places = {id(c): p for c, p in entry.places}.get(id(commit.target), [])
        named = " and ".join(str(p) for p in places[:2]) or f"an array {commit.target.var.aval}"
        _refuse(f, f"it writes {named}, which is outside its arguments")
    if entry.clears or entry.rebinds or entry.slots:
        _refuse(f, "it reads or sets the .grad of an array")


def _refuse(f: Callable[..., Any], why: str) -> NoReturn:
    name = getattr(f, "__name__", type(f).__name__)
    raise TraceError(
        f"compile: {name} changes state: {why}. An artifact keeps nothing from call to call: take "
        "the state as an argument and return the new one (layers such as Dropout: model.eval())"
    )


def _cell_names(f: Callable[..., Any], entry: Entry) -> Iterator[str]:
    """Names for the captured arrays: those of the module that `f` is, or where they were found."""
    f = as_written(f)
    owners: list[Any] = [f, getattr(f, "__self__", None)]
    known = {
        id(value): name
        for owner in owners
        if hasattr(owner, "named_arrays")
        for name, value in owner.named_arrays()
    }
    places = {id(captured): found[0].name for captured, found in entry.places}
    taken: set[str] = set()
    for i, captured in enumerate(entry.captured):
        place = places.get(id(captured), "")
        name = known.get(id(captured.cell)) or (place if place.isidentifier() else f"state{i}")
        while name in taken:
            name = f"{name}_{i}"
        taken.add(name)
        yield name
    for i in range(len(entry.constants)):
        yield f"constant{i}"
