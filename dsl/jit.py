"""`tw.jit`: trace a function once for each kind of call, then run its program.

A staged call goes: signature -> entry whose guards hold (or a new trace) -> gather inputs ->
program -> commit state -> rebuild the results. Nothing is committed before the program succeeds.
Calls that come again go all the way in the native core (`_native.Staged`).
"""

from __future__ import annotations

import functools
import inspect
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import _native
from . import device as placing
from . import timeline, tree
from . import trace as tracing
from .arguments import Dynamic
from .drawing import Picture
from .engine import engine
from .entry import Entry, call, graphs_of_call
from .errors import ArgumentError, TraceError
from .explaining import Call, explain
from .graph import Graph
from .graph_code import code_text
from .route import route_of
from .signatures import Signature, array_names, first_difference, leaf_names, signature_of
from .sizes import Shape
from .stats import Stats
from .tracing_calls import name_of, trace_call
from .variants import Axis, Variants

if TYPE_CHECKING:
    pass


_alive: weakref.WeakSet[Jitted] = weakref.WeakSet()


def forget_programs() -> None:
    """`Jitted.forget_programs` of every staged function."""
    for staged in list(_alive):
        staged.forget_programs()


class Jitted(_native.Staged):
    """A function that runs as a compiled program; what `tw.jit` returns."""

    word = "jit"

    def __init__(
        self,
        f: Callable[..., Any],
        static: Sequence[str] = (),
        dynamic: Dynamic | bool | None = None,
    ) -> None:
        functools.update_wrapper(self, f)
        self._f = f
        self._static = frozenset(static)
        self._dynamic = _checked_dynamic(dynamic)
        self._signature = _signature_of(f)
        self._kinds: dict[tuple[Any, ...], Variants] = {}
        self._last_key: tuple[Any, ...] | None = None
        self._made: list[Entry] = []
        self._lock = threading.RLock()
        _alive.add(self)
        _check_static(f, self._signature, self._static)

    def _call_slowly(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What the native core calls where it knows no program that is the whole of a call."""
        if not timeline.on:
            return self._run(args, kwargs)
        with timeline.span(timeline.Category.CALL, name_of(self._f)):
            return self._run(args, kwargs)

    def _run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if tracing.current() is not None:
            return self._f(*args, **kwargs)  # a staged function inside another is inlined
        entry, signature = self._entry(args, kwargs)
        arguments = list(signature.arguments)
        result = call(entry, arguments)
        self._count()
        route = route_of(entry, arguments) if _is_told(signature.structure) else None
        if route is not None:
            self._remember(args, kwargs, route)
        return result

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        return self if owner is None else functools.partial(self, owner)

    @property
    def function(self) -> Callable[..., Any]:
        """The function as it was before it was staged."""
        return self._f

    @property
    def traced(self) -> Callable[..., Any]:
        """What is traced: the function, or what `tw.script` has made of it."""
        return self._f

    def __repr__(self) -> str:
        return f"<tw.{self.word} of {name_of(self._f)}, {len(self._made)} programs>"

    def graph(self, *args: Any, **kwargs: Any) -> str:
        """The traced program as text, for these arguments."""
        return str(self._entry(args, kwargs)[0].graph)

    def code(self, *args: Any, **kwargs: Any) -> str:
        """The traced program as Python source that means the same."""
        entry, signature = self._entry(args, kwargs)
        return code_text(entry.graph_at(signature.arguments))

    def ir(self, *args: Any, stage: str = "kernels", **kwargs: Any) -> str:
        """The program at a stage of lowering: graph, kernels, tir, asm or memory."""
        entry, signature = self._entry(args, kwargs)
        graph = entry.graph_at(signature.arguments) if stage == "memory" else entry.graph
        return engine(entry.device).stage(graph, stage, entry.read_only())

    def memory(self, *args: Any, **kwargs: Any) -> str:
        """The memory plan: each buffer's place and lifetime, and the peak."""
        return self.ir(*args, stage="memory", **kwargs)

    def graphs(self, *args: Any, **kwargs: Any) -> list[tuple[Graph, frozenset[int]]]:
        """The graphs of the programs that a call with these arguments runs, at its sizes, each
        with the positions of the inputs that calls only read."""
        entry, signature = self._entry(args, kwargs)
        return graphs_of_call(entry, list(signature.arguments))

    def draw(self, *args: Any, **kwargs: Any) -> Picture:
        """The traced program as a picture, for these arguments: an SVG that a notebook shows and
        `save(path)` writes."""
        return Picture(self._entry(args, kwargs)[0].graph)

    def check(self, *args: Any, folder: str | os.PathLike[str] | None = None, **kwargs: Any) -> Any:
        """Run each kernel of the program alone, on the values that it gets in this call, and
        compare it with the primitives' NumPy references in float64.

        The report (`print` it) names the first kernel that is out of its declared bounds, if there
        is one, and a stand-alone reproduction, which is written into `folder` or, without one,
        into the user's cache. Nothing outside is written to.

        >>> import tilewright as tw
        >>> tw.jit(lambda x: tw.tanh(x).sum()).check(tw.ones(5)).ok
        True
        """
        entry, signature = self._entry(args, kwargs)
        graph, inputs = entry.graph_at(signature.arguments), entry.inputs(signature.arguments)
        return engine(entry.device).check(graph, entry.read_only(), inputs, folder)

    def explain(self, *args: Any, seconds: float = 1.0, **kwargs: Any) -> Any:
        """Where the time of a call with these arguments goes, kernel by kernel.

        The program is run again and again for about `seconds`, and its results are dropped: nothing
        outside is written to. For each kernel the result (`print` it, let a notebook show it, or
        `.html(path)`) tells the time of a launch, arithmetic and bytes a second, the share of what
        this machine can do at best, what bounds it, what was fused and why not more, and what to
        try next; `.kernels` are the records, `.memory` is the memory plan. See docs/explain.md.

        Raises ArgumentError for a program with effects (prints, checks, callbacks), which would
        happen at every run.

        >>> import tilewright as tw
        >>> told = tw.jit(lambda x: tw.exp(x) * 2 + 1).explain(tw.ones(1000), seconds=0.01)
        >>> [kernel.primitives for kernel in told.kernels]
        [('exp', 'mul', 'add')]
        """
        if not seconds > 0:
            raise ArgumentError(f"explain: got seconds={seconds!r}; it must be more than 0")
        entry, signature = self._entry(args, kwargs)
        arguments = list(signature.arguments)
        return explain(
            Call(
                name_of(self._f), entry.device, entry.graph, entry.read_only(),
                entry.sizes(arguments), entry.program(), entry.inputs(arguments), seconds,
            )
        )  # fmt: skip

    def device(self, *args: Any, **kwargs: Any) -> placing.Device:
        """The device on which a call with these arguments runs."""
        return self._entry(args, kwargs)[0].device

    def stats(self) -> Stats:
        """The calls so far, and the programs with what each took and why it was made.

        >>> import tilewright as tw
        >>> f = tw.jit(lambda x: x + 1)
        >>> for n in (3, 5, 7):
        ...     y = f(tw.zeros(n))
        >>> f.stats().recompiles, f.stats().reasons
        (1, ('argument x: axis 0 was 3, is 5',))
        """
        notes = (note for kind in self._kinds.values() for note in kind.notes)
        records = tuple(entry.record for entry in self._made)
        return Stats(name_of(self._f), self._calls, records, tuple(dict.fromkeys(notes)))

    def forget_programs(self) -> None:
        """Ask the engine for every program again at its next call, as when kernels were tuned."""
        with self._lock:
            self._forget()
            for entry in self._made:
                entry.forget()

    def _entry(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Entry, Signature]:
        signature = signature_of(args, kwargs)
        kind = self._kinds.get(signature.key)
        entry = None if kind is None else kind.find(signature.shapes)
        if entry is None:
            with self._lock:
                entry = self._make(signature)
        self._last_key = signature.key
        return entry, signature

    def _make(self, signature: Signature) -> Entry:
        names = leaf_names(self._signature, signature.structure)
        kind = self._kinds.get(signature.key)
        is_new = kind is None
        if kind is None:
            kind = self._kinds[signature.key] = self._kind(names, signature)

        def trace(shapes: Sequence[Shape] | None) -> Entry:
            start = time.perf_counter()
            made = trace_call(self._f, signature.leaves, signature.structure, shapes)
            made.record.trace_seconds = time.perf_counter() - start
            return made

        start = time.perf_counter()
        entry = kind.make(signature.shapes, trace)
        entry.record.trace_seconds = time.perf_counter() - start
        if is_new and self._last_key is not None:
            entry.record.reason = first_difference(self._last_key, signature.key, names)
        self._made.append(entry)
        return entry

    def _kind(self, names: Sequence[str], signature: Signature) -> Variants:
        arrays = array_names(names, signature.leaves)
        given = _given_axes(name_of(self._f), self._dynamic, arrays, signature.shapes)
        return Variants(name_of(self._f), arrays, given, fixed=self._dynamic is False)


def jit(
    f: Callable[..., Any] | None = None,
    *,
    static: Sequence[str] = (),
    dynamic: Dynamic | bool | None = None,
) -> Any:
    """Stage a function: traced at the first call of each kind, then run as one program.

    Arrays in pytrees are inputs. Python numbers, strings and other hashable objects are part of
    the signature, so a new value makes a new program; `static` names arguments for which this is
    meant, and whose values need only be hashable. Arrays that the function reads or writes from
    outside its arguments are state: inputs, and outputs if written; a variable or attribute that
    is bound to another array later is followed. Python numbers from outside its arguments are
    constants of the program.

    An axis that has been seen to vary gets an unknown size: one program then serves all sizes from
    2 on for which Python decides alike by them. `dynamic={"x": {0: "batch"}}` names axes that are
    unknown from the first call on (of one name: equal), as in `tw.compile`; `dynamic=False` makes
    a program for each size. `f.stats()` tells what was made and why.

    Raises TraceError, with the user's line, for what a program cannot hold; ShapeError, with
    argument and axis, for sizes of one name that are not equal.

    >>> import tilewright as tw
    >>> f = tw.jit(lambda x: tw.tanh(x) * 2)
    >>> f(tw.zeros(3)).tolist()
    [0.0, 0.0, 0.0]
    """
    if f is None:
        return functools.partial(jit, static=static, dynamic=dynamic)
    return Jitted(f, static, dynamic)


def _is_told(structure: tree.Tree) -> bool:
    """Whether the native core can tell the structure of the arguments."""
    known = structure.kind in (None, tuple, list, dict)
    return known and all(map(_is_told, structure.children))


# --------------------------------------------------------------------------- what it is told


def _signature_of(f: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(f)
    except (TypeError, ValueError):
        return None


def _check_static(
    f: Callable[..., Any], signature: inspect.Signature | None, static: frozenset[str]
) -> None:
    if signature is None:
        return
    unknown = static - set(signature.parameters)
    takes_any = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    if unknown and not takes_any:
        raise TraceError(
            f"jit: static names {sorted(unknown)}, but {name_of(f)} takes "
            f"{list(signature.parameters)}"
        )


def _checked_dynamic(dynamic: Any) -> Any:
    if dynamic is None or dynamic is False or isinstance(dynamic, Mapping):
        return dynamic
    raise ArgumentError(
        f"jit: got dynamic={dynamic!r}; it is None (axes that vary become unknown), False (a "
        "program for each size), or names of sizes such as {'x': {0: 'batch'}}"
    )


def _given_axes(
    what: str, dynamic: Any, names: Sequence[str], shapes: Sequence[Shape]
) -> dict[Axis, str]:
    """The axes that are unknown from the start, by the numbers of arrays; raises ArgumentError for
    what is not there."""
    given: dict[Axis, str] = {}
    for name, axes in (dynamic or {}).items():
        if name not in names:
            raise ArgumentError(
                f"jit: dynamic names the argument {name!r} of {what}; its arrays are "
                f"{', '.join(names) or 'none'}"
            )
        number = names.index(name)
        ndim = len(shapes[number])
        for axis, size in axes.items():
            if type(axis) is not int or not -ndim <= axis < ndim:
                raise ArgumentError(
                    f"jit: dynamic names axis {axis!r} of {name}, which has {ndim} axes"
                )
            if not isinstance(size, str) or not size.isidentifier() or not size.isascii():
                raise ArgumentError(
                    f"jit: dynamic: got the size {size!r}; it must be a word: 'batch'"
                )
            given[number, axis % ndim] = size
    return given
