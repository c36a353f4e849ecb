"""`tw.trace_example`: a program of what a function does for one example.

What Python decides by the value of an array (`if`, `while`, `int()`) is decided by the example's
values, computed on the way, and a TraceWarning names the line: the program has that side alone.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _native
from . import trace as tracing
from .autodiff import no_grad
from .control import bind_control
from .dtypes import uint8
from .effects import without_effects
from .errors import TraceError, TraceWarning
from .graph import Graph, Node, Source, Var
from .primitive import Control, Effect
from .record import bind, constant, is_tracing, read
from .trace import Trace, user_source

if TYPE_CHECKING:
    from .array import Array


def value_of(op: str, x: Array) -> Array:
    """The example's value of `x` in a trace by example, with a warning; `x` itself elsewhere."""
    if not is_tracing():
        return x
    trace = tracing.current()
    if trace is None or trace.example is None:
        return x
    var = tracing.traced_var(read(x), trace)
    with tracing.suspended(), no_grad():
        value = _Values(trace).value(var)
    _warn(op, value, user_source())
    return value


def _warn(op: str, value: Array, source: Source | None) -> None:
    message = (
        f"trace_example: {op}() of a traced value was resolved by the example, where it is "
        f"{_native.item(value) if value.size == 1 else value}: the program keeps that choice for "
        "all arguments. tw.script keeps both sides"
    )
    if source is None:
        warnings.warn(message, TraceWarning, stacklevel=3)
    else:
        warnings.warn_explicit(message, TraceWarning, source.file, source.line)


class _Values:
    """The values of an open trace for its example; what was computed once is kept."""

    def __init__(self, trace: Trace) -> None:
        assert trace.example is not None
        self.trace, self.known = trace, trace.example
        self.producer = {v: n for n in trace.nodes for v in n.outputs}

    def value(self, var: Var) -> Array:
        """The value of a variable of the trace."""
        self.known.update({c.var: c.cell for c in self.trace.captured.values()})
        needed: set[Node] = set()
        pending = [var]
        while pending:
            node = self.producer.get(current := pending.pop())
            if current not in self.known and node is not None and node not in needed:
                needed.add(node)
                pending += node.inputs
        for v, host in self.trace.constants:
            if v not in self.known:
                self.known[v] = constant(host, v.aval.dtype)
        for node in self.trace.nodes:
            if node in needed:
                self.known.update(zip(node.outputs, self._apply(node), strict=True))
        return self.known[var]

    def _apply(self, node: Node) -> list[Array]:
        lower = node.primitive.lower
        if isinstance(lower, Effect):
            if len(node.outputs) > 1:
                raise TraceError(
                    f"trace_example: a decision depends on what {node.params['text']}, a function "
                    "of Python, returns; it is called only when the program runs"
                )
            return [constant(np.zeros(0), uint8)]
        cells = [self.known[v] for v in node.inputs]
        if isinstance(lower, Control):
            params = {k: _pure(v) for k, v in node.params.items()}
            return bind_control(node.primitive, cells, params)
        return [bind(node.primitive, *cells, **node.params)]


def _pure(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_pure, value))
    return without_effects(value) if isinstance(value, Graph) else value
