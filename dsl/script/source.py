"""From a function to its node in the syntax tree of its file."""

from __future__ import annotations

import ast
import linecache
import types
from functools import lru_cache
from typing import Any

from ..errors import TraceError

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class SourceError(TraceError):
    """There is no source to read."""


_ADVICE = "tw.cond, tw.while_loop and tw.scan under tw.jit need no source"


def find_node(function: types.FunctionType) -> FunctionNode:
    """The node that a function was made of, with the lines of its file.

    Raises TraceError if the source is not there, has changed, or does not tell which it is.
    """
    code = function.__code__
    text = "".join(linecache.getlines(code.co_filename, function.__globals__))
    if not text:
        raise SourceError(
            f"script: the source of {function.__qualname__} is not to be found (in "
            f"{code.co_filename}), and tw.script reads it: put the function into a file. {_ADVICE}"
        )
    name = code.co_name
    found = [n for n in _index(text).get((code.co_firstlineno, name), ()) if _takes(n, code)]
    if len(found) > 1:
        found = _by_columns(found, code)
    if len(found) == 1:
        return found[0]
    if not found:
        raise SourceError(
            f"script: {code.co_filename}:{code.co_firstlineno} is not the source of "
            f"{function.__qualname__} any more: the file has changed since it was imported"
        )
    raise SourceError(
        f"script: {len(found)} functions named {name} begin at {code.co_filename}:"
        f"{code.co_firstlineno}; which one is meant cannot be told: give each a line of its own"
    )


@lru_cache(maxsize=64)
def _index(text: str) -> dict[tuple[int, str], list[FunctionNode]]:
    """The functions of a file by first line and name; empty if it does not parse."""
    found: dict[tuple[int, str], list[FunctionNode]] = {}
    try:
        parsed = ast.parse(text)
    except SyntaxError:
        return found
    for node in ast.walk(parsed):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            found.setdefault((first, node.name), []).append(node)
        elif isinstance(node, ast.Lambda):
            found.setdefault((node.lineno, "<lambda>"), []).append(node)
    return found


def parameters(node: FunctionNode) -> list[str]:
    """The names of a function's parameters, in the order of a code object's variables."""
    taken = node.args
    named = [*taken.posonlyargs, *taken.args, *taken.kwonlyargs]
    return [a.arg for a in (*named, taken.vararg, taken.kwarg) if a is not None]


def _takes(node: FunctionNode, code: types.CodeType) -> bool:
    own = parameters(node)
    return list(code.co_varnames[: len(own)]) == [_mangled(n, code) for n in own]


def _mangled(name: str, code: types.CodeType) -> str:
    is_private = name.startswith("__") and not name.endswith("__")
    owner = class_of(code.co_qualname)
    return f"_{owner.lstrip('_')}{name}" if is_private and owner else name


def class_of(qualname: str) -> str | None:
    """The class in whose body a function of this qualified name stands."""
    parts = qualname.split(".")
    return parts[-2] if len(parts) > 1 and parts[-2] != "<locals>" else None


def _by_columns(nodes: list[FunctionNode], code: types.CodeType) -> list[FunctionNode]:
    """Those whose text holds all that the code was made of; the innermost of them."""
    # (0, 0) is the instruction that begins every function, which stands nowhere.
    known = [p for p in code.co_positions() if None not in p and p[2:] != (0, 0)]

    def holds(node: Any) -> bool:
        body = node.body if isinstance(node, ast.Lambda) else node
        begin, end = (body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset)
        return all(begin <= (p[0], p[2]) and (p[1], p[3]) <= end for p in known)

    inside = [n for n in nodes if known and holds(n)] or nodes
    if len(inside) < 2:
        return inside
    sizes = [_size(n) for n in inside]
    return [n for n, size in zip(inside, sizes, strict=True) if size == min(sizes)]


def _size(node: Any) -> tuple[int, int]:
    return node.end_lineno - node.lineno, node.end_col_offset - node.col_offset
