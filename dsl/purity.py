"""What a trace must not freeze in silence: Python numbers that the function changes.

The plain numbers around the function are noted before tracing; any that differ afterwards are
refused, with the line that stores them.
"""

from __future__ import annotations

import dis
import types
from collections.abc import Callable
from typing import Any

from .errors import TraceError
from .surroundings import Place, Surroundings


def check(f: Callable[..., Any], around: Surroundings) -> None:
    """Raise TraceError for the first noted number that the trace has changed."""
    for place, before in around.numbers:
        after = place.now()
        if after is before or (type(after) is type(before) and after == before):
            continue
        where = _line_that_stores(f, place)
        raise TraceError(
            f"jit: {getattr(f, '__name__', f)} changes {place} from {before!r} to "
            f"{after!r}{where}; a staged program would do that once. Keep it in an array (a cell "
            "is state of the program), or change it outside"
        )


def _line_that_stores(f: Callable[..., Any], place: Place) -> str:
    functions = [getattr(f, "__func__", f)]
    functions += [v for k in type(place.owner).__mro__ for v in vars(k).values() if callable(v)]
    for function in functions:
        code = getattr(function, "__code__", None)
        line = _store_line(code, place.name) if code else None
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
