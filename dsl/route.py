"""What the native core is told of a staged call, so that it goes without Python from then on.

A route has a program, where its inputs come from, which guards must hold, how the results are put
together, and what is written afterwards: what `entry.call` does, as plain data.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .. import _native
from . import device as placing
from . import tree
from .autodiff import is_tracked
from .entry import Commit, Constant, Entry
from .surroundings import Place
from .trace import Origin

if TYPE_CHECKING:
    from .array import Array

# As in backends/native/python/route.h.
_VARIABLE, _ENTRY, _ITEM, _FIELD, _ATTRIBUTE, _SLOT, _DEVICE = range(7)
_ARGUMENT, _CAPTURED, _GRADIENT = range(3)
_OUTPUT, _CONSTANT, _TUPLE, _LIST, _DICT = range(5)
_CONTAINERS = {tuple: _TUPLE, list: _LIST, dict: _DICT}


def route_of(entry: Entry, arguments: Sequence[Array]) -> _native.Route | None:
    """The route of calls like this one; None where Python must decide at each."""
    if entry.wanders or (_native.grad_enabled() and not entry.makes_gradients):
        inputs = () if entry.wanders else entry.inputs(arguments)
        if entry.wanders or any(x.dtype.is_inexact and is_tracked(x) for x in inputs):
            return None
    if entry.route is None:
        entry.route = _make(entry)
    route: _native.Route | None = entry.route
    return route


def _make(entry: Entry) -> _native.Route | None:
    result = _result(entry.result_tree, iter(entry.results))
    program = entry.program()
    in_parts = getattr(program, "main", program)  # or one whose derived values are kept
    if result is None or not isinstance(in_parts, _native.Program):
        return None
    return _native.Route(
        program,
        tuple(_inputs(entry)),
        tuple(_guards(entry)),
        result,
        tuple(map(_commit, entry.commits)),
        tuple(slot.cell for slot in entry.clears),
        tuple((slot.cell, slot.current) for slot in entry.rebinds),
        entry.makes_gradients,
    )


def _inputs(entry: Entry) -> Iterator[tuple[int, Any]]:
    yield from ((_ARGUMENT, i) for i in range(entry.n_arguments))
    yield from (_origin(captured.origin) for captured in entry.captured)
    yield from ((_CAPTURED, cell) for cell in entry.constants)


def _origin(origin: Origin) -> tuple[int, Any]:
    return (_GRADIENT if origin.is_grad else _CAPTURED), origin.cell


def _commit(commit: Commit) -> tuple[int, Any]:
    if commit.kind == "argument":
        return _ARGUMENT, commit.target
    if commit.kind == "grad":
        return _GRADIENT, commit.target.cell
    return _origin(commit.target.origin)


def _guards(entry: Entry) -> Iterator[tuple[int, Any, Any, Any]]:
    if not entry.n_arguments:
        yield _DEVICE, placing.current, None, placing.current()
    for seen in entry.observed:
        yield _ATTRIBUTE, seen.owner, seen.name, seen.value
    for slot in entry.slots:
        yield _SLOT, slot.cell, None, None if slot.initial is None else True
    for captured, places in entry.places:
        for place in places:
            yield (*_place(place), captured.cell)


def _place(place: Place) -> tuple[int, Any, Any]:
    owner, name = place.owner, place.name
    if isinstance(owner, types.CellType):
        return _VARIABLE, owner, name
    if isinstance(owner, dict):
        return _ENTRY, owner, name
    if isinstance(owner, list | tuple):
        return _ITEM, owner, int(name[1:-1])
    return _FIELD, owner, name


def _result(structure: tree.Tree, results: Iterator[Any]) -> tuple[Any, ...] | None:
    """A pytree of results as plain data; None if it has containers of other types."""
    if structure.kind is None:
        found = next(results)
        return (_CONSTANT, found.value) if isinstance(found, Constant) else (_OUTPUT, found)
    if structure.kind not in _CONTAINERS:
        return None
    children = tuple(_result(child, results) for child in structure.children)
    if any(child is None for child in children):
        return None
    return _CONTAINERS[structure.kind], children, structure.keys
