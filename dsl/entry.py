"""One traced program of a staged function, and what a call of it does.

A call follows names, gathers the inputs, runs the program, and only then commits the new state.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import _native
from . import device as placing
from . import staged_gradient, tree
from .autodiff import is_tracked
from .engine import engine
from .graph import Graph, Var, graph_dtypes
from .graph_sizes import at_sizes
from .record import write
from .signatures import Shapes
from .stats import ProgramRecord
from .surroundings import Place
from .trace import Captured, GradSlot, Origin, Trace
from .unknowns import Unknowns
from .views import exportable

if TYPE_CHECKING:
    from .array import Array


@dataclass(frozen=True)
class Constant:
    """A result that is not an array."""

    value: Any


@dataclass(frozen=True, eq=False)
class Commit:
    """Where one state output of a program goes after a successful call."""

    kind: str  # "argument", "cell" or "grad"
    target: Any  # the position of the argument, the Captured, or the GradSlot


class Entry:
    """One traced program of a function: its graph, its inputs, its results and its state."""

    def __init__(self, trace: Trace, graph: Graph, n_arguments: int) -> None:
        self.graph = graph
        of = placing.current().index if trace.device is None else trace.device
        self.device = placing.by_index(of)
        self.device.require(graph.name, graph_dtypes(graph))
        self.captured = tuple(trace.captured.values())
        self.observed = tuple(trace.observed.values())
        self.slots = tuple(s for s in trace.slots.values() if s.was_read)
        self.n_arguments = n_arguments
        self.result_tree = tree.LEAF
        self.results: tuple[Any, ...] = ()  # a position among the outputs, or a constant
        self.commits: tuple[Commit, ...] = ()
        self.places: tuple[tuple[Captured, list[Place]], ...] = ()
        self.clears: tuple[GradSlot, ...] = ()
        self.rebinds: tuple[GradSlot, ...] = ()
        self.constants = tuple(_constant_cell(v, host, of) for v, host in graph.constants)
        self._wanderers = tuple(c for c in self.captured if placing.wanders(c.cell))
        self.route: Any = None  # what the native core is told, if it has been
        self.shapes: Shapes = ()  # of the arguments, where it was traced
        self.unknowns: Unknowns | None = None  # where the sizes of its graph are unknown
        self.record = ProgramRecord("", "")
        self._program: Any = None
        self._gradients: dict[tuple[bool, ...], list[staged_gradient.Pair]] = {}

    @property
    def is_simple(self) -> bool:
        """Whether a call is nothing but running the program on the arguments."""
        state = self.captured or self.observed or self.slots or self.clears or self.rebinds
        return not (state or self.constants or self.commits)

    def program(self) -> Any:
        """The program, made at its first call."""
        if self._program is None:
            with self.measured():
                self._program = engine(self.device).prepacked(self.graph, self.read_only())
        return self._program

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Note how long it takes to get a program, and whether it had to be compiled."""
        maker, start = engine(self.device), time.perf_counter()
        before = maker.compiled
        yield
        self.record.compile_seconds += time.perf_counter() - start
        is_new = maker.compiled > before
        self.record.origin = "compiled" if is_new else self.record.origin or "disk cache"

    def forget(self) -> None:
        """Ask the engine for the program again at the next call."""
        self._program = self.route = None

    @property
    def wanders(self) -> bool:
        """Whether it reads arrays that move to the device that asks for them."""
        return bool(self._wanderers)

    @property
    def makes_gradients(self) -> bool:
        """A training step makes its own gradients: all float results are detached from the
        tape."""
        return any(c.kind == "grad" for c in self.commits) or bool(self.clears)

    def read_only(self) -> frozenset[int]:
        """The inputs that calls only read: state that is not written, and constants."""
        written = {id(c.target) for c in self.commits}
        state = enumerate(self.captured, self.n_arguments)
        read = {i for i, c in state if id(c) not in written}
        n_inputs = len(self.graph.inputs)
        return frozenset(read | set(range(n_inputs, n_inputs + len(self.constants))))

    def sizes(self, arguments: Sequence[Array]) -> dict[str, int]:
        """The values of the unknown sizes, none if all are known."""
        if self.unknowns is None:
            return {}
        found = self.unknowns.bind(tuple(x.shape for x in arguments[: self.n_arguments]))
        assert found is not None
        return found

    def graph_at(self, arguments: Sequence[Array]) -> Graph:
        """The graph at the sizes of these arguments."""
        return at_sizes(self.graph, self.sizes(arguments)) if self.unknowns else self.graph

    def gradient(self, wanted: tuple[bool, ...], sizes: dict[str, int]) -> staged_gradient.Pair:
        """The programs of a call with its gradient, for these sizes and, if it can be, others."""
        made = self._gradients.setdefault(wanted, [])
        found = next((pair for pair in made if pair.takes(sizes)), None)
        if found is None:
            least = self.unknowns.least if self.unknowns else {}
            found = staged_gradient.make(self.graph, wanted, sizes, least)
            made.insert(0, found)
        return found

    def returns_like(self, other: Entry) -> bool:
        """Whether two traces of one function return the same things, and write to the same."""
        return (self.result_tree, self.results, *self._writes()) == (
            other.result_tree, other.results, *other._writes()
        )  # fmt: skip

    def _writes(self) -> tuple[Any, ...]:
        return (
            [(c.kind, _identity(c.target)) for c in self.commits],
            [id(s.cell) for s in self.clears],
            [(id(s.cell), id(s.current)) for s in self.rebinds],
        )

    def parting(self) -> str:
        """Which guard of what is outside the arguments does not hold, in words; "" if all do."""
        for seen in self.observed:
            if not seen.holds():
                now = getattr(seen.owner, seen.name)
                return f"{type(seen.owner).__name__}.{seen.name} was {seen.value!r}, is {now!r}"
        if not all(map(_slot_holds, self.slots)):
            return "the .grad of an array was None, or is None now"
        for captured, places in self.places:
            if not self._follow(captured, places):
                return f"{places[0]} is an array of another kind, or no array"
        return ""

    def guards_hold(self) -> bool:
        """Whether what the trace saw outside its arguments is still so."""
        if not (all(o.holds() for o in self.observed) and all(map(_slot_holds, self.slots))):
            return False
        return all(self._follow(captured, places) for captured, places in self.places)

    def _follow(self, captured: Captured, places: list[Place]) -> bool:
        """Take the array that the captured one's names stand for now, if it is of the same kind;
        False where the names have parted, or mean something else."""
        now = places[0].now()
        if any(p.now() is not now for p in places[1:]):
            return False
        if now is captured.cell:
            return True
        if not _is_like(now, captured.cell) or any(c.cell is now for c in self.captured):
            return False
        captured.cell, captured.origin = now, Origin(now)
        self.route = None
        return True

    def inputs(self, arguments: Sequence[Array]) -> list[Array]:
        for captured in self._wanderers:
            placing.settle(captured.cell, self.device.index)
        return [*arguments, *(c.origin.fetch() for c in self.captured), *self.constants]


def _is_like(now: Any, cell: Array) -> bool:
    return (
        isinstance(now, _native.Cell)
        and now._is_concrete
        and not now._is_view
        and (now.shape, now.dtype) == (cell.shape, cell.dtype)
        and (now.requires_grad, now._node is None) == (cell.requires_grad, cell._node is None)
    )


def _identity(target: Any) -> Any:
    """What tells the target of a write in two traces."""
    return target if isinstance(target, int) else id(target.cell)


def _slot_holds(slot: GradSlot) -> bool:
    return (slot.cell._grad is None) == (slot.initial is None)


def _constant_cell(var: Var, host: Any, index: int) -> Array:
    from_host = _native.from_buffer(exportable(host), var.aval.dtype.code, True)
    return _native.transfer(from_host, index)


# --------------------------------------------------------------------------- calling


def call(entry: Entry, arguments: list[Array]) -> Any:
    """Run an entry on its arguments: the function's result, with all state committed."""
    if entry.device is placing.current():
        return _call(entry, arguments)
    with placing.scope(entry.device.index):
        return _call(entry, arguments)


def _call(entry: Entry, arguments: list[Array]) -> Any:
    inputs = arguments if entry.is_simple else entry.inputs(arguments)
    pair = _gradient_of_call(entry, inputs)
    if pair is not None:
        with entry.measured():
            pair.prepare()
        sizes = entry.sizes(arguments)
        return _rebuild(entry, staged_gradient.call(pair, inputs, sizes), arguments)
    return _rebuild(entry, entry.program()(*inputs), arguments)


def graphs_of_call(entry: Entry, arguments: list[Array]) -> list[tuple[Graph, frozenset[int]]]:
    """The graphs whose programs a call runs (and the backward of its results, if they are on the
    tape), each with the positions of the inputs that calls only read."""
    pair = _gradient_of_call(entry, entry.inputs(arguments))
    if pair is not None:
        sizes = entry.sizes(arguments)
        return [(at_sizes(g, sizes), frozenset()) for g in (pair.forward, pair.backward)]
    return [(entry.graph_at(arguments), entry.read_only())]


def _gradient_of_call(entry: Entry, inputs: Sequence[Array]) -> staged_gradient.Pair | None:
    """The programs of a call that goes on the tape; None if it does not."""
    if not _native.grad_enabled():
        return None
    wanted = tuple(x.dtype.is_inexact and is_tracked(x) for x in inputs)
    if not any(wanted) or entry.makes_gradients:
        return None
    return entry.gradient(wanted, entry.sizes(inputs))


def _rebuild(entry: Entry, outputs: Sequence[Array], arguments: list[Array]) -> Any:
    n = len(outputs) - len(entry.commits)
    for commit, value in zip(entry.commits, outputs[n:], strict=True):
        _commit(commit, value, arguments)
    for slot in entry.clears:
        slot.cell._grad = None
    for slot in entry.rebinds:
        slot.cell._grad = slot.current
    leaves = [r.value if isinstance(r, Constant) else outputs[r] for r in entry.results]
    if entry.result_tree is tree.LEAF:
        return leaves[0]
    return tree.unflatten(entry.result_tree, leaves)


def _commit(commit: Commit, value: Array, arguments: list[Array]) -> None:
    if commit.kind == "grad":
        commit.target.cell._grad = value
        return
    captured: Captured = commit.target
    target = arguments[commit.target] if commit.kind == "argument" else captured.origin.fetch()
    node = target._node
    if target._is_view:
        write(target, value)
    else:
        _native.assign(target, value)
        if target.requires_grad and value._node is None:
            target._node = node
