"""`tw.jit`: trace a function once for each signature of its arguments, then run its program.

A staged call goes: signature -> entry whose guards hold (or a new trace) -> gather inputs ->
program -> commit state -> rebuild the results. Nothing is committed before the program succeeds.
"""

from __future__ import annotations

import functools
import inspect
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .. import _native
from . import device as placing
from . import purity, timeline, tree
from . import trace as tracing
from .drawing import Picture
from .engine import engine
from .entry import Commit, Entry, call, graphs_of_call
from .errors import TraceError
from .graph import Aval, Graph, Var
from .graph_code import code_text
from .record import read
from .surroundings import as_written, look_around
from .trace import Trace

if TYPE_CHECKING:
    from .array import Array


_alive: weakref.WeakSet[Jitted] = weakref.WeakSet()


def forget_programs() -> None:
    """`Jitted.forget_programs` of every staged function."""
    for staged in list(_alive):
        staged.forget_programs()


class Jitted:
    """A function that runs as a compiled program; what `tw.jit` returns."""

    word = "jit"

    def __init__(self, f: Callable[..., Any], static: Sequence[str]) -> None:
        functools.update_wrapper(self, f)
        self._f = f
        self._static = frozenset(static)
        self._signature = _signature_of(f)
        self._entries: dict[Any, list[Entry]] = {}
        self._fast: dict[bytes | None, Any] = {}  # programs that are the whole of a call
        self._lock = threading.RLock()
        _alive.add(self)
        _check_static(f, self._signature, self._static)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if timeline.on:
            return self._timed_call(args, kwargs)
        # Without arrays the current device decides, which the signature does not tell.
        key = None if kwargs or not args else _native.signature(args)
        fast = self._fast.get(key)
        if fast is not None:
            return fast(*args)[0]
        return self._slow_call(key, args, kwargs)

    def _timed_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        with timeline.span(timeline.Category.CALL, _name(self._f)):
            key = None if kwargs or not args else _native.signature(args)
            fast = self._fast.get(key)
            return self._slow_call(key, args, kwargs) if fast is None else fast(*args)[0]

    def _slow_call(self, key: bytes | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if tracing.current() is not None:
            return self._f(*args, **kwargs)  # a staged function inside another is inlined
        entry, arguments = self._entry(args, kwargs)
        if key is not None and entry.is_plain:
            self._fast[key] = entry.program()
        return call(entry, arguments)

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
        n_programs = sum(map(len, self._entries.values()))
        return f"<tw.{self.word} of {_name(self._f)}, {n_programs} programs>"

    def graph(self, *args: Any, **kwargs: Any) -> str:
        """The traced program as text, for these arguments."""
        return str(self._entry(args, kwargs)[0].graph)

    def code(self, *args: Any, **kwargs: Any) -> str:
        """The traced program as Python source that means the same."""
        return code_text(self._entry(args, kwargs)[0].graph)

    def ir(self, *args: Any, stage: str = "kernels", **kwargs: Any) -> str:
        """The program at a stage of lowering: graph, kernels, tir, asm or memory."""
        entry = self._entry(args, kwargs)[0]
        return engine(entry.device).stage(entry.graph, stage, entry.read_only())

    def memory(self, *args: Any, **kwargs: Any) -> str:
        """The memory plan: each buffer's place and lifetime, and the peak."""
        return self.ir(*args, stage="memory", **kwargs)

    def graphs(self, *args: Any, **kwargs: Any) -> list[tuple[Graph, frozenset[int]]]:
        """The graphs of the programs that a call with these arguments runs, each with the
        positions of the inputs that calls only read."""
        return graphs_of_call(*self._entry(args, kwargs))

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
        entry, arguments = self._entry(args, kwargs)
        inputs = entry.inputs(arguments)
        return engine(entry.device).check(entry.graph, entry.read_only(), inputs, folder)

    def device(self, *args: Any, **kwargs: Any) -> placing.Device:
        """The device on which a call with these arguments runs."""
        return self._entry(args, kwargs)[0].device

    def forget_programs(self) -> None:
        """Ask the engine for every program again at its next call, as when kernels were tuned."""
        with self._lock:
            self._fast.clear()
            for entry in [e for found in self._entries.values() for e in found]:
                entry.forget()

    def _entry(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Entry, list[Array]]:
        leaves, structure = tree.flatten((args, kwargs))
        key, arguments = _signature(leaves, structure)
        for entry in self._entries.get(key, ()):
            if entry.guards_hold():
                return entry, arguments
        with self._lock:
            entry = trace_call(self._f, leaves, structure)
            self._entries.setdefault(key, []).insert(0, entry)
        return entry, arguments


def jit(f: Callable[..., Any] | None = None, *, static: Sequence[str] = ()) -> Any:
    """Stage a function: traced at the first call of each signature, then run as one program.

    Arrays in pytrees are inputs. Python numbers, strings and other hashable objects are part of
    the signature, so a new value makes a new program; `static` names arguments for which this is
    meant, and whose values need only be hashable. Arrays that the function reads or writes from
    outside its arguments are state: inputs, and outputs if written; a variable or attribute that
    is bound to another array later is followed. Python numbers from outside its arguments are
    constants of the program.

    Raises TraceError, with the user's line, for what a program cannot hold.

    >>> import tilewright as tw
    >>> f = tw.jit(lambda x: tw.tanh(x) * 2)
    >>> f(tw.zeros(3)).tolist()
    [0.0, 0.0, 0.0]
    """
    if f is None:
        return functools.partial(jit, static=static)
    return Jitted(f, static)


# --------------------------------------------------------------------------- signatures


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
            f"jit: static names {sorted(unknown)}, but {_name(f)} takes "
            f"{list(signature.parameters)}"
        )


def _signature(leaves: list[Any], structure: tree.Tree) -> tuple[Any, list[Array]]:
    """The key under which a program is kept, and the arrays among the leaves."""
    key: list[Any] = [structure, _native.grad_enabled(), _native.reproducible()]
    arguments: list[Array] = []
    positions: dict[int, int] = {}
    for leaf in leaves:
        if isinstance(leaf, _native.Cell):
            same = positions.setdefault(id(leaf), len(arguments))
            if same == len(arguments):
                key.append((leaf.shape, leaf._code, leaf._device))
                arguments.append(leaf)  # type: ignore[arg-type]
            else:
                key.append(same)
        else:
            # As text, 0.0 differs from -0.0, and nan equals itself.
            key.append((type(leaf), leaf.hex() if type(leaf) is float else leaf))
    if not arguments:
        key.append(placing.current().index)
    try:
        hash(key := tuple(key))  # type: ignore[assignment]
    except TypeError:
        bad = next(x for x in leaves if not isinstance(x, _native.Cell) and not _hashable(x))
        raise TraceError(
            f"jit: got an argument of type {type(bad).__name__}, which is neither an array nor "
            "hashable; pass tw.asarray(...) of it, or a pytree of arrays"
        ) from None
    return key, arguments


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


# --------------------------------------------------------------------------- tracing


@timeline.stage("trace", lambda f, *_: _name(f))
def trace_call(
    f: Callable[..., Any], leaves: list[Any], structure: tree.Tree, *, by_example: bool = False
) -> Entry:
    """Trace one call of `f` on the pytree of these leaves, in which an `Aval` stands for an array
    that is not there yet. With `by_example` what Python decides by values of arrays is decided by
    those of the leaves (dsl/example.py).

    Raises TraceError for what a program cannot hold, and what the function itself raises.
    """
    states = purity.random_states()
    around = look_around(f, [x for x in leaves if not isinstance(x, Aval)])
    given = [x for x in leaves if isinstance(x, _native.Cell) and x._is_concrete]
    index = placing.common_index(f"jit: {_name(f)}", given)  # type: ignore[arg-type]
    with placing.scope(index), tracing.open_trace(_name(f)) as trace:
        trace.device = index if given else None
        cells: dict[int, Array] = {}
        for leaf in leaves:
            if isinstance(leaf, _native.Cell | Aval) and id(leaf) not in cells:
                aval = leaf if isinstance(leaf, Aval) else Aval(leaf.shape, leaf.dtype)
                cells[id(leaf)] = trace.add_input(aval)
        if by_example:
            trace.example = {
                tracing.traced_var(cells[id(x)], trace): x for x in leaves if id(x) in cells
            }
        args, kwargs = tree.unflatten(structure, [cells.get(id(x), x) for x in leaves])
        result = f(*args, **kwargs)
        purity.check(as_written(f), around, states)
        entry = _finish(trace, list(cells.values()), result)
    entry.places = tuple(
        (c, around.arrays[id(c.cell)])
        for c in entry.captured
        if id(c.cell) in around.arrays and not c.origin.is_grad
    )
    del args, kwargs, result, cells
    trace.refuse_survivors("jit", _name(f))
    return entry


def _finish(trace: Trace, arguments: list[Array], result: Any) -> Entry:
    """Decide what the program returns: results first, then the new state."""
    outputs: list[Var] = []

    def output(cell: Array) -> int:
        outputs.append(tracing.traced_var(read(cell), trace))
        return len(outputs) - 1

    leaves, result_tree = tree.flatten(result)
    results = tuple(
        output(x) if isinstance(x, _native.Cell) else Constant(x)  # type: ignore[arg-type]
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


class Constant:
    """A result that is not an array."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def _release(trace: Trace) -> None:
    """Let go of the traced arrays that the bookkeeping itself holds."""
    trace.token = None
    for captured in trace.captured.values():
        captured.current = captured.cell
    for slot in trace.slots.values():
        if slot.current is not None and slot.current._traced is not None:
            slot.current = None
            slot.initial = slot.initial if slot.was_read else None


def _name(f: Callable[..., Any]) -> str:
    return getattr(f, "__name__", type(f).__name__)
