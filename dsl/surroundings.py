"""What a staged function can reach beside its arguments: globals, closures, attributes.

Two things are done with it. Plain numbers and containers that the trace changes are refused
(`purity.py`). And the places where arrays are found are remembered, so that a program follows a
name to another array.
"""

from __future__ import annotations

import random
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import _native

PLAIN = (bool, int, float, complex, str)
WRITTEN = "__tw_written__"  # the attribute of a rewritten function that holds the user's own
_DEPTH = 4
_MOST_ITEMS = 256  # of a list or dict: longer ones are data, not settings
_MOST_BYTES = 1 << 12  # of a NumPy array
_PACKAGE = __name__.split(".")[0]


@dataclass(frozen=True, eq=False)
class Place:
    """A name by which something is reached: of a global, a closure, an attribute or an item."""

    owner: Any
    name: str

    def now(self) -> Any:
        """What is there at present; None if nothing is."""
        owner, name = self.owner, self.name
        if isinstance(owner, types.CellType):
            return owner.cell_contents if _filled(owner) else None
        if isinstance(owner, dict):
            return owner.get(name)
        if isinstance(owner, list | tuple):
            index = int(name[1:-1])
            return owner[index] if index < len(owner) else None
        return getattr(owner, "__dict__", {}).get(name)

    def __str__(self) -> str:
        owner, name = self.owner, self.name
        if isinstance(owner, types.CellType):
            return f"the enclosing variable {name}"
        if isinstance(owner, dict) and "__name__" in owner:
            return f"the global {name}"
        if isinstance(owner, dict | list | tuple):
            return f"the element {name} of a {type(owner).__name__}"
        return f"{type(owner).__name__}.{name}"


@dataclass(eq=False)
class Surroundings:
    """The plain values around a function with their places, the containers, NumPy arrays and
    generators with their contents, its functions, and the places of arrays by `id`."""

    numbers: list[tuple[Place, Any]] = field(default_factory=list)
    contents: list[tuple[Place, Any, Any]] = field(default_factory=list)
    functions: list[types.FunctionType] = field(default_factory=list)
    arrays: dict[int, list[Place]] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)


def look_around(f: Callable[..., Any], arguments: Iterable[Any]) -> Surroundings:
    """Everything that `f`, the plain functions it names, and its arguments' attributes reach."""
    found = Surroundings()
    level: list[tuple[Place | None, Any]] = [(None, a) for a in (*arguments, as_written(f))]
    for _ in range(_DEPTH + 1):
        deeper: list[tuple[Place | None, Any]] = []
        for place, value in level:
            if place is not None and (value is None or isinstance(value, PLAIN)):
                found.numbers.append((place, value))
            elif isinstance(value, _native.Cell):
                if place is not None:
                    found.arrays.setdefault(id(value), []).append(place)
            elif id(value) not in found.seen:
                found.seen.add(id(value))
                if place is not None and (content := content_of(value)) is not None:
                    found.contents.append((place, value, content))
                if isinstance(value, types.FunctionType):
                    found.functions.append(value)
                deeper += _members(value)
        level = deeper
    return found


def content_of(value: Any) -> Any:
    """What tells whether a mutable thing was changed; None for what is not watched."""
    if isinstance(value, list | dict | set):
        if len(value) > _MOST_ITEMS:
            return None
        if isinstance(value, dict):
            return [(id(k), id(v)) for k, v in value.items()]
        return [id(v) for v in value]
    if isinstance(value, np.ndarray):
        return value.tobytes() if value.nbytes <= _MOST_BYTES else None
    if isinstance(value, np.random.Generator):
        return repr(value.bit_generator.state)
    if isinstance(value, np.random.BitGenerator):
        return repr(value.state)
    if isinstance(value, np.random.RandomState | random.Random):
        state = value.get_state() if hasattr(value, "get_state") else value.getstate()
        return repr(state)
    return None


def as_written(f: Any) -> Any:
    """A function as the user wrote it, where tw.script has made another of it."""
    return getattr(f, WRITTEN, f)


def _filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _members(owner: Any) -> Iterator[tuple[Place, Any]]:
    if isinstance(owner, types.MethodType):
        yield Place(owner, "__self__"), owner.__self__
        yield from _members(owner.__func__)
    elif isinstance(owner, types.FunctionType):
        yield from _of_function(owner)
    elif isinstance(owner, dict | list | tuple):
        if len(owner) <= _MOST_ITEMS:
            yield from _items(owner)
    elif not isinstance(owner, types.ModuleType | type):
        for name, value in list(getattr(owner, "__dict__", {}).items()):
            yield Place(owner, name), value


def _of_function(function: types.FunctionType) -> Iterator[tuple[Place, Any]]:
    if (function.__module__ or "").split(".")[0] == _PACKAGE:
        return  # our own functions keep no state of the user's
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        if _filled(cell):
            yield Place(cell, name), cell.cell_contents
    for name in function.__code__.co_names:
        if name in function.__globals__:
            yield Place(function.__globals__, name), function.__globals__[name]


def _items(owner: Any) -> Iterator[tuple[Place, Any]]:
    if isinstance(owner, dict):
        pairs = [(k, v) for k, v in owner.items() if isinstance(k, str)]
    else:
        pairs = [(f"[{i}]", v) for i, v in enumerate(owner)]
    for name, value in pairs:
        yield Place(owner, name), value
