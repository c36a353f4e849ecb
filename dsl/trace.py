"""Traces: while one is open in a thread, every primitive is appended to a graph.

Captured cells are lifted by identity: the first read of a concrete cell makes it an input of the
graph. Writes go to the trace's own picture of the cell, so that other threads and a failed trace
see nothing of it. A cell's `.grad` slot is state of the same kind.
"""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .. import _native
from . import device as placing
from .errors import DeviceError, TraceError
from .graph import Aval, Graph, Node, Source, Var
from .sizes import known

if TYPE_CHECKING:
    from .array import Array
    from .primitive import Primitive


class TracedValue:
    """What a traced cell holds: a variable of one trace, and the line that made it."""

    __slots__ = ("source", "trace", "var")

    def __init__(self, trace: Trace, var: Var, source: Source | None) -> None:
        self.trace, self.var, self.source = trace, var, source


@dataclass(frozen=True)
class Origin:
    """Where a lifted cell is found at a call: the cell itself, or the `.grad` of a cell."""

    cell: Array
    is_grad: bool = False

    def fetch(self) -> Array:
        found: Array = self.cell._grad if self.is_grad else self.cell
        return found


@dataclass(eq=False)
class Captured:
    """A lifted cell: its input variable and the value that the trace sees in it now."""

    cell: Array  # held, so that its identity stays its own
    origin: Origin
    var: Var
    current: Array


@dataclass(eq=False)
class GradSlot:
    """The trace's picture of one cell's `.grad`."""

    cell: Array
    initial: Array | None
    current: Array | None
    was_read: bool = False


@dataclass(frozen=True)
class Observation:
    """A Python attribute that the trace has read: a guard of the program."""

    owner: Any
    name: str
    value: Any

    def holds(self) -> bool:
        return bool(getattr(self.owner, self.name) == self.value)


class Trace:
    """A graph in the making."""

    def __init__(self, name: str, parent: Trace | None = None) -> None:
        self.name = name
        self.parent = parent  # the trace of the program of which this one is a branch or a loop
        self.is_region = parent is not None  # then values of outside do not bring their tape
        self.nodes: list[Node] = []
        self.inputs: list[Var] = []
        self.constants: list[tuple[Var, Any]] = []
        self.captured: dict[int, Captured] = {}
        self.slots: dict[int, GradSlot] = {}
        self.observed: dict[tuple[int, str], Observation] = {}
        self.weak: set[Var] = set()  # scalars that promote as Python numbers do (NEP 50)
        self.token: Array | None = None  # the end of its chain of effects (effects.py)
        self.begins = False  # whether a chain begins here, though there is a trace around it
        self.example: dict[Var, Array] | None = None  # values of tw.trace_example (example.py)
        self.is_open = True
        self.device: int | None = None  # where it runs, once an array says so
        self._made: list[weakref.ref[Array]] = []

    def append(
        self, primitive: Primitive, inputs: tuple[Var, ...], params: Mapping[str, Any]
    ) -> Array:
        """Add a node and return the traced array of its output."""
        return self.append_all(primitive, inputs, params)[0]

    def append_all(
        self, primitive: Primitive, inputs: tuple[Var, ...], params: Mapping[str, Any]
    ) -> list[Array]:
        """Add a node and return the traced arrays of all its outputs."""
        avals = primitive.infer_all(*(v.aval for v in inputs), **params)
        source = user_source()
        node = Node(primitive, inputs, dict(params), tuple(map(Var, avals)), source)
        self.nodes.append(node)
        if inputs and self.weak.issuperset(inputs) and primitive.name != "cast":
            self.weak.update(v for v in node.outputs if v.aval.shape == ())
        return [self.array(var, source) for var in node.outputs]

    def array(self, var: Var, source: Source | None = None) -> Array:
        """A new traced array that holds `var`."""
        made: Array = _native.traced(
            known(var.aval.shape), var.aval.dtype.code, TracedValue(self, var, source)
        )
        self._made.append(weakref.ref(made))
        return made

    def add_input(self, aval: Aval) -> Array:
        var = Var(aval)
        self.inputs.append(var)
        return self.array(var)

    def add_constant(self, value: np.ndarray[Any, Any], aval: Aval) -> Array:
        if self.parent is not None:  # only whole programs have constants
            return self.lift(self.parent.add_constant(value, aval)).current
        var = Var(aval)
        self.constants.append((var, value))
        return self.array(var, user_source())

    def place(self, what: str, index: int) -> None:
        """Say where the program runs; raises DeviceError if it was said otherwise before."""
        if self.device is None:
            self.device = index
        elif self.device != index:
            here, there = placing.by_index(self.device), placing.by_index(index)
            raise DeviceError(
                f"{self.name}: the program runs on {here}, and {what} on {there}; a program runs "
                "on one device"
            )

    def lift(self, cell: Array, origin: Origin | None = None) -> Captured:
        """The trace's picture of a root cell that is concrete, or of a trace around this one; made
        an input at its first use."""
        found = self.captured.get(id(cell))
        if found is None:
            if cell._traced is None:
                self._settle(cell)
            var = Var(Aval(cell.shape, cell.dtype))
            if is_weak(cell):
                self.weak.add(var)
            current = self.array(var)
            found = Captured(cell, origin or Origin(cell), var, current)
            self.captured[id(cell)] = found
        return found

    def _settle(self, cell: Array) -> None:
        """A program runs where its arrays are."""
        if placing.wanders(cell):
            here = placing.current().index if self.device is None else self.device
            placing.settle(cell, here)
        self.place("a captured array is", cell._device)

    @property
    def outermost(self) -> Trace:
        """The trace of the whole program, of which this one is a branch or a loop; or what has an
        order of effects of its own."""
        return self if self.parent is None or self.begins else self.parent.outermost

    def is_inside(self, other: Trace) -> bool:
        """Whether this trace is a branch or a loop of `other`, at any depth."""
        around = self.parent
        while around is not None and around is not other:
            around = around.parent
        return around is not None

    def grad_slot(self, cell: Array) -> GradSlot:
        found = self.slots.get(id(cell))
        if found is None:
            found = self.slots[id(cell)] = GradSlot(cell, cell._grad, cell._grad)
        return found

    def observe(self, owner: Any, name: str, value: Any) -> None:
        self.observed.setdefault((id(owner), name), Observation(owner, name, value))

    def graph(self, outputs: tuple[Var, ...]) -> Graph:
        """The finished graph: arguments, then captured cells, then constants."""
        inputs = (*self.inputs, *(c.var for c in self.captured.values()))
        return Graph(inputs, outputs, tuple(self.nodes), tuple(self.constants), self.name)

    def survivors(self) -> list[Array]:
        """Traced arrays that something outside still holds."""
        alive = [ref() for ref in self._made]
        return [a for a in alive if a is not None and a._traced is not None]

    def refuse_survivors(self, what: str, name: str) -> None:
        """Raise TraceError if something still holds a value of this trace, which has ended."""
        if self.survivors():
            gc.collect()  # cycles through the tape are not the user's doing
        for cell in self.survivors():
            raise TraceError(
                f"{what}: a traced value made at {cell._traced.source} outlives the call of "
                f"{name}: something outside still holds it; return it instead"
            )


class Unrecordable(TraceError):
    """A call cannot be told by kernels alone: Python has a say in it each time."""


class Recording(Trace):
    """A trace of one public function on its arguments, which must be all that decides."""

    def lift(self, cell: Array, origin: Origin | None = None) -> Captured:
        raise Unrecordable(f"{self.name}: it reads an array that is no argument")

    def grad_slot(self, cell: Array) -> GradSlot:
        raise Unrecordable(f"{self.name}: it reads or writes a gradient")

    def observe(self, owner: Any, name: str, value: Any) -> None:
        raise Unrecordable(f"{self.name}: it reads an attribute")


T = TypeVar("T", bound=Trace)


class _State(threading.local):
    def __init__(self) -> None:
        self.stack: list[Trace] = []


_state = _State()


def current() -> Trace | None:
    """The trace that is open in this thread, if any."""
    return _state.stack[-1] if _state.stack else None


def open_trace(name: str, parent: Trace | None = None) -> AbstractContextManager[Trace]:
    """Open a trace in this thread; every primitive is staged until it closes. With `parent` it is
    a branch or a loop of that trace, whose values it may read."""
    return resumed(Trace(name, parent))


@contextmanager
def resumed(trace: T) -> Iterator[T]:
    """Go on with a trace, or begin with it."""
    trace.is_open = True
    _state.stack.append(trace)
    _native.set_tracing(True)
    try:
        yield trace
    finally:
        _state.stack.pop()
        trace.is_open = False
        _native.set_tracing(bool(_state.stack))


@contextmanager
def suspended() -> Iterator[None]:
    """Run eagerly in the middle of traces, on arrays that they do not know."""
    stack, _state.stack = _state.stack, []
    _native.set_tracing(False)
    try:
        yield
    finally:
        _state.stack = stack
        _native.set_tracing(bool(stack))


def traced_var(cell: Array, trace: Trace) -> Var:
    """The variable that a traced cell holds in `trace`; an escaped one is the user's error."""
    payload: TracedValue = cell._traced
    if payload.trace is trace:
        return payload.var
    raise TraceError(
        f"a traced value of {payload.trace.name} made at {payload.source} was used after its "
        "trace ended; return it from the function instead of keeping it outside"
    )


def is_weak(cell: Any) -> bool:
    """Whether an array is a traced value that stands for a Python number, and takes the dtype of
    its partners."""
    payload: TracedValue | None = cell._traced
    return payload is not None and payload.var in payload.trace.weak


_NUMBERS = {"b": False, "i": 0, "u": 0, "f": 0.0, "c": 0j}


def number_for(x: Any) -> Any:
    """A Python number of the kind for which a traced value stands; others are what they are."""
    return _NUMBERS[x.dtype.kind] if isinstance(x, _native.Cell) and is_weak(x) else x


def keep_weak(operands: Sequence[Any], found: list[Array]) -> list[Array]:
    """What was made of operands of an operation stands for numbers if all of them do."""
    numbers = [number_for(x) for x in operands]
    stands_in = any(n is not x for n, x in zip(numbers, operands, strict=True))
    if stands_in and not any(isinstance(n, _native.Cell) for n in numbers):
        for cell in found:
            set_weak(cell)
    return found


def set_weak(cell: Array) -> None:
    """Let a traced scalar promote as a Python number does."""
    payload: TracedValue = cell._traced
    payload.trace.weak.add(payload.var)


_PACKAGE = __name__.split(".")[0]


def user_source() -> Source | None:
    """The innermost line of code that is not tilewright's own."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if not (module == _PACKAGE or module.startswith(f"{_PACKAGE}.")):
            return Source(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return None
