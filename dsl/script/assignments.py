"""Augmented assignment rewritten: `x += 1` binds x anew where x stands for a Python number."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from .building import RUNTIME, call, constant, name

_SIGNS: dict[type[ast.operator], str] = {
    ast.Add: "iadd", ast.Sub: "isub", ast.Mult: "imul", ast.Div: "itruediv",
    ast.FloorDiv: "ifloordiv", ast.Mod: "imod", ast.Pow: "ipow", ast.MatMult: "imatmul",
    ast.BitAnd: "iand", ast.BitOr: "ior", ast.BitXor: "ixor", ast.LShift: "ilshift",
    ast.RShift: "irshift",
}  # fmt: skip


def augmented(s: ast.AugAssign, visit: Callable[[Any], Any]) -> ast.stmt:
    """`x += v` as `x = _tw.augment("iadd", x, v)`; items and attributes alike."""
    sign, value, into = constant(_SIGNS[type(s.op)]), visit(s.value), s.target
    if isinstance(into, ast.Name):
        return ast.Assign([into], call(RUNTIME, "augment", sign, name(into.id), value))
    owner = visit(into.value)
    if isinstance(into, ast.Attribute):
        # The value comes first: `(_tw_owner := obj).name` is read, then `_tw_owner.name` is bound.
        given = ast.NamedExpr(ast.Name("_tw_owner", ast.Store()), owner)
        current = ast.Attribute(given, into.attr, ast.Load())
        stored = ast.Attribute(name("_tw_owner"), into.attr, ast.Store())
        return ast.Assign([stored], call(RUNTIME, "augment", sign, current, value))
    return ast.Expr(call(RUNTIME, "augment_item", sign, owner, _index(visit(into.slice)), value))


def _index(node: ast.expr) -> ast.expr:
    """An index as an expression: slices are calls of `slice`."""
    if isinstance(node, ast.Slice):
        parts = [p or constant(None) for p in (node.lower, node.upper, node.step)]
        return call(RUNTIME, "slice", *parts)
    if isinstance(node, ast.Tuple):
        return ast.Tuple([_index(n) for n in node.elts], ast.Load())
    return node
