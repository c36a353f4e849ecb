"""Regions: a function traced into a graph of its own, for a branch, a loop or a transform.

What the function reads from outside becomes further inputs of the graph, and arrays of outside that
it writes become further outputs, which are written back when the region is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import trace as tracing
from . import tree
from .autodiff import no_grad
from .dtypes import DType
from .errors import TraceError
from .functions.convert import is_array
from .graph import Aval, Graph, Var
from .primitive import REGISTRY
from .record import constant, read, write
from .trace import Captured, Trace

if TYPE_CHECKING:
    from .array import Array


ARRAY = object()  # stands for an array among results


class StateError(TraceError):
    """A loop's body gives a value of its state another kind: `after` for what was `before`."""

    def __init__(self, what: str, name: str, position: int, before: Any, after: Any) -> None:
        self.what, self.position = what, position
        self.before, self.after = before, after
        super().__init__(
            f"{what}: {name} turns value {position} of the state from {before} into {after}; "
            "a loop keeps shapes and dtypes"
        )


class Region:
    """One function of a branch, a loop or a transform, traced once on arrays of the given kinds.

    In eager code there is no trace around it: `parent` is None.
    """

    def __init__(self, what: str, f: Callable[..., Any], parent: Trace | None) -> None:
        self.what, self.f, self.parent = what, f, parent
        self.name = getattr(f, "__name__", type(f).__name__)
        self.trace = Trace(self.name, parent)
        self.trace.is_region = True
        self.trace.device = None if parent is None else parent.device
        self.cells: list[Array] = []  # the arrays that it was called with
        self.leaves: list[Any] = []
        self.structure = tree.LEAF

    def run(
        self,
        avals: Sequence[Aval],
        build: Callable[[list[Array]], tuple[Any, ...]],
        weak: Sequence[bool] = (),
    ) -> None:
        """Call the function on `build(arrays)`, its arguments, and keep what it returns. `weak`
        says which of the arrays stand for Python numbers."""
        with self.opened():
            self.cells = [self.trace.add_input(a) for a in avals]
            for cell, is_weak in zip(self.cells, weak, strict=False):
                if is_weak:
                    tracing.set_weak(cell)
            arguments = build(self.cells)
            self.keep(self.f(*arguments))
            del arguments

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Stage into the region, for the first time or again."""
        with tracing.resumed(self.trace), no_grad():
            yield
        if self.trace.slots:
            raise TraceError(
                f"{self.what}: {self.name} reads or writes `.grad`; take gradients inside of it "
                "with tw.grad"
            )
        if self.parent is not None:
            self.parent.device = self.trace.device

    def keep(self, result: Any) -> None:
        """Take a pytree as the results of the region, which is open."""
        self.leaves, self.structure = tree.flatten(result)
        self.leaves = [read(x) if is_array(x) else x for x in self.leaves]

    def convert(self, position: int, dtype: DType) -> None:
        """Make an array of a dtype of one of the results."""
        with tracing.resumed(self.trace), no_grad():
            value = self.leaves[position]
            if not is_array(value):
                self.leaves[position] = constant(value, dtype)
            elif tracing.is_weak(value) and value.dtype is not dtype:
                self.leaves[position] = REGISTRY["cast"](value, dtype=dtype)

    def is_weak(self, position: int) -> bool:
        """Whether a result is a Python number or stands for one."""
        found = self.leaves[position]
        return tracing.is_weak(found) if is_array(found) else is_number(found)

    def plain(self) -> list[Any]:
        """The results, with ARRAY in place of each array."""
        return [ARRAY if is_array(x) else x for x in self.leaves]

    def require(self, position: int, aval: Aval) -> None:
        """Raise TraceError if a value of a loop's state is not what the turn began with; a Python
        number becomes an array."""
        if self.is_weak(position):
            self.convert(position, aval.dtype)
        found = self.leaves[position]
        if not is_array(found) or self.aval(position) != aval:
            kind = self.aval(position) if is_array(found) else repr(found)
            raise StateError(self.what, self.name, position, aval, kind)

    def aval(self, position: int) -> Aval:
        """The kind of a result, which is an array."""
        return Aval(self.leaves[position].shape, self.leaves[position].dtype)

    @property
    def captured(self) -> dict[int, Array]:
        """The cells of outside that it reads or writes, by identity."""
        return {key: c.cell for key, c in self.trace.captured.items()}

    @property
    def written(self) -> dict[int, Array]:
        """The cells of outside that it writes."""
        return {key: c.cell for key, c in self.trace.captured.items() if self._is_written(c)}

    def _is_written(self, captured: Captured) -> bool:
        return tracing.traced_var(captured.current, self.trace) is not captured.var

    def graph(self, given: Sequence[Array], written: Sequence[Array], *, carried: bool) -> Graph:
        """The graph of the results, then the values of the cells `written`. It takes the cells
        `given`, then the arguments; with `carried`, then the cells written."""
        trace = self.trace
        cells = [*given, *(written if carried else ())]
        taken = [self._input_of(cell) for cell in cells]
        n = len(given)
        inputs = (*taken[:n], *trace.inputs, *taken[n:])
        results = [x for x in self.leaves if is_array(x)]
        after = [self._value_of(cell, cells, taken) for cell in written]
        outputs = (*(tracing.traced_var(x, trace) for x in results), *after)
        return Graph(inputs, outputs, tuple(trace.nodes), name=self.name)

    def _input_of(self, cell: Array) -> Var:
        found = self.trace.captured.get(id(cell))
        return Var(Aval(cell.shape, cell.dtype)) if found is None else found.var

    def _value_of(self, cell: Array, cells: list[Array], taken: list[Var]) -> Var:
        found = self.trace.captured.get(id(cell))
        if found is not None:
            return tracing.traced_var(found.current, self.trace)
        return next(var for c, var in zip(cells, taken, strict=True) if c is cell)

    def release(self) -> None:
        """Let go of what was traced; raises TraceError if something else holds it."""
        self.leaves, self.cells = [], []
        self.trace.token = None
        for captured in self.trace.captured.values():
            captured.current = captured.cell
        if self.parent is not None:
            self.parent.observed.update(self.trace.observed)
        self.trace.refuse_survivors(self.what, self.name)


def is_number(x: Any) -> bool:
    """Whether a leaf is a Python number, which takes the dtype of what stands beside it."""
    return isinstance(x, bool | int | float | complex)


def put_back(cells: Sequence[Array], values: Sequence[Array]) -> None:
    """Write the new values into cells of outside."""
    for cell, value in zip(cells, values, strict=True):
        write(cell, value)
