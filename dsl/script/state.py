"""The state that a block may change: the names it binds, and containers that it can reach.

Names are the cells of its closure. A list, dict or set that one of its names holds is state, too,
as `values.append(x)` changes it; so are the attributes of plain objects.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ... import _native
from .building import RESULT

Block = Callable[..., Any] | None
Container = list[Any] | dict[Any, Any] | set[Any]
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


class Scope:
    """The cells of names that blocks bind, and the containers that they reach."""

    def __init__(self, blocks: Iterable[Block], stores: Sequence[str]) -> None:
        self.cells: dict[str, types.CellType] = {}
        reached: dict[str, types.CellType] = {}
        for block in blocks:
            if block is not None:
                code: types.CodeType = block.__code__  # type: ignore[attr-defined]
                closure = block.__closure__ or ()  # type: ignore[attr-defined]
                reached.update(zip(code.co_freevars, closure, strict=True))
        self.cells = {n: reached[n] for n in stores if n in reached}
        self.containers: list[Container] = []
        seen: set[int] = set()
        for cell in reached.values():
            self._look(get(cell), seen)

    def _look(self, value: Any, seen: set[int]) -> None:
        waiting = [value]
        while waiting and len(seen) < _MOST_SEEN:
            value = waiting.pop()
            is_container = isinstance(value, list | dict | set | tuple)
            if not (is_container or _is_record(value)) or id(value) in seen:
                continue
            seen.add(id(value))
            if not is_container:
                value = vars(value)
            if len(value) > _MOST_ITEMS:
                continue
            if not isinstance(value, tuple):
                self.containers.append(value)
            if not isinstance(value, set):
                waiting += value.values() if isinstance(value, dict) else value

    def save(self) -> Snapshot:
        """What is there now."""
        return Snapshot(
            {n: get(c) for n, c in self.cells.items()}, [_copy(c) for c in self.containers]
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Put all back that is not as it was."""
        for name, value in snapshot.names.items():
            put(self.cells[name], value)
        for container, content in zip(self.containers, snapshot.contents, strict=True):
            if not same(container, content):
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
    kind = type(value)
    return (
        isinstance(getattr(value, "__dict__", None), dict)
        and kind.__module__.split(".")[0] not in (_PACKAGE, "builtins", "numpy")
        and not isinstance(value, type | types.ModuleType | types.FunctionType | types.MethodType)
        and not isinstance(value, _native.Cell)
    )


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


def _copy(container: Container) -> Container:
    return container.copy()


def form(content: Container) -> Any:
    """What must not differ between the sides of a branch, or from turn to turn."""
    if isinstance(content, set):
        return frozenset(content)
    return tuple(content) if isinstance(content, dict) else len(content)


def same(x: Container, y: Container) -> bool:
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


def fill(container: Container, content: Container) -> None:
    """Give a container another content; it stays the same object."""
    container.clear()
    if isinstance(container, list):
        container.extend(content)
    else:
        container.update(content)  # type: ignore[arg-type]
