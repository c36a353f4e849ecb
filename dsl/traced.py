"""`Traced`: what `tw.trace_example` returns, a staged function of the kinds of its example."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import _native
from . import tree
from .entry import Entry
from .errors import TraceError
from .graph import Aval
from .jit import Jitted
from .signatures import Signature, signature_of
from .tracing_calls import trace_call


class Traced(Jitted):
    """A function that was traced once, for one example; `entry` is its only program."""

    def __init__(
        self, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        super().__init__(f)
        leaves, structure = tree.flatten((args, kwargs))
        self._example = [_kind(x) for x in leaves]
        self._structure = structure
        self.entry = trace_call(f, leaves, structure, by_example=True)
        self.entry.record.reason = "its example"
        self._made.append(self.entry)

    def __repr__(self) -> str:
        return f"<tw.trace_example of {self.entry.graph.name}>"

    def _entry(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Entry, Signature]:
        signature = signature_of(args, kwargs)
        leaves, structure = signature.leaves, signature.structure
        kinds = [_kind(x) for x in leaves]
        if structure != self._structure or kinds != self._example:
            raise TraceError(
                f"trace_example: {self.entry.graph.name} was traced for {_text(self._example)}; it "
                f"got {_text(kinds)}. tw.jit and tw.script make a program for each"
            )
        if not self.entry.guards_hold():
            raise TraceError(
                f"trace_example: what {self.entry.graph.name} reads from outside has changed since "
                "it was traced"
            )
        return self.entry, signature


def trace_example(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Traced:
    """Stage what `f(*args, **kwargs)` does for these arguments, as one program.

    Where Python chooses by the value of an array (`if x.sum() > 0`, `while`, `int(x)`), the program
    has what the example chose, and a TraceWarning names the line. `tw.jit` refuses such choices,
    `tw.script` keeps both sides of them. The result takes arguments of the same kinds alone, and
    has the methods of a staged function.

    Raises TraceError for other arguments, and for what no program can hold.

    >>> import tilewright as tw
    >>> f = tw.trace_example(lambda x: tw.tanh(x) + 1, tw.zeros(3))
    >>> f(tw.zeros(3)).tolist()
    [1.0, 1.0, 1.0]
    """
    while isinstance(f, Jitted):
        f = f.function
    return Traced(f, args, kwargs)


def _kind(leaf: Any) -> Any:
    return Aval(leaf.shape, leaf.dtype) if isinstance(leaf, _native.Cell) else leaf


def _text(kinds: Sequence[Any]) -> str:
    return f"({', '.join(map(str, kinds))})"
