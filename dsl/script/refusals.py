"""Statements that no program can hold, whatever they work on: refused when the source is read."""

from __future__ import annotations

import ast
from typing import NoReturn

from ..errors import TraceError
from .names import has_walrus, jumps, yields


def refuse_statement(s: ast.stmt, file: str) -> None:
    """Raise TraceError, with its line, for a statement that scripted code cannot have."""
    if isinstance(s, ast.AsyncFor | ast.AsyncWith):
        refuse(s, file, "`async` statements wait for others, and a program runs alone")
    if isinstance(s, ast.Try | ast.TryStar):
        for inner in s.finalbody:
            if jumps(inner):
                refuse(inner, file, "`return`, `break` and `continue` in `finally` are not staged")
    if isinstance(s, ast.While) and s.orelse and has_walrus(s.test):
        refuse(s, file, "`while` with `:=` in its test and an `else` is not staged; assign before")


def refuse_function(node: ast.AST, body: list[ast.stmt], name: str, file: str) -> None:
    """Raise TraceError for a function that is no plain one."""
    if isinstance(node, ast.AsyncFunctionDef):
        refuse(node, file, f"{name} is an `async` function; a program cannot wait")
    found = yields(body)
    if found is not None:
        refuse(
            found, file,
            f"{name} is a generator, which stops half-way at each `yield`; return a list or a "
            "stacked array",
        )  # fmt: skip


def refuse(node: ast.AST, file: str, why: str) -> NoReturn:
    """Raise TraceError that names the line of a node."""
    raise TraceError(f"script: {file}:{getattr(node, 'lineno', 0)}: {why}")
