"""What a trace must not freeze in silence: Python numbers that the function changes.

Before tracing, the plain numbers reachable from the function (its globals, closure, and the
attributes of objects there and in the arguments) are noted; any that differ afterwards are
refused, with the line that stores them.
"""

from __future__ import annotations

import dis
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .errors import TraceError

_PLAIN = (bool, int, float, complex, str)
_DEPTH = 4
Key = tuple[int, str]
Noted = dict[Key, tuple[Any, Any]]


def note(f: Callable[..., Any], arguments: Iterable[Any]) -> Noted:
    """The numbers that `f` could change: (owner id, name) -> (owner, value)."""
    noted: Noted = {}
    function = getattr(f, "__func__", f)
    roots: list[Any] = [*arguments, getattr(f, "__self__", None)]
    if isinstance(function, types.FunctionType):
        roots += [c.cell_contents for c in function.__closure__ or () if _filled(c)]
        for name, value in _globals_of(function):
            if isinstance(value, _PLAIN):
                noted[id(function.__globals__), name] = (function.__globals__, value)
            else:
                roots.append(value)
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            if _filled(cell) and isinstance(cell.cell_contents, _PLAIN):
                noted[id(cell), name] = (cell, cell.cell_contents)
    elif hasattr(f, "__dict__"):
        roots.append(f)
    _note_attributes(roots, noted)
    return noted


def _filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _globals_of(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    for name in function.__code__.co_names:
        if name in function.__globals__:
            value = function.__globals__[name]
            if not isinstance(value, types.ModuleType | type | types.FunctionType):
                yield name, value


def _note_attributes(roots: list[Any], noted: Noted) -> None:
    seen: set[int] = set()
    level = roots
    for _ in range(_DEPTH):
        deeper: list[Any] = []
        for owner in level:
            if id(owner) in seen:
                continue
            seen.add(id(owner))
            for name, value in _members(owner):
                if isinstance(value, _PLAIN):
                    noted[id(owner), name] = (owner, value)
                else:
                    deeper.append(value)
        level = deeper


def _members(owner: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(owner, dict):
        return [(k, v) for k, v in owner.items() if isinstance(k, str)]
    if isinstance(owner, list | tuple):
        return [(f"[{i}]", v) for i, v in enumerate(owner)] if len(owner) < 256 else []
    if isinstance(owner, types.ModuleType | type | types.FunctionType):
        return []
    return list(getattr(owner, "__dict__", {}).items())


def _now(owner: Any, name: str) -> Any:
    if isinstance(owner, types.CellType):
        return owner.cell_contents
    if isinstance(owner, dict):
        return owner.get(name)
    if isinstance(owner, list | tuple):
        index = int(name[1:-1])
        return owner[index] if index < len(owner) else None
    return getattr(owner, "__dict__", {}).get(name)


def check(f: Callable[..., Any], noted: Noted) -> None:
    """Raise TraceError for the first noted number that the trace has changed."""
    for (_, name), (owner, before) in noted.items():
        after = _now(owner, name)
        if after is before or (type(after) is type(before) and after == before):
            continue
        where = _line_that_stores(f, owner, name)
        raise TraceError(
            f"jit: {getattr(f, '__name__', f)} changes {_describe(owner, name)} from {before!r} to "
            f"{after!r}{where}; a staged program would do that once. Keep it in an array (a cell "
            "is state of the program), or change it outside"
        )


def _describe(owner: Any, name: str) -> str:
    if isinstance(owner, dict) and "__name__" in owner:
        return f"the global {name}"
    if isinstance(owner, types.CellType):
        return f"the enclosing variable {name}"
    if isinstance(owner, dict | list | tuple):
        return f"the element {name} of a {type(owner).__name__}"
    return f"{type(owner).__name__}.{name}"


def _line_that_stores(f: Callable[..., Any], owner: Any, name: str) -> str:
    functions = [getattr(f, "__func__", f)]
    functions += [v for k in type(owner).__mro__ for v in vars(k).values() if callable(v)]
    for function in functions:
        code = getattr(function, "__code__", None)
        line = _store_line(code, name) if code else None
        if line is not None:
            return f" at {code.co_filename}:{line}"  # type: ignore[union-attr]
    return ""


def _store_line(code: types.CodeType, name: str) -> int | None:
    line = code.co_firstlineno
    for instruction in dis.get_instructions(code):
        line = instruction.starts_line or line
        if instruction.opname.startswith("STORE_") and instruction.argval == name:
            return line
    return None
