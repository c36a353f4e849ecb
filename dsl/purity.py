"""What a trace must not freeze in silence: what the function does to Python's own things.

Numbers, containers, NumPy arrays and random generators around the function are noted before
tracing; any that differ afterwards are refused, with the line that changes them.
"""

from __future__ import annotations

import dis
import random
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .errors import TraceError
from .surroundings import PLAIN, Place, Surroundings, content_of

_CHANGES = frozenset(
    ["append", "extend", "insert", "pop", "remove", "clear", "update", "add", "setdefault", "sort"]
)
_KEEP = (
    "a staged program would do that once, when it is traced. Keep it in an array (a cell is state "
    "of the program), return it, or do it in tw.callback"
)


def random_states() -> tuple[Any, Any]:
    """The states of the generators that Python's and NumPy's modules hide."""
    return random.getstate(), repr(np.random.get_state(legacy=False))


def check(f: Callable[..., Any], around: Surroundings, states: tuple[Any, Any]) -> None:
    """Raise TraceError for the first noted thing that the trace has changed; `states` are the
    `random_states` before it."""
    name = getattr(f, "__name__", f)
    for place, before in around.numbers:
        after = place.now()
        if after is before or not _is_other_number(before, after):
            continue
        where = _at(_line_that_stores(f, around, place))
        raise TraceError(
            f"jit: {name} changes {place} from {before!r} to {after!r}{where}; {_KEEP}"
        )
    for place, thing, content in around.contents:
        if content_of(thing) == content:
            continue
        if isinstance(thing, list | dict | set | np.ndarray):
            where = _at(_line_that_names(around, f, place.name, _CHANGES))
            raise TraceError(
                f"jit: {name} changes {place}, a {type(thing).__name__}{where}; {_KEEP}"
            )
        _refuse_random(f, around, place.name, f"draws from {place}")
    for module, before, after in zip(("random", "numpy"), states, random_states(), strict=True):
        if before != after:
            shown = "random" if module == "random" else "numpy.random"
            _refuse_random(f, around, "random", f"draws from the module {shown}")


def _is_other_number(before: Any, after: Any) -> bool:
    if before is None:
        return isinstance(after, PLAIN)
    return type(after) is not type(before) or bool(after != before)


def _refuse_random(f: Callable[..., Any], around: Surroundings, name: str, what: str) -> None:
    where = _at(_line_that_names(around, f, name, frozenset()))
    raise TraceError(
        f"jit: {getattr(f, '__name__', f)} {what}{where}; a staged program would get the same "
        "numbers at every call. Draw from tw.random, whose state the program keeps, or give the "
        "numbers as an argument"
    )


# --------------------------------------------------------------------------- lines


def _at(line: tuple[str, int] | None) -> str:
    return f" at {line[0]}:{line[1]}" if line else ""


def _codes(f: Callable[..., Any], around: Surroundings) -> Iterator[types.CodeType]:
    """The code of a function, of those that it names, and of functions inside them."""
    pending = [getattr(f, "__func__", f), *around.functions]
    codes = [c for g in pending if (c := getattr(g, "__code__", None)) is not None]
    while codes:
        code = codes.pop(0)
        yield code
        codes += [c for c in code.co_consts if isinstance(c, types.CodeType)]


def _line_that_stores(
    f: Callable[..., Any], around: Surroundings, place: Place
) -> tuple[str, int] | None:
    methods = [v for k in type(place.owner).__mro__ for v in vars(k).values() if callable(v)]
    own = [c for g in methods if (c := getattr(g, "__code__", None)) is not None]
    for code in (*_codes(f, around), *own):
        line = code.co_firstlineno
        for instruction in dis.get_instructions(code):
            line = _line(instruction, line)
            if instruction.opname.startswith("STORE_") and instruction.argval == place.name:
                return code.co_filename, line
    return None


def _line_that_names(
    around: Surroundings, f: Callable[..., Any], name: str, methods: frozenset[str]
) -> tuple[str, int] | None:
    """The line that loads a name and then one of these methods, or stores an item; else the first
    that loads the name."""
    first: tuple[str, int] | None = None
    for code in _codes(f, around):
        line, loaded = code.co_firstlineno, False
        for instruction in dis.get_instructions(code):
            line = _line(instruction, line)
            if instruction.argval == name and instruction.opname.startswith("LOAD_"):
                first, loaded = first or (code.co_filename, line), True
            elif loaded and (instruction.argval in methods or instruction.opname == "STORE_SUBSCR"):
                return code.co_filename, line
    return first


def _line(instruction: dis.Instruction, before: int) -> int:
    if sys.version_info >= (3, 13):
        return instruction.line_number or before
    return instruction.starts_line or before
