"""The state that a block may change: the names it binds, and containers that it can reach.

Names are the cells of its closure. A list, dict or set that one of its names holds is state, too,
as `values.append(x)` changes it; so are the attributes of plain objects.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ... import _native
from .building import RESULT

Block = Callable[..., Any] | None
Content = list[Any] | dict[Any, Any] | set[Any]
_MOST_ITEMS = 4096  # of containers that are looked through: longer ones are data
_MOST_SEEN = 20_000  # containers
_PACKAGE = __name__.split(".")[0]


class Unset:
    """Stands for what a name without a value holds."""

    def __repr__(self) -> str:
        return "nothing"


UNSET = Unset()


Place = str | tuple[int, Any]  # a name, or the number of a container and an index or key in it


@dataclass
class Snapshot:
    """What the names of a scope held, and what its containers held."""

    names: dict[str, Any] = field(default_factory=dict)
    contents: list[Any] = field(default_factory=list)

    def at(self, place: Place) -> Any:
        """What was at a place."""
        if isinstance(place, str):
            return self.names.get(place, UNSET)
        return self.contents[place[0]][place[1]]

    def having(self, values: dict[Place, Any]) -> Snapshot:
        """The same, but for the values of these places."""
        made = Snapshot(dict(self.names), [c.copy() for c in self.contents])
        for place, value in values.items():
            if isinstance(place, str):
                made.names[place] = value
            else:
                made.contents[place[0]][place[1]] = value
        return made

    def describe(self, place: Place) -> str:
        """A place, for messages."""
        if isinstance(place, str):
            return "the returned value" if place == RESULT else f"`{place}`"
        kind = type(self.contents[place[0]]).__name__
        return f"{place[1]!r} of a {kind}"


class Held:
    """A name that a nested function shares, as a container of one item."""

    def __init__(self, cell: types.CellType) -> None:
        self.cell = cell

    def copy(self) -> list[Any]:
        """What it holds, in a list."""
        return [get(self.cell)]


class Scope:
    """The cells of names that blocks bind, and the containers that they reach."""

    def __init__(self, blocks: Iterable[Block], stores: Sequence[str]) -> None:
        self.blocks = tuple(blocks)
        reached: dict[str, types.CellType] = {}
        for block in self.blocks:
            if block is not None:
                code: types.CodeType = block.__code__
                closure = block.__closure__ or ()
                reached.update(zip(code.co_freevars, closure, strict=True))
        self.cells: dict[str, types.CellType] = {n: reached[n] for n in stores if n in reached}
        self.containers: list[Content | Held] = []
        seen = {id(c) for c in reached.values()}
        for cell in reached.values():
            self._look(get(cell), seen)

    def _look(self, value: Any, seen: set[int]) -> None:
        waiting = [value]
        while waiting and len(seen) < _MOST_SEEN:
            value = waiting.pop()
            if isinstance(value, types.MethodType):
                waiting.append(value.__self__)
                value = value.__func__
            is_new = id(value) not in seen
            if is_new and isinstance(value, types.FunctionType):
                seen.add(id(value))
                self._look_into_closure(value, waiting, seen)
            elif is_new and isinstance(value, list | dict | set | tuple):
                seen.add(id(value))
                waiting += self._watch(value)
            elif is_new and _is_record(value):
                seen.add(id(value))
                waiting += self._watch(vars(value))

    def _look_into_closure(
        self, function: types.FunctionType, waiting: list[Any], seen: set[int]
    ) -> None:
        """What a nested function binds by `nonlocal` is state, too."""
        for cell in function.__closure__ or ():
            if id(cell) not in seen:
                seen.add(id(cell))
                self.containers.append(Held(cell))
                waiting.append(get(cell))

    def _watch(self, container: Any) -> list[Any]:
        """Note a container; what is in it."""
        if len(container) > _MOST_ITEMS or isinstance(container, set):
            if len(container) <= _MOST_ITEMS:
                self.containers.append(container)
            return []
        if not isinstance(container, tuple):
            self.containers.append(container)
        return list(container.values() if isinstance(container, dict) else container)

    def save(self) -> Snapshot:
        """What is there now."""
        return Snapshot(
            {n: get(c) for n, c in self.cells.items()}, [c.copy() for c in self.containers]
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Put all back that is not as it was."""
        for name, value in snapshot.names.items():
            put(self.cells[name], value)
        for container, content in zip(self.containers, snapshot.contents, strict=True):
            now = container.copy() if isinstance(container, Held) else container
            if not same(now, content):
                fill(container, content)

    def changed(self, *snapshots: Snapshot) -> list[int]:
        """The numbers of the containers that do not hold the same in all of them."""
        rows = zip(*(s.contents for s in snapshots), strict=True)
        return [i for i, row in enumerate(rows) if not all(same(row[0], x) for x in row[1:])]

    def items(self, numbers: list[int], *snapshots: Snapshot) -> list[Place]:
        """The places in containers, of one form in all, that do not hold the same in all."""
        found: list[Place] = []
        for number in numbers:
            contents = [s.contents[number] for s in snapshots]
            first = contents[0]
            if isinstance(first, set):
                continue
            keys = list(first) if isinstance(first, dict) else range(len(first))
            found += [
                (number, k) for k in keys if not all(_is(first[k], c[k]) for c in contents[1:])
            ]
        return found


def _is_record(value: Any) -> bool:
    """Whether a value is an object of the user's with attributes, and not a module or class."""
    kind: Any = type(value)
    if not isinstance(getattr(value, "__dict__", None), dict):
        return False
    return not isinstance(value, type | types.ModuleType | _native.Cell) and _is_users(kind)


@functools.cache
def _is_users(kind: Any) -> bool:
    """Whether a class is the user's: not of tilewright, Python or an installed package."""
    root = kind.__module__.split(".")[0]
    if kind is types.SimpleNamespace or root == "__main__":
        return True
    file = getattr(sys.modules.get(root), "__file__", None) or ""
    is_installed = "site-packages" in file or "dist-packages" in file
    return root != _PACKAGE and root not in sys.stdlib_module_names and not is_installed


def get(cell: types.CellType) -> Any:
    """What a cell holds, or UNSET."""
    try:
        return cell.cell_contents
    except ValueError:
        return UNSET


def put(cell: types.CellType, value: Any) -> None:
    """Put a value into a cell; UNSET empties it."""
    if value is not UNSET:
        cell.cell_contents = value
    elif get(cell) is not UNSET:
        del cell.cell_contents


def form(content: Content) -> Any:
    """What must not differ between the sides of a branch, or from turn to turn."""
    if isinstance(content, set):
        return frozenset(content)
    return tuple(content) if isinstance(content, dict) else len(content)


def same(x: Content, y: Content) -> bool:
    """Whether two containers hold the same objects (equal plain values count as the same)."""
    if type(x) is not type(y) or len(x) != len(y):
        return False
    if isinstance(x, set):
        return x == y
    if isinstance(x, dict) and isinstance(y, dict):
        return list(x) == list(y) and all(map(_is, x.values(), y.values()))
    return all(map(_is, x, y))


def _is(x: Any, y: Any) -> bool:
    return x is y or (type(x) is type(y) and isinstance(x, bool | int | str) and x == y)


def fill(container: Content | Held, content: Content) -> None:
    """Give a container another content; it stays the same object."""
    if isinstance(container, Held):
        put(container.cell, content[0])  # type: ignore[index]
        return
    container.clear()
    if isinstance(container, list):
        container.extend(content)
    else:
        container.update(content)
