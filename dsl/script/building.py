"""Small pieces of syntax trees that rewriting is made of."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

RUNTIME = "_tw"  # the module `runtime`, in rewritten code
SITES = "_tw_sites"  # what is known of its statements
FRAME = "_tw_frame"  # the frame of a call
RESULT = "_tw_result"  # what the function returns
CODE = "_tw_code"  # how a block was left

N = TypeVar("N", bound=ast.AST)


def at(node: N, origin: ast.AST) -> N:
    """The node and all below without a place, at the first line of another."""
    ast.copy_location(node, origin)
    place: Any = node
    if getattr(place, "end_lineno", None) != getattr(place, "lineno", None):
        # Calls of methods are said to be at the last line of what is called.
        place.end_lineno, place.end_col_offset = place.lineno, place.col_offset
    return ast.fix_missing_locations(node)


def name(identifier: str) -> ast.Name:
    """The name, to be read."""
    return ast.Name(identifier, ast.Load())


def target(identifier: str) -> ast.Name:
    """The name, to be bound."""
    return ast.Name(identifier, ast.Store())


def constant(value: Any) -> ast.Constant:
    """A literal."""
    return ast.Constant(value)


def call(of: str, method: str, *arguments: ast.expr) -> ast.Call:
    """`of.method(*arguments)`."""
    return ast.Call(ast.Attribute(name(of), method, ast.Load()), list(arguments), [])


def no_arguments() -> ast.arguments:
    """The parameters of a function that takes nothing."""
    return ast.arguments(
        posonlyargs=[], args=[], vararg=None, kwonlyargs=[], kw_defaults=[], kwarg=None, defaults=[]
    )


def later(value: ast.expr) -> ast.Lambda:
    """`lambda: value`."""
    return ast.Lambda(no_arguments(), value)


def define(identifier: str, body: Sequence[ast.stmt], takes: Iterable[str] = ()) -> ast.FunctionDef:
    """`def identifier(*takes): body`."""
    arguments = no_arguments()
    arguments.args = [ast.arg(a) for a in takes]
    made = ast.FunctionDef(identifier, arguments, list(body) or [ast.Pass()], [])
    made.returns = None
    made.type_params = []  # type: ignore[attr-defined,unused-ignore]
    return made


def assign(identifier: str, value: ast.expr) -> ast.Assign:
    """`identifier = value`."""
    return ast.Assign([target(identifier)], value)
