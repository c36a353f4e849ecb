"""Tracing one call of a function: its graph, its results, the state that it reads and writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .. import _native
from . import device as placing
from . import purity, timeline, tree
from . import trace as tracing
from .entry import Commit, Constant, Entry
from .graph import Aval, Var
from .record import read
from .sizes import Shape, known
from .surroundings import as_written, look_around
from .trace import Trace
from .tracked import Tracked, plain

if TYPE_CHECKING:
    from .array import Array


@timeline.stage("trace", lambda f, *_: name_of(f))
def trace_call(
    f: Callable[..., Any],
    leaves: list[Any],
    structure: tree.Tree,
    shapes: Sequence[Shape] | None = None,
    *,
    by_example: bool = False,
) -> Entry:
    """Trace one call of `f` on the pytree of these leaves, in which an `Aval` stands for an array
    that is not there yet; with `shapes` the distinct arrays have these. With `by_example` what
    Python decides by values of arrays is decided by those of the leaves (dsl/example.py).

    Raises TraceError for what a program cannot hold, and what the function itself raises.
    """
    states = purity.random_states()
    around = look_around(f, [x for x in leaves if not isinstance(x, Aval)])
    given = [x for x in leaves if isinstance(x, _native.Cell) and x._is_concrete]
    index = placing.common_index(f"jit: {name_of(f)}", given)  # type: ignore[arg-type]
    with placing.scope(index), tracing.open_trace(name_of(f)) as trace:
        trace.device = index if given else None
        cells: dict[int, Array] = {}
        for leaf in leaves:
            if isinstance(leaf, _native.Cell | Aval) and id(leaf) not in cells:
                shape = leaf.shape if shapes is None else tuple(shapes[len(cells)])
                cells[id(leaf)] = trace.add_input(Aval(shape, leaf.dtype))
        if by_example:
            known = [x for x in leaves if id(x) in cells]
            trace.example = {tracing.traced_var(cells[id(x)], trace): x for x in known}
        args, kwargs = tree.unflatten(structure, [cells.get(id(x), x) for x in leaves])
        result = f(*args, **kwargs)
        purity.check(as_written(f), around, states)
        entry = _finish(trace, list(cells.values()), result)
    named = [c for c in entry.captured if id(c.cell) in around.arrays and not c.origin.is_grad]
    entry.places = tuple((c, around.arrays[id(c.cell)]) for c in named)
    del args, kwargs, result, cells
    trace.refuse_survivors("jit", name_of(f))
    return entry


def _finish(trace: Trace, arguments: list[Array], result: Any) -> Entry:
    """Decide what the program returns: results first, then the new state."""
    outputs: list[Var] = []

    def output(cell: Array) -> int:
        outputs.append(tracing.traced_var(read(cell), trace))
        return len(outputs) - 1

    leaves, result_tree = tree.flatten(result)
    results = tuple(
        output(x) if isinstance(x, _native.Cell) else _constant(x)  # type: ignore[arg-type]
        for x in leaves
    )
    commits = _argument_commits(trace, arguments, output)
    rebinds = []
    for slot in list(trace.slots.values()):
        if slot.current is slot.initial or slot.current is None:
            continue
        if slot.current._traced is not None:
            output(slot.current)
            commits.append(Commit("grad", slot))
        else:
            rebinds.append(slot)
    for captured in list(trace.captured.values()):
        if tracing.traced_var(captured.current, trace) is not captured.var:
            output(captured.current)
            commits.append(Commit("cell", captured))
    entry = Entry(trace, trace.graph(tuple(outputs)), len(arguments))
    entry.shapes = tuple(tuple(map(plain, known(v.aval.shape))) for v in trace.inputs)
    entry.result_tree, entry.results, entry.commits = result_tree, results, tuple(commits)
    entry.rebinds = tuple(rebinds)
    entry.clears = tuple(
        s for s in trace.slots.values() if s.current is None and s.initial is not None
    )
    _release(trace)
    return entry


def _argument_commits(
    trace: Trace, arguments: list[Array], output: Callable[[Array], int]
) -> list[Commit]:
    commits = []
    for position, cell in enumerate(arguments):
        if tracing.traced_var(cell, trace) is not trace.inputs[position]:
            output(cell)
            commits.append(Commit("argument", position))
    return commits


def _constant(value: Any) -> Constant:
    return Constant(value.fixed() if isinstance(value, Tracked) else value)


def _release(trace: Trace) -> None:
    """Let go of the traced arrays that the bookkeeping itself holds."""
    trace.token = None
    for captured in trace.captured.values():
        captured.current = captured.cell
    for slot in trace.slots.values():
        if slot.current is not None and slot.current._traced is not None:
            slot.current = None
            slot.initial = slot.initial if slot.was_read else None


def name_of(f: Callable[..., Any]) -> str:
    """How messages call a function."""
    return getattr(f, "__name__", type(f).__name__)
